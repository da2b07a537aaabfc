#include "vm/numerics/arithmetic.h"

#include <gtest/gtest.h>

#include <bit>
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>
#include <random>

namespace bitloom::vm {
namespace {

using boost::multiprecision::cpp_int;

// Every finite f16, bf16 and f32 number, and every product of two of them, is a whole multiple of
// 2^-kScale.
constexpr int kScale = 300;

cpp_int exact(ElementType type, std::uint64_t code) {
  int exponent = 0;
  const double fraction = std::frexp(decode(type, code), &exponent);
  const cpp_int whole = static_cast<std::int64_t>(std::ldexp(fraction, 53));
  const int shift = exponent - 53 + kScale;
  return shift >= 0 ? cpp_int(whole << shift) : cpp_int(whole >> -shift);
}

// The code nearest to value · 2^-2kScale, found by comparing whole numbers: slow and plain.
std::uint64_t nearest(ElementType type, const cpp_int& value) {
  const FloatFormat format = float_format(type);
  const cpp_int magnitude = abs(value);
  std::uint64_t low = 0, high = format.max_magnitude;
  while (low < high) {  // the greatest magnitude that is not above
    const std::uint64_t middle = (low + high + 1) / 2;
    (exact(type, middle) << kScale) <= magnitude ? low = middle : high = middle - 1;
  }
  const cpp_int below = exact(type, low) << kScale;
  const bool last = low == format.max_magnitude;
  // Beyond the last number stands the power of two that would come next.
  const cpp_int above = last ? cpp_int(2 * below - (exact(type, low - 1) << kScale))
                             : cpp_int(exact(type, low + 1) << kScale);
  const cpp_int twice = 2 * magnitude, middle = below + above;
  const std::uint64_t rounded = twice > middle || (twice == middle && (low & 1)) ? low + 1 : low;
  return rounded | (value < 0 ? format.sign_bit() : 0);
}

// Codes with exponents near each other and near the ends more often than chance gives.
std::uint64_t draw(ElementType type, std::mt19937_64& random) {
  const FloatFormat format = float_format(type);
  const std::uint64_t sign = random() & format.sign_bit();
  const std::uint64_t fraction_mask = (std::uint64_t{1} << format.mantissa) - 1;
  std::uint64_t fraction = random() & fraction_mask;
  if (random() % 3 == 0) fraction &= random() & random();
  const auto fields = std::uint64_t{1} << format.exponent;
  std::uint64_t field = random() % (fields - 1);
  if (random() % 3 != 0) field = fields / 2 - 12 + random() % 24;
  if (random() % 8 == 0) field = random() % 2;
  return sign | std::min(field, fields - 2) << format.mantissa | fraction;
}

void expect_fma(ElementType type, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  const cpp_int sum = exact(type, a) * exact(type, b) + (exact(type, c) << kScale);
  const std::uint64_t result = float_fma(type, a, b, c);
  if (sum == 0) {
    EXPECT_EQ(decode(type, result), 0);
    return;
  }
  ASSERT_EQ(result, nearest(type, sum)) << to_string(type) << " " << a << " " << b << " " << c;
}

class FloatArithmetic : public testing::TestWithParam<ElementType> {};

TEST_P(FloatArithmetic, FmaRoundsOnce) {
  const ElementType type = GetParam();
  std::mt19937_64 random(11);
  for (int i = 0; i < 40'000 && !HasFatalFailure(); ++i) {
    std::uint64_t a = draw(type, random), b = draw(type, random), c = draw(type, random);
    // Half of the cases put the addend just below the product's last places, where rounding twice
    // goes wrong.
    const double product = decode(type, a) * decode(type, b);
    if (i % 2 && product != 0) {
      const int exponent = std::ilogb(product) - static_cast<int>(random() % 40);
      const double addend =
          std::ldexp(1 + static_cast<double>(random() % 4) / 4, std::clamp(exponent, -1000, 120));
      c = encode(type, random() % 2 ? addend : -addend, Rounding::NearestEven, Overflow::Saturate);
    }
    expect_fma(type, a, b, c);
  }
}

TEST_P(FloatArithmetic, SumsAndProductsAreFmasWithOne) {
  const ElementType type = GetParam();
  const std::uint64_t one = encode(type, 1), negative_zero = encode(type, -0.0);
  std::mt19937_64 random(12);
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    const std::uint64_t a = draw(type, random), b = draw(type, random);
    EXPECT_EQ(float_add(type, a, b), float_fma(type, a, one, b));
    EXPECT_EQ(float_sub(type, a, b), float_fma(type, a, one, float_neg(type, b)));
    EXPECT_EQ(float_mul(type, a, b), float_fma(type, a, b, negative_zero));
  }
}

// a / b is right when no code is nearer: |2a - b (q + q')| compared exactly for both neighbours q'
// of the quotient q.
TEST_P(FloatArithmetic, QuotientsAreTheNearest) {
  const ElementType type = GetParam();
  std::mt19937_64 random(13);
  for (int i = 0; i < 20'000 && !HasFailure(); ++i) {
    const std::uint64_t a = float_abs(type, draw(type, random)),
                        b = float_abs(type, draw(type, random));
    if (decode(type, b) == 0) continue;
    const std::uint64_t quotient = float_div(type, a, b);
    if (quotient >= float_format(type).max_magnitude || quotient == 0) continue;
    const cpp_int twice = exact(type, a) << (kScale + 1);
    EXPECT_LE(exact(type, b) * (exact(type, quotient) + exact(type, quotient - 1)), twice)
        << a << " / " << b;
    EXPECT_GE(exact(type, b) * (exact(type, quotient) + exact(type, quotient + 1)), twice)
        << a << " / " << b;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, FloatArithmetic, testing::Values(kF16, kBF16, kF32),
                         [](const auto& tested) { return to_string(tested.param); });

TEST(FloatArithmetic, F32AgreesWithTheProcessor) {
  std::mt19937_64 random(14);
  const auto number = [](std::uint64_t code) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(code));
  };
  const auto code = [](float x) { return std::uint64_t{std::bit_cast<std::uint32_t>(x)}; };
  for (int i = 0; i < 50'000; ++i) {
    const std::uint64_t a = draw(kF32, random), b = draw(kF32, random), c = draw(kF32, random);
    ASSERT_EQ(float_add(kF32, a, b), code(number(a) + number(b)));
    ASSERT_EQ(float_mul(kF32, a, b), code(number(a) * number(b)));
    ASSERT_EQ(float_fma(kF32, a, b, c), code(std::fma(number(a), number(b), number(c))));
    if (decode(kF32, b) != 0) {
      ASSERT_EQ(float_div(kF32, a, b), code(number(a) / number(b)));
    }
    ASSERT_EQ(float_sqrt(kF32, float_abs(kF32, a)), code(std::sqrt(std::abs(number(a)))));
  }
}

