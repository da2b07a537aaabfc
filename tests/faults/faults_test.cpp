// Kernels with one fault each, which the interpreter must find at its line, and kernels that look
// faulty and are not. Each file says how it is run and what is found: see fault_file.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "dsl/render.h"
#include "tests/faults/fault_file.h"
#include "tests/support/places.h"

namespace bitloom::test {
namespace {

const std::string kFolder = BITLOOM_SOURCE_DIR "/tests/faults/";

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + folder))
    if (entry.path().extension() == ".bl") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
  return info.param;
}

// Runs the file and returns what is not as it says, with all that was reported.
std::string problems_of(const FaultFile& file, std::uint64_t schedule) {
  runtime::Job job = file.job;
  job.launch.schedule_seed = schedule;
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  runtime::Outcome outcome;
  const bool done =
      runtime::execute(job, sources, BITLOOM_SOURCE_DIR "/stdlib", outcome, diagnostics);
  std::string problems = compare(file, diagnostics);
  if (done != file.errors.empty()) problems += done ? "it ran to its end\n" : "it did not run\n";
  if (!problems.empty()) problems += dsl::render(diagnostics, sources);
  return problems;
}

class Caught : public testing::TestWithParam<std::string> {};

TEST_P(Caught, AtItsLine) {
  const FaultFile file = read_fault_file(kFolder + "caught/" + GetParam() + ".bl");
  ASSERT_EQ(file.mistakes, std::vector<std::string>{});
  ASSERT_FALSE(file.errors.empty()) << "the file names no error";
  EXPECT_EQ(problems_of(file, 0), "");
}

INSTANTIATE_TEST_SUITE_P(Fault, Caught, testing::ValuesIn(files_in("caught")), name_of);

class Fine : public testing::TestWithParam<std::string> {};

// In several orders of the strands: what is legal is legal in each.
TEST_P(Fine, InEveryOrder) {
  const FaultFile file = read_fault_file(kFolder + "fine/" + GetParam() + ".bl");
  ASSERT_EQ(file.mistakes, std::vector<std::string>{});
  ASSERT_TRUE(file.errors.empty() && file.notes.empty()) << "a fine kernel names no errors";
  for (const std::uint64_t schedule : {0, 1, 2, 3})
    EXPECT_EQ(problems_of(file, schedule), "") << "schedule " << schedule;
}

INSTANTIATE_TEST_SUITE_P(Fault, Fine, testing::ValuesIn(files_in("fine")), name_of);

}  // namespace
}  // namespace bitloom::test
