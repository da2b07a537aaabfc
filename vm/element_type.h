// Element types: every number that a tile can hold.
//
//   u1 … u8, u16, u32, u64      unsigned integers            i1 … i8, i16, i32, i64   two's
//   complement (i1 is {-1, 0}) f16 bf16 tf32 f32 f64       IEEE-like floats              eXmY   1 +
//   X + Y bits, 3 to 8 in all, X from 1 to 4, bias e5m2                        OCP: infinities and
//   NaNs             2^(X-1) - 1, subnormals, finite only; e4m3 as OCP e8m0 a power of two (block
//   scale)         defines it (one NaN pattern a sign, no infinity) codebook<b>                 a
//   b-bit index into a run-time table  bool     register tiles only: masks and conditions
//
// An element type is a small value: compare it, print it, parse it. What its codes mean stands in
// vm/numerics.h. tf32 and bool occupy 32 and 8 bits of a register; every other type occupies
// exactly `bits`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bitloom::vm {

enum class TypeClass : std::uint8_t { Unsigned, Signed, Float, Scale, Codebook, Bool };

struct ElementType {
  TypeClass type_class = TypeClass::Unsigned;
  std::uint8_t bits = 32;     // storage bits of one element
  std::uint8_t exponent = 0;  // floats: exponent bits
  std::uint8_t mantissa = 0;  // floats: stored mantissa bits

  bool is_integer() const {
    return type_class == TypeClass::Unsigned || type_class == TypeClass::Signed;
  }
  bool is_signed() const {
    return type_class == TypeClass::Signed || type_class == TypeClass::Float;
  }
  bool is_float() const { return type_class == TypeClass::Float; }
  bool is_bool() const { return type_class == TypeClass::Bool; }
  // Narrow: 8 bits or fewer, the types that are packed as dense bit strings.
  bool is_narrow() const { return bits <= 8 && !is_bool(); }

  bool operator==(const ElementType&) const = default;
};

constexpr ElementType unsigned_type(int bits) {
  return {TypeClass::Unsigned, static_cast<std::uint8_t>(bits), 0, 0};
}
constexpr ElementType signed_type(int bits) {
  return {TypeClass::Signed, static_cast<std::uint8_t>(bits), 0, 0};
}
constexpr ElementType float_type(int exponent, int mantissa) {
  return {TypeClass::Float, static_cast<std::uint8_t>(1 + exponent + mantissa),
          static_cast<std::uint8_t>(exponent), static_cast<std::uint8_t>(mantissa)};
}

inline constexpr ElementType kU8 = unsigned_type(8), kU16 = unsigned_type(16),
                             kU32 = unsigned_type(32), kU64 = unsigned_type(64),
                             kI8 = signed_type(8), kI16 = signed_type(16), kI32 = signed_type(32),
                             kI64 = signed_type(64);
inline constexpr ElementType kF16 = float_type(5, 10), kBF16 = float_type(8, 7),
                             kF32 = float_type(8, 23), kF64 = float_type(11, 52),
                             kE5M2 = float_type(5, 2), kE4M3 = float_type(4, 3);
inline constexpr ElementType kTF32 = {TypeClass::Float, 32, 8, 10};
inline constexpr ElementType kE8M0 = {TypeClass::Scale, 8, 8, 0};
inline constexpr ElementType kBool = {TypeClass::Bool, 8, 0, 0};
constexpr ElementType codebook_type(int bits) {
  return {TypeClass::Codebook, static_cast<std::uint8_t>(bits), 0, 0};
}

std::string to_string(ElementType type);  // "u4", "e3m2", "codebook<4>", …
std::optional<ElementType> parse_element_type(
    std::string_view);  // the inverse; nullopt for anything else
const std::vector<ElementType>&
all_element_types();  // every type but codebooks, in documented order

}  // namespace bitloom::vm
