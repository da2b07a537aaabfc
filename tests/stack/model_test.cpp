// The forward pass against the same formulas in double, and the perplexity that transformers gets
// (tests/data/kjv-7m/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

#include "stack/model/perplexity.h"
#include "stack/model/token_ops.h"
#include "stack/text/tokenizer.h"
#include "tests/stack/plain_model.h"

namespace bitloom::stack {
namespace {

constexpr std::int64_t kRows = 4, kLength = 256, kVocabulary = 2048;

// Four pieces of the dev text. The file has logits and continuations of them, too, which are not
// those of the weights beside it: they are up to 2 away from what double gives, while all six
// perplexities that the same reference gives agree to the fourth digit.
const runtime::HostArray& pieces() {
  static const runtime::HostArray kPieces =
      value_of(value_of(runtime::SafetensorsFile::open(model_folder() + "/reference.safetensors"))
                   .read("input_ids"));
  return kPieces;
}

std::vector<TokenId> input(std::int64_t row, std::int64_t length = kLength) {
  const auto begin = pieces().as<std::int32_t>().begin() + row * kLength;
  return {begin, begin + length};
}

struct Engine {
  std::unique_ptr<Executor> executor;
  Model model;

  KvCache cache(bool reversed = false) {
    return value_of(KvCache::create(*executor, model.config(), model.element(), 512, reversed));
  }
};

Engine engine(Compute compute, bool checks = false) {
  auto executor = make_interpreter(executor_options(checks));
  auto model =
      value_of(Model::load(value_of(Checkpoint::open(model_folder())), *executor, compute));
  return {std::move(executor), std::move(model)};
}

constexpr double kBf16Bound = 5e-2;
constexpr std::int64_t kCompared = 96;  // tokens of a piece

PlainModel& plain() {
  static const Checkpoint kCheckpoint = value_of(Checkpoint::open(model_folder()));
  static PlainModel model(kCheckpoint);
  return model;
}

// The greatest distance of all logits of a piece from those in double.
double logits_error(Engine& e, std::int64_t row) {
  KvCache cache = e.cache();
  const Array hidden = value_of(e.model.forward(input(row, kCompared), cache));
  const auto logits = value_of(e.executor->read(value_of(e.model.logits(hidden))));
  const auto expected = plain().logits(input(row, kCompared));
  EXPECT_EQ(logits.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double error = std::abs(logits.as<float>()[i] - expected[i]);
    worst = error > worst || std::isnan(error) ? error : worst;
  }
  return worst;
}

TEST(Model, LogitsAreThoseOfDouble) {
  Engine e = engine(Compute::F32);
  for (const std::int64_t row : {0, 3}) EXPECT_LE(logits_error(e, row), 1e-3) << row;
}

TEST(Model, LogitsInBf16AreNearThoseOfDouble) {
  Engine e = engine(Compute::BF16);
  const double worst = logits_error(e, 0);
  RecordProperty("worst", std::to_string(worst));
  EXPECT_LE(worst, kBf16Bound);
  EXPECT_GT(worst, 1e-4);  // it did compute in bf16
}

// Sixteen tokens, each the likeliest behind all before it.
TEST(Model, GreedyContinuationsAreThoseOfDouble) {
  constexpr std::int64_t kPrompt = 24, kTokens = 16;
  Engine e = engine(Compute::F32);
  for (const std::int64_t row : {1, 2}) {
    KvCache cache = e.cache();
    std::vector<TokenId> ids = input(row, kPrompt);
    Array hidden = value_of(e.model.forward(ids, cache)).rows(kPrompt - 1, 1);
    for (std::int64_t i = 0; i < kTokens; ++i) {
      const auto logits = plain().logits(ids);
      const auto last = logits.end() - kVocabulary;
      const TokenId token =
          value_of(next_token(*e.executor, value_of(e.model.logits(hidden)), {}, 0));
      ASSERT_EQ(token, std::max_element(last, logits.end()) - last) << row << ", " << i;
      ids.push_back(token);
      hidden = value_of(e.model.forward(std::span(&token, 1), cache));
    }
  }
}

// Bit for bit, whatever the pages, and however the tokens are cut into calls.
TEST(Model, PagesMayLieAnywhere) {
  Engine e = engine(Compute::F32);
  const auto run = [&](bool reversed) {
    KvCache cache = e.cache(reversed);
    return value_of(e.executor->read(value_of(e.model.forward(input(0), cache))));
  };
  const auto forwards = run(false), backwards = run(true);
  EXPECT_TRUE(std::ranges::equal(forwards.bytes(), backwards.bytes()));
}

TEST(Model, ACacheThatIsClearedIsFresh) {
  Engine e = engine(Compute::F32);
  KvCache cache = e.cache();
  const auto first = value_of(e.executor->read(value_of(e.model.forward(input(1, 70), cache))));
  value_of(e.model.forward(input(2, 100), cache));
  cache.clear();
  const auto again = value_of(e.executor->read(value_of(e.model.forward(input(1, 70), cache))));
  EXPECT_TRUE(std::ranges::equal(first.bytes(), again.bytes()));
}

TEST(Model, TokensOneByOneGiveWhatAWholePromptGives) {
  Engine e = engine(Compute::F32);
  KvCache whole = e.cache(), single = e.cache();
  const auto all = value_of(e.executor->read(value_of(e.model.forward(input(3, 80), whole))));
  const std::int64_t hidden = e.model.config().hidden;
  const auto ids = input(3, 80);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto one =
        value_of(e.executor->read(value_of(e.model.forward(std::span(&ids[i], 1), single))));
    for (std::int64_t d = 0; d < hidden; ++d)
      ASSERT_NEAR(
          one.as<float>()[static_cast<std::size_t>(d)],
          all.as<float>()[i * static_cast<std::size_t>(hidden) + static_cast<std::size_t>(d)], 2e-4)
          << "token " << i;
  }
}

// Every kernel of the forward pass under the hazard checks of the interpreter.
TEST(Model, TheInterpreterFindsNoHazard) {
  for (const Compute compute : {Compute::F32, Compute::BF16}) {
    Engine e = engine(compute, true);
    KvCache cache = e.cache();
    const auto ids = input(0, 67);
    value_of(e.model.forward(std::span(ids).first(66), cache));
    const Array hidden = value_of(e.model.forward(std::span(ids).last(1), cache));
    const Array logits = value_of(e.model.logits(hidden));
    value_of(next_token(*e.executor, logits, {.temperature = 1, .min_p = 0.01, .seed = 3}, 0));
    value_of(token_losses(*e.executor, logits, std::vector<TokenId>{5}));
  }
}

TEST(Model, ATokenThatTheModelDoesNotHaveIsAFault) {
  Engine e = engine(Compute::F32);
  KvCache cache = e.cache();
  for (const TokenId id : {-1, 2048}) {
    const auto result = e.model.forward(std::span(&id, 1), cache);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().message.find("a token id is not in the table"), std::string::npos);
  }
}

