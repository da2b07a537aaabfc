// How fast the interpreter runs whole kernels, and what it spends its time on.
//
// Time is that of vm::launch alone, over all cores: reading, checking and lowering the text happens
// once. The counters `share of X` say which part of the time of all threads went into instruction X
// (--profile of `bitloom run` says the same in milliseconds).
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <map>
#include <string>

#include "bench/result_file.h"
#include "dsl/render.h"
#include "runtime/execute.h"
#include "tests/support/places.h"

namespace {

using namespace bitloom;

struct Case {
  std::string file;
  std::map<std::string, std::string> generics;
  std::map<std::string, std::int64_t> sizes;
  std::string target = "sm_80";
};

// Shares below this are left out.
constexpr double kLeastShare = 0.01;

void report_profile(benchmark::State& state, const vm::LaunchReport& report) {
  double total = 0;
  for (const vm::ProfileEntry& entry : report.by_opcode) total += entry.seconds;
  for (const vm::ProfileEntry& entry : report.by_opcode) {
    if (entry.seconds < kLeastShare * total) break;  // the slowest come first
    state.counters["share of " + entry.name] = entry.seconds / total;
  }
}

// workers: threads of the interpreter, 0 for one a core.
void run_kernel(benchmark::State& state, const Case& test, bool checks, int workers) {
  runtime::Job job{.file = BITLOOM_SOURCE_DIR "/" + test.file};
  job.generics = test.generics;
  job.target = *vm::Target::parse(test.target);
  job.request.sizes = test.sizes;
  job.launch.checks = checks;
  job.launch.workers = workers;
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  if (program.load(job.file, diagnostics)) {
    const dsl::KernelSignature kernel = program.kernels()[0];
    for (const auto& parameter : kernel.parameters) {
      if (!parameter.optional)
        job.request.arguments[parameter.name] = {runtime::Source::Random{}, "random"};
    }
  }
  // The first run lowers the kernel and binds its arrays.
  runtime::Outcome outcome;
  if (!runtime::execute(job, sources, BITLOOM_SOURCE_DIR "/stdlib", outcome, diagnostics)) {
    state.SkipWithError(dsl::render(diagnostics, sources).c_str());
    return;
  }
  const std::vector<vm::Argument> arguments = outcome.binding.arguments();
  for (auto _ : state) {
    const bool done =
        vm::launch(outcome.function, outcome.binding.sizes, arguments, job.launch, diagnostics);
    if (!done) state.SkipWithError(dsl::render(diagnostics, sources).c_str());
  }
  vm::LaunchReport report;
  vm::launch(outcome.function, outcome.binding.sizes, arguments, job.launch, diagnostics, &report);
  report_profile(state, report);
}

const Case kGemm = {"kernels/gemm/gemm.bl", {{"W", "u4"}}, {{"m", 16}, {"k", 2048}, {"n", 2048}}};
const Case kSoftmax = {"kernels/softmax/softmax.bl", {}, {{"rows", 256}, {"n", 4096}}};
// One block of one tile: what a launch costs before anything is computed.
const Case kSmall = {"kernels/vector_add/vector_add.bl", {{"T", "f32"}}, {{"n", 256}}};

#define BITLOOM_CASE(name, test, checks, workers)            \
  BENCHMARK_CAPTURE(run_kernel, name, test, checks, workers) \
      ->Unit(benchmark::kMillisecond)                        \
      ->MeasureProcessCPUTime()                              \
      ->UseRealTime()
BITLOOM_CASE(gemm_u4_16x2048x2048_fast, kGemm, false, 0);
BITLOOM_CASE(gemm_u4_16x2048x2048_checks, kGemm, true, 0);
BITLOOM_CASE(gemm_u4_16x2048x2048_fast_1_worker, kGemm, false, 1);
BITLOOM_CASE(gemm_u4_16x2048x2048_checks_1_worker, kGemm, true, 1);
BITLOOM_CASE(softmax_256x4096_fast, kSoftmax, false, 0);
BITLOOM_CASE(softmax_256x4096_checks, kSoftmax, true, 0);
BITLOOM_CASE(vector_add_256_fast, kSmall, false, 0);
BITLOOM_CASE(vector_add_256_checks, kSmall, true, 0);

}  // namespace

BITLOOM_BENCHMARK_MAIN()
