// 128 bits that two different byte strings do not share by accident. Somebody who tries can find
// two that do: never trust equality of digests where that matters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace bitloom::runtime {

struct Digest {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Digest&) const = default;
};

Digest digest_of(std::span<const std::byte> bytes);

}  // namespace bitloom::runtime
