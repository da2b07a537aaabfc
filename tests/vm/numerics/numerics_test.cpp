#include "vm/numerics.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace bitloom::vm {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

ElementType type_of(const char* name) {
  return *parse_element_type(name);
}

std::vector<double> numbers(ElementType type) {
  std::vector<double> all;
  for (std::uint64_t code = 0; code <= code_mask(type); ++code) all.push_back(decode(type, code));
  return all;
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

// ---- What codes mean --------------------------------------------------------------------------

TEST(Decode, E2M1HasTheSixteenNumbersOfFp4) {
  EXPECT_THAT(numbers(type_of("e2m1")), testing::ElementsAre(0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5,
                                                             -1, -1.5, -2, -3, -4, -6));
}

TEST(Decode, TypesOfOneExponentBitAreLinear) {
  EXPECT_THAT(numbers(type_of("e1m1")), testing::ElementsAre(0, 1, 2, 3, -0.0, -1, -2, -3));
  EXPECT_THAT(numbers(type_of("e1m2")), testing::ElementsAre(0, .5, 1, 1.5, 2, 2.5, 3, 3.5, -0.0,
                                                             -.5, -1, -1.5, -2, -2.5, -3, -3.5));
}

TEST(Decode, TypesWithoutMantissaArePowersOfTwoAndZero) {
  EXPECT_THAT(numbers(type_of("e2m0")), testing::ElementsAre(0, 1, 2, 4, -0.0, -1, -2, -4));
  EXPECT_THAT(numbers(type_of("e3m0")), testing::ElementsAre(0, .25, .5, 1, 2, 4, 8, 16, -0.0, -.25,
                                                             -.5, -1, -2, -4, -8, -16));
}

TEST(Decode, KnownEndsOfTheFloats) {
  EXPECT_EQ(highest(type_of("e3m2")), 28);
  EXPECT_EQ(decode(type_of("e3m2"), 1), 0.0625);
  EXPECT_EQ(highest(type_of("e2m3")), 7.5);
  EXPECT_EQ(highest(type_of("e4m2")), 448);
  EXPECT_EQ(highest(type_of("e3m4")), 31);
  EXPECT_EQ(highest(kE4M3), 448);
  EXPECT_EQ(decode(kE4M3, 1), std::ldexp(1, -9));
  EXPECT_TRUE(std::isnan(decode(kE4M3, 0x7f)) && std::isnan(decode(kE4M3, 0xff)));
  EXPECT_EQ(highest(kE5M2), 57344);
  EXPECT_EQ(decode(kE5M2, 1), std::ldexp(1, -16));
  EXPECT_EQ(decode(kE5M2, 0xfc), -kInfinity);
  EXPECT_TRUE(std::isnan(decode(kE5M2, 0x7d)));
  EXPECT_EQ(decode(kE8M0, 0), std::ldexp(1, -127));
  EXPECT_EQ(decode(kE8M0, 127), 1);
  EXPECT_EQ(decode(kE8M0, 254), std::ldexp(1, 127));
  EXPECT_TRUE(std::isnan(decode(kE8M0, 255)));
  EXPECT_EQ(highest(kF16), 65504);
  EXPECT_EQ(lowest(kBF16), -std::ldexp(255, 120));
  EXPECT_EQ(decode(kTF32, 0x3f802000), 1 + std::ldexp(1, -10));
  EXPECT_EQ(decode(kTF32, 0x3f803fff), decode(kTF32, 0x3f802000));
  EXPECT_EQ(decode(kF64, 0x4000000000000000), 2);
}

TEST(Decode, IntegersAreTwosComplement) {
  EXPECT_THAT(numbers(type_of("i1")), testing::ElementsAre(0, -1));
  EXPECT_THAT(numbers(type_of("u2")), testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(numbers(type_of("i2")), testing::ElementsAre(0, 1, -2, -1));
  EXPECT_THAT(numbers(codebook_type(2)), testing::ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(decode(kI32, 0x80000000), -std::ldexp(1, 31));
  EXPECT_EQ(decode(kBool, 1), 1);
  EXPECT_EQ(lowest(kI8), -128);
  EXPECT_EQ(highest(kI8), 127);
}

TEST(Decode, OnlyE4M3E5M2AndTheWideFloatsHaveNaN) {
  for (const ElementType type : all_element_types()) {
    const bool expected =
        type == kE4M3 || type == kE5M2 || type == kE8M0 || (type.is_float() && type.bits >= 16);
    EXPECT_EQ(has_nan(type), expected) << to_string(type);
    EXPECT_EQ(has_infinity(type), expected && type != kE4M3 && type != kE8M0) << to_string(type);
    if (expected) {
      EXPECT_TRUE(is_nan(type, *canonical_nan(type))) << to_string(type);
    }
  }
}

// ---- encode against a search through every code -----------------------------------------------

TEST(Encode, GivesEveryNumberItsOwnCode) {
  for (const ElementType type : all_element_types()) {
    if (type.bits > 16) continue;
    for (std::uint64_t code = 0; code <= (type.is_bool() ? 1 : code_mask(type)); ++code) {
      const std::uint64_t expected = is_nan(type, code) ? *canonical_nan(type) : code;
      ASSERT_EQ(encode(type, decode(type, code), Rounding::NearestEven, Overflow::Infinity),
                expected)
          << to_string(type) << " " << code;
    }
  }
}

struct Neighbours {
  std::uint64_t below, above;  // codes of the greatest number <= x and the least >= x
};

// Codes of the finite numbers in rising order; one zero.
std::vector<std::uint64_t> rising(ElementType type) {
  std::vector<std::uint64_t> codes;
  for (std::uint64_t code = 0; code <= code_mask(type); ++code) {
    const double number = decode(type, code);
    if (std::isfinite(number) && !(number == 0 && std::signbit(number))) codes.push_back(code);
  }
  std::sort(codes.begin(), codes.end(),
            [&](auto a, auto b) { return decode(type, a) < decode(type, b); });
  return codes;
}

void expect_neighbour_rounding(ElementType type, std::uint64_t low, std::uint64_t high, double x) {
  const double a = decode(type, low), b = decode(type, high);
  const auto give = [&](Rounding rounding) { return decode(type, encode(type, x, rounding)); };
  EXPECT_EQ(give(Rounding::Down), a) << to_string(type) << " " << x;
  EXPECT_EQ(give(Rounding::Up), b) << to_string(type) << " " << x;
  if (type != kE8M0) {
    EXPECT_EQ(give(Rounding::TowardZero), std::abs(a) < std::abs(b) ? a : b) << to_string(type);
  }
  const double nearest = give(Rounding::NearestEven);
  if (x - a != b - x) {
    EXPECT_EQ(nearest, x - a < b - x ? a : b) << to_string(type) << " " << x;
  }
}

TEST(Encode, RoundsToTheRightNeighbourBetweenAnyTwoNumbers) {
  for (const ElementType type : all_element_types()) {
    if (type.bits > 16 || type.is_bool()) continue;
    const auto codes = rising(type);
    for (std::size_t i = 0; i + 1 < codes.size(); ++i) {
      const double a = decode(type, codes[i]), b = decode(type, codes[i + 1]),
                   middle = a + (b - a) / 2;
      for (const double x : {middle, std::nextafter(middle, a), std::nextafter(middle, b),
                             std::nextafter(a, b), std::nextafter(b, a), a + (b - a) / 3})
        expect_neighbour_rounding(type, codes[i], codes[i + 1], x);
      if (HasFailure()) return;
    }
  }
}

TEST(Encode, TiesGoToTheEvenMultipleOfTheUnit) {
  for (const ElementType type : all_element_types()) {
    if (type.bits > 16 || type.is_bool()) continue;
    const auto codes = rising(type);
    for (std::size_t i = 0; i + 1 < codes.size(); ++i) {
      const double a = decode(type, codes[i]), b = decode(type, codes[i + 1]), gap = b - a;
      const double even = std::fmod(a / gap, 2) == 0 ? a : b;
      EXPECT_EQ(decode(type, encode(type, a + gap / 2)), even) << to_string(type) << " " << a;
    }
  }
}

TEST(Encode, WideFloatsAgreeWithTheProcessor) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200'000; ++i) {
    // Any double, with exponents drawn towards the range of f32.
    const std::uint64_t exponent = i % 2 ? random() % 2047 : 1023 - 160 + random() % 320;
    const double x = std::bit_cast<double>((random() & 0x800fffffffffffff) | exponent << 52);
    ASSERT_EQ(encode(kF64, x), std::bit_cast<std::uint64_t>(x));
    ASSERT_EQ(encode(kF32, x), std::bit_cast<std::uint32_t>(static_cast<float>(x))) << x;
    const auto f = static_cast<std::uint32_t>(random());
    if (!is_nan(kF32, f)) {
      ASSERT_EQ(decode(kF32, f), double{std::bit_cast<float>(f)});
    }
  }
}

// ---- Overflow, infinities, NaN, zero ----------------------------------------------------------

TEST(Encode, OverflowIsInfinityForWideFloatsAndSaturationForNarrowOnes) {
  for (const ElementType type : {kF16, kBF16, kTF32, kF32}) {
    const double top = highest(type), next = top + std::ldexp(1, std::ilogb(top) - type.mantissa);
    const double threshold = top + (next - top) / 2;
    EXPECT_EQ(decode(type, encode(type, std::nextafter(threshold, 0))), top) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, threshold)), kInfinity) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, -threshold)), -kInfinity) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, kInfinity)), kInfinity) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, threshold, Rounding::TowardZero)), top) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, kInfinity, Rounding::NearestEven, Overflow::Saturate)),
              top);
  }
  for (const ElementType type : all_element_types()) {
    if (!type.is_narrow()) continue;
    EXPECT_EQ(decode(type, encode(type, 1e300)), highest(type)) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, kInfinity)), highest(type)) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, -kInfinity)), lowest(type)) << to_string(type);
    EXPECT_EQ(decode(type, encode(type, -1e300)), lowest(type)) << to_string(type);
  }
  EXPECT_EQ(encode(kE5M2, 1e9, Rounding::NearestEven, Overflow::Infinity), 0x7c);
  EXPECT_EQ(encode(kE4M3, -1e9, Rounding::NearestEven, Overflow::Infinity), 0x7f);
  EXPECT_EQ(encode(type_of("e3m2"), 1e9, Rounding::NearestEven, Overflow::Infinity), 0x1f);
}

