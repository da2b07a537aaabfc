#include "tests/kernels/kernel_runner.h"

#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "dsl/compile.h"
#include "dsl/render.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

std::optional<std::map<std::string, runtime::HostArray>> run(const KernelRun& run, dsl::SourceManager& sources,
                                                             vm::Diagnostics& diagnostics) {
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  if (!program.load(BITLOOM_SOURCE_DIR "/kernels/" + run.file, diagnostics)) return std::nullopt;
  const vm::Target target = *vm::Target::parse(run.target);
  const dsl::KernelSignature signature = program.kernels().front();

  dsl::Specialization specialization;
  specialization.generics = run.generics;
  specialization.target_sm = target.sm;
  for (const auto& parameter : signature.parameters) {
    const bool given = run.request.arguments.contains(parameter.name) || run.request.outputs.contains(parameter.name);
    if (parameter.optional && !given) specialization.absent.insert(parameter.name);
  }
  runtime::infer_generics(signature, run.request, specialization);
  std::optional<vm::Function> function = program.specialize(signature.name, specialization, diagnostics);
  if (!function) return std::nullopt;
  std::optional<runtime::Binding> binding = runtime::bind(*function, run.request, diagnostics);
  if (!binding) return std::nullopt;
  vm::PassContext passes{target, diagnostics};
  if (!vm::lower_all(*function, passes, {})) return std::nullopt;
  vm::LaunchOptions options;
  options.checks = run.checks;
  if (!vm::launch(*function, binding->sizes, binding->arguments(), options, diagnostics)) return std::nullopt;

  std::map<std::string, runtime::HostArray> results;
  for (const std::string& name : run.request.outputs) results.emplace(name, binding->logical(*function, name));
  return results;
}

}  // namespace

std::optional<std::map<std::string, runtime::HostArray>> run_kernel(const KernelRun& request, std::string& report) {
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  auto results = run(request, sources, diagnostics);
  report = dsl::render(diagnostics, sources);
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
