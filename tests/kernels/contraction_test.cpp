// Products that no shipped kernel has: 2:4 sparse ones of every type, and doubles on the tensor
// cores. Numbers are small and whole, so sums are exact.
#include <fmt/format.h>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

HostArray small_numbers(vm::ElementType type, runtime::Shape shape, std::mt19937_64& random) {
  HostArray array = zeros(type, std::move(shape));
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::int64_t number = pick(random, type.is_signed() ? -4 : 0, 4);
    array.set_code(i, vm::encode(type, static_cast<double>(number)));
  }
  return array;
}

TEST(SparseProduct, OfEveryTypeIsThatOfTheDenseMatrix) {
  std::mt19937_64 random(test_seed() + 40);
  struct Types {
    const char *a, *b, *c;
  };
  const Types all[] = {{"f16", "f16", "f32"},   {"f16", "f16", "f16"},   {"bf16", "bf16", "f32"},
                       {"tf32", "tf32", "f32"}, {"e4m3", "e5m2", "f32"}, {"e5m2", "e4m3", "f16"},
                       {"i8", "u8", "i32"},     {"u8", "u8", "i32"}};
  constexpr std::int64_t kM = 32, kN = 16, kK = 64;
  constexpr std::uint64_t kPlaces[] = {0x4, 0x8, 0x9, 0xc, 0xd, 0xe};
  for (const Types& types : all) {
    SCOPED_TRACE(fmt::format("{} {} {}", types.a, types.b, types.c));
    const auto array = [&](const char* type, runtime::Shape shape) {
      return small_numbers(*vm::parse_element_type(type), std::move(shape), random);
    };
    const HostArray a = array(types.a, {kM, kK / 2}), b = array(types.b, {kK, kN}),
                    c = array(types.c, {kM, kN});
    HostArray places = zeros(vm::kU8, {kM, kK / 8});
    for (std::size_t i = 0; i < places.size(); ++i)
      places.set_code(i, kPlaces[pick(random, 0, 5)] | kPlaces[pick(random, 0, 5)] << 4);
    KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "sparse", .target = "sm_90a"};
    run.generics = {{"A", types.a}, {"B", types.b}, {"C", types.c}};
    run.request.arguments = {
        {"a", {a, "a"}}, {"places", {places, "p"}}, {"b", {b, "b"}}, {"c", {c, "c"}}};
    run.request.outputs = {"d"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("d"));
    for (std::int64_t i = 0; i < kM; ++i) {
      for (std::int64_t j = 0; j < kN; ++j) {
        double sum = at(c, i * kN + j);
        for (std::int64_t h = 0; h < kK / 2; ++h) {
          const std::uint64_t byte = places.code(static_cast<std::size_t>(i * kK / 8 + h / 4));
          const auto place = static_cast<std::int64_t>(byte >> (h % 4 * 2) & 3);
          sum += at(a, i * kK / 2 + h) * at(b, (h / 2 * 4 + place) * kN + j);
        }
        EXPECT_EQ(at(results.at("d"), i * kN + j), sum) << i << ", " << j;
      }
    }
  }
}

TEST(Doubles, MultiplyOnTheTensorCores) {
  std::mt19937_64 random(test_seed() + 41);
  constexpr std::int64_t kM = 24, kN = 32, kK = 20;
  const HostArray a = small_numbers(vm::kF64, {kM, kK}, random),
                  b = small_numbers(vm::kF64, {kK, kN}, random);
  for (const char* target : {"sm_80", "sm_90a"}) {
    KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "doubles", .target = target};
    run.request.arguments = {{"a", {a, "a"}}, {"b", {b, "b"}}};
    run.request.outputs = {"c"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("c"));
    for (std::int64_t i = 0; i < kM; ++i) {
      for (std::int64_t j = 0; j < kN; ++j) {
        double sum = 0;
        for (std::int64_t k = 0; k < kK; ++k) sum += at(a, i * kK + k) * at(b, k * kN + j);
        EXPECT_EQ(at(results.at("c"), i * kN + j), sum) << target << " " << i << ", " << j;
      }
    }
  }
}

}  // namespace
}  // namespace bitloom::test
