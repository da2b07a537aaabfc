#include "vm/numerics.h"

#include <bit>
#include <cmath>
#include <limits>

namespace bitloom::vm {
namespace {

constexpr int kDoubleMantissa = 52, kDoubleBias = 1023;
constexpr std::uint64_t kDoubleFraction = (std::uint64_t{1} << kDoubleMantissa) - 1;

// A finite number other than zero: ±significand · 2^exponent, and whether a little more than that
// was cut off.
struct Unpacked {
  bool negative = false;
  std::uint64_t significand = 0;
  int exponent = 0;
  bool sticky = false;
};

// Exponent of the leading bit.
int leading_exponent(const Unpacked& u) {
  return u.exponent + static_cast<int>(std::bit_width(u.significand)) - 1;
}

Unpacked unpack(double number) {
  const auto bits = std::bit_cast<std::uint64_t>(number);
  const int exponent = static_cast<int>((bits >> kDoubleMantissa) & 0x7ff);
  Unpacked u;
  u.negative = (bits >> 63) != 0;
  u.significand = bits & kDoubleFraction;
  if (exponent != 0) u.significand |= std::uint64_t{1} << kDoubleMantissa;
  u.exponent = (exponent == 0 ? 1 : exponent) - kDoubleBias - kDoubleMantissa;
  return u;
}

// significand / 2^shift as a whole number, rounded. A shift below 0 must not lose bits.
std::uint64_t shift_right_rounded(const Unpacked& u, int shift, Rounding rounding) {
  if (shift <= 0) return u.significand << -shift;
  std::uint64_t whole = 0, half = 0, rest = 0;  // rest: what lies below the half
  if (shift > 64) {
    rest = u.significand;
  } else {
    whole = shift == 64 ? 0 : u.significand >> shift;
    half = (u.significand >> (shift - 1)) & 1;
    rest = u.significand & ((std::uint64_t{1} << (shift - 1)) - 1);
  }
  const bool below = rest != 0 || u.sticky;
  bool up = false;
  switch (rounding) {
    case Rounding::NearestEven:
      up = half && (below || (whole & 1));
      break;
    case Rounding::TowardZero:
      break;
    case Rounding::Down:
      up = u.negative && (half || below);
      break;
    case Rounding::Up:
      up = !u.negative && (half || below);
      break;
  }
  return whole + (up ? 1 : 0);
}

bool overflows_to_infinity(const FloatFormat& format, ElementType type, Overflow overflow) {
  if (overflow == Overflow::Saturate) return false;
  if (overflow == Overflow::Infinity) return format.infinity || format.nan;
  return format.infinity.has_value() && type != kE5M2;
}

std::uint64_t with_sign(const FloatFormat& format, bool negative, std::uint64_t magnitude) {
  return (magnitude | (negative ? format.sign_bit() : 0)) << format.padding;
}

std::uint64_t float_overflow(const FloatFormat& format, ElementType type, bool negative,
                             Overflow overflow) {
  if (!overflows_to_infinity(format, type, overflow))
    return with_sign(format, negative, format.max_magnitude);
  return format.infinity ? with_sign(format, negative, *format.infinity)
                         : *format.nan << format.padding;
}

std::uint64_t float_nan(const FloatFormat& format) {
  return (format.nan ? *format.nan : format.max_magnitude) << format.padding;
}

std::uint64_t encode_float(ElementType type, const Unpacked& u, Rounding rounding,
                           Overflow overflow) {
  const FloatFormat format = float_format(type);
  const int top = leading_exponent(u);
  const int exponent = std::max(top, format.least_exponent());
  // The quotient holds the hidden bit of a normal number, which adds 1 to its exponent field; a
  // subnormal has none, and a quotient that rounds up to the next power of two carries into the
  // field by itself.
  const std::uint64_t quotient =
      shift_right_rounded(u, exponent - format.mantissa - u.exponent, rounding);
  const auto field = static_cast<std::uint64_t>(exponent - format.least_exponent());
  const std::uint64_t magnitude = (field << format.mantissa) + quotient;
  if (magnitude <= format.max_magnitude) return with_sign(format, u.negative, magnitude);
  // IEEE 754: a directed rounding stops at the last finite number when it points towards zero.
  const bool inward = rounding == Rounding::TowardZero ||
                      (rounding == Rounding::Down && !u.negative) ||
                      (rounding == Rounding::Up && u.negative);
  return float_overflow(format, type, u.negative, inward ? Overflow::Saturate : overflow);
}

std::uint64_t encode_integer(ElementType type, const Unpacked& u, Rounding rounding) {
  const bool is_signed = type.type_class == TypeClass::Signed;
  const std::uint64_t most = code_mask(type) >> (is_signed ? 1 : 0);
  const std::uint64_t limit = !u.negative ? most : is_signed ? most + 1 : 0;
  const bool huge = leading_exponent(u) > 63;
  const std::uint64_t whole = huge ? limit : shift_right_rounded(u, -u.exponent, rounding);
  const std::uint64_t magnitude = std::min(whole, limit);
  return (u.negative ? 0 - magnitude : magnitude) & code_mask(type);
}

constexpr int kScaleBias = 127;
constexpr std::uint64_t kScaleNan = 255, kScaleMost = 254;

std::uint64_t encode_scale(const Unpacked& u, Rounding rounding) {
  if (u.negative) return 0;
  const int top = leading_exponent(u);
  if (top < -kScaleBias) return 0;
  if (top >= kScaleBias) return kScaleMost;
  // The significand is 1.x: rounded to a whole number it is 1 or 2, and a tie (1.5) goes to 2, the
  // even one.
  const auto code = static_cast<std::uint64_t>(top + kScaleBias);
  return code - 1 + shift_right_rounded(u, top - u.exponent, rounding);
}

std::uint64_t encode_unpacked(ElementType type, const Unpacked& u, Rounding rounding,
                              Overflow overflow) {
  switch (type.type_class) {
    case TypeClass::Float:
      return encode_float(type, u, rounding, overflow);
    case TypeClass::Scale:
      return encode_scale(u, rounding);
    case TypeClass::Bool:
      return 1;
    case TypeClass::Unsigned:
    case TypeClass::Signed:
    case TypeClass::Codebook:
      break;
  }
  return encode_integer(type, u, rounding);
}

std::uint64_t encode_special(ElementType type, double number, Overflow overflow) {
  const bool negative = std::signbit(number), nan = std::isnan(number);
  switch (type.type_class) {
    case TypeClass::Float: {
      const FloatFormat format = float_format(type);
      if (nan) return float_nan(format);
      if (number == 0) return with_sign(format, negative, 0);
      return float_overflow(format, type, negative, overflow);
    }
    case TypeClass::Scale:
      return nan ? kScaleNan : number == 0 || negative ? 0 : kScaleMost;
    case TypeClass::Bool:
      return number == 0 ? 0 : 1;
    case TypeClass::Unsigned:
    case TypeClass::Signed:
    case TypeClass::Codebook:
      break;
  }
  if (nan || number == 0) return 0;
  const std::uint64_t most = code_mask(type) >> (type.type_class == TypeClass::Signed ? 1 : 0);
  return !negative ? most : type.type_class == TypeClass::Signed ? most + 1 : 0;
}

double decode_float(ElementType type, std::uint64_t code) {
  const FloatFormat format = float_format(type);
  code >>= format.padding;
  const bool negative = (code & format.sign_bit()) != 0;
  const std::uint64_t magnitude = code & (format.sign_bit() - 1);
  double number = 0;
  if (magnitude > format.max_magnitude) {
    number = format.infinity && magnitude == *format.infinity
                 ? std::numeric_limits<double>::infinity()
                 : std::numeric_limits<double>::quiet_NaN();
  } else {
    const std::uint64_t hidden = std::uint64_t{1} << format.mantissa;
    const std::uint64_t field = magnitude >> format.mantissa, fraction = magnitude & (hidden - 1);
    const int exponent = format.least_exponent() + (field == 0 ? 0 : static_cast<int>(field) - 1);
    number = std::ldexp(static_cast<double>(fraction | (field == 0 ? 0 : hidden)),
                        exponent - format.mantissa);
  }
  return negative ? -number : number;
}

bool is_upper_part(ElementType narrow, ElementType wide) {
  return (wide == kF32 && (narrow == kBF16 || narrow == kTF32)) ||
         (wide == kTF32 && narrow == kBF16) || (wide == kF16 && narrow == kE5M2);
}

bool is_whole(ElementType type) {
  return type.is_integer() || type.type_class == TypeClass::Codebook;
}

}  // namespace

FloatFormat float_format(ElementType type) {
  FloatFormat format;
  format.exponent = type.exponent;
  format.mantissa = type.mantissa;
  format.bias = (1 << (type.exponent - 1)) - 1;
  format.padding = type.bits - 1 - type.exponent - type.mantissa;
  const std::uint64_t all = (std::uint64_t{1} << (type.exponent + type.mantissa)) - 1;
  if (type.exponent >= 5) {
    format.infinity = all & ~((std::uint64_t{1} << type.mantissa) - 1);
    format.nan = all;
    format.max_magnitude = *format.infinity - 1;
  } else if (type == kE4M3) {
    format.nan = all;
    format.max_magnitude = all - 1;
  } else {
    format.max_magnitude = all;
  }
  return format;
}

std::int64_t decode_integer(ElementType type, std::uint64_t code) {
  if (type.type_class != TypeClass::Signed) return static_cast<std::int64_t>(code);
  const int unused = 64 - type.bits;
  return static_cast<std::int64_t>(code << unused) >> unused;
}

double decode(ElementType type, std::uint64_t code) {
  switch (type.type_class) {
    case TypeClass::Float:
      if (type == kF64) return std::bit_cast<double>(code);
      return decode_float(type, code);
    case TypeClass::Scale:
      return code == kScaleNan ? std::numeric_limits<double>::quiet_NaN()
                               : std::ldexp(1.0, static_cast<int>(code) - kScaleBias);
    case TypeClass::Bool:
      return code != 0 ? 1 : 0;
    case TypeClass::Signed:
      return static_cast<double>(decode_integer(type, code));
    case TypeClass::Unsigned:
    case TypeClass::Codebook:
      break;
  }
  return static_cast<double>(code);
}

std::uint64_t encode(ElementType type, double number, Rounding rounding, Overflow overflow) {
  if (!std::isfinite(number) || number == 0) return encode_special(type, number, overflow);
  return encode_unpacked(type, unpack(number), rounding, overflow);
}

std::uint64_t encode_sum(ElementType type, double number, double tail, Rounding rounding,
                         Overflow overflow) {
  if (tail == 0 || !std::isfinite(number) || number == 0)
    return encode(type, number, rounding, overflow);
  Unpacked u = unpack(number);
  if ((tail < 0) != u.negative) {
    // A little less than `number`: step to the neighbour towards zero, at twice the resolution so
    // that a power of two loses no bit, and say that something was cut off.
    u.significand = 2 * u.significand - 1;
    u.exponent -= 1;
  }
  u.sticky = true;
  return encode_unpacked(type, u, rounding, overflow);
}

std::uint64_t convert(ElementType to, ElementType from, std::uint64_t code, Rounding rounding,
                      Overflow overflow) {
  if (to == from) return code;
  if (is_upper_part(from, to)) {
    const std::uint64_t padding = (std::uint64_t{1} << float_format(from).padding) - 1;
    return (code & ~padding) << (to.bits - from.bits);
  }
  if (!is_whole(from)) return encode(to, decode(from, code), rounding, overflow);
  const std::int64_t value = decode_integer(from, code);
  if (overflow == Overflow::Wrap && is_whole(to))
    return static_cast<std::uint64_t>(value) & code_mask(to);
  const bool negative = from.type_class == TypeClass::Signed && value < 0;
  const auto bits = static_cast<std::uint64_t>(value);
  const std::uint64_t magnitude = negative ? 0 - bits : bits;
  if (magnitude == 0) return encode(to, 0.0, rounding, overflow);
  return encode_unpacked(to, {negative, magnitude, 0, false}, rounding, overflow);
}

bool has_nan(ElementType type) {
  return canonical_nan(type).has_value();
}

bool has_infinity(ElementType type) {
  return type.is_float() && float_format(type).infinity.has_value();
}

bool is_nan(ElementType type, std::uint64_t code) {
  return has_nan(type) && std::isnan(decode(type, code));
}

std::optional<std::uint64_t> canonical_nan(ElementType type) {
  if (type == kE8M0) return kScaleNan;
  if (!type.is_float()) return std::nullopt;
  const FloatFormat format = float_format(type);
  if (!format.nan) return std::nullopt;
  return *format.nan << format.padding;
}

double lowest(ElementType type) {
  if (type.is_float()) return -highest(type);
  if (type == kE8M0) return decode(type, 0);
  return type.type_class == TypeClass::Signed ? decode(type, std::uint64_t{1} << (type.bits - 1))
                                              : 0;
}

double highest(ElementType type) {
  if (type.is_float()) {
    const FloatFormat format = float_format(type);
    return decode(type, format.max_magnitude << format.padding);
  }
  if (type == kE8M0) return decode(type, kScaleMost);
  if (type.is_bool()) return 1;
  return decode(type, code_mask(type) >> (type.type_class == TypeClass::Signed ? 1 : 0));
}

}  // namespace bitloom::vm
