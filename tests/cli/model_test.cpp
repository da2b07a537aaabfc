// The commands on models, with the shipped checkpoint: a whole way from the checkpoint to a
// quantised one, its text and its perplexity.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/process.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::tests {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kModel = BITLOOM_SOURCE_DIR "/tests/data/kjv-7m";

Finished run(const TemporaryFolder& folder, std::vector<std::string> words) {
  words.insert(words.begin(), bitloom_program());
  return Process(words, folder.path()).wait(std::chrono::minutes(5));
}

TEST(Models, AQuantisedCheckpointGoesOnWithAText) {
  const TemporaryFolder folder;
  const Finished quantized = run(folder, {"quantize", kModel, "-o", "u4", "--type", "u4"});
  ASSERT_EQ(quantized.status, 0) << quantized.err;
  EXPECT_EQ(quantized.out,
            "u4: 6291456 weights of linear layers in 4.188 bits each, everything counted\n");
  const Finished text =
      run(folder, {"generate", "u4", "In the beginning", "--tokens", "12", "--verbose"});
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, StartsWith("In the beginning"));
  EXPECT_GT(text.out.size(), 30u);
  EXPECT_THAT(text.err, HasSubstr("generated: 12 tokens"));
  const Finished again = run(folder, {"quantize", kModel, "-o", "u4"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("error[BL0641]: 'u4' exists already"));
}

TEST(Models, SeedsDecideWhatIsDrawn) {
  const TemporaryFolder folder;
  const auto text = [&](const char* seed) {
    return run(folder, {"generate", kModel, "And the king said", "--tokens", "8", "--temperature",
                        "1", "--seed", seed})
        .out;
  };
  const std::string one = text("1");
  EXPECT_EQ(one, text("1"));
  EXPECT_NE(one, text("2"));
}

TEST(Models, EveryHeadMayHaveItsPattern) {
  const TemporaryFolder folder;
  std::string verses;
  for (int i = 0; i < 30; ++i) verses += "And God said, Let there be light: and there was light. ";
  folder.write("t.txt", verses);
  const Finished found = run(folder, {"patterns", kModel, "t.txt", "--candidate", "a-shape:16,64",
                                      "--candidate", "vertical-slash:16,64", "-o", "p.json"});
  ASSERT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("a-shape:16,64"));
  const auto perplexity = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"perplexity", kModel, "t.txt"});
    const Finished result = run(folder, more);
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  };
  const std::string by_head = perplexity({"--attention", "minference", "--patterns", "p.json"});
  EXPECT_THAT(by_head, HasSubstr("attention: 0."));
  // everything kept: the same line as dense
  const std::string dense = perplexity({}),
                    whole = perplexity({"--attention", "vertical-slash:9999,9999"});
  EXPECT_NE(by_head, dense);
  EXPECT_EQ(whole.substr(whole.find('\n') + 1), dense);
  const Finished text = run(folder, {"generate", kModel, verses, "--tokens", "3", "--attention",
                                     "minference", "--patterns", "p.json", "-v"});
  ASSERT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.err, HasSubstr("of dense attention"));

  const auto refused = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"generate", kModel, "In", "--tokens", "1"});
    const Finished result = run(folder, more);
    EXPECT_EQ(result.status, 1);
    EXPECT_THAT(result.out, testing::IsEmpty());
    return result.err;
  };
  folder.write("wrong.json", R"({"version": 1, "layers": [[]]})");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--attention", "sparse"},
        {"--attention", "minference"},
        {"--attention", "a-shape:4,4", "--patterns", "p.json"},
        {"--attention", "minference", "--patterns", "wrong.json"}})
    EXPECT_THAT(refused(words), HasSubstr("error[BL0643]: "));
}

TEST(Models, PerplexityIsTheLastLine) {
  const TemporaryFolder folder;
  folder.write("t.txt", "In the beginning God created the heaven and the earth.");
  const Finished result = run(folder, {"perplexity", kModel, "t.txt"});
  ASSERT_EQ(result.status, 0) << result.err;
  const std::size_t last = result.out.rfind('\n', result.out.size() - 2) + 1;
  EXPECT_THAT(result.out.substr(last), StartsWith("perplexity: "));
  const double value = std::stod(result.out.substr(last + 12));
  EXPECT_GT(value, 1);
  EXPECT_LT(value, 200);
}

}  // namespace
}  // namespace bitloom::tests
