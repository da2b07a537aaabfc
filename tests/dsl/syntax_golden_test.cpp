// Programs that the grammar refuses, tests/dsl/golden/syntax: every error it finds, in words, at
// its place.
#include <gtest/gtest.h>

#include "dsl/parser.h"
#include "tests/dsl/golden_runner.h"

namespace bitloom::tests {
namespace {

class SyntaxGolden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(SyntaxGolden, ReportsWhatItsCommentsSay) {
  const auto difference = golden_difference(
      GetParam(),
      [](const GoldenProgram& program, dsl::SourceManager& sources, vm::Diagnostics& diagnostics) {
        ASSERT_EQ(program.run, std::vector<std::string>{"parse"});
        dsl::parse(sources, sources.add(program.name, program.text), diagnostics);
      });
  EXPECT_FALSE(difference.has_value()) << *difference;
}

INSTANTIATE_TEST_SUITE_P(All, SyntaxGolden, testing::ValuesIn(golden_files("syntax")),
                         [](const auto& test) { return golden_name(test.param); });

TEST(GoldenRunner, EveryRejectedProgramIsRejected) {
  std::size_t rejected = 0;
  for (const auto& path : golden_files("syntax")) {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    const auto file = sources.load(path.string());
    ASSERT_TRUE(file.has_value()) << path;
    dsl::parse(sources, *file, diagnostics);
    rejected += diagnostics.has_errors() ? 1 : 0;
  }
  EXPECT_GE(rejected, 40u);
}

}  // namespace
}  // namespace bitloom::tests
