#include "runtime/execute.h"

#include <fmt/format.h>

#include "vm/passes/pipeline.h"
#include "vm/suggest.h"

namespace bitloom::runtime {
namespace {

std::optional<dsl::KernelSignature> choose_kernel(const dsl::Program& program, const Job& job,
                                                  vm::Diagnostics& diagnostics) {
  const std::vector<dsl::KernelSignature> kernels = program.kernels();
  std::vector<std::string> names;
  for (const dsl::KernelSignature& kernel : kernels) {
    if (kernel.name == job.kernel || (job.kernel.empty() && kernels.size() == 1)) return kernel;
    names.push_back(kernel.name);
  }
  std::string message = fmt::format("'{}' has no kernel", job.file);
  if (!kernels.empty() && job.kernel.empty())
    message = fmt::format("'{}' has {} kernels", job.file, kernels.size());
  if (!kernels.empty() && !job.kernel.empty()) message += fmt::format(" '{}'", job.kernel);
  vm::Diagnostic& error = diagnostics.error("BL0419", {}, message);
  if (const auto near = vm::did_you_mean(job.kernel, names))
    error.hint(fmt::format("did you mean '{}'?", *near));
  if (!names.empty()) error.hint(fmt::format("--kernel {}", fmt::join(names, ", --kernel ")));
  return std::nullopt;
}

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
  const std::optional<dsl::KernelSignature> kernel = choose_kernel(program, job, diagnostics);
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
