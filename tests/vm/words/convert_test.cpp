// Every code of every narrow type, in every place, to every type that it may become.
#include "vm/words/convert.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "layouts/encoding.h"
#include "tests/vm/words/conversion_check.h"

namespace bitloom::vm {
namespace {

ElementType type_of(std::string_view name) {
  return *parse_element_type(name);
}

std::vector<ElementType> narrow_types() {
  std::vector<ElementType> types;
  for (const ElementType type : all_element_types())
    if (type.is_narrow()) types.push_back(type);
  types.push_back(codebook_type(3));
  return types;
}

const std::vector<ElementType>& wide_destinations() {
  static const std::vector<ElementType> types = {kF16, kBF16, kF32, kTF32, kI8,
                                                 kU8,  kI16,  kU16, kI32,  kU32};
  return types;
}

ConversionRequest request(ElementType from, ElementType to, int count, int sm = 80) {
  ConversionRequest asked;
  asked.source = from;
  asked.destination = to;
  asked.count = count;
  asked.sm = sm;
  return asked;
}

// Every bit of every element at a place of its own, drawn from a register with room to spare.
std::vector<std::uint32_t> scattered(int bits, int count, std::uint64_t seed) {
  std::vector<std::uint32_t> places(static_cast<std::size_t>(bits * count + 40));
  std::iota(places.begin(), places.end(), 0u);
  std::shuffle(places.begin(), places.end(), std::mt19937_64(seed));
  places.resize(static_cast<std::size_t>(bits * count));
  return places;
}

// Whole codes in another order.
std::vector<std::uint32_t> permuted(int bits, int count, std::uint64_t seed) {
  std::vector<std::uint32_t> order(static_cast<std::size_t>(count)), places;
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  for (const std::uint32_t e : order)
    for (int j = 0; j < bits; ++j)
      places.push_back(e * static_cast<std::uint32_t>(bits) + static_cast<std::uint32_t>(j));
  return places;
}

class EveryNarrowType : public testing::TestWithParam<ElementType> {};

TEST_P(EveryNarrowType, WidensInEveryPlaceOfADenseRegister) {
  for (const ElementType to : wide_destinations())
    for (const int count : {1, 2, 3, 5, 7, 16, 32, 33})
      EXPECT_EQ(difference_for_every_code(request(GetParam(), to, count)), "");
}

TEST_P(EveryNarrowType, WidensInAnyOrder) {
  for (const ElementType to : {kF16, kBF16, kF32, kI8, kU16})
    for (const int count : {4, 9, 16}) {
      ConversionRequest asked = request(GetParam(), to, count);
      asked.source_bits = permuted(GetParam().bits, count, 3);
      EXPECT_EQ(difference_for_every_code(asked), "");
    }
}

TEST_P(EveryNarrowType, WidensFromScatteredBitsUnderAConstant) {
  for (const ElementType to : {kF16, kBF16, kF32, kI8, kU16, kI32}) {
    ConversionRequest asked = request(GetParam(), to, 7);
    asked.source_bits = scattered(GetParam().bits, 7, 4);
    asked.xor_constant = 0xa6 & code_mask(GetParam());
    EXPECT_EQ(difference_for_every_code(asked), "");
  }
}

TEST_P(EveryNarrowType, WidensFromEveryEncoding) {
  for (const auto& encoding : layouts::Encoding::all(GetParam().bits))
    for (const ElementType to : {kF16, kBF16, kF32, kI8}) {
      ConversionRequest asked = request(GetParam(), to, encoding.elements());
      if (asked.count > 64) continue;
      set_encoding(asked, encoding);
      EXPECT_EQ(difference_for_every_code(asked), "") << encoding.to_string();
      set_encoding(asked, encoding.with_xor(std::uint64_t{1} << (GetParam().bits - 1)));
      EXPECT_EQ(difference_for_every_code(asked), "") << encoding.to_string();
    }
}

TEST_P(EveryNarrowType, WidensWithTheInstructionsOfSm90AndWithoutNaN) {
  for (const ElementType to : {kF16, kBF16, kF32, kTF32, kI8})
    for (const int count : {1, 6, 16}) {
      ConversionRequest asked = request(GetParam(), to, count, 90);
      EXPECT_EQ(difference_for_every_code(asked), "");
      asked.source_bits = permuted(GetParam().bits, count, 8);
      asked.xor_constant = 0x5b & code_mask(GetParam());
      EXPECT_EQ(difference_for_every_code(asked), "");
      asked.finite = true;
      EXPECT_EQ(difference_for_every_code(asked), "");
      asked.sm = 80;
      EXPECT_EQ(difference_for_every_code(asked), "");
    }
}

TEST_P(EveryNarrowType, MayStayUnnormalised) {
  for (const ElementType to : {kF16, kF32, kBF16, kE4M3, kE5M2, type_of("e3m4")})
    for (const int count : {3, 16, 32}) {
      ConversionRequest asked = request(GetParam(), to, count);
      asked.unnormalised = asked.finite = true;
      EXPECT_EQ(difference_for_every_code(asked), "");
      asked.source_bits = permuted(GetParam().bits, count, 6);
      EXPECT_EQ(difference_for_every_code(asked), "");
    }
}

TEST_P(EveryNarrowType, MayStayAnywhereInAByte) {
  if (!GetParam().is_integer() || GetParam().type_class == TypeClass::Signed) return;
  for (const int count : {3, 4, 16, 32})
    for (const bool grouped : {false, true}) {
      ConversionRequest asked = request(GetParam(), kU8, count);
      asked.unnormalised = asked.finite = true;
      for (int e = 0; grouped && e < count; ++e)
        asked.scale_groups.push_back(static_cast<std::uint32_t>(e / 4 % 2));
      EXPECT_EQ(difference_for_every_code(asked), "");
      asked.source_bits = permuted(GetParam().bits, count, 6);
      EXPECT_EQ(difference_for_every_code(asked), "");
    }
}

TEST_P(EveryNarrowType, BecomesEveryOtherNarrowType) {
  for (const ElementType to : narrow_types())
    for (const int sm : {80, 90})
      EXPECT_EQ(difference_for_every_code(request(GetParam(), to, 9, sm)), "");
}

// ---- What it costs ----------------------------------------------------------------------------

ConversionRequest placed_as(ElementType from, ElementType to, const layouts::Encoding& encoding,
                            bool free = false) {
  ConversionRequest asked = request(from, to, 32);
  set_encoding(asked, encoding);
  asked.unnormalised = free;
  asked.finite = true;
  return asked;
}

struct Bounds {
  double f16, free_f16, bf16, f32, i8;  // free: unnormalised
};

// What 32 elements of a type may cost an element, dense and in the order of the shipped kernels.
// Integers: half a mask, half an fma, half a byte permutation, and a share of the shifts; bf16 has
// only 7 bits for the code, and 8 bits need two parts. Small floats: half each of a permutation, a
// shift, two masks and a product.
Bounds dense_bounds(ElementType type) {
  if (type == kE8M0) return {3.5, 3.5, 2.5, 3, 5.8};
  if (type == kE5M2) return {0.5, 0.5, 2.5, 1.5, 5.3};
  if (type.is_float()) return {3.4, 2.9, 3.4, 4.4, 8.2};
  return {1.8, 1.8, 2.5, 2.5, type == kU8 ? 2.8 : 2};
}

Bounds preferred_bounds(ElementType type) {
  if (type == kE8M0) return {3.5, 3.5, 1.5, 3, 5.8};
  if (type == kE5M2) return {0.5, 0.5, 2.3, 1.5, 5.3};
  if (type.is_float()) return {2.9, 2.4, 2.9, 3.9, 7.5};
  return {1.6, 1.6, 2.3, 2.7, type == kU8 ? 2.8 : 1.5};
}

void expect_within(const Bounds& got, const Bounds& most, ElementType type) {
  EXPECT_LE(got.f16, most.f16) << to_string(type);
  EXPECT_LE(got.free_f16, most.free_f16) << to_string(type);
  EXPECT_LE(got.bf16, most.bf16) << to_string(type);
  EXPECT_LE(got.f32, most.f32) << to_string(type);
  EXPECT_LE(got.i8, most.i8) << to_string(type);
}

Bounds measure(ElementType type, const layouts::Encoding& encoding) {
  const auto ops = [&](ElementType to, bool free) {
    return ops_per_element(placed_as(type, to, encoding, free));
  };
  return {ops(kF16, false), ops(kF16, true), ops(kBF16, false), ops(kF32, false), ops(kI8, false)};
}

TEST(OpsPerElement, AreFewForEveryType) {
  fmt::print(
      "operations an element, 32 elements a thread, sm_80: dense / in the order of the shipped "
      "kernels\n");
  fmt::print("{:12} {:>13} {:>13} {:>13} {:>13} {:>13}\n", "", "f16", "unnormalised", "bf16", "f32",
             "i8");
  for (const ElementType type : narrow_types()) {
    const Bounds dense = measure(type, layouts::Encoding::dense(type.bits));
    const Bounds preferred = measure(type, layouts::Encoding::preferred(type.bits));
    const auto both = [&](double Bounds::*of) {
      return fmt::format("{:.2f} / {:.2f}", dense.*of, preferred.*of);
    };
    fmt::print("{:12} {:>13} {:>13} {:>13} {:>13} {:>13}\n", to_string(type), both(&Bounds::f16),
               both(&Bounds::free_f16), both(&Bounds::bf16), both(&Bounds::f32), both(&Bounds::i8));
    expect_within(dense, dense_bounds(type), type);
    expect_within(preferred, preferred_bounds(type), type);
  }
}

TEST(OpsPerElement, AreFewOnTheWayBack) {
  fmt::print(
      "operations an element, 32 elements a thread, sm_80 / sm_90\n{:12} {:>13} {:>13} {:>13}\n",
      "to", "f32", "f16", "bf16");
  for (const ElementType type : narrow_types()) {
    const auto both = [&](ElementType from) {
      const double old = ops_per_element(request(from, type, 32, 80)),
                   now = ops_per_element(request(from, type, 32, 90));
      EXPECT_LE(old, type.is_integer() ? 6 : 15) << to_string(from) << " to " << to_string(type);
      EXPECT_LE(now, old);
      return fmt::format("{:.2f} / {:.2f}", old, now);
    };
    fmt::print("{:12} {:>13} {:>13} {:>13}\n", to_string(type), both(kF32), both(kF16),
               both(kBF16));
  }
}

std::string type_name(const testing::TestParamInfo<ElementType>& tested) {
  return tested.param.type_class == TypeClass::Codebook
             ? "codebook" + std::to_string(tested.param.bits)
             : to_string(tested.param);
}

INSTANTIATE_TEST_SUITE_P(Types, EveryNarrowType, testing::ValuesIn(narrow_types()), type_name);

}  // namespace
}  // namespace bitloom::vm
