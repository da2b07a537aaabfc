#include "layouts/bit_string.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bitloom::layouts {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

namespace {

template <typename Code>
std::vector<std::uint8_t> pack(std::span<const Code> codes, int width) {
  std::vector<std::uint8_t> bytes(
      static_cast<std::size_t>(packed_bytes(static_cast<std::int64_t>(codes.size()), width)));
  for (std::size_t i = 0; i < codes.size(); ++i)
    set_bits(bytes, i * static_cast<std::size_t>(width), width, codes[i]);
  return bytes;
}

}  // namespace

std::uint64_t get_bits(std::span<const std::uint8_t> bytes, std::size_t at, int width) {
  const std::size_t first = at / 8;
  const int skip = static_cast<int>(at % 8);
  // Eight bytes hold all but the widest unaligned elements; near the end fewer are there to read.
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + first, std::min<std::size_t>(8, bytes.size() - first));
  word >>= skip;
  if (skip + width > 64) word |= std::uint64_t{bytes[first + 8]} << (64 - skip);
  return word & low_mask(width);
}

void set_bits(std::span<std::uint8_t> bytes, std::size_t at, int width, std::uint64_t value) {
  const std::size_t first = at / 8;
  const int skip = static_cast<int>(at % 8);
  const std::uint64_t mask = low_mask(width);
  const std::size_t reach = std::min<std::size_t>(8, bytes.size() - first);
  value &= mask;
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + first, reach);
  word = (word & ~(mask << skip)) | value << skip;
  std::memcpy(bytes.data() + first, &word, reach);
  if (skip + width > 64) {
    std::uint8_t& last = bytes[first + 8];
    const auto keep = static_cast<std::uint8_t>(~(mask >> (64 - skip)));
    last = static_cast<std::uint8_t>((last & keep) | value >> (64 - skip));
  }
}

std::vector<std::uint8_t> pack_bits(std::span<const std::uint64_t> codes, int width) {
  return pack(codes, width);
}
std::vector<std::uint8_t> pack_bits(std::span<const std::uint8_t> codes, int width) {
  return pack(codes, width);
}

std::vector<std::uint64_t> unpack_bits(std::span<const std::uint8_t> bytes, std::size_t count,
                                       int width) {
  std::vector<std::uint64_t> codes(count);
  for (std::size_t i = 0; i < count; ++i)
    codes[i] = get_bits(bytes, i * static_cast<std::size_t>(width), width);
  return codes;
}

}  // namespace bitloom::layouts
