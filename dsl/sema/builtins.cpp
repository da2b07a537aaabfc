#include "dsl/sema/builtins.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "dsl/sema/arguments.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/memory.h"

namespace bitloom::dsl::sema {
namespace {

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + separator.size(), text.size()));
  }
  return parts;
}

std::optional<ArgumentKind> parse_kind(std::string_view text) {
  if (text == "memory") return ArgumentKind::Memory;
  if (text == "either") return ArgumentKind::Either;
  if (text == "barrier") return ArgumentKind::Barrier;
  if (text == "integer") return ArgumentKind::Integer;
  if (text == "bool") return ArgumentKind::Bool;
  if (text == "variable") return ArgumentKind::Variable;
  if (text == "any") return ArgumentKind::Any;
  if (text == "text") return ArgumentKind::Text;
  return std::nullopt;
}

BuiltinParameter parse_parameter(std::string_view text) {
  BuiltinParameter parameter;
  const auto parts = split(text, ": ");
  parameter.optional = parts[0].ends_with('?');
  parameter.name = parts[0].substr(0, parts[0].size() - parameter.optional);
  if (parts.size() == 1) return parameter;
  if (const auto kind = parse_kind(parts[1])) {
    parameter.kind = *kind;
  } else {
    parameter.kind = ArgumentKind::Word;
    parameter.words = split(parts[1], "|");
  }
  return parameter;
}

}  // namespace

Builtin::Builtin(std::string_view name_, int least, int most, std::string_view signature_,
                 BuiltinHandler handler_, BuiltinForm form_)
    : name(name_),
      least_generics(least),
      most_generics(most),
      signature(signature_),
      handler(handler_),
      form(form_) {
  for (const std::string_view part : split(signature, ", "))
    parameters.push_back(parse_parameter(part));
}

std::int64_t BuiltinCall::integer(std::size_t i, std::int64_t otherwise) const {
  const auto* number = arguments[i].as<std::int64_t>();
  return number ? *number : otherwise;
}

bool BuiltinCall::flag(std::size_t i) const {
  const auto* truth = arguments[i].as<bool>();
  return truth && *truth;
}

std::string BuiltinCall::word(std::size_t i, std::string_view otherwise) const {
  const auto* text = arguments[i].as<std::string>();
  return text ? *text : std::string(otherwise);
}

const std::vector<const Builtin*>& all_builtins() {
  static const std::vector<const Builtin*> all = [] {
    std::vector<const Builtin*> list;
    for (const auto* group :
         {&constant_builtins(), &math_builtins(), &shape_builtins(), &reduction_builtins(),
          &dot_builtins(), &memory_builtins(), &sync_builtins(), &layout_builtins()})
      for (const Builtin& builtin : *group) list.push_back(&builtin);
    return list;
  }();
  return all;
}

