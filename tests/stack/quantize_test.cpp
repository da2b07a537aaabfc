// Quantised checkpoints: what is written, what it is worth, and what is refused.
#include "stack/quantize/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "runtime/host/random.h"
#include "stack/model/perplexity.h"
#include "stack/text/tokenizer.h"
#include "tests/stack/model_folder.h"
#include "vm/numerics.h"

namespace bitloom::stack {
namespace {

using runtime::HostArray;
using testing::HasSubstr;
using tests::TemporaryFolder;

std::vector<TokenId> dev_ids() {
  std::ifstream file(model_folder() + "/dev.txt", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return value_of(
      value_of(Tokenizer::from_file(model_folder() + "/tokenizer.json")).encode(text.str()));
}

vm::ElementType type_of(const char* name) {
  return *value_of(parse_weight_type(name));
}

// Every number lies within half a step of what its code stands for.
TEST(QuantizeWeight, CodesAreTheNearest) {
  const auto executor = make_interpreter(executor_options(true));
  constexpr std::int64_t kN = 40, kK = 192;
  const HostArray weight = value_of(runtime::random_array(vm::kBF16, {kN, kK}, 7));
  for (const char* name : {"u2", "u3", "u4", "u6", "u8", "i4", "e2m1", "e3m2", "e4m3", "nf4"}) {
    SCOPED_TRACE(name);
    const std::int64_t group = 64;
    const QuantizedWeight q =
        value_of(quantize_weight(*executor, "w", weight, type_of(name), group));
    const std::vector<float> numbers = dequantize(q);
    // The steps of a group: all numbers that a code of it may stand for.
    for (std::int64_t j = 0; j < kN; ++j) {
      for (std::int64_t g = 0; g < kK / group; ++g) {
        std::vector<double> values;
        QuantizedWeight all = q;
        const auto at = static_cast<std::size_t>(g * group * kN + j);
        for (std::uint64_t code = 0; code < (1u << q.info.type.bits); ++code) {
          const double zero = q.info.zero ? static_cast<double>(q.parts.at("zero").code(
                                                static_cast<std::size_t>(g * kN + j)))
                                          : 0;
          const double value =
              q.info.table
                  ? vm::decode(vm::kF16, q.parts.at("table").code(static_cast<std::size_t>(code)))
                  : vm::decode(q.info.type, code) - zero;
          if (!std::isfinite(value)) continue;
          values.push_back(value * vm::decode(vm::kF16, q.parts.at("scale").code(
                                                            static_cast<std::size_t>(g * kN + j))));
        }
        for (std::int64_t i = 0; i < group; ++i) {
          const double exact =
              vm::decode(vm::kBF16, weight.code(static_cast<std::size_t>(j * kK + g * group + i)));
          double best = INFINITY;
          for (const double value : values) best = std::min(best, std::abs(value - exact));
          const double mine = std::abs(numbers[at + static_cast<std::size_t>(i * kN)] - exact);
          // Zero points are whole numbers, so the ends of a group may lie half a step outside.
          ASSERT_LE(mine, best * 1.001 + 1e-6) << "column " << j << ", row " << g * group + i;
        }
      }
    }
  }
}

TEST(QuantizeWeight, RefusesGroupsThatDoNotFitAndWeightsThatAreNoNumbers) {
  const auto executor = make_interpreter(executor_options());
  HostArray weight = value_of(HostArray::zeros(vm::kF32, {8, 96}));
  EXPECT_EQ(quantize_weight(*executor, "w", weight, vm::kU8, 64).error().code, "BL0638");
  weight.set_code(3, 0x7FC00000);
  const auto result = quantize_weight(*executor, "w", weight, vm::kU8, 32);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "BL0639");
}

double perplexity_of(Executor& executor, const std::string& folder) {
  Model model = value_of(Model::load(value_of(Checkpoint::open(folder)), executor, Compute::F32));
  static const std::vector<TokenId> kIds = dev_ids();
  return value_of(perplexity(model, kIds, {.window = 512, .windows = 1})).value;
}

TEST(QuantizeCheckpoint, CostsWhatItsBitsSay) {
  const TemporaryFolder folder;
  const auto executor = make_interpreter(executor_options());
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  const double plain = perplexity_of(*executor, model_folder());
  const auto run = [&](const char* type, std::int64_t rank) {
    const std::string out = folder.path(std::string(type) + std::to_string(rank));
    QuantizeOptions options{QuantizePolicy({type_of(type), 128, rank}), {}, {}};
    const auto result = value_of(quantize_checkpoint(*executor, checkpoint, out, options));
    const double bits = type_of(type).bits + (type[0] == 'u' ? 24.0 : 16.0) / 128;
    if (rank == 0 && std::string_view(type) != "nf4") {
      EXPECT_NEAR(result.bits_per_weight(), bits, 1e-9) << type;
    }
    return perplexity_of(*executor, out);
  };
  const double u8 = run("u8", 0), u4 = run("u4", 0), u3 = run("u3", 0), nf4 = run("nf4", 0);
  EXPECT_NEAR(u8, plain, 0.02 * plain);
  EXPECT_GT(u4, u8 - 0.01);
  EXPECT_GT(u3, u4);
  EXPECT_LT(u4, 1.03 * plain);
  EXPECT_LT(u3, 1.10 * plain);
  EXPECT_LT(nf4, 1.03 * plain);
  EXPECT_LT(run("u3", 32), u3);
}

TEST(QuantizeCheckpoint, FollowsThePolicyAndCalibration) {
  const TemporaryFolder folder;
  const auto executor = make_interpreter(executor_options());
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  Model model = value_of(Model::load(checkpoint, *executor, Compute::F32));
  const auto ids = dev_ids();
  QuantizeOptions options{QuantizePolicy({vm::unsigned_type(4), 128, 0}),
                          value_of(input_scales(model, ids, 32, 2)),
                          {}};
  require(options.policy.add_exceptions(
      R"({"layers": [{"match": "*.0.mlp.down_proj", "type": "e3m2", "group": 32, "rank": 8},
                     {"match": "model.layers.0.*", "type": "none"}]})",
      "p.json"));
  const std::string out = folder.path("out");
  value_of(quantize_checkpoint(*executor, checkpoint, out, options));
  const Checkpoint quantized = value_of(Checkpoint::open(out));
  const QuantizedTensor* down = quantized.quantized("model.layers.0.mlp.down_proj.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(to_string(down->type), "e3m2");
  EXPECT_EQ(down->group, 32);
  EXPECT_EQ(down->method, "l2qer");
  EXPECT_EQ(quantized.quantized("model.layers.0.mlp.up_proj.weight"), nullptr);
  EXPECT_EQ(to_string(quantized.quantized("model.layers.1.mlp.up_proj.weight")->type), "u4");
  EXPECT_TRUE(Tokenizer::from_file(out + "/tokenizer.json"));
  // It runs, one token at a time too, without a hazard.
  const auto checked = make_interpreter(executor_options(true));
  Model small = value_of(Model::load(quantized, *checked, Compute::F32));
  KvCache cache = value_of(KvCache::create(*checked, small.config(), vm::kF32, 64));
  value_of(small.forward(std::span(ids).first(3), cache));
  value_of(small.forward(std::span(ids).subspan(3, 1), cache));
}

