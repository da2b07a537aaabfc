// What plans of products decide without a GPU: which problems there are, configurations and tables
// as text, the order of columns, the weights of measurements.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "kernels/gemm/tuning_table.h"
#include "kernels/gemm/weights.h"
#include "kernels/measure/graph_timer.h"
#include "kernels/measure/random_weights.h"
#include "tests/codegen/lowered_kernel.h"
#include "tests/kernels/arrays.h"

namespace bitloom::kernels {
namespace {

using testing::HasSubstr;

constexpr vm::Target kHopper{90, true}, kAmpere{80, false};

std::string refused(const GemmProblem& problem) {
  const auto result = check(problem);
  if (result) return "";
  EXPECT_EQ(result.error().code, "BL1120");
  return result.error().message;
}

TEST(GemmProblem, IsRefusedByName) {
  EXPECT_EQ(refused({.m = 0, .n = 8, .k = 64, .group = 64}), "");
  EXPECT_EQ(refused({.m = 3, .n = 8, .k = 64, .group = 32}), "");
  EXPECT_THAT(refused({.m = 1, .n = 12, .k = 128}), HasSubstr("n = 12 is not a multiple of 8"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 96, .group = 32}),
              HasSubstr("k = 96 is not a multiple of 64"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 192}),
              HasSubstr("not a multiple of the group size 128"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 64, .group = 16}), HasSubstr("group size 16"));
  EXPECT_THAT(refused({.m = -1, .n = 8, .k = 128}), HasSubstr("m is at least 0"));
  EXPECT_THAT(refused({.m = 1, .n = std::int64_t{1} << 31, .k = 128}), HasSubstr("less than 2^31"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 128, .weight = vm::kF16}), HasSubstr("not f16"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 128, .activation = vm::kF32}), HasSubstr("not f32"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 128, .zero = vm::kU8}),
              HasSubstr("only unsigned weights"));
  EXPECT_EQ(refused({.m = 32, .n = 8, .k = 64, .activation_codes = vm::kI8, .group = 64}), "");
  EXPECT_THAT(refused({.m = 33, .n = 8, .k = 64, .activation_codes = vm::kI8, .group = 64}),
              HasSubstr("x has 32 rows at most"));
  EXPECT_THAT(refused({.m = 1, .n = 8, .k = 128, .activation_codes = vm::kE4M3}),
              HasSubstr("quantised to i8, not e4m3"));
  EXPECT_THAT(
      refused(
          {.m = 1, .n = 8, .k = 128, .weight = vm::float_type(2, 1), .activation_codes = vm::kI8}),
      HasSubstr("integer weights, not e2m1"));
}

TEST(GemmProblem, ActivationsAreTextAndBack) {
  for (const char* text : {"f16", "bf16", "i8", "bf16:i8"}) {
    GemmProblem p{.m = 1, .n = 8, .k = 128};
    ASSERT_TRUE(parse_activation(text, p)) << text;
    EXPECT_EQ(activation_text(p), text);
    EXPECT_TRUE(check(p)) << text;
  }
  GemmProblem p;
  for (const char* wrong : {"", "half", "bf16:", ":i8", "f16:fast"})
    EXPECT_FALSE(parse_activation(wrong, p)) << wrong;
}

TEST(GemmProblem, CountsItsBytes) {
  // 3 bits · 128 · 64 (n rounded up to 64), one scale a column, x and y of one row.
  EXPECT_EQ(operator_bytes({.m = 1, .n = 8, .k = 128, .weight = vm::unsigned_type(3)}),
            3 * 128 * 64 / 8 + 8 * 2 + (128 + 8) * 2);
}

TEST(GemmConfig, IsTextAndBack) {
  const std::string text = "stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1";
  const auto config = parse_gemm_config(text);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(to_string(*config), text);
  EXPECT_EQ(config->number("KW"), 4);
  for (const char* wrong :
       {"", "fast", "stream", "stream M=8", "stream M=x NW=1 KW=4 D=2 B=2 U=128",
        "tile BM=16 BN=128 S=0", "tile BM=16 BN=128 S=3 Q=1"}) {
    const auto refused = parse_gemm_config(wrong);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, "BL1121");
  }
}

