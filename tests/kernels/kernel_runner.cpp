#include "tests/kernels/kernel_runner.h"

#include "dsl/render.h"
#include "runtime/execute.h"
#include "tests/support/source_path.h"

namespace bitloom::test {
std::optional<std::map<std::string, runtime::HostArray>> run_kernel(const KernelRun& run,
                                                                    std::string& report) {
  runtime::Job job{.file = source_path("kernels/" + run.file)};
  job.kernel = run.kernel;
  job.generics = run.generics;
  job.target = *vm::Target::parse(run.target);
  job.request = run.request;
  job.launch.checks = run.checks;

  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  runtime::Outcome outcome;
  const bool done = runtime::execute(job, sources, source_path("stdlib"), outcome, diagnostics);
  report = dsl::render(diagnostics, sources);
  if (!done) return std::nullopt;
  std::map<std::string, runtime::HostArray> results;
  for (const std::string& name : run.request.outputs) results.emplace(name, outcome.logical(name));
  return results;
}

}  // namespace bitloom::test
