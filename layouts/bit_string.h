// Dense little-endian bit strings of elements of 1 to 64 bits.
//
// Bit i of the string is bit i % 8 of byte i / 8, and an element's low bit comes first, so that
// elements of 8, 16, 32 and 64 bits lie as a little-endian machine stores them. There is no
// padding: 10 elements of 3 bits take 30 bits, and only the last byte may have bits to spare, which
// packing leaves zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bitloom::layouts {

// Bytes that hold `count` elements.
[[nodiscard]] constexpr std::int64_t packed_bytes(std::int64_t count, int width) {
  return (count * width + 7) / 8;
}

// The low `width` bits set; 0 to 64.
[[nodiscard]] constexpr std::uint64_t low_mask(int width) {
  return width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

// The `width` bits (1 to 64) from bit `at` on; they lie within the bytes.
[[nodiscard]] std::uint64_t get_bits(std::span<const std::uint8_t> bytes, std::size_t at,
                                     int width);
// Replaces them by the low bits of `value`, and touches no other bit.
void set_bits(std::span<std::uint8_t> bytes, std::size_t at, int width, std::uint64_t value);

// Whole arrays. Codes are cut to their low `width` bits.
[[nodiscard]] std::vector<std::uint8_t> pack_bits(std::span<const std::uint64_t> codes, int width);
[[nodiscard]] std::vector<std::uint8_t> pack_bits(std::span<const std::uint8_t> codes, int width);
[[nodiscard]] std::vector<std::uint64_t> unpack_bits(std::span<const std::uint8_t> bytes,
                                                     std::size_t count, int width);

}  // namespace bitloom::layouts
