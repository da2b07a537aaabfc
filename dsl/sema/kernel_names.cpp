#include "dsl/sema/kernel_names.h"

#include <algorithm>

#include "dsl/sema/evaluate.h"

namespace bitloom::dsl::sema {
namespace {

class Collector {
 public:
  Collector(Context& context, const KernelDecl& kernel) : c_(context), kernel_(kernel) {}

  void visit(const ExprPtr& expr) {
    if (!expr) return;
    place_ = expr->place;
    std::visit([&](const auto& node) { this->node(node); }, expr->node);
  }
  std::vector<SizeName> take() { return std::move(names_); }

 private:
  void node(const Name& name) {
    const Place place = place_;
    const auto known = [&](const SizeName& size) { return size.name == name.text; };
    if (std::ranges::any_of(names_, known)) return;
    // A function or kernel may lend its name: in an extent it can only mean a size.
    const auto meaning = lookup(c_, name.text, place);
    const bool callable = meaning && (meaning->is<BuiltinName>() || meaning->is<FunctionName>() ||
                                      meaning->is<KernelName>());
    if (meaning && !callable) return;
    const auto parameter = std::ranges::find(kernel_.parameters, name.text, &ParameterSyntax::name);
    names_.push_back(
        {name.text, place, parameter == kernel_.parameters.end() ? nullptr : &*parameter});
  }
  void node(const Unary& unary) { visit(unary.x); }
  void node(const Binary& binary) {
    visit(binary.a);
    visit(binary.b);
  }
  void node(const Call& call) {
    for (const Argument& argument : call.arguments) visit(argument.value);
  }
  template <class Other>
  void node(const Other&) {}

  Context& c_;
  const KernelDecl& kernel_;
  Place place_;
  std::vector<SizeName> names_;
};

}  // namespace

std::vector<SizeName> size_names(Context& c, const KernelDecl& kernel) {
  Collector collector(c, kernel);
  for (const ParameterSyntax& parameter : kernel.parameters) {
    if (!parameter.type || parameter.type->space != SpaceWord::Global) continue;
    for (const ExprPtr& extent : parameter.type->extents) collector.visit(extent);
  }
  return collector.take();
}

}  // namespace bitloom::dsl::sema
