#include "tests/kernels/kernel_runner.h"

#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "dsl/render.h"
#include "runtime/execute.h"
#include "tests/support/places.h"

namespace bitloom::test {
std::optional<std::map<std::string, runtime::HostArray>> run_kernel(const KernelRun& run,
                                                                    std::string& report) {
  runtime::Job job{.file = BITLOOM_SOURCE_DIR "/kernels/" + run.file};
  job.generics = run.generics;
  job.target = *vm::Target::parse(run.target);
  job.request = run.request;
  job.launch.checks = run.checks;

  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  runtime::Outcome outcome;
  const bool done =
      runtime::execute(job, sources, BITLOOM_SOURCE_DIR "/stdlib", outcome, diagnostics);
  report = dsl::render(diagnostics, sources);
  if (!done) return std::nullopt;
  std::map<std::string, runtime::HostArray> results;
  for (const std::string& name : run.request.outputs) results.emplace(name, outcome.logical(name));
  return results;
}

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("BITLOOM_SEED");
    const std::uint64_t value = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    fmt::print("BITLOOM_SEED={}\n", value);
    return value;
  }();
  return seed;
}

}  // namespace bitloom::test
