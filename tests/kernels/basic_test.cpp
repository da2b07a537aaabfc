// vector_add, softmax, layernorm and quantize against float64, on random shapes.
#include <fmt/format.h>

#include <array>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

TEST(VectorAdd, IsExact) {
  std::mt19937_64 random(test_seed());
  for (const vm::ElementType type : {vm::kF32, vm::kF16, vm::kBF16, vm::kI32, vm::kU8}) {
    const std::int64_t n = pick(random, 1, 5000);
    SCOPED_TRACE(fmt::format("{} n={}", to_string(type), n));
    KernelRun run{.file = "vector_add/vector_add.bl"};
    const HostArray a = normal(type, {n}, random, 20), b = normal(type, {n}, random, 20);
    run.request.arguments = {{"a", {a, "a"}}, {"b", {b, "b"}}};
    run.request.outputs = {"c"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("c"));
    for (std::int64_t i = 0; i < n; ++i) {
      const double sum = at(a, i) + at(b, i);
      const std::uint64_t expected =
          type == vm::kU8 ? static_cast<std::uint64_t>(sum) & 255 : vm::encode(type, sum);
      ASSERT_EQ(results.at("c").code(static_cast<std::size_t>(i)), expected) << i;
    }
  }
}

TEST(Softmax, RowsAgreeWithFloat64) {
  std::mt19937_64 random(test_seed() + 1);
  for (const vm::ElementType type : {vm::kF32, vm::kF16}) {
    const std::int64_t rows = pick(random, 1, 5), n = pick(random, 1, 3000);
    SCOPED_TRACE(fmt::format("{} rows={} n={}", to_string(type), rows, n));
    const HostArray x = normal(type, {rows, n}, random, 3);
    KernelRun run{.file = "softmax/softmax.bl"};
    run.request.arguments = {{"x", {x, "x"}}};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    for (std::int64_t r = 0; r < rows; ++r) {
      double top = -INFINITY, total = 0;
      for (std::int64_t i = 0; i < n; ++i) top = std::max(top, at(x, r * n + i));
      for (std::int64_t i = 0; i < n; ++i) total += std::exp(at(x, r * n + i) - top);
      for (std::int64_t i = 0; i < n; ++i) {
        const double expected = std::exp(at(x, r * n + i) - top) / total;
        ASSERT_NEAR(at(results.at("y"), r * n + i), expected,
                    1e-6 + expected * (type == vm::kF16 ? 1e-3 : 1e-5));
      }
    }
  }
}

TEST(LayerNorm, AgreesWithFloat64WithAndWithoutBias) {
  std::mt19937_64 random(test_seed() + 2);
  for (const bool biased : {false, true}) {
    const std::int64_t rows = pick(random, 1, 5), n = pick(random, 2, 3000);
    SCOPED_TRACE(fmt::format("rows={} n={} bias={}", rows, n, biased));
    const HostArray x = normal(vm::kF32, {rows, n}, random, 2),
                    weight = normal(vm::kF32, {n}, random), bias = normal(vm::kF32, {n}, random);
    KernelRun run{.file = "layernorm/layernorm.bl"};
    run.request.arguments = {{"x", {x, "x"}}, {"weight", {weight, "w"}}, {"eps", {1e-5, "eps"}}};
    if (biased) run.request.arguments["bias"] = {bias, "b"};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    for (std::int64_t r = 0; r < rows; ++r) {
      double mean = 0, variance = 0;
      for (std::int64_t i = 0; i < n; ++i) mean += at(x, r * n + i) / static_cast<double>(n);
      for (std::int64_t i = 0; i < n; ++i)
        variance += std::pow(at(x, r * n + i) - mean, 2) / static_cast<double>(n);
      for (std::int64_t i = 0; i < n; ++i) {
        const double expected =
            (at(x, r * n + i) - mean) / std::sqrt(variance + 1e-5) * at(weight, i) +
            (biased ? at(bias, i) : 0.0);
        ASSERT_NEAR(at(results.at("y"), r * n + i), expected, 2e-5 * (1 + std::abs(expected)));
      }
    }
  }
}

// The largest distance of a number inside the range of W to the nearest number of W, in steps of
// the scale.
double half_step(vm::ElementType type, double value) {
  const double nearest = vm::decode(type, vm::encode(type, value));
  return std::abs(nearest - value);
}

struct QuantizeCase {
  vm::ElementType type;
  std::int64_t k, n, group;
  bool zero;
};

void check_quantize(const QuantizeCase& c, std::mt19937_64& random) {
  SCOPED_TRACE(
      fmt::format("W={} k={} n={} G={} zero={}", to_string(c.type), c.k, c.n, c.group, c.zero));
  const HostArray x = normal(vm::kF16, {c.k, c.n}, random);
  KernelRun run{.file = "quantize/quantize.bl"};
  run.generics = {{"W", to_string(c.type)}, {"G", fmt::to_string(c.group)}};
  run.request.arguments = {{"x", {x, "x"}}};
  run.request.outputs = {"w", "scale"};
  if (c.zero) run.request.outputs.insert("zero");
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("w"));
  const HostArray &w = results.at("w"), &scale = results.at("scale");
  for (std::int64_t i = 0; i < c.k; ++i) {
    for (std::int64_t j = 0; j < c.n; ++j) {
      const std::int64_t g = i / c.group * c.n + j;
      const double s = at(scale, g), z = c.zero ? at(results.at("zero"), g) : 0,
                   code = at(w, i * c.n + j);
      ASSERT_GT(s, 0);
      // The code is the nearest one to x / s + z (division in f32 may tip a tie).
      const double target = at(x, i * c.n + j) / s + z;
      ASSERT_LE(std::abs(code - target), half_step(c.type, target) + 1e-4 * (1 + std::abs(target)))
          << i << ", " << j;
    }
  }
}

TEST(Quantize, CodesAreTheNearest) {
  std::mt19937_64 random(test_seed() + 3);
  for (const char* name :
       {"i4", "i1", "i8", "u4", "u1", "u8", "e2m1", "e3m2", "e4m3", "i3", "u2"}) {
    const vm::ElementType type = *vm::parse_element_type(name);
    const std::int64_t group =
        std::array<std::int64_t, 3>{32, 64, 128}[static_cast<std::size_t>(pick(random, 0, 2))];
    check_quantize({type, group * pick(random, 1, 3), 8 * pick(random, 1, 12), group, false},
                   random);
    if (type.type_class == vm::TypeClass::Unsigned) {
      check_quantize({type, group * pick(random, 1, 3), 8 * pick(random, 1, 12), group, true},
                     random);
    }
  }
  check_quantize({vm::unsigned_type(4), 200, 24, 200, true}, random);
  check_quantize({vm::signed_type(4), 37, 8, 37, false}, random);
}

}  // namespace
}  // namespace bitloom::test
