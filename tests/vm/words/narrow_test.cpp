// Every f16 and bf16, and f32 around every rounding boundary, to every type; integers of 16 and 32
// bits to everything.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "layouts/encoding.h"
#include "tests/vm/words/conversion_check.h"

namespace bitloom::vm {
namespace {

ConversionRequest request(ElementType from, ElementType to, int count, int sm = 80) {
  ConversionRequest asked;
  asked.source = from;
  asked.destination = to;
  asked.count = count;
  asked.sm = sm;
  return asked;
}

std::vector<ElementType> destinations() {
  std::vector<ElementType> types;
  for (const ElementType type : all_element_types())
    if (type.bits <= 32 && !type.is_bool()) types.push_back(type);
  types.push_back(codebook_type(4));
  return types;
}

// The codes in turn, as many a thread as the request has elements.
std::string difference_for(const ConversionRequest& asked,
                           const std::vector<std::uint64_t>& codes) {
  const auto count = static_cast<std::size_t>(asked.count);
  return difference(
      asked,
      [&](std::size_t t, int e) {
        return codes[(t * count + static_cast<std::size_t>(e)) % codes.size()];
      },
      (codes.size() + count - 1) / count);
}

class EveryDestination : public testing::TestWithParam<ElementType> {};

TEST_P(EveryDestination, TakesEveryF16AndBF16) {
  for (const ElementType from : {kF16, kBF16})
    for (const int sm : {80, 90})
      for (const int count : {1, 5})
        EXPECT_EQ(difference_for_every_code(request(from, GetParam(), count, sm)), "");
}

// The codes of f32 next to the numbers of a type and to the middles between them, of both signs.
std::vector<std::uint64_t> boundaries(ElementType type) {
  std::vector<double> edges = {0,
                               1e-45,
                               1e-38,
                               1e38,
                               3.4e38,
                               lowest(type),
                               highest(type),
                               INFINITY,
                               std::ldexp(1, -127),
                               std::ldexp(1, -126)};
  if (type.bits <= 16) {
    double last = 0;
    for (std::uint64_t code = 0; code <= code_mask(type); ++code) {
      const double number = decode(type, code);
      if (!std::isfinite(number)) continue;
      edges.insert(edges.end(), {number, number + (number - last) / 2, (number + last) / 2});
      last = number;
    }
  }
  for (int k = -30; k <= 33; ++k)
    for (const double x : {1.0, 1.5, 2 - std::ldexp(1, -23)}) edges.push_back(std::ldexp(x, k));
  std::vector<std::uint64_t> codes = {0x7fffffff, 0xffffffff, 0x7fc00000, 0xff800001};
  for (const double edge : edges) {
    const auto code = static_cast<std::uint32_t>(encode(kF32, edge));
    for (const std::uint32_t step : {0u, 1u, ~0u, 2u, ~1u})
      for (const std::uint32_t sign : {0u, 0x80000000u}) codes.push_back((code + step) ^ sign);
  }
  return codes;
}

std::vector<std::uint64_t> random_f32(std::size_t count, ElementType type) {
  std::mt19937 random(17);
  std::vector<std::uint64_t> codes;
  const int top = std::ilogb(std::max(highest(type), 1.0));
  for (std::size_t i = 0; i < count; ++i) {
    auto code = static_cast<std::uint32_t>(random());
    // Three in four near the range of the type, the others anywhere.
    if (i % 4)
      code = (code & 0x807fffff) | static_cast<std::uint32_t>(std::clamp(
                                       127 + top + 2 - static_cast<int>(random() % 24), 0, 254))
                                       << 23;
    codes.push_back(code);
  }
  return codes;
}

TEST_P(EveryDestination, TakesF32AroundItsBoundariesAndAtRandom) {
  const auto near = boundaries(GetParam()), random = random_f32(1'000'000, GetParam());
  for (const int sm : {80, 90}) {
    EXPECT_EQ(difference_for(request(kF32, GetParam(), 3, sm), near), "");
    EXPECT_EQ(difference_for(request(kF32, GetParam(), 8, sm), sm == 80 ? random : near), "");
  }
  EXPECT_EQ(difference_for(request(kTF32, GetParam(), 4), near), "");
}

TEST_P(EveryDestination, TakesF32WithoutNaN) {
  ConversionRequest asked = request(kF32, GetParam(), 6);
  asked.finite = true;
  EXPECT_EQ(difference_for(asked, boundaries(GetParam())), "");
}

TEST_P(EveryDestination, TakesIntegersOf16And32Bits) {
  std::vector<std::uint64_t> codes;
  std::mt19937 random(18);
  for (int i = 0; i < 20'000; ++i) codes.push_back(random() >> random() % 32);
  for (int k = 0; k < 32; ++k)
    for (std::uint32_t step = 0; step < 5; ++step)
      for (const std::uint32_t base : {1u << k, 3u << k, 0x01000100u << k, 0x01010001u << k,
                                       0u - (1u << k), 0u - (0x01000100u << k)})
        codes.push_back(base + step - 2);
  for (const ElementType from : {kI32, kU32})
    for (const int count : {1, 7})
      EXPECT_EQ(difference_for(request(from, GetParam(), count), codes), "");
  for (const ElementType from : {kI16, kU16})
    for (const int count : {1, 6})
      EXPECT_EQ(difference_for_every_code(request(from, GetParam(), count)), "");
}

TEST_P(EveryDestination, WrapsAndTruncatesWhenAsked) {
  const ElementType to = GetParam();
  if (to.is_float() || to.type_class == TypeClass::Scale) return;
  for (const ElementType from : {kI16, kU16, kI8, kU8}) {
    ConversionRequest asked = request(from, to, 9);
    asked.overflow = Overflow::Wrap;
    EXPECT_EQ(difference_for_every_code(asked), "");
  }
  for (const ElementType from : {kF16, kBF16, kE4M3}) {
    ConversionRequest asked = request(from, to, 5);
    asked.rounding = Rounding::TowardZero;
    EXPECT_EQ(difference_for_every_code(asked), "");
  }
  ConversionRequest asked = request(kF32, to, 4);
  asked.rounding = Rounding::TowardZero;
  EXPECT_EQ(difference_for(asked, boundaries(to)), "");
}

INSTANTIATE_TEST_SUITE_P(Types, EveryDestination, testing::ValuesIn(destinations()),
                         [](const auto& tested) {
                           return tested.param.type_class == TypeClass::Codebook
                                      ? std::string("codebook")
                                      : to_string(tested.param);
                         });

TEST(Narrowing, WorksFromScatteredBitsUnderAConstant) {
  for (const ElementType from : {kF16, kBF16, kI16, kU16})
    for (const ElementType to : {kF16, kF32, kE4M3, kI8, kU32}) {
      ConversionRequest asked = request(from, to, 3);
      for (std::uint32_t i = 0; i < 48; ++i) asked.source_bits.push_back(i * 29 % 64);
      asked.xor_constant = 0x9c35;
      EXPECT_EQ(difference_for_every_code(asked), "");
    }
}

TEST(Narrowing, ACopyMovesBitsOnly) {
  ConversionRequest asked = request(kE4M3, kE4M3, 8);
  EXPECT_EQ(ops_per_element(asked), 0);
  EXPECT_EQ(difference_for_every_code(asked), "");
  for (std::uint32_t i = 0; i < 64; ++i) asked.source_bits.push_back(63 - i);
  asked.xor_constant = 0x80;
  EXPECT_EQ(difference_for_every_code(asked), "");
}

TEST(Refusals, SayWhatAndWhy) {
  const auto error = [](ConversionRequest asked) { return lower_conversion(asked).error(); };
  EXPECT_EQ(error(request(kF64, kF32, 1)),
            "cannot lower a conversion from f64 to f32: 64-bit types are not held in single words; "
            "convert them one at a time");
  EXPECT_EQ(error(request(kF32, kBool, 1)),
            "cannot lower a conversion from f32 to bool: compare with 0 instead");
  EXPECT_EQ(error(request(kF32, kF16, 0)),
            "cannot lower a conversion from f32 to f16: a thread must hold at least one element");
  EXPECT_EQ(error(request(kF32, kF16, 5000)),
            "cannot lower a conversion from f32 to f16: 5000 elements a thread are too many for "
            "registers");
  EXPECT_EQ(error(request(kF32, kBF16, 2, 75)),
            "cannot lower a conversion from f32 to bf16: it needs sm_80");
  ConversionRequest asked = request(kU8, kF16, 2);
  asked.source_bits = {1, 2, 3};
  EXPECT_EQ(error(asked),
            "cannot lower a conversion from u8 to f16: 2 elements of 8 bits have 16 source bits "
            "where 3 are given");
  asked.source_bits.assign(16, 4);
  EXPECT_EQ(error(asked),
            "cannot lower a conversion from u8 to f16: two bits of the codes have one source bit");
  asked = request(kU8, kF16, 2);
  asked.xor_constant = 0x100;
  EXPECT_EQ(error(asked),
            "cannot lower a conversion from u8 to f16: the constant 0x100 has more than 8 bits");
  asked = request(kU8, kF16, 2);
  asked.scale_groups = {1};
  EXPECT_EQ(error(asked),
            "cannot lower a conversion from u8 to f16: 2 elements have 1 scale groups");
  asked = request(kF32, kF16, 2);
  asked.rounding = Rounding::Up;
  EXPECT_EQ(error(asked),
            "cannot lower a conversion from f32 to f16: only rounding to nearest even has a word "
            "program");
  asked = request(kF32, kF16, 2);
  asked.overflow = Overflow::Saturate;
  EXPECT_EQ(
      error(asked),
      "cannot lower a conversion from f32 to f16: only the type's own overflow has a word program");
}

TEST(ScaleGroups, GetOneScale) {
  // Two rows of a fragment: even pairs in one, odd pairs in the other.
  ConversionRequest asked = request(unsigned_type(4), kF16, 32);
  asked.unnormalised = true;
  for (std::uint32_t e = 0; e < 32; ++e) asked.scale_groups.push_back(e / 2 % 2);
  const auto lowered = lower_conversion(asked);
  ASSERT_TRUE(lowered);
  for (std::size_t e = 0; e < 32; ++e)
    EXPECT_EQ(lowered->scales[e], lowered->scales[e / 2 % 2 * 2]) << e;
  EXPECT_EQ(difference_for_every_code(asked), "");
}

// Rows 8 j and 8 j + 4 of pairs of nibbles, in fours of one row: a mask each, the upper row 16
// times what it was.
TEST(ScaleGroups, LeaveNibblesWhereTheyAreInBytes) {
  ConversionRequest asked = request(unsigned_type(4), kU8, 32);
  asked.unnormalised = asked.finite = true;
  set_encoding(asked, layouts::Encoding::preferred(4));
  const auto places = std::move(asked.source_bits);
  asked.source_bits.clear();
  for (std::uint32_t e = 0; e < 32; ++e) {
    // of each word the halves (k), rows and pairs; a register wants row, pair, half
    const std::uint32_t half = e % 2, pair = e / 2 % 2, row = e / 4 % 2;
    const std::uint32_t from = e / 8 * 8 + half * 4 + row * 2 + pair;
    for (std::uint32_t j = 0; j < 4; ++j) asked.source_bits.push_back(places[from * 4 + j]);
    asked.scale_groups.push_back(row);
  }
  const auto lowered = lower_conversion(asked);
  ASSERT_TRUE(lowered);
  for (std::size_t e = 0; e < 32; ++e) EXPECT_EQ(lowered->scales[e], e / 4 % 2 ? -4 : 0) << e;
  EXPECT_EQ(ops_per_element(asked), 0.25);
  EXPECT_EQ(difference_for_every_code(asked), "");
}

}  // namespace
}  // namespace bitloom::vm
