#include "dsl/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "dsl/sema/calls.h"
#include "dsl/sema/kernel.h"
#include "dsl/sema/module.h"
#include "vm/suggest.h"

namespace bitloom::dsl {

struct Program::State {
  struct Kernel {
    const sema::Module* module;
    const Decl* decl;
    const KernelDecl& kernel() const { return std::get<KernelDecl>(decl->node); }
  };

  State(SourceManager& sources, std::string stdlib) : modules(sources, std::move(stdlib)) {}

  bool add(const sema::Module* module) {
    if (!module) return false;
    if (std::ranges::find(roots, module) == roots.end()) roots.push_back(module);
    return true;
  }
  std::vector<Kernel> kernels() const {
    std::vector<Kernel> all;
    for (const sema::Module* module : roots)
      for (const Decl& decl : module->file.declarations)
        if (std::holds_alternative<KernelDecl>(decl.node)) all.push_back({module, &decl});
    return all;
  }
  std::string_view text(const sema::Module& module, Place place) const {
    return modules.sources().text(module.file.id).substr(place.begin, place.end - place.begin);
  }

  sema::Modules modules;
  std::vector<const sema::Module*> roots;
};

Program::Program(SourceManager& sources, std::string stdlib)
    : state_(std::make_unique<State>(sources, std::move(stdlib))) {}
Program::~Program() = default;

bool Program::load(const std::string& path, vm::Diagnostics& diagnostics) {
  const std::size_t before = diagnostics.error_count();
  return state_->add(state_->modules.load(path, diagnostics)) &&
         diagnostics.error_count() == before;
}

bool Program::load_text(const std::string& name, std::string text, vm::Diagnostics& diagnostics) {
  const std::size_t before = diagnostics.error_count();
  return state_->add(state_->modules.load_text(name, std::move(text), diagnostics)) &&
         diagnostics.error_count() == before;
}

std::vector<KernelSignature> Program::kernels() const {
  std::vector<KernelSignature> signatures;
  for (const State::Kernel& found : state_->kernels()) {
    const KernelDecl& kernel = found.kernel();
    const auto text = [&](Place place) { return std::string(state_->text(*found.module, place)); };
    KernelSignature signature;
    signature.name = kernel.name;
    signature.documentation = found.decl->documentation;
    signature.is_explicit = kernel.is_explicit;
    signature.span = sema::span_of(state_->modules.sources(), *found.module, kernel.name_place);
    for (const GenericParameter& generic : kernel.generics)
      signature.generics.push_back(
          {generic.name, std::string(sema::kind_text(generic.kind)),
           generic.otherwise ? text(generic.otherwise->place) : std::string()});
    for (const ParameterSyntax& parameter : kernel.parameters) {
      KernelSignature::Parameter written{parameter.name, {}, {}, false, false, false};
      if (parameter.type) {
        const TypeSyntax& type = *parameter.type;
        if (type.element) written.element = text(type.element->place);
        for (const ExprPtr& extent : type.extents)
          written.extents += (written.extents.empty() ? "" : ", ") + text(extent->place);
        written.global = type.space == SpaceWord::Global;
        written.packed = type.packed;
        written.optional = type.optional;
      }
      signature.parameters.push_back(std::move(written));
    }
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

std::optional<vm::Function> Program::specialize(std::string_view kernel,
                                                const Specialization& specialization,
                                                vm::Diagnostics& diagnostics) const {
  const auto kernels = state_->kernels();
  for (const State::Kernel& found : kernels)
    if (found.kernel().name == kernel)
      return sema::analyze(state_->modules, *found.module, found.kernel(), specialization,
                           diagnostics);
  std::vector<std::string_view> names;
  for (const State::Kernel& found : kernels) names.push_back(found.kernel().name);
  vm::Diagnostic& error = diagnostics.error("BL0419", {})
                          << "there is no kernel '" << kernel << "'; the kernels here are "
                          << (names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  if (const auto near = vm::did_you_mean(kernel, names))
    error.hint(fmt::format("did you mean '{}'?", *near));
  return std::nullopt;
}

// ---- check --------------------------------------------------------------------------------------

namespace {

// Types that stand for all others where a kernel leaves its type open: an unsigned, a float and a
// signed type that are narrow; and for kernels whose conditions refuse those, types that can be
// computed with.
constexpr std::array kRepresentatives = {"u4", "e3m2", "i8", "f16", "f32", "i32"};
constexpr std::size_t kNarrow = 3;
// Kernels are checked for the oldest target that they are written for.
constexpr std::array kTargets = {80, 90};

using Generics = std::map<std::string, std::string>;

bool is_open_type(const GenericParameter& generic, const Generics& given) {
  return generic.kind == GenericKind::Type && !generic.otherwise && !given.contains(generic.name);
}

bool leaves_a_type_open(const KernelDecl& kernel, const Generics& given) {
  return std::ranges::any_of(kernel.generics, [&](const GenericParameter& generic) {
    return is_open_type(generic, given);
  });
}

// What is given, as far as the kernel has it.
Specialization with(const KernelDecl& kernel, const Generics& given) {
  Specialization set;
  for (const GenericParameter& generic : kernel.generics)
    if (const auto found = given.find(generic.name); found != given.end())
      set.generics.insert(*found);
  return set;
}

Specialization with_types(const KernelDecl& kernel, const Generics& given, const char* type) {
  Specialization set = with(kernel, given);
  for (const GenericParameter& generic : kernel.generics)
    if (is_open_type(generic, given)) set.generics[generic.name] = type;
  return set;
}

bool refused(const vm::Diagnostics& diagnostics) {
  return std::ranges::any_of(diagnostics.all(),
                             [](const vm::Diagnostic& one) { return one.code == "BL0221"; });
}

// Another type at the same place only repeats what is wrong there.
bool same(const vm::Diagnostic& a, const vm::Diagnostic& b) {
  return a.code == b.code && a.span == b.span;
}

void add_new(const vm::Diagnostics& from, vm::Diagnostics& to) {
  const std::vector<vm::Diagnostic> before = to.all();
  for (const vm::Diagnostic& one : from.all()) {
    if (std::ranges::any_of(before, [&](const vm::Diagnostic& known) { return same(known, one); }))
      continue;
    auto& added = one.severity == vm::Severity::Error ? to.error(one.code, one.span)
                                                      : to.warning(one.code, one.span);
    added = one;
  }
}

}  // namespace

bool Program::check(vm::Diagnostics& diagnostics, const Generics& given) const {
  const std::size_t before = diagnostics.error_count();
  const auto kernels = state_->kernels();
  std::vector<std::string_view> names;
  for (const State::Kernel& found : kernels)
    for (const GenericParameter& generic : found.kernel().generics) names.push_back(generic.name);
  for (const auto& [name, value] : given) {
    if (std::ranges::find(names, name) != names.end()) continue;
    vm::Diagnostic& error = diagnostics.error("BL0410", {})
                            << "no kernel here has a compile-time parameter '" << name << "'";
    if (const auto near = vm::did_you_mean(name, names))
      error.hint(fmt::format("did you mean '{}'?", *near));
  }
  for (const State::Kernel& found : kernels) {
    const auto analyze = [&](Specialization set) {
      vm::Diagnostics own;
      for (const int target : kTargets) {
        set.target_sm = target;
        own.clear();
        sema::analyze(state_->modules, *found.module, found.kernel(), set, own);
        if (!refused(own)) break;
      }
      return own;
    };
    if (!leaves_a_type_open(found.kernel(), given)) {
      add_new(analyze(with(found.kernel(), given)), diagnostics);
      continue;
    }
    vm::Diagnostics first_refusal;
    bool accepted = false;
    for (std::size_t i = 0; i < kRepresentatives.size() && !(accepted && i >= kNarrow); ++i) {
      const vm::Diagnostics own = analyze(with_types(found.kernel(), given, kRepresentatives[i]));
      accepted = accepted || !refused(own);
      if (!refused(own))
        add_new(own, diagnostics);
      else if (i == 0)
        first_refusal = own;
    }
    if (!accepted) add_new(first_refusal, diagnostics);
  }
  return diagnostics.error_count() == before;
}

}  // namespace bitloom::dsl
