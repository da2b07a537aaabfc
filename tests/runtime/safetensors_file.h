// Checkpoints made by hand, whole and broken.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace bitloom::tests {

// A file with this header text and these bytes of tensors; `length` overrides the length that
// stands in front.
inline std::string safetensors(const std::string& header, const std::string& data,
                               std::int64_t length = -1) {
  const std::uint64_t n = length < 0 ? header.size() : static_cast<std::uint64_t>(length);
  std::string front(8, '\0');
  std::memcpy(front.data(), &n, 8);
  return front + header + data;
}

}  // namespace bitloom::tests