TEST(QuantizeCheckpoint, LeavesNothingBehindWhenItFails) {
  const TemporaryFolder folder;
  const auto executor = make_interpreter(executor_options());
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  QuantizeOptions options{QuantizePolicy({vm::unsigned_type(4), 100, 0}), {}, {}};
  const auto unfit = quantize_checkpoint(*executor, checkpoint, folder.path("out"), options);
  ASSERT_FALSE(unfit);
  EXPECT_EQ(unfit.error().code, "BL0638");
  EXPECT_EQ(folder.count(), 0u);
  folder.write("out", "");
  const auto taken = quantize_checkpoint(*executor, checkpoint, folder.path("out"), options);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, "BL0641");
  EXPECT_EQ(folder.count(), 1u);
}

TEST(QuantizePolicy, MatchesNames) {
  EXPECT_TRUE(matches("*", ""));
  EXPECT_TRUE(matches("a*b*c", "aXXbYc"));
  EXPECT_TRUE(matches("*.down_proj", "model.layers.0.mlp.down_proj"));
  EXPECT_FALSE(matches("*.down", "model.layers.0.mlp.down_proj"));
  EXPECT_FALSE(matches("a*b", "ab-"));
  EXPECT_TRUE(matches("*aab", "aaaab"));
}

TEST(QuantizePolicy, RefusesWhatIsMalformed) {
  const std::pair<const char*, const char*> cases[] = {
      {"{", "not JSON"},
      {"[]", "is not an object"},
      {R"({"layers": [], "layer": []})", "layer is no key of a policy"},
      {R"({"layers": [{"match": "*", "typ": "u4"}]})", "layers[0].typ is no key of a policy"},
      {R"({"layers": [{"type": "u4"}]})", "has no 'match'"},
      {R"({"layers": [{"match": "*", "type": "u9"}]})", "'u9' is no type"},
      {R"({"layers": [{"match": "*", "type": "e8m0"}]})", "'e8m0' is no type"},
      {R"({"layers": [{"match": "*", "group": 0}]})", "group is 0"},
  };
  for (const auto& [text, part] : cases) {
    const auto done = QuantizePolicy(QuantizeRule{}).add_exceptions(text, "p.json");
    ASSERT_FALSE(done) << part;
    EXPECT_EQ(done.error().code, "BL0642");
    EXPECT_THAT(done.error().message, HasSubstr(part));
  }
}

}  // namespace
}  // namespace bitloom::stack
