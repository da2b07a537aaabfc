#include "runtime/load_kernel.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vm/suggest.h"

namespace bitloom::runtime {

std::optional<dsl::KernelSignature> choose_kernel(const dsl::Program& program,
                                                  const std::string& file,
                                                  const std::string& kernel,
                                                  vm::Diagnostics& diagnostics) {
  const std::vector<dsl::KernelSignature> kernels = program.kernels();
  std::vector<std::string> names;
  for (const dsl::KernelSignature& signature : kernels) {
    if (signature.name == kernel || (kernel.empty() && kernels.size() == 1)) return signature;
    names.push_back(signature.name);
  }
  std::string message = fmt::format("'{}' has no kernel", file);
  if (!kernels.empty() && kernel.empty())
    message = fmt::format("'{}' has {} kernels", file, kernels.size());
  if (!kernels.empty() && !kernel.empty()) message += fmt::format(" '{}'", kernel);
  vm::Diagnostic& error = diagnostics.error("BL0419", {}, message);
  if (const auto near = vm::did_you_mean(kernel, names))
    error.hint(fmt::format("did you mean '{}'?", *near));
  if (!names.empty()) error.hint(fmt::format("--kernel {}", fmt::join(names, ", --kernel ")));
  return std::nullopt;
}

std::optional<vm::Function> load_kernel(const KernelChoice& choice, dsl::SourceManager& sources,
                                        const std::string& stdlib, vm::Diagnostics& diagnostics) {
  dsl::Program program(sources, stdlib);
  if (!program.load(choice.file, diagnostics)) return std::nullopt;
  const auto kernel = choose_kernel(program, choice.file, choice.kernel, diagnostics);
  if (!kernel) return std::nullopt;
  dsl::Specialization specialization;
  specialization.generics = choice.generics;
  specialization.target_sm = choice.target_sm;
  std::set<std::string> unknown = choice.present;
  for (const auto& parameter : kernel->parameters) {
    unknown.erase(parameter.name);
    if (parameter.optional && !choice.present.contains(parameter.name))
      specialization.absent.insert(parameter.name);
  }
  for (const std::string& name : unknown) {
    diagnostics.error("BL0402", kernel->span,
                      fmt::format("kernel '{}' has no parameter '{}'", kernel->name, name));
  }
  if (!unknown.empty()) return std::nullopt;
  return program.specialize(kernel->name, specialization, diagnostics);
}

}  // namespace bitloom::runtime
