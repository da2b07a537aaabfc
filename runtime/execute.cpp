#include "runtime/execute.h"

#include "runtime/load_kernel.h"
#include "vm/passes/pipeline.h"

namespace bitloom::runtime {
namespace {

dsl::Specialization specialization_of(const dsl::KernelSignature& kernel, const Job& job) {
  dsl::Specialization specialization;
  specialization.generics = job.generics;
  specialization.target_sm = job.target.sm;
  for (const auto& parameter : kernel.parameters) {
    const bool given = job.request.arguments.contains(parameter.name) ||
                       job.request.outputs.contains(parameter.name);
    if (parameter.optional && !given) specialization.absent.insert(parameter.name);
  }
  infer_generics(kernel, job.request, specialization);
  return specialization;
}

}  // namespace

bool execute(const Job& job, dsl::SourceManager& sources, const std::string& stdlib,
             Outcome& outcome, vm::Diagnostics& diagnostics) {
  dsl::Program program(sources, stdlib);
  if (!program.load(job.file, diagnostics)) return false;
  const std::optional<dsl::KernelSignature> kernel =
      choose_kernel(program, job.file, job.kernel, diagnostics);
  if (!kernel) return false;
  std::optional<vm::Function> function =
      program.specialize(kernel->name, specialization_of(*kernel, job), diagnostics);
  if (!function) return false;
  std::optional<Binding> binding = bind(*function, job.request, diagnostics);
  if (!binding) return false;
  outcome.function = std::move(*function);
  outcome.binding = std::move(*binding);

  vm::Function checked;  // what the cache knows a kernel by
  if (job.device) checked = outcome.function.clone();
  vm::PassContext passes{job.target, diagnostics};
  const bool lowered = vm::lower_all(outcome.function, passes, job.passes);
  outcome.timings = std::move(passes.timings);
  outcome.remarks = std::move(passes.remarks);
  if (!lowered) return false;
  if (job.device) {
    Cache cache(Cache::defaults(diagnostics));
    GpuRunOptions options{job.target, &outcome.function, &cache, job.request.device_sms, {}};
    for (dsl::FileId file = 0; file < sources.size(); ++file)
      options.files.push_back(sources.path(file));
    return run_on_gpu(*job.device, checked, outcome.binding.sizes, outcome.binding.arguments(),
                      options, diagnostics, &outcome.gpu);
  }
  vm::LaunchOptions launch = job.launch;
  launch.device_sms = job.request.device_sms;
  return vm::launch(outcome.function, outcome.binding.sizes, outcome.binding.arguments(), launch,
                    diagnostics, &outcome.report);
}

}  // namespace bitloom::runtime
