// Programs that the semantic analysis refuses, tests/dsl/golden/sema: what is wrong, at its place,
// with the notes and hints that help.
//
//   // RUN: check                            every kernel, as `bitloom check` does
//   // RUN: specialize N=4 absent=bias       every kernel, with these compile-time arguments
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "dsl/compile.h"
#include "tests/dsl/golden_runner.h"
#include "tests/support/places.h"

namespace bitloom::tests {
namespace {

void check(const GoldenProgram& golden, dsl::SourceManager& sources, vm::Diagnostics& diagnostics) {
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  program.load_text(golden.name, golden.text, diagnostics);
  ASSERT_FALSE(golden.run.empty());
  if (golden.run[0] == "check") {
    program.check(diagnostics);
    return;
  }
  ASSERT_EQ(golden.run[0], "specialize");
  dsl::Specialization set;
  for (std::size_t i = 1; i < golden.run.size(); ++i) {
    const std::string& word = golden.run[i];
    const std::size_t equals = word.find('=');
    ASSERT_NE(equals, std::string::npos) << word;
    if (word.starts_with("absent="))
      set.absent.insert(word.substr(equals + 1));
    else
      set.generics[word.substr(0, equals)] = word.substr(equals + 1);
  }
  for (const dsl::KernelSignature& kernel : program.kernels())
    program.specialize(kernel.name, set, diagnostics);
}

class SemaGolden : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(SemaGolden, ReportsWhatItsCommentsSay) {
  const auto difference = golden_difference(GetParam(), check);
  EXPECT_FALSE(difference.has_value()) << *difference;
}

INSTANTIATE_TEST_SUITE_P(All, SemaGolden, testing::ValuesIn(golden_files("sema")),
                         [](const auto& test) { return golden_name(test.param); });

}  // namespace
}  // namespace bitloom::tests
