// Numbers and strings as bytes, little-endian, and back. A reader never leaves its bytes: after the
// first thing that does not fit everything it gives is empty, and ok() says so.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bitloom::runtime {

static_assert(std::endian::native == std::endian::little,
              "the files of the cache are little-endian");

class ByteWriter {
 public:
  void number(std::uint64_t value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof value);
  }
  void block(std::span<const std::byte> bytes) {
    number(bytes.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void text(std::string_view text) { block(std::as_bytes(std::span(text.data(), text.size()))); }
  std::vector<std::byte> take() { return std::move(bytes_); }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && bytes_.empty(); }
  std::span<const std::byte> rest() const { return bytes_; }

  std::uint64_t number() {
    std::uint64_t value = 0;
    const auto bytes = take(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  // A number that is at most `most`; a larger one does not fit.
  std::int64_t number(std::int64_t most) {
    const std::uint64_t value = number();
    if (value > static_cast<std::uint64_t>(most)) ok_ = false;
    return ok_ ? static_cast<std::int64_t>(value) : 0;
  }
  std::span<const std::byte> block() { return take(number()); }
  std::string_view text() {
    const auto bytes = block();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  std::span<const std::byte> take(std::uint64_t count) {
    if (!ok_ || count > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const auto result = bytes_.first(static_cast<std::size_t>(count));
    bytes_ = bytes_.subspan(static_cast<std::size_t>(count));
    return result;
  }

  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

}  // namespace bitloom::runtime
