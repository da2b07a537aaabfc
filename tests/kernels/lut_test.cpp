// The kernels of lut_gemv.bl against float64, as kernels/lut/lut_plan.h plans them.
#include <fmt/format.h>

#include "kernels/lut/lut_plan.h"
#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

using kernels::LutPlan;
using kernels::LutProblem;
using kernels::LutTables;
using kernels::plan_lut_gemv;

std::int64_t table_of(const LutProblem& p, std::int64_t k, std::int64_t n) {
  switch (p.tables) {
    case LutTables::Tensor:
      return 0;
    case LutTables::Groups:
      return k / p.group;
    case LutTables::Columns:
      return n;
  }
  return 0;
}

std::int64_t table_count(const LutProblem& p) {
  return table_of(p, p.k - 1, p.n - 1) + 1;
}

void check(const LutProblem& p, const char* target, int sms, std::mt19937_64& random) {
  const auto plan = plan_lut_gemv(p, sms);
  ASSERT_TRUE(plan) << plan.error().message;
  SCOPED_TRACE(fmt::format("{} {} bits={} {} m={} k={} n={} group={} splits={}", plan->kernel,
                           target, p.bits, p.activations, p.m, p.k, p.n, p.group, plan->splits));
  const vm::ElementType type = *vm::parse_element_type(p.activations);
  const std::int64_t entries = std::int64_t{1} << p.bits;
  const HostArray x = normal(type, {p.m, p.k}, random),
                  table = normal(type, {table_count(p), entries}, random),
                  code = codes(vm::codebook_type(p.bits), {p.k, p.n}, random);
  KernelRun run{.file = "lut/lut_gemv.bl",
                .kernel = plan->kernel,
                .generics = plan->generics,
                .target = target};
  run.request.sizes = {{"splits", plan->splits}};
  run.request.arguments = {{"x", {x, "x"}},
                           {"code", {code, "code"}},
                           {"table", {table, "table"}},
                           {"part", {zeros(vm::kF32, plan->part), "part"}},
                           {"ticket", {zeros(vm::kU32, plan->ticket), "ticket"}}};
  run.request.outputs = {"y", "ticket"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  for (std::size_t i = 0; i < results.at("ticket").size(); ++i)
    EXPECT_EQ(results.at("ticket").code(i), 0u);
  std::vector<double> expected(static_cast<std::size_t>(p.m * p.n), 0.0);
  for (std::int64_t k = 0; k < p.k; ++k) {
    for (std::int64_t n = 0; n < p.n; ++n) {
      const auto entry =
          static_cast<std::int64_t>(code.code(static_cast<std::size_t>(k * p.n + n)));
      const double w = at(table, table_of(p, k, n) * entries + entry);
      for (std::int64_t m = 0; m < p.m; ++m)
        expected[static_cast<std::size_t>(m * p.n + n)] += at(x, m * p.k + k) * w;
    }
  }
  EXPECT_LT(relative_error(results.at("y"), expected), type == vm::kF16 ? 1e-3 : 6e-3);
}

LutProblem draw(int bits, LutTables tables, bool sums, std::mt19937_64& random) {
  LutProblem p{.bits = bits, .tables = tables, .sums = sums};
  p.m = sums ? pick(random, 1, 3) : pick(random, 1, 32);
  p.n = pick(random, 1, 600);
  p.k = 64 * pick(random, 1, 20);
  if (tables == LutTables::Groups) {
    p.group = 64 * pick(random, 1, 3);
    p.k = p.group * pick(random, 1, 6);
  }
  if (pick(random, 0, 2) == 0) p.activations = "bf16";
  return p;
}

TEST(LutGemv, TablesOfWeightsAgreeWithFloat64) {
  std::mt19937_64 random(test_seed() + 3);
  for (const int bits : {1, 2, 3, 4, 8}) {
    for (const LutTables tables : {LutTables::Tensor, LutTables::Groups, LutTables::Columns}) {
      check(draw(bits, tables, false, random), pick(random, 0, 1) == 0 ? "sm_80" : "sm_90a",
            static_cast<int>(pick(random, 1, 4)), random);
    }
  }
}

TEST(LutGemv, TablesOfSumsAgreeWithFloat64) {
  std::mt19937_64 random(test_seed() + 4);
  for (const int bits : {1, 2, 3, 4}) {
    for (const LutTables tables : {LutTables::Tensor, LutTables::Groups}) {
      check(draw(bits, tables, true, random), pick(random, 0, 1) == 0 ? "sm_80" : "sm_90a",
            static_cast<int>(pick(random, 1, 4)), random);
    }
  }
}

TEST(LutGemv, PartsOfKFillTheGpu) {
  const auto splits = [](std::int64_t m, std::int64_t k, std::int64_t n) {
    return plan_lut_gemv({.m = m, .k = k, .n = n}, 132)->splits;
  };
  EXPECT_EQ(splits(1, 8192, 8192), 12);    // 32 tiles, room for 396 blocks
  EXPECT_EQ(splits(1, 512, 256), 1);       // not more units than one part should have
  EXPECT_EQ(splits(64, 8192, 131072), 1);  // enough tiles
}

TEST(LutGemv, RefusesWhatNoKernelTakes) {
  const auto code = [](const LutProblem& p) {
    const auto plan = plan_lut_gemv(p, 132);
    return plan ? std::string() : plan.error().code;
  };
  EXPECT_EQ(code({.bits = 4, .k = 64, .n = 1}), "");
  EXPECT_EQ(code({.bits = 5, .k = 64, .n = 1}), "BL1103");
  EXPECT_EQ(code({.bits = 4, .k = 96, .n = 1}), "BL1103");
  EXPECT_EQ(code({.bits = 4, .k = 256, .n = 1, .tables = LutTables::Groups, .group = 96}),
            "BL1103");
  EXPECT_EQ(code({.bits = 4, .k = 64, .n = 1, .tables = LutTables::Columns, .sums = true}),
            "BL1103");
  EXPECT_EQ(code({.bits = 8, .k = 64, .n = 1, .sums = true}), "BL1103");
}

}  // namespace
}  // namespace bitloom::test