TEST(FloatArithmetic, NaNIsCanonicalAndLosesAgainstNumbersInMinAndMax) {
  const std::uint64_t nan = 0xfe01, one = 0x3c00, infinity = 0x7c00, zero = 0,
                      negative_zero = 0x8000;
  EXPECT_EQ(float_add(kF16, nan, one), 0x7fff);
  EXPECT_EQ(float_sub(kF16, infinity, infinity), 0x7fff);
  EXPECT_EQ(float_mul(kF16, zero, infinity), 0x7fff);
  EXPECT_EQ(float_div(kF16, zero, zero), 0x7fff);
  EXPECT_EQ(float_min(kF16, nan, one), one);
  EXPECT_EQ(float_max(kF16, one, nan), one);
  EXPECT_EQ(float_max(kF16, nan, nan), 0x7fff);
  EXPECT_EQ(float_min(kF16, zero, negative_zero), negative_zero);
  EXPECT_EQ(float_max(kF16, negative_zero, zero), zero);
  EXPECT_EQ(float_neg(kF16, nan), 0x7e01);
  EXPECT_EQ(float_abs(kF16, nan), 0x7e01);
}

TEST(FloatArithmetic, DirectedRoundingsBracketTheSum) {
  std::mt19937_64 random(15);
  for (int i = 0; i < 20'000 && !testing::Test::HasFailure(); ++i) {
    const std::uint64_t a = draw(kF32, random), b = draw(kF32, random);
    const double down = decode(kF32, float_add(kF32, a, b, Rounding::Down));
    const double up = decode(kF32, float_add(kF32, a, b, Rounding::Up));
    const double near = decode(kF32, float_add(kF32, a, b));
    EXPECT_LE(down, near);
    EXPECT_LE(near, up);
    const bool exact_sum = (exact(kF32, a) + exact(kF32, b)) == exact(kF32, encode(kF32, near));
    EXPECT_EQ(down == up, exact_sum && std::isfinite(near)) << a << " " << b;
  }
  EXPECT_EQ(float_sub(kF32, 0x3f800000, 0x3f800000, Rounding::Down), 0x80000000);
}

TEST(IntegerArithmetic, WrapsAtItsWidth) {
  const ElementType i4 = signed_type(4);
  EXPECT_EQ(integer_add(i4, 7, 1), 8);
  EXPECT_EQ(integer_sub(kU8, 0, 1), 0xff);
  EXPECT_EQ(integer_mul(kI32, 0x10000, 0x10000), 0);
  EXPECT_EQ(integer_mul_high(kU32, 0xffffffff, 0xffffffff), 0xfffffffe);
  EXPECT_EQ(integer_mul_high(kI32, 0xffffffff, 0xffffffff), 0);
  EXPECT_EQ(integer_mul_high(kI64, 0x8000000000000000, 2), 0xffffffffffffffff);
}

TEST(IntegerArithmetic, ShiftsBeyondTheWidthGiveZeroOrTheSign) {
  EXPECT_EQ(integer_shl(kU32, 1, 31), 0x80000000);
  EXPECT_EQ(integer_shl(kU32, 1, 32), 0);
  EXPECT_EQ(integer_shl(kU64, 1, 64), 0);
  EXPECT_EQ(integer_shr(kU32, 0x80000000, 40), 0);
  EXPECT_EQ(integer_shr(kI32, 0x80000000, 40), 0xffffffff);
  EXPECT_EQ(integer_shr(kI64, 0x8000000000000000, 1000), 0xffffffffffffffff);
  EXPECT_EQ(integer_shr(kI8, 0x80, 3), 0xf0);
}

TEST(IntegerArithmetic, DivisionTruncatesAndHasNoValueAtZero) {
  EXPECT_EQ(integer_div(kI32, 0xfffffff9, 2), 0xfffffffd);  // -7 / 2
  EXPECT_EQ(integer_rem(kI32, 0xfffffff9, 2), 0xffffffff);
  EXPECT_EQ(integer_div(kI32, 0x80000000, 0xffffffff), 0x80000000);
  EXPECT_EQ(integer_rem(kI32, 0x80000000, 0xffffffff), 0);
  EXPECT_EQ(integer_div(kU32, 0xfffffff9, 2), 0x7ffffffc);
  EXPECT_EQ(integer_div(kU8, 1, 0), std::nullopt);
  EXPECT_EQ(integer_rem(kI8, 1, 0), std::nullopt);
  EXPECT_EQ(integer_min(kI8, 0x80, 1), 0x80);
  EXPECT_EQ(integer_max(kU8, 0x80, 1), 0x80);
}

}  // namespace
}  // namespace bitloom::vm
