#include "runtime/module.h"

#include <fmt/format.h>

#include "runtime/kernel_state.h"
#include "runtime/module_state.h"
#include "runtime/stdlib_folder.h"
#include "vm/suggest.h"

namespace bitloom::runtime {
namespace {

Result<std::shared_ptr<ModuleState>> make_state(const ModuleOptions& options) {
  auto state =
      std::make_shared<ModuleState>(options.stdlib.empty() ? stdlib_folder() : options.stdlib);
  if (options.cache) {
    vm::Diagnostics warnings;  // a limit that cannot be read; the default one holds then
    state->cache = std::make_unique<Cache>(Cache::defaults(warnings));
  }
  return state;
}

}  // namespace

vm::Diagnostic ModuleState::summary(const vm::Diagnostics& diagnostics) const {
  const auto placed = [&](const vm::Diagnostic& diagnostic) {
    if (!diagnostic.span.known() || diagnostic.span.file >= sources.size())
      return diagnostic.message;
    return fmt::format("{}:{}:{}: {}", sources.path(diagnostic.span.file), diagnostic.span.line,
                       diagnostic.span.column, diagnostic.message);
  };
  std::optional<vm::Diagnostic> first;
  for (const vm::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity != vm::Severity::Error) continue;
    if (first) {
      first->note(diagnostic.span, diagnostic.code + " " + placed(diagnostic));
    } else {
      first = diagnostic;
      first->message = placed(diagnostic);
    }
  }
  return first.value_or(vm::Diagnostic{vm::Severity::Error,
                                       "BL0901",
                                       {},
                                       "internal error: something failed and said nothing",
                                       {},
                                       {}});
}

Result<Module> Module::from_file(const std::string& path, const ModuleOptions& options) {
  auto state = make_state(options);
  if (!state) return tl::make_unexpected(state.error());
  vm::Diagnostics diagnostics;
  if (!(*state)->program.load(path, diagnostics))
    return tl::make_unexpected((*state)->summary(diagnostics));
  return Module(std::move(*state));
}

Result<Module> Module::from_text(const std::string& name, std::string text,
                                 const ModuleOptions& options) {
  auto state = make_state(options);
  if (!state) return tl::make_unexpected(state.error());
  vm::Diagnostics diagnostics;
  if (!(*state)->program.load_text(name, std::move(text), diagnostics))
    return tl::make_unexpected((*state)->summary(diagnostics));
  return Module(std::move(*state));
}

std::vector<dsl::KernelSignature> Module::kernels() const {
  return state_->program.kernels();
}

Result<Kernel> Module::specialize(const std::string& kernel, const KernelOptions& options) const {
  std::vector<std::string> names;
  for (const dsl::KernelSignature& signature : kernels()) {
    names.push_back(signature.name);
    if (signature.name != kernel) continue;
    auto state = std::make_shared<KernelState>();
    state->module = state_;
    state->name = kernel;
    state->specialization.generics = options.generics;
    std::vector<std::string> parameters;
    for (const auto& parameter : signature.parameters) {
      parameters.push_back(parameter.name);
      if (parameter.optional && !options.present.contains(parameter.name))
        state->specialization.absent.insert(parameter.name);
    }
    for (const std::string& name : options.present) {
      if (std::find(parameters.begin(), parameters.end(), name) != parameters.end()) continue;
      return failure("BL0402", fmt::format("kernel '{}' has no parameter '{}'", kernel, name),
                     fmt::format("its parameters are {}", fmt::join(parameters, ", ")));
    }
    return Kernel(std::move(state));
  }
  const auto near = vm::did_you_mean(kernel, names);
  return failure("BL0419", fmt::format("the module has no kernel '{}'", kernel),
                 near ? fmt::format("did you mean '{}'?", *near)
                      : fmt::format("it has {}", fmt::join(names, ", ")));
}

}  // namespace bitloom::runtime