TEST(Model, AFullContextIsSaid) {
  Engine e = engine(Compute::F32);
  KvCache cache = value_of(KvCache::create(*e.executor, e.model.config(), vm::kF32, 10));
  const auto result = e.model.forward(input(0, 11), cache);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "BL0640");
}

TEST(Perplexity, OfTheDevTextIsTheReferences) {
  std::ifstream file(model_folder() + "/dev.txt", std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const Tokenizer tokenizer = value_of(Tokenizer::from_file(model_folder() + "/tokenizer.json"));
  const auto ids = value_of(tokenizer.encode(text.str()));
  Engine e = engine(Compute::F32);
  std::vector<double> after;
  PerplexityOptions options{.windows = 4};
  options.progress = [&](std::int64_t, std::int64_t, double value) { after.push_back(value); };
  const Perplexity result = value_of(perplexity(e.model, ids, options));
  EXPECT_EQ(result.tokens, 4096);
  EXPECT_NEAR(result.value, 10.1098, 0.01);
  ASSERT_EQ(after.size(), 4u);
  EXPECT_NEAR(after[0], 11.1464, 0.01);
  EXPECT_NEAR(after[1], 12.2839, 0.01);
}

TEST(Perplexity, RefusesATextThatPredictsNothing) {
  Engine e = engine(Compute::F32);
  const auto result = perplexity(e.model, std::vector<TokenId>{1}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "BL0640");
  EXPECT_EQ(perplexity(e.model, input(0), {.window = 4096}).error().code, "BL0640");
}

TEST(Sampling, FollowsSeedAndTemperature) {
  const auto executor = make_interpreter(executor_options(true));
  constexpr std::int64_t kTokens = 2500;  // more than two tiles
  auto host = value_of(runtime::HostArray::zeros(vm::kF32, {1, kTokens}));
  auto logits = host.as<float>();
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = -20;
  logits[7] = 1;
  logits[1500] = 1;
  logits[2499] = 0;
  const Array array = value_of(executor->upload(host));
  EXPECT_EQ(value_of(next_token(*executor, array, {}, 0)), 7);
  std::map<TokenId, int> counts;
  constexpr int kDraws = 400;
  for (int i = 0; i < kDraws; ++i)
    ++counts[value_of(next_token(*executor, array, {.temperature = 1, .seed = 5},
                                 static_cast<std::uint32_t>(i)))];
  // e / (2e + 1) = 0.422 each, and 0.155; five deviations are 0.12 and 0.09.
  EXPECT_NEAR(counts[7] / double{kDraws}, 0.422, 0.12);
  EXPECT_NEAR(counts[1500] / double{kDraws}, 0.422, 0.12);
  EXPECT_NEAR(counts[2499] / double{kDraws}, 0.155, 0.09);
  const Sampling again{.temperature = 1, .seed = 6};
  EXPECT_EQ(value_of(next_token(*executor, array, again, 9)),
            value_of(next_token(*executor, array, again, 9)));
  // 1/e of the likeliest falls under min_p.
  for (std::uint32_t i = 0; i < 40; ++i)
    EXPECT_NE(
        value_of(next_token(*executor, array, {.temperature = 1, .min_p = 0.5, .seed = 5}, i)),
        2499);
}

}  // namespace
}  // namespace bitloom::stack