TEST(Encode, NaNIsCanonicalOrTheLastNumberOrZero) {
  for (const double nan : {kNaN, -kNaN}) {
    EXPECT_EQ(encode(kF16, nan), 0x7fff);
    EXPECT_EQ(encode(kBF16, nan), 0x7fff);
    EXPECT_EQ(encode(kTF32, nan), 0x7fffe000);
    EXPECT_EQ(encode(kF32, nan), 0x7fffffff);
    EXPECT_EQ(encode(kF64, nan), 0x7fffffffffffffff);
    EXPECT_EQ(encode(kE4M3, nan), 0x7f);
    EXPECT_EQ(encode(kE5M2, nan), 0x7f);
    EXPECT_EQ(encode(kE8M0, nan), 0xff);
    EXPECT_EQ(encode(type_of("e2m1"), nan), 7);
    EXPECT_EQ(encode(type_of("e3m2"), nan), 0x1f);
    EXPECT_EQ(encode(kI32, nan), 0);
    EXPECT_EQ(encode(type_of("i4"), nan), 0);
    EXPECT_EQ(encode(kBool, nan), 1);
  }
}

TEST(Encode, ZerosKeepTheirSign) {
  for (const ElementType type : all_element_types()) {
    if (!type.is_float()) continue;
    EXPECT_TRUE(same(decode(type, encode(type, 0.0)), 0.0));
    EXPECT_TRUE(same(decode(type, encode(type, -0.0)), -0.0)) << to_string(type);
    if (type != kF64) {
      EXPECT_TRUE(same(decode(type, encode(type, -1e-300)), -0.0)) << to_string(type);
    }
  }
  EXPECT_EQ(encode(kE8M0, 0.0), 0);
  EXPECT_EQ(encode(kE8M0, -5.0), 0);
}

