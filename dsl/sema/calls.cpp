#include "dsl/sema/calls.h"

#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/arguments.h"
#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/layout_values.h"
#include "dsl/sema/memory.h"
#include "dsl/sema/operators.h"
#include "dsl/sema/statements.h"

namespace bitloom::dsl::sema {
namespace {

constexpr std::size_t kMostFrames = 64;

// One call of a function of the text while it is being prepared in the caller.
struct Prepared {
  const FunctionDecl* function = nullptr;
  const Module* module = nullptr;
  std::vector<std::optional<Value>> generics;  // nullopt: its default, or inferred
  std::vector<Place> generic_places;
  std::vector<Value> arguments;
  std::vector<Place> places;
};

vm::Span declared_at(const Context& c, const Prepared& call) {
  return span_of(c.modules.sources(), *call.module, call.function->name_place);
}

bool is_circle(Context& c, FunctionName name, Place place) {
  const auto first = std::ranges::find(c.frames, name.function, &Frame::function);
  if (first == c.frames.end()) return false;
  auto report = c.error("BL0122", place);
  report << "the function " << name.function->name << " calls itself";
  for (auto frame = first + 1; frame != c.frames.end(); ++frame)
    report.note(frame->call, fmt::format("on the way {} is called", frame->function->name));
  report.hint("functions are expanded where they are called; write a loop");
  return true;
}

bool evaluate_generics(Context& c, const Call& node, Prepared& call, Place place) {
  const auto& parameters = call.function->generics;
  if (node.generics.size() > parameters.size()) {
    c.error("BL0111", place)
            .note(declared_at(c, call), fmt::format("{} is declared", call.function->name))
        << call.function->name << " takes " << counted(parameters.size(), "argument")
        << " between < and >, and this gives " << node.generics.size();
    return false;
  }
  bool good = true;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const bool given = i < node.generics.size();
    call.generic_places.push_back(given ? node.generics[i]->place : place);
    call.generics.push_back(std::nullopt);
    if (!given) continue;
    call.generics[i] =
        generic_argument(c, parameters[i], evaluate(c, *node.generics[i]), node.generics[i]->place);
    good = good && call.generics[i];
  }
  return good;
}

Value var_argument(Context& c, const ParameterSyntax& parameter, const Expr& expr) {
  const auto* name = std::get_if<Name>(&expr.node);
  const Binding* binding = name && c.scope ? c.scope->find(name->text) : nullptr;
  if (binding && (binding->variable || binding->value.poisoned())) return binding->value;
  auto report = c.error("BL0120", expr.place);
  report << "the parameter " << parameter.name << " may be assigned, and '" << c.text(expr.place)
         << "' is not a variable";
  if (binding) report.note(binding->span, "it is declared").hint("declare it with var");
  return report;
}

bool evaluate_arguments(Context& c, const Call& node, Prepared& call, Place place) {
  const auto& parameters = call.function->parameters;
  Callee callee{call.function->name, {}, declared_at(c, call), {}};
  for (const ParameterSyntax& parameter : parameters) callee.parameters.push_back({parameter.name});
  const auto bound = bind_arguments(c, callee, node, place);
  if (!bound) return false;
  const bool assigns = std::ranges::any_of(parameters, &ParameterSyntax::variable);
  bool good = true;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Expr& expr = *(*bound)[i];
    call.places.push_back(expr.place);
    Value value = parameters[i].variable ? var_argument(c, parameters[i], expr) : evaluate(c, expr);
    // A function that assigns could change, behind its own back, what it was given by value.
    if (assigns && !parameters[i].variable) value = snapshot(c, value, expr.place);
    good = good && !value.poisoned();
    call.arguments.push_back(std::move(value));
  }
  return good;
}

std::optional<vm::ElementType> element_of(const Context& c, const Value& value) {
  if (const auto* tile = value.as<Register>()) return c.type(tile->id).element;
  if (const auto* memory = value.as<Memory>()) return c.type(memory->id).element;
  return std::nullopt;
}

// A type parameter that is the element type of an argument.
std::optional<Value> inferred(const Context& c, const Prepared& call,
                              const GenericParameter& generic) {
  if (generic.kind != GenericKind::Type) return std::nullopt;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const auto& type = call.function->parameters[i].type;
    const auto* name = type && type->element ? std::get_if<Name>(&type->element->node) : nullptr;
    if (!name || name->text != generic.name) continue;
    if (const auto element = element_of(c, call.arguments[i])) return Value(*element);
  }
  return std::nullopt;
}

// ---- Inside the function ------------------------------------------------------------------------