TEST(GemmConfig, CandidatesCanComputeWhatTheyAreFor) {
  std::mt19937_64 random(test::test_seed());
  for (int i = 0; i < 200; ++i) {
    GemmProblem p{.m = test::pick(random, 1, 300),
                  .n = 8 * test::pick(random, 1, 600),
                  .k = 64 * test::pick(random, 1, 100)};
    p.weight = test::pick(random, 0, 1)
                   ? vm::unsigned_type(static_cast<int>(test::pick(random, 1, 8)))
                   : vm::float_type(3, 2);
    p.group = test::pick(random, 0, 1) ? 64 : p.k;
    if (p.m <= 32 && p.weight.is_integer() && test::pick(random, 0, 1))
      p.activation_codes = vm::kI8;
    const vm::Target target = test::pick(random, 0, 1) ? kHopper : kAmpere;
    const auto candidates = gemm_candidates(p, target);
    EXPECT_FALSE(candidates.empty()) << to_string(p);
    for (const GemmConfig& config : candidates) {
      EXPECT_TRUE(check(config, p, target)) << to_string(config);
      EXPECT_EQ(*parse_gemm_config(to_string(config)), config);
    }
  }
}

TEST(GemmConfig, SaysWhyItCannot) {
  const GemmConfig eight = *parse_gemm_config("stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1");
  const auto reason = [&](const GemmConfig& config, const GemmProblem& p, vm::Target target) {
    const auto result = check(config, p, target);
    return result ? std::string() : result.error().message;
  };
  EXPECT_THAT(reason(eight, {.m = 9, .n = 64, .k = 128}, kHopper),
              HasSubstr("8 rows of x at most"));
  EXPECT_THAT(reason(eight, {.m = 1, .n = 64, .k = 192, .group = 64}, kHopper),
              HasSubstr("U = 128"));
  EXPECT_THAT(reason(*parse_gemm_config("wgmma T=64 F=2 R=128 D=4 P=1 B=1"),
                     {.m = 64, .n = 256, .k = 128}, kAmpere),
              HasSubstr("sm_90a"));
  EXPECT_THAT(reason(*parse_gemm_config("wgmma T=64 F=2 R=128 D=4 P=1 B=1"),
                     {.m = 64, .n = 264, .k = 128}, kHopper),
              HasSubstr("n of 256"));
  // 40 tokens are 32 and 8 that would be left out.
  EXPECT_THAT(reason(*parse_gemm_config("wgmma T=40 F=1 R=128 D=4 P=1 B=1"),
                     {.m = 40, .n = 128, .k = 128}, kHopper),
              HasSubstr("a multiple of it"));
  EXPECT_THAT(reason(*parse_gemm_config("wgmma T=96 F=1 R=128 D=4 P=2 B=1"),
                     {.m = 96, .n = 128, .k = 256}, kHopper),
              HasSubstr("a multiple of it"));
  EXPECT_THAT(reason(eight, {.m = 1, .n = 64, .k = 128, .activation_codes = vm::kI8}, kHopper),
              HasSubstr("does not quantise activations to i8"));
  const GemmConfig codes = *parse_gemm_config("int8 M=8 NW=1 KW=4 D=2 B=2 U=128");
  EXPECT_THAT(reason(codes, {.m = 1, .n = 64, .k = 128}, kHopper), HasSubstr("not quantised"));
  EXPECT_THAT(reason(*parse_gemm_config("int8 M=8 NW=1 KW=4 D=2 B=2 U=256"),
                     {.m = 1, .n = 64, .k = 256, .activation_codes = vm::kI8}, kHopper),
              HasSubstr("sums of U = 128"));
}