TEST(Encode, IntegersRoundToEvenAndSaturate) {
  EXPECT_EQ(encode(kI8, 2.5), 2);
  EXPECT_EQ(encode(kI8, 3.5), 4);
  EXPECT_EQ(encode(kI8, -2.5), 0xfe);
  EXPECT_EQ(encode(kI8, -2.5, Rounding::TowardZero), 0xfe);
  EXPECT_EQ(encode(kI8, -2.9, Rounding::TowardZero), 0xfe);
  EXPECT_EQ(encode(kI8, -2.1, Rounding::Down), 0xfd);
  EXPECT_EQ(encode(kI8, 2.1, Rounding::Up), 3);
  EXPECT_EQ(encode(kI8, 127.5), 127);
  EXPECT_EQ(encode(kI8, -128.5), 0x80);
  EXPECT_EQ(encode(kU8, 255.5), 255);
  EXPECT_EQ(encode(kU8, -0.4), 0);
  EXPECT_EQ(encode(kU8, -7), 0);
  EXPECT_EQ(encode(kI64, 1e19), 0x7fffffffffffffff);
  EXPECT_EQ(encode(kI64, -1e19), 0x8000000000000000);
  EXPECT_EQ(encode(kU64, 1e19), 10000000000000000000u);
  EXPECT_EQ(encode(kU64, 2e19), 0xffffffffffffffff);
  EXPECT_EQ(encode(type_of("i1"), -3), 1);
}

