#include "vm/numerics/arithmetic.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bitloom::vm {
namespace {

// number + tail is exactly a + b (Knuth's two-sum). Doubles that stand for f32, f16 or bf16
// numbers, or products of two of them, are far from the ends of the range, so nothing here
// overflows or underflows.
struct Sum {
  double number, tail;
};

Sum two_sum(double a, double b) {
  const double number = a + b;
  const double b_part = number - a;
  const double tail = (a - (number - b_part)) + (b - b_part);
  return {number, std::isfinite(number) ? tail : 0.0};
}

std::uint64_t round_sum(ElementType type, double a, double b, Rounding rounding) {
  const Sum sum = two_sum(a, b);
  // An exact zero out of two different signs is +0, but -0 when rounding down.
  if (sum.number == 0 && rounding == Rounding::Down && std::signbit(a) != std::signbit(b))
    return encode(type, -0.0);
  return encode_sum(type, sum.number, sum.tail, rounding);
}

std::uint64_t from_f64(double number) {
  return encode(kF64, number);
}

double value(ElementType type, std::uint64_t code) {
  return decode(type, code);
}

bool is_signed_integer(ElementType type) {
  return type.type_class == TypeClass::Signed;
}

std::uint64_t sign_bit(ElementType type) {
  return std::uint64_t{1} << (type.bits - 1);
}

// The smaller of two floats when `sign` is 1, the larger when it is -1.
std::uint64_t pick(ElementType type, std::uint64_t a, std::uint64_t b, double sign) {
  const double x = value(type, a) * sign, y = value(type, b) * sign;
  if (std::isnan(x)) return std::isnan(y) ? *canonical_nan(type) : b;
  if (std::isnan(y)) return a;
  if (x == y) return std::signbit(x) ? a : b;
  return x < y ? a : b;
}

}  // namespace

std::uint64_t float_add(ElementType type, std::uint64_t a, std::uint64_t b, Rounding rounding) {
  if (type == kF64) return from_f64(value(type, a) + value(type, b));
  return round_sum(type, value(type, a), value(type, b), rounding);
}

std::uint64_t float_sub(ElementType type, std::uint64_t a, std::uint64_t b, Rounding rounding) {
  if (type == kF64) return from_f64(value(type, a) - value(type, b));
  return round_sum(type, value(type, a), -value(type, b), rounding);
}

std::uint64_t float_mul(ElementType type, std::uint64_t a, std::uint64_t b, Rounding rounding) {
  // Exact in double for every type but f64: 24 + 24 bits.
  return encode(type, value(type, a) * value(type, b), rounding);
}

std::uint64_t float_fma(ElementType type, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                        Rounding rounding) {
  if (type == kF64) return from_f64(std::fma(value(type, a), value(type, b), value(type, c)));
  return round_sum(type, value(type, a) * value(type, b), value(type, c), rounding);
}

// Double has more than twice the precision of f32 plus two bits, so rounding twice is rounding
// once.
std::uint64_t float_div(ElementType type, std::uint64_t a, std::uint64_t b) {
  return encode(type, value(type, a) / value(type, b));
}

std::uint64_t float_sqrt(ElementType type, std::uint64_t a) {
  return encode(type, std::sqrt(value(type, a)));
}

std::uint64_t float_min(ElementType type, std::uint64_t a, std::uint64_t b) {
  return pick(type, a, b, 1);
}

std::uint64_t float_max(ElementType type, std::uint64_t a, std::uint64_t b) {
  return pick(type, a, b, -1);
}

std::uint64_t float_neg(ElementType type, std::uint64_t a) {
  return a ^ sign_bit(type);
}

std::uint64_t float_abs(ElementType type, std::uint64_t a) {
  return a & ~sign_bit(type);
}

std::uint64_t integer_add(ElementType type, std::uint64_t a, std::uint64_t b) {
  return (a + b) & code_mask(type);
}

std::uint64_t integer_sub(ElementType type, std::uint64_t a, std::uint64_t b) {
  return (a - b) & code_mask(type);
}

std::uint64_t integer_mul(ElementType type, std::uint64_t a, std::uint64_t b) {
  return (a * b) & code_mask(type);
}

std::uint64_t integer_mul_high(ElementType type, std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = __int128;
  __extension__ using UnsignedWide = unsigned __int128;
  const auto product =
      is_signed_integer(type)
          ? static_cast<UnsignedWide>(Wide{decode_integer(type, a)} * decode_integer(type, b))
          : UnsignedWide{a} * b;
  return static_cast<std::uint64_t>(product >> type.bits) & code_mask(type);
}

std::optional<std::uint64_t> integer_div(ElementType type, std::uint64_t a, std::uint64_t b) {
  if (b == 0) return std::nullopt;
  if (!is_signed_integer(type)) return a / b;
  const std::int64_t divisor = decode_integer(type, b);
  if (divisor == -1) return integer_sub(type, 0, a);
  return static_cast<std::uint64_t>(decode_integer(type, a) / divisor) & code_mask(type);
}

std::optional<std::uint64_t> integer_rem(ElementType type, std::uint64_t a, std::uint64_t b) {
  const auto quotient = integer_div(type, a, b);
  if (!quotient) return std::nullopt;
  return integer_sub(type, a, integer_mul(type, *quotient, b));
}

std::uint64_t integer_shl(ElementType type, std::uint64_t a, std::uint64_t amount) {
  return amount >= type.bits ? 0 : (a << amount) & code_mask(type);
}

std::uint64_t integer_shr(ElementType type, std::uint64_t a, std::uint64_t amount) {
  if (!is_signed_integer(type)) return amount >= type.bits ? 0 : a >> amount;
  const auto places = static_cast<int>(std::min<std::uint64_t>(amount, 63));
  return static_cast<std::uint64_t>(decode_integer(type, a) >> places) & code_mask(type);
}

std::uint64_t integer_min(ElementType type, std::uint64_t a, std::uint64_t b) {
  if (!is_signed_integer(type)) return std::min(a, b);
  return decode_integer(type, a) < decode_integer(type, b) ? a : b;
}

std::uint64_t integer_max(ElementType type, std::uint64_t a, std::uint64_t b) {
  if (!is_signed_integer(type)) return std::max(a, b);
  return decode_integer(type, a) > decode_integer(type, b) ? a : b;
}

}  // namespace bitloom::vm