// What is offered fits: shared memory, threads, registers of roles, conditions of the kernels.
TEST(GemmConfig, EveryCandidateIsLowered) {
  std::mt19937_64 random{test::test_seed() + 30};
  for (int draw = 0; draw < 24; ++draw) {
    const bool hopper = draw % 4 != 3;
    const vm::Target target = hopper ? kHopper : kAmpere;
    GemmProblem p{.m = std::int64_t{1} << test::pick(random, 0, 12),
                  .n = 128 * test::pick(random, 1, 300),
                  .k = 256 * test::pick(random, 1, 60)};
    p.group = 32 << test::pick(random, 0, 3);
    p.weight = draw % 3 == 0 ? vm::float_type(4, 3)
                             : vm::unsigned_type(static_cast<int>(test::pick(random, 1, 8)));
    if (draw % 3 == 1) p.zero = vm::kU8;
    if (draw % 2 == 0) p.activation = p.scale = vm::kBF16;
    const std::vector<GemmConfig> configs = gemm_candidates(p, target);
    ASSERT_FALSE(configs.empty()) << to_string(p);
    for (int sample = 0; sample < 5; ++sample) {
      const GemmConfig& config = configs[static_cast<std::size_t>(
          test::pick(random, 0, static_cast<int>(configs.size()) - 1))];
      SCOPED_TRACE(to_string(p) + " by " + to_string(config));
      const std::string kernel = config.kernel == "tile" ? "gemm" : "gemm_" + config.kernel;
      std::map<std::string, std::string> generics = {{"W", vm::to_string(p.weight)},
                                                     {"A", vm::to_string(p.activation)},
                                                     {"G", std::to_string(p.group)}};
      if (config.kernel != "tile") generics["S"] = vm::to_string(p.scale);
      if (p.zero) generics["Z"] = vm::to_string(*p.zero);
      for (const auto& [name, value] : config.numbers) generics[name] = std::to_string(value);
      std::set<std::string> present;
      if (p.zero) present.insert("zero");
      if (config.number("P") > 1) present.insert({"part", "ticket"});
      const auto lowered = test::lower_kernel("kernels/gemm/" + kernel + ".bl", kernel, generics,
                                              hopper ? "sm_90a" : "sm_80", true, present);
      EXPECT_TRUE(lowered.cuda) << lowered.complaints;
    }
  }
}

TEST(TuningTable, TheNearestRowServesOthers) {
  TuningTable table;
  const GemmConfig small = *parse_gemm_config("stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1"),
                   large = *parse_gemm_config("tile BM=64 BN=128 S=3"),
                   odd = *parse_gemm_config("stream M=16 NW=1 KW=4 D=2 B=3 U=64 C=1");
  table.set({{.m = 8, .n = 8192, .k = 8192}, small, 13});
  table.set({{.m = 128, .n = 8192, .k = 8192}, large, 50});
  table.set({{.m = 16, .n = 4096, .k = 4096, .weight = vm::unsigned_type(3)}, odd, 7});
  EXPECT_EQ(table.choose({.m = 5, .n = 6144, .k = 4096}, kHopper), small);
  EXPECT_EQ(table.choose({.m = 100, .n = 6144, .k = 4096}, kHopper), large);
  EXPECT_EQ(table.choose({.m = 9, .n = 4096, .k = 4096, .weight = vm::unsigned_type(3)}, kHopper),
            odd);
  // small takes 8 rows at most, so what is nearest does not do.
  EXPECT_NE(table.choose({.m = 12, .n = 8192, .k = 8192}, kHopper), small);
  EXPECT_TRUE(check(TuningTable().choose({.m = 3, .n = 8, .k = 64, .group = 32}, kAmpere),
                    {.m = 3, .n = 8, .k = 64, .group = 32}, kAmpere));
}

