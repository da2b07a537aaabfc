#include "dsl/sema/kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "dsl/sema/calls.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/kernel_names.h"
#include "dsl/sema/operators.h"
#include "dsl/sema/statements.h"
#include "vm/packed_type.h"
#include "vm/suggest.h"
#include "vm/verify.h"

namespace bitloom::dsl::sema {
namespace {

using layouts::SizeExpr;

// ---- Generics -----------------------------------------------------------------------------------

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

std::optional<Value> parse_generic(GenericKind kind, std::string_view text) {
  switch (kind) {
    case GenericKind::Type:
      if (const auto type = vm::parse_element_type(text)) return Value(*type);
      return std::nullopt;
    case GenericKind::Int:
      if (const auto number = parse_integer(text)) return Value(*number);
      return std::nullopt;
    case GenericKind::Bool:
      if (text == "true" || text == "false") return Value(text == "true");
      return std::nullopt;
    case GenericKind::Layout:
      if (auto layout = layouts::parse_register_layout(text)) return Value(std::move(*layout));
      return std::nullopt;
  }
  return std::nullopt;
}

// What a compile-time parameter may be given, such as `4`.
const char* example_of(GenericKind kind) {
  switch (kind) {
    case GenericKind::Type:
      return "u4";
    case GenericKind::Int:
      return "4";
    case GenericKind::Bool:
      return "true";
    case GenericKind::Layout:
      return "'spatial(32) * local(4)'";
  }
  return "";
}

Value generic_value(Context& c, const GenericParameter& generic) {
  const auto given = c.settings.generics.find(generic.name);
  if (given != c.settings.generics.end()) {
    if (const auto value = parse_generic(generic.kind, given->second)) return *value;
    auto report = c.error("BL0409", generic.place);
    report << generic.name << " is " << (generic.kind == GenericKind::Int ? "an " : "a ")
           << kind_text(generic.kind) << ", and '" << given->second << "' is none";
    report.hint(fmt::format("--set {}={}", generic.name, example_of(generic.kind)));
    return report;
  }
  if (!generic.otherwise) {
    auto report = c.error("BL0408", generic.place);
    report << "the " << kind_text(generic.kind) << " " << generic.name
           << " has no default and is not given";
    report.hint(fmt::format("--set {}={}", generic.name, example_of(generic.kind)));
    return report;
  }
  const auto value =
      generic_argument(c, generic, evaluate(c, *generic.otherwise), generic.otherwise->place);
  return value ? *value : Value(Poison{});
}

bool declare_generics(Context& c) {
  bool good = true;
  for (const GenericParameter& generic : c.kernel->generics) {
    const Value value = generic_value(c, generic);
    good = good && !value.poisoned();
    c.function.specialization.emplace_back(generic.name, spelling(value));
    declare(c, generic.name, generic.place, value);
  }
  std::vector<std::string_view> names;
  for (const GenericParameter& generic : c.kernel->generics) names.push_back(generic.name);
  for (const auto& [name, value] : c.settings.generics) {
    if (std::ranges::find(names, name) != names.end()) continue;
    auto report = c.error("BL0410", c.kernel->name_place);
    report << "the kernel " << c.kernel->name << " has no compile-time parameter '" << name << "'";
    report.suggest(name, names);
    good = false;
  }
  return good;
}

// ---- Sizes and parameters -----------------------------------------------------------------------

bool declare_sizes(Context& c) {
  bool good = true;
  for (const SizeName& size : size_names(c, *c.kernel)) {
    if (size.parameter) {
      c.error("BL0227", size.place)
              .note(c.span(size.parameter->name_place), fmt::format("'{}' is declared", size.name))
          << "'" << size.name
          << "' is a parameter, and extents are made of sizes, which follow from the arrays";
      good = false;
      continue;
    }
    const vm::ValueId id =
        c.function.add_value(size.name, vm::register_type(vm::kI64), c.span(size.place));
    c.function.sizes.push_back(id);
    c.scope->declare(size.name,
                     {SizeExpr::symbol(size.name), c.span(size.place), false, false, {}});
  }
  return good;
}

std::optional<SizeExpr> size_expression(Context& c, const Expr& expr, std::string_view what) {
  const Value value = evaluate(c, expr);
  if (value.poisoned()) return std::nullopt;
  if (const auto* size = value.as<SizeExpr>()) return *size;
  if (const auto* number = value.as<std::int64_t>()) {
    if (*number >= 0) return SizeExpr(*number);
    return c.error("BL0214", expr.place) << what << " is not negative, and this is " << *number;
  }
  return c.error("BL0227", expr.place) << what
                                       << " is computed when the kernel is launched, from sizes "
                                          "and compile-time numbers; this is "
                                       << c.describe(value);
}

std::optional<vm::Type> global_parameter(Context& c, const ParameterSyntax& parameter) {
  const TypeSyntax& syntax = *parameter.type;
  const auto element = element_type(c, *syntax.element);
  bool good = element.has_value();
  std::vector<SizeExpr> extents;
  for (const ExprPtr& written : syntax.extents) {
    const auto extent = size_expression(c, *written, "an extent");
    good = good && extent;
    extents.push_back(extent.value_or(SizeExpr(1)));
  }
  if (!good) return std::nullopt;
  if (extents.empty())
    return c.error("BL0229", syntax.place)
               .hint(fmt::format("global {}[1]", vm::to_string(*element)))
           << "a tensor in global memory has extents";
  if (element->is_bool())
    return c.error("BL0229", syntax.place) << "bool lives in registers only; take u8";
  if (syntax.packed && (!element->is_narrow() || extents.size() < 2))
    return c.error("BL0229", syntax.place) << "a packed tensor has a type of 8 bits or less and at "
                                              "least two dimensions, and this is "
                                           << c.text(syntax.place);
  const bool is_packed = syntax.packed;
  vm::Type type = vm::global_type(*element, std::move(extents));
  if (is_packed) type.packed = vm::packed_atom(*element);
  return type;
}

std::optional<vm::Type> scalar_parameter(Context& c, const ParameterSyntax& parameter) {
  const auto type = tile_type(c, *parameter.type);
  if (!type) return std::nullopt;
  if (!type->shape.empty())
    return c.error("BL0229", parameter.type->place)
               .hint(fmt::format("global {}", c.text(parameter.type->place)))
           << "a parameter is a tensor in global memory or a scalar, and this is a tile";
  if (type->element.is_narrow() || type->element == vm::kTF32)
    return c.error("BL0229", parameter.type->place)
           << "a scalar parameter is a bool or a number of 16 bits and more, and this is "
           << vm::to_string(type->element);
  return vm::register_type(type->element);
}

Value declare_parameter(Context& c, const ParameterSyntax& parameter) {
  if (!parameter.type || (!parameter.type->element))
    return c.error("BL0222", parameter.name_place)
               .hint(fmt::format("{}: global f32[n]", parameter.name))
           << "the parameter " << parameter.name << " of a kernel has no type";
  const TypeSyntax& syntax = *parameter.type;
  if (parameter.variable)
    return c.error("BL0222", parameter.name_place) << "parameters of kernels never change";
  if (syntax.space == SpaceWord::Shared)
    return c.error("BL0229", syntax.place)
           << "shared memory is declared in the body, not given by the launch";
  const bool global = syntax.space == SpaceWord::Global;
  if (!global && syntax.optional)
    return c.error("BL0229", syntax.place)
           << "only tensors are optional; a scalar always has a value";
  const auto type = global ? global_parameter(c, parameter) : scalar_parameter(c, parameter);
  if (!type) return Poison{};
  const vm::ValueId id = c.function.add_value(parameter.name, *type, c.span(parameter.name_place));
  const bool present = !syntax.optional || !c.settings.absent.contains(parameter.name);
  c.function.parameters.push_back({id, syntax.optional, present});
  if (!present) return Absent{};
  return global ? Value(Memory{id}) : Value(Register{id});
}

void declare_parameters(Context& c) {
  for (const ParameterSyntax& parameter : c.kernel->parameters)
    declare(c, parameter.name, parameter.name_place, declare_parameter(c, parameter));
  for (const std::string& name : c.settings.absent) {
    const auto found = std::ranges::find(c.kernel->parameters, name, &ParameterSyntax::name);
    if (found != c.kernel->parameters.end() && found->type && found->type->optional) continue;
    c.error("BL0402", c.kernel->name_place)
        << "the kernel " << c.kernel->name << " has no optional parameter '" << name << "'";
  }
}

// ---- Attributes and conditions ------------------------------------------------------------------

std::optional<std::int64_t> header_integer(Context& c, std::string_view name, std::int64_t least,
                                           std::int64_t most) {
  const Attribute* attribute = find_attribute(c.kernel->attributes, name);
  if (!attribute) return std::nullopt;
  const auto number = attribute_integer(c, *attribute);
  if (!number) return std::nullopt;
  if (*number >= least && *number <= most) return number;
  return c.error("BL0222", attribute->place) << name << " takes a number from " << least << " to "
                                             << most << ", and this is " << *number;
}

void read_grid(Context& c) {
  const Attribute* grid = find_attribute(c.kernel->attributes, "grid");
  if (!grid) {
    c.error("BL0222", c.kernel->name_place).hint("grid(ceildiv(n, 1024))")
        << "the kernel " << c.kernel->name << " does not say its grid(…)";
    return;
  }
  if (grid->arguments.empty() || grid->arguments.size() > 3)
    c.error("BL0222", grid->place)
        << "a grid has one to three axes, and this has " << grid->arguments.size();
  for (const Argument& argument : grid->arguments) {
    if (!argument.name.empty())
      c.error("BL0113", argument.name_place) << "the axes of a grid have no names";
    if (const auto axis = size_expression(c, *argument.value, "the grid"))
      c.function.grid.push_back(*axis);
  }
}

// `resident`, or `resident(condition)`.
bool is_resident(Context& c) {
  const Attribute* resident = find_attribute(c.kernel->attributes, "resident");
  if (!resident) return false;
  if (resident->arguments.size() > 1)
    c.error("BL0111", resident->place)
        << "resident takes one condition, and this gives " << resident->arguments.size();
  if (resident->arguments.size() != 1) return true;
  const Expr& condition = *resident->arguments[0].value;
  return constant_bool(c, evaluate(c, condition), condition.place, "the condition of resident")
      .value_or(true);
}

void read_attributes(Context& c) {
  if (!known_attributes(c, c.kernel->attributes,
                        {"grid", "threads", "cluster", "min_blocks", "resident"}))
    return;
  read_grid(c);
  if (!find_attribute(c.kernel->attributes, "threads"))
    c.error("BL0222", c.kernel->name_place).hint("threads(256)")
        << "the kernel " << c.kernel->name << " does not say its threads(…)";
  const auto threads = header_integer(c, "threads", 32, 1024);
  if (threads && *threads % 32 != 0)
    c.error("BL0222", find_attribute(c.kernel->attributes, "threads")->place)
            .hint(fmt::format("threads({})", (*threads + 31) / 32 * 32))
        << "a block has whole warps of 32 threads, and this has " << *threads << " threads";
  c.function.threads = static_cast<int>(threads.value_or(32));
  c.strand_threads = c.function.threads;
  c.function.cluster = static_cast<int>(header_integer(c, "cluster", 1, 16).value_or(1));
  c.function.min_blocks = static_cast<int>(header_integer(c, "min_blocks", 1, 32).value_or(0));
  c.function.resident = is_resident(c);
}

void read_conditions(Context& c) {
  for (const Where& where : c.kernel->wheres) {
    const Value condition = evaluate(c, *where.condition);
    const std::string text(c.text(where.condition->place));
    if (const auto* known = condition.as<bool>()) {
      if (*known) continue;
      auto report = c.error("BL0221", where.condition->place);
      report << "the condition " << text << " does not hold";
      if (where.message) report << ": " << *where.message;
    } else if (const auto* size = condition.as<SizeExpr>();
               size && size->op() >= SizeExpr::Op::Eq) {
      c.function.constraints.push_back(
          {*size, text, where.message.value_or(""), c.span(where.condition->place)});
    } else if (!condition.poisoned()) {
      c.error("BL0211", where.condition->place)
          << "a condition of a kernel is true or false, and this is " << c.describe(condition);
    }
  }
}

}  // namespace

std::optional<vm::Function> analyze(const Modules& modules, const Module& module,
                                    const KernelDecl& kernel, const Specialization& settings,
                                    vm::Diagnostics& diagnostics) {
  Context c(modules, diagnostics, settings);
  Frame frame;
  frame.module = &module;
  c.frames.push_back(std::move(frame));
  c.kernel = &kernel;
  c.function.name = kernel.name;
  c.function.span = c.span(kernel.name_place);
  c.function.comfortable = !kernel.is_explicit;
  const BlockScope names(c, nullptr);
  {
    const Restore header(c.in_header, true);
    // The body would only repeat what is wrong with the header.
    if (!declare_generics(c) || !declare_sizes(c)) return std::nullopt;
    declare_parameters(c);
    read_attributes(c);
    read_conditions(c);
    if (c.errors() != 0) return std::nullopt;
  }
  run(c, kernel.body);
  if (c.errors() != 0) return std::nullopt;
  // What the analysis lets pass and the machine does not take is a diagnostic like any other.
  if (!vm::verify(c.function, diagnostics, vm::VerifyStage::Checked)) return std::nullopt;
  return std::move(c.function);
}

}  // namespace bitloom::dsl::sema
