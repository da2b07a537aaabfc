// Forgets every wait, barrier, fence, arrival, order and mask of every shipped kernel, one at a
// time, and lets the interpreter find it.
//
// A kernel is lowered once for each specialisation in mutation_cases.cpp. Each mutant runs with the
// checks on until the first report. One that is not reported in several orders of the strands must
// stand in the table of survivors with the reason why it need not be; a Redundant one must give the
// results of the whole kernel, a Semantic one must not.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>

#include "dsl/render.h"
#include "tests/faults/fault_file.h"
#include "tests/faults/mutants.h"
#include "tests/faults/mutation_cases.h"
#include "tests/support/places.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

const std::string kKernels = BITLOOM_SOURCE_DIR "/kernels/";
constexpr std::uint64_t kStepLimit = 20'000'000;

// A kernel, lowered and bound.
struct Prepared {
  vm::Function function;
  runtime::Binding binding;
  vm::LaunchOptions launch;
};

// What runtime::execute does until the launch.
std::optional<Prepared> prepare(const MutationCase& c, const std::string& launch,
                                std::string& report) {
  runtime::Job job{.file = kKernels + c.kernel};
  job.launch.workers = 1;
  const auto mistakes = apply_run_words(c.options + " " + launch, job);
  for (const auto& [name, source] : c.arrays) job.request.arguments[name] = source;
  job.request.seed = 1;
  if (!mistakes.empty()) report += fmt::format("unknown words: {}\n", fmt::join(mistakes, " "));
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  if (!program.load(job.file, diagnostics)) {
    report += dsl::render(diagnostics, sources);
    return std::nullopt;
  }
  dsl::KernelSignature kernel = program.kernels().front();
  for (const dsl::KernelSignature& named : program.kernels()) {
    if (named.name == job.kernel) kernel = named;
  }
  dsl::Specialization specialization;
  specialization.generics = job.generics;
  specialization.target_sm = job.target.sm;
  for (const auto& parameter : kernel.parameters) {
    const bool given = job.request.arguments.contains(parameter.name) ||
                       job.request.outputs.contains(parameter.name);
    if (parameter.optional && !given) specialization.absent.insert(parameter.name);
  }
  auto function = program.specialize(kernel.name, specialization, diagnostics);
  std::optional<runtime::Binding> binding;
  if (function) binding = runtime::bind(*function, job.request, diagnostics);
  vm::PassContext passes{job.target, diagnostics};
  const bool lowered = binding && vm::lower_all(*function, passes, {});
  report += dsl::render(diagnostics, sources);
  if (!lowered) return std::nullopt;
  vm::LaunchOptions options = job.launch;
  options.device_sms = job.request.device_sms;
  options.step_limit = kStepLimit;
  options.max_diagnostics = 1;
  return Prepared{std::move(*function), std::move(*binding), options};
}

struct Result {
  bool done = false;
  std::string codes;                             // of what was reported
  std::vector<std::vector<std::uint64_t>> bits;  // of every tensor
};

Result run(const Prepared& prepared, const vm::Function& function, std::uint64_t schedule) {
  runtime::Binding binding = prepared.binding;
  vm::LaunchOptions options = prepared.launch;
  options.schedule_seed = schedule;
  vm::Diagnostics diagnostics;
  Result result;
  result.done = vm::launch(function, binding.sizes, binding.arguments(), options, diagnostics);
  for (const vm::Diagnostic& diagnostic : diagnostics.all())
    result.codes += (result.codes.empty() ? "" : " ") + diagnostic.code;
  if (!result.done) return result;
  for (const vm::Parameter& parameter : function.parameters) {
    const vm::Value& value = function.value(parameter.value);
    if (!parameter.present || value.type.is_scalar()) continue;
    const runtime::HostArray array = binding.logical(function, value.name);
    auto& bits = result.bits.emplace_back();
    for (std::size_t i = 0; i < array.size(); ++i) bits.push_back(array.code(i));
  }
  return result;
}

struct Verdict {
  std::string codes;  // empty: not reported
  bool same = true;   // the results are those of the whole kernel
};