TEST(TuningTable, IsAFileAndBack) {
  const std::string path = testing::TempDir() + "/table.json";
  TuningTable table;
  table.device = "a GPU";
  table.set(
      {{.m = 8, .n = 8192, .k = 8192, .weight = vm::unsigned_type(4), .zero = vm::kU8, .group = 64},
       *parse_gemm_config("tile BM=16 BN=128 S=3"),
       13.25});
  table.set({{.m = 8, .n = 8192, .k = 8192},
             *parse_gemm_config("stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1"),
             12});
  table.set({{.m = 8, .n = 8192, .k = 8192},
             *parse_gemm_config("stream M=8 NW=1 KW=4 D=1 B=2 U=128 C=1"),
             11});
  const GemmProblem quantized{
      .m = 8, .n = 8192, .k = 8192, .activation = vm::kBF16, .activation_codes = vm::kI8};
  table.set({quantized, *parse_gemm_config("int8 M=8 NW=1 KW=4 D=1 B=2 U=128"), 10});
  ASSERT_TRUE(table.write(path));
  const auto again = TuningTable::read(path);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->device, "a GPU");
  ASSERT_EQ(again->rows.size(), 3u);
  EXPECT_NE(again->find(quantized), nullptr);
  EXPECT_EQ(again->rows[0].problem.zero, vm::kU8);
  EXPECT_EQ(to_string(again->rows[1].config), "stream M=8 NW=1 KW=4 D=1 B=2 U=128 C=1");
  EXPECT_EQ(again->rows[0].microseconds, 13.25);
  for (const char* wrong : {"", "[]", "{\"rows\": 3}", "{\"rows\": [1]}",
                            "{\"rows\": [{\"type\": \"i4\", \"act\": \"f16\", \"m\": 1, \"n\": 8, "
                            "\"k\": 64, \"group\": 64, \"config\": \"fast\"}]}",
                            "{\"rows\": [{\"type\": \"i4\", \"act\": \"f16\", \"m\": 1, \"n\": 9, "
                            "\"k\": 64, \"group\": 64, \"config\": \"tile BM=16 BN=128 S=3\"}]}"}) {
    std::ofstream(path) << wrong;
    const auto refused = TuningTable::read(path);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code, "BL1123");
  }
}

TEST(TuningTable, EveryShippedRowComputesItsProblem) {
  const TuningTable& table = TuningTable::shipped("NVIDIA H200");
  for (const TunedRow& row : table.rows)
    EXPECT_TRUE(check(row.config, row.problem, kHopper)) << to_string(row.problem);
  EXPECT_TRUE(check(table.choose({.m = 8, .n = 4096, .k = 4096}, kHopper),
                    {.m = 8, .n = 4096, .k = 4096}, kHopper));
}

TEST(GemmWeights, ColumnsLieInTheOrderOfTheLanes) {
  std::mt19937_64 random(test::test_seed() + 1);
  const std::int64_t groups = 3, n = 8 * test::pick(random, 1, 30);
  const auto numbers = test::normal(vm::kF16, {groups, n}, random);
  test::KernelRun run{.file = "gemm/gemm_stream.bl", .kernel = "order_columns"};
  run.request.arguments = {{"from", {numbers, "from"}}};
  run.request.outputs = {"to"};
  const auto results = test::must_run(run);
  ASSERT_TRUE(results.contains("to"));
  const auto ordered = order_columns(numbers);
  ASSERT_TRUE(ordered);
  EXPECT_EQ(ordered->shape(), results.at("to").shape());
  EXPECT_TRUE(std::ranges::equal(ordered->bytes(), results.at("to").bytes()));
}

TEST(RandomWeights, HaveFiniteColumns) {
  for (const char* type : {"i4", "u3", "e4m3", "e5m2"}) {
    const GemmProblem p{
        .m = 1, .n = 192, .k = 256, .weight = *vm::parse_element_type(type), .group = 64};
    const RandomWeights weights(p, 3);
    double most = 0;
    for (const std::int64_t column : {0, 77, 191}) {
      const auto numbers = weights.column(column);
      ASSERT_EQ(numbers.size(), 256u);
      for (const double number : numbers) {
        EXPECT_TRUE(std::isfinite(number));
        most = std::max(most, std::abs(number));
      }
    }
    EXPECT_GT(most, 0) << type;
  }
}

TEST(Timing, IsTheMedianWithItsTenths) {
  std::vector<double> samples;
  for (int i = 0; i <= 100; ++i) samples.push_back((i * 37) % 101);
  const Timing t = summary(samples);
  EXPECT_EQ(t.median, 50);
  EXPECT_EQ(t.p10, 10);
  EXPECT_EQ(t.p90, 90);
  EXPECT_EQ(t.runs, 101);
  EXPECT_EQ(summary({}).runs, 0);
}

}  // namespace
}  // namespace bitloom::kernels
