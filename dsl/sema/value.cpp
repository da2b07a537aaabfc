#include "dsl/sema/value.h"

#include <fmt/format.h>

#include <cmath>

#include "dsl/sema/builtins.h"
#include "dsl/sema/module.h"

namespace bitloom::dsl::sema {
namespace {

std::string namespace_text(Namespace which) {
  switch (which) {
    case Namespace::Block:
      return "block";
    case Namespace::Grid:
      return "grid";
    case Namespace::Cluster:
      return "cluster";
    case Namespace::Role:
      return "role";
    case Namespace::Device:
      return "device";
    case Namespace::Mma:
      return "mma";
    case Namespace::Wgmma:
      return "wgmma";
  }
  return {};
}

std::string real_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", number);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

struct Describe {
  const vm::Function& function;

  std::string operator()(Poison) const { return "an error"; }
  std::string operator()(Nothing) const { return "nothing"; }
  std::string operator()(Absent) const { return "a parameter that is not given"; }
  std::string operator()(std::int64_t number) const { return fmt::format("the number {}", number); }
  std::string operator()(double number) const { return "the number " + real_text(number); }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string operator()(const std::string& text) const {
    return fmt::format("the text \"{}\"", text);
  }
  std::string operator()(vm::ElementType type) const { return "the type " + vm::to_string(type); }
  std::string operator()(const layouts::SizeExpr& size) const {
    return "the size " + size.to_string();
  }
  std::string operator()(const layouts::RegisterLayout&) const { return "a layout"; }
  std::string operator()(const Fragment&) const { return "a layout"; }
  std::string operator()(const TupleValue& tuple) const {
    return fmt::format("a tuple of {} parts", tuple.items.size());
  }
  std::string operator()(Register tile) const { return describe(function.type(tile.id)); }
  std::string operator()(const Memory& memory) const { return describe(function.type(memory.id)); }
  std::string operator()(Barrier barrier) const { return describe(function.type(barrier.id)); }
  std::string operator()(Namespace which) const {
    return fmt::format("the group of names '{}'", namespace_text(which));
  }
  std::string operator()(ModuleName name) const {
    return fmt::format("the module {}", name.module->name);
  }
  std::string operator()(FunctionName name) const {
    return fmt::format("the function {}", name.function->name);
  }
  std::string operator()(KernelName name) const {
    return fmt::format("the kernel {}", name.kernel->name);
  }
  std::string operator()(BuiltinName name) const {
    return fmt::format("the function {}", name.builtin->name);
  }
};

}  // namespace

std::string describe(const vm::Type& type) {
  if (!type.is_register() || type.shape.empty()) return vm::to_string(type);
  // In a type as it is written, -1 is `_`.
  std::vector<std::string> extents;
  for (const std::int64_t extent : type.shape)
    extents.push_back(extent < 0 ? "_" : fmt::to_string(extent));
  return fmt::format("{}[{}]", vm::to_string(type.element), fmt::join(extents, ", "));
}

std::string describe(const Value& value, const vm::Function& function) {
  return std::visit(Describe{function}, value.node);
}

std::string spelling(const Value& value) {
  if (const auto* number = value.as<std::int64_t>()) return fmt::to_string(*number);
  if (const auto* number = value.as<double>()) return real_text(*number);
  if (const auto* truth = value.as<bool>()) return *truth ? "true" : "false";
  if (const auto* type = value.as<vm::ElementType>()) return vm::to_string(*type);
  if (const auto* layout = value.as<layouts::RegisterLayout>()) return layout->to_string();
  return {};
}

}  // namespace bitloom::dsl::sema