// Names of the generic parameters in the new frame, and "step<T = f16, S = 4>" for messages.
bool declare_generics(Context& c, Prepared& call) {
  std::string title;
  bool good = true;
  for (std::size_t i = 0; i < call.function->generics.size(); ++i) {
    const GenericParameter& generic = call.function->generics[i];
    std::optional<Value> value = call.generics[i];
    if (!value) value = inferred(c, call, generic);
    if (!value && generic.otherwise)
      value =
          generic_argument(c, generic, evaluate(c, *generic.otherwise), generic.otherwise->place);
    else if (!value) {
      c.error("BL0112", c.frame().call)
              .note(c.span(generic.place), fmt::format("{} is declared", generic.name))
          << call.function->name << ": the " << kind_text(generic.kind) << " " << generic.name
          << " is not given";
    }
    good = good && value;
    declare(c, generic.name, generic.place, value.value_or(Poison{}));
    const std::string text = value ? spelling(*value) : std::string();
    if (!text.empty())
      title += fmt::format("{}{} = {}", title.empty() ? "" : ", ", generic.name, text);
  }
  c.frame().title =
      title.empty() ? call.function->name : fmt::format("{}<{}>", call.function->name, title);
  return good;
}

bool same_shape(const vm::Shape& wanted, const vm::Shape& own) {
  return wanted.size() == own.size() &&
         std::equal(wanted.begin(), wanted.end(), own.begin(),
                    [](auto w, auto o) { return w == -1 || w == o; });
}

std::string type_text(const TileType& type) {
  return describe(vm::register_type(type.element, type.shape));
}

// The value as the written type wants it; BL0207, told of `what`, when it is not.
Value typed(Context& c, Value value, const TypeSyntax& syntax, Place value_place,
            vm::Span value_span, const std::string& what) {
  if (value.poisoned()) return value;
  if (syntax.space != SpaceWord::None) {
    const auto* memory = value.as<Memory>();
    const vm::Space space =
        syntax.space == SpaceWord::Global ? vm::Space::Global : vm::Space::Shared;
    const auto element = syntax.element ? element_type(c, *syntax.element) : std::nullopt;
    if (!element) return Poison{};
    const bool right = memory && c.type(memory->id).space == space &&
                       c.type(memory->id).element == *element &&
                       (!syntax.has_extents ||
                        c.type(memory->id).rank() == static_cast<int>(syntax.extents.size()));
    if (right) return value;
    return c.error("BL0207", value_span)
               .note(c.span(syntax.place), fmt::format("{} is declared", what))
           << what << " is " << c.text(syntax.place) << ", and this is " << c.describe(value);
  }
  const auto type = tile_type(c, syntax);
  if (!type) return Poison{};
  value = loaded(c, std::move(value), value_place);
  if (value.poisoned()) return value;
  const bool any = std::ranges::find(type->shape, -1) != type->shape.end();
  if (value.is_number() && !any) {
    const auto tile = as_tile(c, value, type->element, type->shape, value_place);
    return tile ? Value(*tile) : Value(Poison{});
  }
  const auto* tile = value.as<Register>();
  if (tile && c.type(tile->id).element == type->element &&
      same_shape(type->shape, c.type(tile->id).shape))
    return value;
  auto report = c.error("BL0207", value_span);
  report << what << " is " << type_text(*type) << ", and this is " << c.describe(value);
  report.note(c.span(syntax.place), fmt::format("{} is declared", what));
  if (tile && c.type(tile->id).element != type->element)
    report.hint(fmt::format("cast<{}>(…)", vm::to_string(type->element)));
  return report;
}

bool declare_parameters(Context& c, Prepared& call, const std::vector<vm::Span>& spans) {
  bool good = true;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const ParameterSyntax& parameter = call.function->parameters[i];
    Value value = call.arguments[i];
    if (parameter.type)
      value = typed(c, std::move(value), *parameter.type, parameter.name_place, spans[i],
                    "the parameter " + parameter.name);
    good = good && !value.poisoned();
    declare(c, parameter.name, parameter.name_place, std::move(value), parameter.variable);
  }
  return good;
}

