#include "runtime/host/dense_bits.h"

namespace bitloom::runtime {

Result<std::size_t> dense_bytes(vm::ElementType type, const Shape& shape) {
  const Result<std::size_t> unpacked = byte_count(type, shape);
  if (!unpacked || type.bits >= 8) return unpacked;
  const std::size_t whole = *unpacked / 8, rest = *unpacked % 8;  // of bytes that hold a code each
  return whole * type.bits + (rest * type.bits + 7) / 8;
}

std::vector<std::byte> to_dense_bits(const HostArray& codes) {
  const std::size_t width = codes.type().bits;
  std::vector<std::byte> bits((codes.size() * width + 7) / 8);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t at = i * width;
    const auto shifted = static_cast<unsigned>(codes.code(i)) << (at % 8);
    bits[at / 8] |= static_cast<std::byte>(shifted & 0xff);
    if (at % 8 + width > 8) bits[at / 8 + 1] |= static_cast<std::byte>(shifted >> 8);
  }
  return bits;
}

void from_dense_bits(std::span<const std::byte> bits, HostArray& codes) {
  const std::size_t width = codes.type().bits;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t at = i * width;
    unsigned word = std::to_integer<unsigned>(bits[at / 8]);
    if (at % 8 + width > 8) word |= std::to_integer<unsigned>(bits[at / 8 + 1]) << 8;
    codes.set_code(i, (word >> (at % 8)) & ((1u << width) - 1));
  }
}

}  // namespace bitloom::runtime
