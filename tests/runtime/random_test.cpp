// Random arrays: the generator is the published one, values are the same everywhere and of the
// promised kind.
#include "runtime/host/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "vm/numerics.h"

namespace bitloom::runtime {
namespace {

// kat_vectors of Random123 1.14, philox 4x32, 10 rounds.
TEST(Random, PhiloxGivesThePublishedValues) {
  EXPECT_EQ(philox({0, 0, 0, 0}, 0), (Philox{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, ~0ull),
            (Philox{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822),
            (Philox{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, ElementsDependOnSeedStreamAndPlaceAlone) {
  const auto a = random_array(vm::kF32, {10}, 7), b = random_array(vm::kF32, {2, 5}, 7);
  EXPECT_TRUE(std::ranges::equal(a->bytes(), b->bytes()));
  EXPECT_FALSE(std::ranges::equal(a->bytes(), random_array(vm::kF32, {10}, 8)->bytes()));
  EXPECT_FALSE(std::ranges::equal(a->bytes(), random_array(vm::kF32, {10}, 7, 1)->bytes()));
}

TEST(Random, FirstValuesNeverChange) {
  const auto f32 = random_array(vm::kF32, {2}, 1);
  EXPECT_EQ(f32->code(0), 3173983094u);  // about -0.043
  EXPECT_EQ(f32->code(1), 1057021997u);  // about 0.503
  const auto u4 = random_array(vm::unsigned_type(4), {8}, 1);
  std::vector<std::uint64_t> codes;
  for (std::size_t i = 0; i < u4->size(); ++i) codes.push_back(u4->code(i));
  EXPECT_EQ(codes, (std::vector<std::uint64_t>{14, 10, 3, 12, 3, 2, 7, 7}));
}

TEST(Random, FloatsAreAboutNormal) {
  const auto array = random_array(vm::kF64, {100'000}, 3);
  double sum = 0, squares = 0, fourth = 0, largest = 0;
  for (const double x : array->as<double>()) {
    sum += x, squares += x * x, fourth += x * x * x * x;
    largest = std::max(largest, std::fabs(x));
  }
  const double n = 100'000;
  EXPECT_NEAR(sum / n, 0, 0.02);
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NEAR(fourth / n, 2.85, 0.1);  // 3 - 6 / (5 * 8): eight uniform parts
  EXPECT_GT(largest, 3.5);
  EXPECT_LT(largest, 4.9);
}

TEST(Random, NarrowTypesGetEveryFiniteCode) {
  for (const vm::ElementType type : vm::all_element_types()) {
    if (!type.is_narrow() || type == vm::kE8M0) continue;
    std::set<std::uint64_t> expected, seen;
    for (std::uint64_t code = 0; code < 1ull << type.bits; ++code)
      if (std::isfinite(vm::decode(type, code))) expected.insert(code);
    const auto array = random_array(type, {8192}, 11);
    for (std::size_t i = 0; i < array->size(); ++i) seen.insert(array->code(i));
    EXPECT_EQ(seen, expected) << vm::to_string(type);
  }
}

TEST(Random, EveryTypeGetsFiniteValuesOfModestSize) {
  for (const vm::ElementType type : vm::all_element_types()) {
    const auto array = random_array(type, {1000}, 5);
    ASSERT_TRUE(array);
    double largest = 0;
    for (std::size_t i = 0; i < array->size(); ++i)
      largest = std::max(largest, std::fabs(vm::decode(type, array->code(i))));
    EXPECT_GT(largest, 0) << vm::to_string(type);
    if (type.is_narrow()) continue;
    EXPECT_LE(largest, 255) << vm::to_string(type);
  }
}

}  // namespace
}  // namespace bitloom::runtime
