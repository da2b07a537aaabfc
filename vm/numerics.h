// What the codes of an element type mean, and how numbers pass from one type to another: the one
// definition.
//
// The interpreter, the packers, the constant folder and every reference in the tests call these
// functions; generated code is proved equal to them code by code (tests/vm/words). docs/numerics.md
// says the same in tables.
//
//   decode(type, code)       the number a code stands for; all but i64 and u64 fit a double
//   encode(type, number)     the code of the nearest number of the type, rounded once
//   convert(to, from, code)  encode(to, decode(from, code)), exact for 64-bit integers too: `cast`
//
// A code is the low `bits` bits of an integer; bits above them must be 0. FloatFormat says how the
// code of a float is made up:
//
//   type                   codes that are no numbers             overflow gives
//   f16 bf16 tf32 f32 f64  exponent all ones: infinity and NaN   infinity
//   e5m2                   the same                              the last finite number
//   e4m3                   S.1111.111 is NaN                     448
//   eXmY                   none                                  the last number; so does NaN
//
// All are correctly rounded to nearest, ties to the even mantissa, unless a Rounding says
// otherwise; subnormals are never flushed. A conversion that yields NaN yields the one canonical
// NaN of its type (sign clear, all other bits set), except where the narrow format is the upper
// bits of the wide one (bf16 to tf32 and f32, tf32 to f32, e5m2 to f16): there a NaN keeps its
// bits, as every other code does.
//
// Arithmetic stands in vm/numerics/arithmetic.h; conversions of whole arrays in vm/numerics/half.h.
#pragma once

#include <cstdint>
#include <optional>

#include "vm/element_type.h"

namespace bitloom::vm {

enum class Rounding : std::uint8_t { NearestEven, TowardZero, Down, Up };

// What becomes of a number beyond the last finite one of its type.
enum class Overflow : std::uint8_t {
  ByType,    // infinity for f16 bf16 tf32 f32 f64, saturation for every other type
  Saturate,  // the last finite number of that sign; infinities too
  Infinity,  // infinity where the type has one, NaN for e4m3, else saturation
  Wrap,      // integer to integer: the low bits. Anything else: as ByType
};

// How a float type lays out its codes: sign, then `exponent` bits, then `mantissa` bits, then
// `padding` bits that are 0 (tf32 only). `max_magnitude`, `infinity` and `nan` are codes without
// sign and padding.
struct FloatFormat {
  int exponent = 0, mantissa = 0, bias = 0, padding = 0;
  std::uint64_t max_magnitude = 0;
  std::optional<std::uint64_t> infinity;
  std::optional<std::uint64_t> nan;  // the canonical one

  int least_exponent() const { return 1 - bias; }  // of normal numbers, and of subnormals
  std::uint64_t sign_bit() const { return std::uint64_t{1} << (exponent + mantissa); }
};

// The format of a type that is_float().
FloatFormat float_format(ElementType type);

// The low `bits` bits set.
constexpr std::uint64_t code_mask(ElementType type) {
  return type.bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << type.bits) - 1;
}

// Integers (i64 and u64 rounded to nearest), floats, e8m0 (2^(code - 127); 255 is NaN), codebook
// indices, and bool (0 or 1). The low 13 bits of a tf32 code are not looked at.
double decode(ElementType type, std::uint64_t code);

// Integers round to a whole number, saturate, and take NaN as 0. e8m0 rounds to the nearest power
// of two (a tie, 1.5 times one, goes up), saturates at both ends (so that zero and negative numbers
// give 2^-127), and keeps NaN. bool is "not 0".
std::uint64_t encode(ElementType type, double number, Rounding rounding = Rounding::NearestEven,
                     Overflow overflow = Overflow::ByType);

// `number + tail` rounded once, where |tail| is at most half a unit in the last place of `number`:
// how arithmetic that needs more than 53 bits keeps a single rounding. Not for f64 and 64-bit
// integers.
std::uint64_t encode_sum(ElementType type, double number, double tail,
                         Rounding rounding = Rounding::NearestEven,
                         Overflow overflow = Overflow::ByType);

std::uint64_t convert(ElementType to, ElementType from, std::uint64_t code,
                      Rounding rounding = Rounding::NearestEven,
                      Overflow overflow = Overflow::ByType);

// The value of an integer type's code, sign-extended for signed types.
std::int64_t decode_integer(ElementType type, std::uint64_t code);

bool has_nan(ElementType type);
bool has_infinity(ElementType type);
bool is_nan(ElementType type, std::uint64_t code);
std::optional<std::uint64_t> canonical_nan(ElementType type);

// The least and the greatest finite number of a type; what reductions of max and min begin with is
// -infinity and +infinity where the type has them, else these.
double lowest(ElementType type);
double highest(ElementType type);

}  // namespace bitloom::vm