const Builtin* find_builtin(std::string_view name) {
  static const std::map<std::string_view, const Builtin*> by_name = [] {
    std::map<std::string_view, const Builtin*> map;
    for (const Builtin* builtin : all_builtins()) map.emplace(builtin->name, builtin);
    return map;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

// ---- Binding a call to its row ------------------------------------------------------------------

namespace {

std::optional<std::string> word(Context& c, const Builtin& builtin,
                                const BuiltinParameter& parameter, const Expr& expr) {
  const auto* name = std::get_if<Name>(&expr.node);
  if (name && std::ranges::find(parameter.words, name->text) != parameter.words.end())
    return name->text;
  auto report = c.error("BL0220", expr.place);
  report << builtin.name << ": " << parameter.name << " is one of "
         << fmt::format("{}", fmt::join(parameter.words, ", ")) << ", and this is '"
         << c.text(expr.place) << "'";
  if (name) report.suggest(name->text, parameter.words);
  return report;
}

Value variable(Context& c, const Builtin& builtin, const Expr& expr) {
  const auto* name = std::get_if<Name>(&expr.node);
  const Binding* binding = name && c.scope ? c.scope->find(name->text) : nullptr;
  if (binding && (binding->variable || binding->value.poisoned())) return binding->value;
  auto report = c.error(binding ? "BL0120" : "BL0206", expr.place);
  report << builtin.name << " changes a variable, and '" << c.text(expr.place) << "' is not one";
  if (binding) report.note(binding->span, "it is declared").hint("declare it with var");
  return report;
}

Value wrong_kind(Context& c, const Builtin& builtin, const BuiltinParameter& parameter,
                 const Value& value, Place place, std::string_view wanted) {
  return c.error("BL0206", place) << builtin.name << ": " << parameter.name << " is " << wanted
                                  << ", and this is " << c.describe(value);
}

Value argument(Context& c, const Builtin& builtin, const BuiltinParameter& parameter,
               const Expr& expr) {
  const std::string what = fmt::format("{}: {}", builtin.name, parameter.name);
  switch (parameter.kind) {
    case ArgumentKind::Value: {
      const Value value = value_of(c, expr);
      if (value.poisoned() || value.is_number() || value.is<Register>() ||
          value.is<layouts::SizeExpr>())
        return value;
      return wrong_kind(c, builtin, parameter, value, expr.place, "a value");
    }
    case ArgumentKind::Memory: {
      const Value value = evaluate(c, expr);
      if (value.poisoned() || value.is<Memory>()) return value;
      return wrong_kind(c, builtin, parameter, value, expr.place, "a window of memory");
    }
    case ArgumentKind::Barrier: {
      const Value value = evaluate(c, expr);
      if (value.poisoned()) return value;
      const auto* barrier = value.as<Barrier>();
      if (barrier && c.type(barrier->id).rank() == 0) return value;
      return wrong_kind(c, builtin, parameter, value, expr.place, "one mbarrier");
    }
    case ArgumentKind::Integer: {
      const auto constant = constant_integer(c, expr, what);
      return constant ? Value(*constant) : Value(Poison{});
    }
    case ArgumentKind::Bool: {
      const auto constant = constant_bool(c, evaluate(c, expr), expr.place, what);
      return constant ? Value(*constant) : Value(Poison{});
    }
    case ArgumentKind::Either:
    case ArgumentKind::Any:
      return evaluate(c, expr);
    case ArgumentKind::Variable:
      return variable(c, builtin, expr);
    case ArgumentKind::Word: {
      auto chosen = word(c, builtin, parameter, expr);
      return chosen ? Value(std::move(*chosen)) : Value(Poison{});
    }
    case ArgumentKind::Text:
      return std::string(c.text(expr.place));
  }
  return Poison{};
}

// "scan(x, dim, op? = add|mul|min|max, exclusive?)": as a person reads it, without the kinds.
std::string signature_text(const Builtin& builtin) {
  std::string text;
  for (const BuiltinParameter& parameter : builtin.parameters) {
    text += fmt::format("{}{}{}", text.empty() ? "" : ", ", parameter.name,
                        parameter.optional ? "?" : "");
    if (!parameter.words.empty()) text += fmt::format(" = {}", fmt::join(parameter.words, "|"));
  }
  return fmt::format("{}{}({})", builtin.name, builtin.most_generics == 0 ? "" : "<…>", text);
}

bool right_number_of_generics(Context& c, const Builtin& builtin, const Call& node, Place place) {
  const int given = static_cast<int>(node.generics.size());
  if (given >= builtin.least_generics &&
      (builtin.most_generics < 0 || given <= builtin.most_generics))
    return true;
  const bool few = given < builtin.least_generics;
  auto report = c.error(few ? "BL0112" : "BL0111", place);
  report << builtin.name << " takes " << (few ? "at least " : "at most ")
         << counted(static_cast<std::size_t>(few ? builtin.least_generics : builtin.most_generics),
                    "argument")
         << " between < and >, and this gives " << given;
  report.hint(signature_text(builtin));
  return false;
}

}  // namespace

Value call_builtin(Context& c, const Builtin& builtin, const Call& node, Place place) {
  if (builtin.form == BuiltinForm::Explicit && c.comfortable() && c.kernel) {
    return c.error("BL0223", place)
               .note(c.span(c.kernel->name_place), "the kernel is declared")
               .hint("write 'explicit kernel'")
           << "in a kernel the compiler places the synchronisation: " << builtin.name
           << " belongs to explicit kernels";
  }
  BuiltinCall call;
  call.builtin = &builtin;
  call.place = place;
  bool good = right_number_of_generics(c, builtin, node, place);
  for (const ExprPtr& generic : node.generics) {
    call.generics.push_back(evaluate(c, *generic));
    call.generic_places.push_back(generic->place);
    good = good && !call.generics.back().poisoned();
  }
  Callee callee{builtin.name, {}, {}, signature_text(builtin)};
  for (const BuiltinParameter& parameter : builtin.parameters)
    callee.parameters.push_back({parameter.name, parameter.optional});
  const auto bound = bind_arguments(c, callee, node, place);
  if (!bound) return Poison{};
  for (std::size_t i = 0; i < bound->size(); ++i) {
    const Expr* expr = (*bound)[i];
    call.expressions.push_back(expr);
    call.places.push_back(expr ? expr->place : place);
    call.arguments.push_back(expr ? argument(c, builtin, builtin.parameters[i], *expr)
                                  : Value(Nothing{}));
    good = good && !call.arguments.back().poisoned();
  }
  return good ? builtin.handler(c, call) : Value(Poison{});
}

// ---- What handlers ask for ----------------------------------------------------------------------

std::optional<vm::ElementType> generic_type(Context& c, const BuiltinCall& call, std::size_t i) {
  if (const auto* type = call.generics[i].as<vm::ElementType>()) return *type;
  return c.error("BL0126", call.generic_places[i])
         << call.builtin->name << " takes an element type here, and this is "
         << c.describe(call.generics[i]);
}

std::optional<std::int64_t> generic_integer(Context& c, const BuiltinCall& call, std::size_t i,
                                            std::string_view what) {
  return constant_integer(c, call.generics[i], call.generic_places[i],
                          fmt::format("{}: {}", call.builtin->name, what));
}

std::optional<vm::Shape> generic_shape(Context& c, const BuiltinCall& call, std::size_t first) {
  vm::Shape shape;
  for (std::size_t i = first; i < call.generics.size(); ++i) {
    const auto extent = generic_integer(c, call, i, "an extent");
    if (!extent) return std::nullopt;
    shape.push_back(*extent);
  }
  if (!valid_shape(c, shape, call.place)) return std::nullopt;
  return shape;
}

std::optional<std::int64_t> dimension(Context& c, std::int64_t dim, int rank, Place place) {
  if (dim >= 0 && dim < rank) return dim;
  return c.error("BL0213", place) << "dimension " << dim << " of a value with "
                                  << counted(static_cast<std::size_t>(rank), "dimension");
}

std::optional<Register> tile_argument(Context& c, const BuiltinCall& call, std::size_t i) {
  return as_register(c, call[i], call.places[i]);
}

}  // namespace bitloom::dsl::sema
