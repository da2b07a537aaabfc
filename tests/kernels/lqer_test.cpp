// The kernels of kernels/lqer/ against float64: any type of weights, group, rank and shape.
#include <fmt/format.h>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

struct LowRankProblem {
  std::int64_t m, k, n, group, rank;
  bool with_zero;
  HostArray x, w, scale, zero, left, right;
};

LowRankProblem draw(const char* weights, vm::ElementType activations, std::int64_t most_rows,
                    std::int64_t most_rank, std::mt19937_64& random) {
  LowRankProblem p{.m = pick(random, 1, most_rows),
                   .k = 0,
                   .n = 8 * pick(random, 1, 50),
                   .group = 64 * pick(random, 1, 2),
                   .rank = 16 * pick(random, 1, most_rank / 16),
                   .with_zero = weights[0] == 'u',
                   .x = {},
                   .w = {},
                   .scale = {},
                   .zero = {},
                   .left = {},
                   .right = {}};
  p.k = p.group * pick(random, 1, 6);
  const vm::ElementType type = *vm::parse_element_type(weights);
  p.x = normal(activations, {p.m, p.k}, random);
  p.w = codes(type, {p.k, p.n}, random);
  p.scale = normal(vm::kF16, {p.k / p.group, p.n}, random, 0.01, 0.1);
  p.zero = codes(vm::unsigned_type(3), {p.k / p.group, p.n}, random);
  p.left = normal(activations, {p.k, p.rank}, random, 0.2);
  p.right = normal(activations, {p.rank, p.n}, random, 0.2);
  return p;
}

std::string words(const LowRankProblem& p) {
  return fmt::format("W={} A={} m={} k={} n={} G={} R={}", vm::to_string(p.w.type()),
                     vm::to_string(p.x.type()), p.m, p.k, p.n, p.group, p.rank);
}

std::vector<double> expected_of(const LowRankProblem& p) {
  std::vector<double> y(static_cast<std::size_t>(p.m * p.n), 0.0);
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t k = 0; k < p.k; ++k) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        const std::int64_t g = k / p.group * p.n + j;
        const double q = at(p.w, k * p.n + j) - (p.with_zero ? at(p.zero, g) : 0);
        y[static_cast<std::size_t>(i * p.n + j)] += at(p.x, i * p.k + k) * q * at(p.scale, g);
      }
    }
    for (std::int64_t r = 0; r < p.rank; ++r) {
      double t = 0;
      for (std::int64_t k = 0; k < p.k; ++k) t += at(p.x, i * p.k + k) * at(p.left, k * p.rank + r);
      for (std::int64_t j = 0; j < p.n; ++j)
        y[static_cast<std::size_t>(i * p.n + j)] += t * at(p.right, r * p.n + j);
    }
  }
  return y;
}

std::map<std::string, runtime::Source> arguments_of(const LowRankProblem& p) {
  std::map<std::string, runtime::Source> arguments = {
      {"x", {p.x, "x"}}, {"w", {p.w, "w"}}, {"scale", {p.scale, "s"}}, {"right", {p.right, "B"}}};
  if (p.with_zero) arguments["zero"] = {p.zero, "z"};
  return arguments;
}

double tolerance(const LowRankProblem& p) {
  return p.x.type() == vm::kF16 ? 2e-3 : 1e-2;
}

constexpr const char* kWeights[] = {"u4", "i3", "e2m1", "i8", "u2", "i1", "e4m3", "u5"};

TEST(LqerDecode, AddsTheLowRankTermInOneLaunch) {
  std::mt19937_64 random(test_seed() + 4);
  int turn = 0;
  for (const char* weights : kWeights) {
    const LowRankProblem p = draw(weights, turn++ % 3 == 1 ? vm::kBF16 : vm::kF16,
                                  pick(random, 0, 1) == 0 ? 8 : 16, 256, random);
    const int sms = static_cast<int>(pick(random, 1, 4));
    const std::int64_t parts = pick(random, 1, std::min<std::int64_t>(sms, p.k / 64)),
                       rows = p.m <= 8 ? 8 : 16;
    SCOPED_TRACE(fmt::format("{} sms={} parts={}", words(p), sms, parts));
    KernelRun run{.file = "lqer/lqer_decode.bl",
                  .generics = {{"W", weights},
                               {"G", fmt::to_string(p.group)},
                               {"R", fmt::to_string(p.rank)},
                               {"M", fmt::to_string(rows)}},
                  .target = turn % 2 == 0 ? "sm_80" : "sm_90a"};
    run.request.device_sms = sms;
    run.request.sizes = {{"slots", 4 * sms}, {"parts", parts}};
    run.request.arguments = arguments_of(p);
    run.request.arguments["left"] = {p.left, "A"};
    for (const char* workspace : {"low", "t", "ready", "part", "ticket"})
      run.request.arguments[workspace] = {runtime::Source::Zeros{}, ""};
    run.request.outputs = {"y", "ready", "ticket"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    EXPECT_LT(relative_error(results.at("y"), expected_of(p)), tolerance(p));
    for (const char* counters : {"ready", "ticket"})
      for (std::size_t i = 0; i < results.at(counters).size(); ++i)
        EXPECT_EQ(results.at(counters).code(i), 0u);
  }
}

TEST(LqerGemm, TakesTheLowRankTermAsMoreSteps) {
  std::mt19937_64 random(test_seed() + 5);
  int turn = 0;
  for (const char* weights : kWeights) {
    const LowRankProblem p =
        draw(weights, turn++ % 3 == 1 ? vm::kBF16 : vm::kF16, 150, 128, random);
    SCOPED_TRACE(words(p));
    const char* target = turn % 2 == 0 ? "sm_80" : "sm_90a";
    KernelRun project{.file = "lqer/lqer_gemm.bl",
                      .kernel = "lqer_project",
                      .generics = {{"R", fmt::to_string(p.rank)}},
                      .target = target};
    project.request.arguments = {{"x", {p.x, "x"}}, {"left", {p.left, "A"}}};
    project.request.outputs = {"t"};
    const auto projected = must_run(project);
    ASSERT_TRUE(projected.contains("t"));
    KernelRun run{
        .file = "lqer/lqer_gemm.bl",
        .kernel = "lqer_gemm",
        .generics = {{"W", weights}, {"G", fmt::to_string(p.group)}, {"R", fmt::to_string(p.rank)}},
        .target = target};
    run.request.arguments = arguments_of(p);
    run.request.arguments["t"] = {projected.at("t"), "t"};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    EXPECT_LT(relative_error(results.at("y"), expected_of(p)), tolerance(p));
  }
}

}  // namespace
}  // namespace bitloom::test