// ---- convert ----------------------------------------------------------------------------------

TEST(Convert, IntegersSaturateOrWrapWhenAsked) {
  EXPECT_EQ(convert(kI8, kI32, 300), 127);
  EXPECT_EQ(convert(kI8, kI32, 0xffffff00), 0x80);
  EXPECT_EQ(convert(kU8, kI32, 0xffffffff), 0);
  EXPECT_EQ(convert(kU32, kI64, 0xffffffffffffffff), 0);
  EXPECT_EQ(convert(kI32, kU64, 0xffffffffffffffff), 0x7fffffff);
  EXPECT_EQ(convert(kI64, kU64, 0xffffffffffffffff), 0x7fffffffffffffff);
  EXPECT_EQ(convert(kI8, kI32, 300, Rounding::NearestEven, Overflow::Wrap), 44);
  EXPECT_EQ(convert(kU32, kI8, 0xff, Rounding::NearestEven, Overflow::Wrap), 0xffffffff);
  EXPECT_EQ(convert(kI32, type_of("i4"), 0xf), 0xffffffff);
}

TEST(Convert, SixtyFourBitIntegersRoundOnce) {
  // Just above a tie of f32: through double it would look like the tie itself.
  const std::uint64_t value = (std::uint64_t{1} << 60) + (std::uint64_t{1} << 36) + 1;
  EXPECT_EQ(convert(kF32, kI64, value), 0x5d800001);
  EXPECT_EQ(convert(kF32, kI64, 0 - value), 0xdd800001);
  EXPECT_EQ(convert(kF32, kI64, value - 1), 0x5d800000);
  EXPECT_EQ(convert(kF64, kU64, 0xffffffffffffffff),
            std::bit_cast<std::uint64_t>(18446744073709551616.0));
  EXPECT_EQ(convert(kF64, kU64, 0xffffffffffffffff, Rounding::TowardZero),
            std::bit_cast<std::uint64_t>(std::nextafter(18446744073709551616.0, 0)));
}

TEST(Convert, UpperPartsOfAFormatKeepTheBitsOfNaN) {
  EXPECT_EQ(convert(kF32, kBF16, 0xffc1), 0xffc10000);
  EXPECT_EQ(convert(kF16, kE5M2, 0xfd), 0xfd00);
  EXPECT_EQ(convert(kF32, kTF32, 0x7f803fff), 0x7f802000);
  EXPECT_EQ(convert(kTF32, kBF16, 0xffc1), 0xffc10000);
  EXPECT_EQ(convert(kF32, kE5M2, 0xfd), 0x7fffffff);
  EXPECT_EQ(convert(kF32, kF16, 0xfe00), 0x7fffffff);
}

TEST(EncodeSum, LooksAtTheTail) {
  const double tie = 1 + std::ldexp(1, -11), tiny = std::ldexp(1, -60);
  EXPECT_EQ(encode_sum(kF16, tie, 0), 0x3c00);
  EXPECT_EQ(encode_sum(kF16, tie, tiny), 0x3c01);
  EXPECT_EQ(encode_sum(kF16, tie, -tiny), 0x3c00);
  EXPECT_EQ(encode_sum(kF16, 1, -tiny, Rounding::Down), 0x3bff);
  EXPECT_EQ(encode_sum(kF16, -1, tiny, Rounding::TowardZero), 0xbbff);
  EXPECT_EQ(encode_sum(kF16, 1, tiny, Rounding::Up), 0x3c01);
}

}  // namespace
}  // namespace bitloom::vm