Verdict judge(const std::vector<Prepared>& launches, const std::vector<Result>& whole,
              const std::vector<std::vector<Mutant>>& mutants, std::size_t number) {
  Verdict verdict;
  for (const std::uint64_t schedule : {0, 1, 2}) {
    for (std::size_t i = 0; i < launches.size(); ++i) {
      const Mutant& own = mutants[i][number];
      const Result result = run(launches[i], mutated(launches[i].function, own), schedule);
      verdict.codes = result.codes;
      if (!result.codes.empty()) return verdict;
      if (schedule == 0) verdict.same &= result.bits == whole[i].bits;
    }
  }
  return verdict;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines = {""};
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

const Survivor* survivor(const MutationCase& c, const Mutant& mutant, const std::string& line,
                         bool same) {
  const auto because = same ? Survivor::Because::Redundant : Survivor::Because::Semantic;
  for (const Survivor& row : survivors()) {
    if (row.kernel == c.kernel && row.mutant == mutant.text() && row.because == because &&
        line.find(row.line) != std::string::npos)
      return &row;
  }
  return nullptr;
}

// Rows of the table that some kernel needed; the test of the table runs behind those of kernels.
std::set<const Survivor*>& used_rows() {
  static std::set<const Survivor*> rows;
  return rows;
}

class MutationTest : public testing::TestWithParam<MutationCase> {
 protected:
  // When every kernel has run, every row of the table has been needed.
  static void TearDownTestSuite() {
    if (testing::GTEST_FLAG(filter) != "*") return;
    for (const Survivor& row : survivors()) {
      EXPECT_NE(row.reason, "") << row.kernel;
      EXPECT_TRUE(used_rows().contains(&row))
          << row.kernel << ": " << row.mutant << ", " << row.line;
    }
  }
};

TEST_P(MutationTest, EveryOneIsFound) {
  const MutationCase& c = GetParam();
  std::vector<Prepared> launches;
  std::vector<Result> whole;
  for (const std::string& words : c.launches) {
    std::string report;
    auto prepared = prepare(c, words, report);
    ASSERT_TRUE(prepared && report.empty()) << report;
    whole.push_back(run(*prepared, prepared->function, 0));
    ASSERT_TRUE(whole.back().done) << "the whole kernel: " << whole.back().codes;
    launches.push_back(std::move(*prepared));
  }
  std::vector<std::vector<Mutant>> by_launch;
  for (const Prepared& launch : launches) by_launch.push_back(mutants_of(launch.function));
  const std::vector<Mutant>& mutants = by_launch.front();
  for (const std::vector<Mutant>& others : by_launch) {
    ASSERT_TRUE(std::equal(mutants.begin(), mutants.end(), others.begin(), others.end(),
                           [](const Mutant& a, const Mutant& b) { return a.text() == b.text(); }))
        << "specialisations of one case have the same mutants";
  }
  std::vector<Verdict> verdicts(mutants.size());
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) {
    threads.emplace_back([&] {
      for (std::size_t m = next++; m < mutants.size(); m = next++)
        verdicts[m] = judge(launches, whole, by_launch, m);
    });
  }
  for (std::thread& thread : threads) thread.join();

  const std::vector<std::string> text = lines_of(kKernels + c.kernel);
  std::map<std::string, int> counts;
  for (std::size_t m = 0; m < mutants.size(); ++m) {
    const Mutant& mutant = mutants[m];
    const std::string line = mutant.span.line < text.size() ? text[mutant.span.line] : "";
    if (std::getenv("BITLOOM_MUTANTS"))
      fmt::print(
          "{} {}: {} at {}: {} | {}\n", c.kernel, c.options, mutant.text(), mutant.span.line,
          verdicts[m].codes.empty() ? (verdicts[m].same ? "SAME" : "DIFFERS") : verdicts[m].codes,
          line);
    if (!verdicts[m].codes.empty()) {
      ++counts[verdicts[m].codes];
      EXPECT_TRUE(verdicts[m].codes.starts_with("BL05"))
          << mutant.text() << " at line " << mutant.span.line << ": " << verdicts[m].codes;
      continue;
    }
    const Survivor* row = survivor(c, mutant, line, verdicts[m].same);
    EXPECT_NE(row, nullptr) << mutant.text() << " dropped at line " << mutant.span.line
                            << " is not found, and the results "
                            << (verdicts[m].same ? "are the same" : "differ") << ":\n"
                            << line;
    used_rows().insert(row);
    ++counts[verdicts[m].same ? "redundant" : "semantic"];
  }
  std::string summary;
  for (const auto& [what, count] : counts) summary += fmt::format(" {} {},", count, what);
  fmt::print("{} {}: {} mutants:{}\n", c.kernel, c.options, mutants.size(), summary);
}

std::string name_of(const testing::TestParamInfo<MutationCase>& info) {
  std::string name = std::filesystem::path(info.param.kernel).stem().string();
  for (const char letter : info.param.options)
    if (std::isalnum(static_cast<unsigned char>(letter))) name += letter;
  return name;
}

INSTANTIATE_TEST_SUITE_P(Kernels, MutationTest, testing::ValuesIn(mutation_cases()), name_of);

TEST(MutationTable, HasEveryShippedKernel) {
  std::set<std::string> with, all;
  for (const MutationCase& c : mutation_cases()) with.insert(c.kernel);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kKernels))
    if (entry.path().extension() == ".bl")
      all.insert(std::filesystem::relative(entry.path(), kKernels).string());
  EXPECT_EQ(with, all);
}

}  // namespace
}  // namespace bitloom::test
