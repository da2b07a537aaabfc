// The products beside gemm.bl, against float64: streaming, warpgroup, grouped, sparse activations,
// bytes.
#include <fmt/format.h>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

// The activations as gemm_stream takes them.
std::map<std::string, HostArray> ordered(const HostArray& a) {
  KernelRun run{.file = "gemm/gemm_stream.bl", .kernel = "order_activations", .target = "sm_90a"};
  run.request.arguments = {{"a", {a, "a"}}};
  run.request.outputs = {"x", "sums"};
  return must_run(run);
}

TEST(GemmStream, AgreesWithFloat64ForAnySplit) {
  std::mt19937_64 random(test_seed());
  for (const char* type : {"u4", "i3", "e2m1", "i8", "u1", "e4m3"}) {
    for (const int sms : {1, 2, 5}) {
      const std::int64_t m = pick(random, 1, 8), k = 128 * pick(random, 1, 6),
                         n = 8 * pick(random, 1, 50);
      SCOPED_TRACE(fmt::format("W={} m={} k={} n={} sms={}", type, m, k, n, sms));
      const Operands o(*vm::parse_element_type(type), m, k, n, 128, random);
      const auto activations = ordered(o.a);
      ASSERT_TRUE(activations.contains("x"));
      KernelRun run{.file = "gemm/gemm_stream.bl",
                    .kernel = "gemm_stream",
                    .generics = {{"W", type}},
                    .target = "sm_90a"};
      run.request.device_sms = sms;
      run.request.sizes = {{"slots", 4 * sms}};
      run.request.arguments = {{"x", {activations.at("x"), "x"}},
                               {"sums", {activations.at("sums"), "sums"}},
                               {"w", {o.w, "w"}},
                               {"scale", {o.scale, "s"}},
                               {"part", {runtime::Source::Zeros{}, ""}},
                               {"ticket", {runtime::Source::Zeros{}, ""}}};
      run.request.outputs = {"c", "ticket"};
      const auto results = must_run(run);
      ASSERT_TRUE(results.contains("c"));
      EXPECT_LT(relative_error(results.at("c"), product(o.a, o.w, o.scale, m, k, n, 128)), 2e-3);
      for (std::size_t i = 0; i < results.at("ticket").size(); ++i)
        EXPECT_EQ(results.at("ticket").code(i), 0u);
    }
  }
}

TEST(GemmStream, TakesZeroPointsAndBothTypesOfActivations) {
  std::mt19937_64 random(test_seed() + 7);
  for (const vm::ElementType type : {vm::kF16, vm::kBF16}) {
    const std::int64_t m = pick(random, 1, 8), k = 128 * pick(random, 1, 4),
                       n = 8 * pick(random, 1, 40), group = 64;
    SCOPED_TRACE(fmt::format("A={} m={} k={} n={}", vm::to_string(type), m, k, n));
    const HostArray a = normal(type, {m, k}, random),
                    w = codes(vm::unsigned_type(4), {k, n}, random),
                    scale = normal(vm::kF16, {k / group, n}, random, 0.01, 0.1),
                    zero = codes(vm::unsigned_type(8), {k / group, n}, random);
    const auto activations = ordered(a);
    ASSERT_TRUE(activations.contains("x"));
    KernelRun run{.file = "gemm/gemm_stream.bl",
                  .kernel = "gemm_stream",
                  .generics = {{"W", "u4"}, {"G", "64"}},
                  .target = "sm_80"};
    run.request.device_sms = 2;
    run.request.sizes = {{"slots", 8}};
    run.request.arguments = {{"x", {activations.at("x"), "x"}},
                             {"sums", {activations.at("sums"), "sums"}},
                             {"w", {w, "w"}},
                             {"scale", {scale, "s"}},
                             {"zero", {zero, "z"}},
                             {"part", {runtime::Source::Zeros{}, ""}},
                             {"ticket", {runtime::Source::Zeros{}, ""}}};
    run.request.outputs = {"c"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("c"));
    std::vector<double> expected(static_cast<std::size_t>(m * n), 0.0);
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t kk = 0; kk < k; ++kk) {
        for (std::int64_t j = 0; j < n; ++j) {
          expected[static_cast<std::size_t>(i * n + j)] +=
              at(a, i * k + kk) * (at(w, kk * n + j) - at(zero, kk / group * n + j)) *
              at(scale, kk / group * n + j);
        }
      }
    }
    EXPECT_LT(relative_error(results.at("c"), expected), type == vm::kF16 ? 2e-3 : 1e-2);
  }
}