Value inline_function(Context& c, FunctionName name, const Call& node, Place place) {
  if (is_circle(c, name, place)) return Poison{};
  if (c.frames.size() > kMostFrames)
    return c.error("BL0904", place) << "more than " << kMostFrames << " functions call one another";
  if (!c.spend(place)) return Poison{};
  Prepared call{name.function, name.module, {}, {}, {}, {}};
  const bool generics = evaluate_generics(c, node, call, place);
  if (!evaluate_arguments(c, node, call, place) || !generics) return Poison{};
  std::vector<vm::Span> spans;
  for (const Place& at : call.places) spans.push_back(c.span(at));

  Frame frame;
  frame.module = name.module;
  frame.function = name.function;
  frame.title = name.function->name;
  frame.call = c.span(place);
  frame.depth = c.depth;
  c.frames.push_back(std::move(frame));
  Value result = Nothing{};
  {
    BlockScope names(c, nullptr);
    if (declare_generics(c, call) && declare_parameters(c, call, spans)) {
      run(c, name.function->body);
      result = c.frame().result.value_or(Nothing{});
      const bool nothing = result.is<Nothing>();
      if (nothing && name.function->result)
        result = c.error("BL0123", name.function->name_place)
                 << name.function->name << " declares a result and returns none";
      else if (name.function->result)
        result =
            typed(c, std::move(result), *name.function->result, name.function->result->place,
                  c.span(name.function->result->place), "the result of " + name.function->name);
    } else {
      result = Poison{};
    }
  }
  c.frames.pop_back();
  return result;
}

// ---- Which function? ----------------------------------------------------------------------------

Value unknown_function(Context& c, std::string_view name, Place place) {
  std::vector<std::string_view> candidates;
  for (const Builtin* builtin : all_builtins()) candidates.push_back(builtin->name);
  for (const auto& [known, decl] : c.module().declarations)
    if (std::holds_alternative<FunctionDecl>(decl->node)) candidates.push_back(known);
  auto report = c.error("BL0102", place);
  report << "unknown function '" << name << "'";
  report.suggest(name, candidates);
  return report;
}

Value call_value(Context& c, const Value& callee, const Call& node, Place place) {
  if (callee.poisoned()) {
    for (const Argument& argument : node.arguments)
      if (argument.name.empty()) evaluate(c, *argument.value);  // for the errors in them
    return Poison{};
  }
  if (const auto* builtin = callee.as<BuiltinName>())
    return call_builtin(c, *builtin->builtin, node, place);
  if (const auto* function = callee.as<FunctionName>())
    return inline_function(c, *function, node, place);
  auto report = c.error("BL0126", node.callee->place);
  report << "a function is expected here, and '" << c.text(node.callee->place) << "' is "
         << c.describe(callee);
  if (callee.is<vm::ElementType>()) report.hint(fmt::format("cast<{}>(…)", spelling(callee)));
  return report;
}

}  // namespace

std::string_view kind_text(GenericKind kind) {
  switch (kind) {
    case GenericKind::Type:
      return "type";
    case GenericKind::Int:
      return "int";
    case GenericKind::Bool:
      return "bool";
    case GenericKind::Layout:
      return "layout";
  }
  return {};
}

std::optional<Value> generic_argument(Context& c, const GenericParameter& parameter,
                                      const Value& value, Place place) {
  if (value.poisoned()) return std::nullopt;
  const bool right = parameter.kind == GenericKind::Type   ? value.is<vm::ElementType>()
                     : parameter.kind == GenericKind::Int  ? value.is<std::int64_t>()
                     : parameter.kind == GenericKind::Bool ? value.is<bool>()
                                                           : value.is_layout();
  if (right) return value;
  c.error(value.is<Register>() || value.is<layouts::SizeExpr>() ? "BL0125" : "BL0126", place)
      << parameter.name << " is "
      << (parameter.kind == GenericKind::Int ? "an int"
                                             : fmt::format("a {}", kind_text(parameter.kind)))
      << ", known at compile time, and this is " << c.describe(value);
  return std::nullopt;
}

Value call(Context& c, const Call& node, Place place) {
  if (const auto* name = std::get_if<Name>(&node.callee->node)) {
    auto callee = lookup(c, name->text, node.callee->place);
    // What cannot be called does not hide a function of the language: a barrier may be called
    // `full`.
    const bool callable =
        callee && (callee->is<FunctionName>() || callee->is<BuiltinName>() || callee->poisoned());
    if (const Builtin* builtin = callable ? nullptr : find_builtin(name->text))
      callee = BuiltinName{builtin};
    if (!callee) {
      unknown_function(c, name->text, node.callee->place);
      callee = Poison{};
    }
    return call_value(c, *callee, node, place);
  }
  if (const auto* member = std::get_if<Member>(&node.callee->node)) {
    const Value base = evaluate(c, *member->base);
    if (const auto* layout = base.as<layouts::RegisterLayout>())
      return layout_method(c, *layout, node, *member, place);
    if (const auto* which = base.as<Namespace>();
        which && (*which == Namespace::Mma || *which == Namespace::Wgmma))
      return fragment(c, *which == Namespace::Wgmma, node, *member, place);
  }
  return call_value(c, evaluate(c, *node.callee), node, place);
}

}  // namespace bitloom::dsl::sema