TEST(GemmWgmma, AgreesWithFloat64) {
  std::mt19937_64 random(test_seed() + 1);
  for (const char* type : {"u4", "i4", "e3m2", "u3"}) {
    const std::int64_t m = pick(random, 1, 200), k = 128 * pick(random, 1, 4), n = 256;
    SCOPED_TRACE(fmt::format("W={} m={} k={}", type, m, k));
    const Operands o(*vm::parse_element_type(type), m, k, n, 128, random);
    KernelRun run{.file = "gemm/gemm_wgmma.bl", .generics = {{"W", type}}, .target = "sm_90a"};
    run.request.arguments = {{"a", {o.a, "a"}}, {"w", {o.w, "w"}}, {"scale", {o.scale, "s"}}};
    run.request.outputs = {"c"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("c"));
    EXPECT_LT(relative_error(results.at("c"), product(o.a, o.w, o.scale, m, k, n, 128)), 2e-3);
  }
}

TEST(GroupedGemm, EachRowMeetsTheWeightsOfItsGroup) {
  std::mt19937_64 random(test_seed() + 2);
  const std::vector<int> offsets = {0, 5, 5, 38, 40};
  const std::int64_t groups = 4, rows = 40, k = 128, n = 8 * pick(random, 1, 40);
  const HostArray a = normal(vm::kF16, {rows, k}, random),
                  w = codes(vm::signed_type(4), {groups * k, n}, random);
  const HostArray scale = normal(vm::kF16, {groups, n}, random, 0.01, 0.1);
  KernelRun run{.file = "gemm/grouped_gemm.bl", .generics = {{"W", "i4"}}};
  run.request.device_sms = 3;
  run.request.sizes = {{"groups", groups}, {"k", k}};
  run.request.arguments = {{"a", {a, "a"}},
                           {"w", {w, "w"}},
                           {"scale", {scale, "s"}},
                           {"offset", {integers({5}, offsets), "o"}}};
  run.request.outputs = {"c"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("c"));
  std::vector<double> expected(static_cast<std::size_t>(rows * n), 0.0);
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t r = offsets[static_cast<std::size_t>(g)];
         r < offsets[static_cast<std::size_t>(g + 1)]; ++r) {
      for (std::int64_t kk = 0; kk < k; ++kk) {
        for (std::int64_t j = 0; j < n; ++j) {
          expected[static_cast<std::size_t>(r * n + j)] +=
              at(a, r * k + kk) * at(w, (g * k + kk) * n + j) * at(scale, g * n + j);
        }
      }
    }
  }
  EXPECT_LT(relative_error(results.at("c"), expected), 2e-3);
}

TEST(SparseGemv, SkipsWhatIsBelowTheThreshold) {
  std::mt19937_64 random(test_seed() + 5);
  const std::int64_t k = pick(random, 1, 2500), n = pick(random, 1, 400);
  SCOPED_TRACE(fmt::format("k={} n={}", k, n));
  const HostArray x = normal(vm::kF16, {k}, random), w = normal(vm::kF16, {k, n}, random);
  KernelRun run{.file = "sparse/sparse_gemv.bl"};
  run.request.arguments = {{"x", {x, "x"}},
                           {"w", {w, "w"}},
                           {"threshold", {1.0, ""}},
                           {"y", {zeros(vm::kF32, {n}), "y"}}};
  run.request.outputs = {"y"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  std::vector<double> expected(static_cast<std::size_t>(n), 0.0);
  for (std::int64_t i = 0; i < k; ++i) {
    if (std::abs(at(x, i)) <= 1.0) continue;
    for (std::int64_t j = 0; j < n; ++j)
      expected[static_cast<std::size_t>(j)] += at(x, i) * at(w, i * n + j);
  }
  EXPECT_LT(relative_error(results.at("y"), expected), 1e-5);
}

TEST(Int8Gemv, SumsAreExact) {
  std::mt19937_64 random(test_seed() + 6);
  const std::int64_t m = pick(random, 1, 3), n = pick(random, 1, 40), words = pick(random, 1, 2500);
  SCOPED_TRACE(fmt::format("m={} n={} words={}", m, n, words));
  const HostArray x = codes(vm::kI32, {m, words}, random), w = codes(vm::kI32, {n, words}, random),
                  sx = normal(vm::kF32, {m}, random), sw = normal(vm::kF32, {n}, random);
  KernelRun run{.file = "gemv/int8_gemv.bl"};
  run.request.arguments = {
      {"x", {x, "x"}}, {"w", {w, "w"}}, {"sx", {sx, "sx"}}, {"sw", {sw, "sw"}}};
  run.request.outputs = {"y"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  // Byte i of row r.
  const auto byte = [](const HostArray& array, std::int64_t row, std::int64_t length,
                       std::int64_t i) {
    const std::uint64_t word = array.code(static_cast<std::size_t>(row * length + i / 4));
    return static_cast<std::int8_t>(word >> 8 * (i % 4));
  };
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < 4 * words; ++k)
        sum += byte(x, i, words, k) * byte(w, j, words, k);
      const float scaled =
          static_cast<float>(sum) * static_cast<float>(at(sw, j)) * static_cast<float>(at(sx, i));
      ASSERT_EQ(at(results.at("y"), i * n + j), scaled) << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace bitloom::test
