#include "dsl/sema/statements.h"

#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/evaluate.h"
#include "dsl/sema/layout_values.h"
#include "dsl/sema/memory.h"
#include "dsl/sema/operators.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;

// ---- let and var --------------------------------------------------------------------------------

// The declared type and layout, put on a value.
Value with_type(Context& c, const Let& node, const Value& value, Place value_place,
                std::string_view name, Place place) {
  const auto type = tile_type(c, *node.type);
  if (!type || !valid_shape(c, type->shape, node.type->place)) return Poison{};
  const auto tile = fit(c, value, type->element, type->shape, value_place,
                        fmt::format("'{}'", name), c.span(place));
  return tile ? Value(*tile) : Value(Poison{});
}

// `fresh`: ids from here on belong to this let alone, so their layout can simply be set.
Value with_layout(Context& c, const Let& node, const Value& value, vm::ValueId fresh) {
  const auto* tile = value.as<Register>();
  if (!tile) {
    if (!value.poisoned())
      c.error("BL0126", node.layout->place)
          << "only a tile has a layout, and this is " << c.describe(value);
    return Poison{};
  }
  const vm::Type type = c.type(tile->id);
  const auto layout =
      layout_of(c, evaluate(c, *node.layout), type.element, type.shape, node.layout->place);
  if (!layout) return Poison{};
  if (tile->id >= fresh && !type.layout) {
    c.function.value(tile->id).type.layout = *layout;
    return value;
  }
  vm::Type converted = vm::register_type(type.element, type.shape);
  converted.layout = *layout;
  return Register{
      c.emit(node.layout->place, Opcode::ConvertLayout, std::move(converted), {tile->id})};
}

Value make_variable(Context& c, const Value& value, const Let& node, Place value_place,
                    Place place) {
  if (value.poisoned()) return value;
  const auto initial = as_register(c, value, value_place);
  if (!initial) return Poison{};
  vm::Type type = c.type(initial->id);
  if (!node.layout) type.layout.reset();
  const vm::ValueId id = c.emit(place, Opcode::Var, std::move(type), {initial->id});
  return Register{id};
}

void name_value(Context& c, const Value& value, std::string_view name, vm::ValueId fresh) {
  vm::ValueId id = vm::kNoValue;
  if (const auto* tile = value.as<Register>()) id = tile->id;
  if (const auto* memory = value.as<Memory>()) id = memory->id;
  if (id == vm::kNoValue || id < fresh) return;
  if (std::string& known = c.function.value(id).name; known.empty()) known = name;
}

void bind(Context& c, const Let& node, std::size_t i, Value value, Place value_place,
          vm::ValueId fresh) {
  const std::string& name = node.names[i];
  const Place place = node.name_places[i];
  if (value.is<Nothing>())
    value = c.error("BL0123", value_place) << "'" << c.text(value_place) << "' gives no value";
  if (value.is<Namespace>() || value.is<ModuleName>() || value.is<FunctionName>() ||
      value.is<KernelName>() || value.is<BuiltinName>())
    value = c.error("BL0126", value_place)
            << "a value, a window, a type or a layout can be given a name, and this is "
            << c.describe(value);
  if (node.type) value = with_type(c, node, value, value_place, name, place);
  if (node.layout) value = with_layout(c, node, value, fresh);
  const auto* tile = value.as<Register>();
  // What a `let` names must not change with the variable that it was computed from.
  if (node.variable || (tile && c.function.value(tile->id).variable))
    value = make_variable(c, value, node, value_place, place);
  name_value(c, value, name, fresh);
  declare(c, name, place, std::move(value), node.variable);
  if (const auto here = c.scope->here().find(name); here != c.scope->here().end())
    here->second.by_let = !node.variable;
}

void run_let(Context& c, const Let& node) {
  const auto fresh = static_cast<vm::ValueId>(c.function.values.size());
  const bool reference = std::holds_alternative<Ref>(node.value->node);
  Value value = evaluate(c, *node.value);
  if (const auto* memory = value.as<Memory>(); memory && !memory->reference && !reference)
    value = load(c, *memory, {}, node.value->place);
  if (!node.tuple) return bind(c, node, 0, std::move(value), node.value->place, fresh);
  auto* tuple = std::get_if<TupleValue>(&value.node);
  const bool fits = tuple && tuple->items.size() == node.names.size();
  if (!fits && !value.poisoned()) {
    c.error("BL0218", node.value->place)
        << node.names.size() << " names take apart " << c.describe(value);
  }
  for (std::size_t i = 0; i < node.names.size(); ++i) {
    Value part = fits ? tuple->items[i] : Value(Poison{});
    bind(c, node, i, loaded(c, std::move(part), node.value->place), node.value->place, fresh);
  }
}

// ---- Assignment ---------------------------------------------------------------------------------

std::optional<BinaryOp> operator_of(AssignOp op) {
  switch (op) {
    case AssignOp::Set:
      return std::nullopt;
    case AssignOp::Add:
      return BinaryOp::Add;
    case AssignOp::Sub:
      return BinaryOp::Sub;
    case AssignOp::Mul:
      return BinaryOp::Mul;
  }
  return std::nullopt;
}

// The variable on the left side, or why it is none.
std::optional<Register> assigned_variable(Context& c, const Expr& target) {
  const auto* name = std::get_if<Name>(&target.node);
  if (!name) {
    auto report = c.error("BL0124", target.place);
    report << "'" << c.text(target.place) << "' is not a variable";
    if (std::holds_alternative<Index>(target.node))
      report.hint(fmt::format("memory is stored to with '<-'; a variable is assigned whole"));
    return report;
  }
  const Binding* binding = c.scope->find(name->text);
  if (!binding) {
    const bool known = lookup(c, name->text, target.place).has_value();
    auto report = c.error(known ? "BL0120" : "BL0103", target.place);
    if (known) {
      report << "'" << name->text << "' cannot be assigned";
    } else {
      report << "unknown name '" << name->text << "'";
      report.suggest(name->text, names_in_reach(c)).hint(fmt::format("var {} = …", name->text));
    }
    return report;
  }
  if (binding->value.poisoned()) return std::nullopt;
  if (binding->variable) return *binding->value.as<Register>();
  auto report = c.error("BL0120", target.place);
  report << "'" << name->text << "' never changes, so it cannot be assigned";
  report.note(binding->span, fmt::format("'{}' is declared", name->text));
  if (binding->value.is<Memory>())
    report.hint(fmt::format("{}[…] <- value stores to memory", name->text));
  else if (binding->by_let)
    report.hint(fmt::format("var {} = …", name->text));
  return report;
}

void run_assign(Context& c, const Assign& node, Place place) {
  const auto variable = assigned_variable(c, *node.target);
  Value value = value_of(c, *node.value);
  if (!variable || value.poisoned()) return;
  if (c.in_load && !c.type(variable->id).is_scalar()) {
    c.error("BL0224", place).hint("compute in the body")
        << "the load part of a pipeline changes scalars only: places that walk along";
    return;
  }
  const auto op = operator_of(node.op);
  if (op)
    value = binary(c, *op, {*variable, node.target->place}, {value, node.value->place}, place);
  const vm::Type type = c.type(variable->id);
  const auto tile = fit(c, value, type.element, type.shape, op ? place : node.value->place,
                        fmt::format("the variable {}", c.text(node.target->place)),
                        c.function.value(variable->id).span);
  if (tile) c.emit(place, Opcode::Assign, {variable->id, tile->id});
}

// ---- Branches and jumps -------------------------------------------------------------------------

Flow run_if(Context& c, const If& node, Place place) {
  const Value condition = value_of(c, *node.condition);
  if (const auto* known = condition.as<bool>()) {
    if (*known) return run(c, node.then);
    return node.otherwise ? run(c, *node.otherwise) : Flow::Next;
  }
  if (c.in_load && !condition.poisoned()) {
    c.error("BL0224", place) << "the load part of a pipeline has no branches at run time";
    return Flow::Next;
  }
  const auto scalar =
      condition_scalar(c, condition, node.condition->place, "the condition of an if");
  // Both branches are walked even when the condition is wrong, for the errors in them.
  const vm::ValueId input = scalar ? scalar->id : vm::kNoValue;
  vm::Instruction& branch = c.emit(place, Opcode::If, {input});
  bool stops = true;
  {
    const RegionScope region(c, branch, 0);
    stops = run(c, node.then) != Flow::Next && stops;
  }
  if (node.otherwise) {
    const RegionScope region(c, branch, 1);
    stops = run(c, *node.otherwise) != Flow::Next && stops;
  }
  return stops && node.otherwise ? Flow::Stop : Flow::Next;
}

Flow run_jump(Context& c, bool is_break, Place place) {
  const std::string_view word = is_break ? "break" : "continue";
  if (c.frame().loops.empty()) {
    c.error("BL0121", place) << "'" << word << "' stands outside a loop";
    return Flow::Next;
  }
  const LoopState& loop = c.frame().loops.back();
  switch (loop.kind) {
    case LoopState::Pipeline:
      c.error("BL0121", place) << "a pipeline has a fixed number of rounds: there is no '" << word
                               << "' in it";
      return Flow::Next;
    case LoopState::Unrolled:
      if (c.depth == loop.depth) return is_break ? Flow::Break : Flow::Continue;
      c.error("BL0226", place).hint("leave out 'unroll'")
          << "'" << word << "' is decided at run time, and the loop is unrolled at compile time";
      return Flow::Next;
    case LoopState::Runtime:
      c.emit(place, is_break ? Opcode::Break : Opcode::Continue, {});
      return Flow::Stop;
  }
  return Flow::Next;
}

Flow return_from_function(Context& c, const Return& node, Place place) {
  Frame& frame = c.frame();
  Value result = Nothing{};
  if (node.value) {
    result = evaluate(c, *node.value);
    // A parameter that is a window is given back as one; a window written here is its value.
    if (std::holds_alternative<Index>(node.value->node))
      result = loaded(c, std::move(result), node.value->place);
  }
  if (c.depth != frame.depth) {
    c.error("BL0226", place) << "a function is inlined, so it cannot return under a condition that "
                                "is known only at run time";
    result = Poison{};
  }
  frame.result = std::move(result);
  return Flow::Return;
}

Flow run_return(Context& c, const Return& node, Place place) {
  if (c.frame().function) return return_from_function(c, node, place);
  if (node.value)
    c.error("BL0123", node.value->place) << "a kernel gives no value back; it stores its results";
  for (const LoopState& loop : c.frame().loops) {
    if (loop.kind != LoopState::Pipeline) continue;
    c.error("BL0121", place) << "a pipeline runs to its end: there is no return in it";
    return Flow::Next;
  }
  c.emit(place, Opcode::Return, {});
  return Flow::Stop;
}

// ---- assert and print ---------------------------------------------------------------------------

void run_assert(Context& c, const Assert& node, Place place) {
  const Value condition = value_of(c, *node.condition);
  if (condition.poisoned()) return;
  const std::string message = node.message.value_or(std::string(c.text(node.condition->place)));
  if (const auto* known = condition.as<bool>()) {
    if (!*known) c.error("BL0221", place) << "the assertion is false: " << message;
    return;
  }
  const auto* tile = condition.as<Register>();
  if (!tile || !c.type(tile->id).element.is_bool()) {
    c.error("BL0211", node.condition->place)
        << "an assertion is about bools, and this is " << c.describe(condition);
    return;
  }
  c.emit(place, Opcode::Assert, {tile->id}).set("message", message);
}

// {} each stand for a value; {{ and }} are braces. nullopt: a brace that is neither.
std::optional<std::size_t> placeholders(std::string_view format) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '{' && format[i] != '}') continue;
    const std::string_view pair = format.substr(i, 2);
    if (pair == "{}")
      ++count;
    else if (pair != "{{" && pair != "}}")
      return std::nullopt;
    ++i;
  }
  return count;
}

void run_print(Context& c, const Print& node, Place place) {
  std::vector<vm::ValueId> inputs;
  bool good = true;
  for (const ExprPtr& value : node.values) {
    const auto tile = as_register(c, value_of(c, *value), value->place);
    good = good && tile;
    inputs.push_back(tile ? tile->id : vm::kNoValue);
  }
  const auto count = placeholders(node.format);
  if (!count) {
    c.error("BL0228", node.format_place)
        << "a brace in a format is {} for a value, or {{ or }} for itself";
  } else if (*count != node.values.size()) {
    c.error("BL0228", node.format_place)
        << "the format has " << *count << " {} and there "
        << (node.values.size() == 1 ? "is 1 value"
                                    : fmt::format("are {} values", node.values.size()));
  } else if (good) {
    c.emit(place, Opcode::Print, std::move(inputs)).set("format", node.format);
  }
}

struct Run {
  Context& c;
  Place place;

  Flow operator()(const Let& node) const { return run_let(c, node), Flow::Next; }
  Flow operator()(const SharedDecl& node) const { return run_shared(c, node, place), Flow::Next; }
  Flow operator()(const BarrierDecl& node) const { return run_barrier(c, node, place), Flow::Next; }
  Flow operator()(const Assign& node) const { return run_assign(c, node, place), Flow::Next; }
  Flow operator()(const Move& node) const { return move(c, node, place), Flow::Next; }
  Flow operator()(const If& node) const { return run_if(c, node, place); }
  Flow operator()(const For& node) const { return run_for(c, node, place); }
  Flow operator()(const While& node) const { return run_while(c, node, place); }
  Flow operator()(const Break&) const { return run_jump(c, true, place); }
  Flow operator()(const Continue&) const { return run_jump(c, false, place); }
  Flow operator()(const Return& node) const { return run_return(c, node, place); }
  Flow operator()(const Pipeline& node) const { return run_pipeline(c, node, place); }
  Flow operator()(const Roles& node) const { return run_roles(c, node, place); }
  Flow operator()(const Warps& node) const { return run_warps(c, node, place); }
  Flow operator()(const Assert& node) const { return run_assert(c, node, place), Flow::Next; }
  Flow operator()(const Print& node) const { return run_print(c, node, place), Flow::Next; }
  Flow operator()(const ExprStmt& node) const { return evaluate(c, *node.x), Flow::Next; }
};

// What the load part of a pipeline may hold; everything else has its own check when it meets an
// access.
bool may_load(const Stmt& stmt) {
  const auto* let = std::get_if<Let>(&stmt.node);
  return (let && !let->variable) || std::holds_alternative<Move>(stmt.node) ||
         std::holds_alternative<If>(stmt.node) || std::holds_alternative<ExprStmt>(stmt.node) ||
         std::holds_alternative<Assign>(stmt.node) || std::holds_alternative<Return>(stmt.node);
}

}  // namespace

Flow run(Context& c, const Stmt& stmt) {
  if (!c.spend(stmt.place)) return Flow::Stop;
  if (c.in_load && !may_load(stmt)) {
    c.error("BL0224", stmt.place) << "this statement does not load";
    return Flow::Next;
  }
  return std::visit(Run{c, stmt.place}, stmt.node);
}

Flow run_statements(Context& c, const Block& block) {
  for (std::size_t i = 0; i < block.statements.size(); ++i) {
    const Stmt& stmt = *block.statements[i];
    const Flow flow = run(c, stmt);
    if (flow == Flow::Next) continue;
    if (std::holds_alternative<Roles>(stmt.node) && i + 1 < block.statements.size())
      c.error("BL0225", block.statements[i + 1]->place)
          << "roles split the block for good: nothing stands behind them";
    return flow;
  }
  return Flow::Next;
}

Flow run(Context& c, const Block& block) {
  const BlockScope names(c);
  return run_statements(c, block);
}

const Attribute* find_attribute(const std::vector<Attribute>& attributes, std::string_view name) {
  const auto found = std::ranges::find(attributes, name, &Attribute::name);
  return found == attributes.end() ? nullptr : &*found;
}

bool known_attributes(Context& c, const std::vector<Attribute>& attributes,
                      const std::vector<std::string_view>& names) {
  bool good = true;
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const Attribute& attribute = attributes[i];
    if (std::ranges::find(names, attribute.name) == names.end()) {
      auto report = c.error("BL0118", attribute.name_place);
      report << "unknown attribute '" << attribute.name << "'; here may stand "
             << fmt::format("{}", fmt::join(names, ", "));
      report.suggest(attribute.name, names);
      good = false;
    } else if (const Attribute* first = find_attribute(attributes, attribute.name);
               first != &attribute) {
      c.error("BL0119", attribute.name_place)
              .note(c.span(first->name_place), "the first one stands")
          << "'" << attribute.name << "' stands twice";
      good = false;
    }
  }
  return good;
}

std::optional<std::int64_t> attribute_integer(Context& c, const Attribute& attribute) {
  if (attribute.arguments.size() != 1) {
    c.error("BL0111", attribute.place)
        << attribute.name << " takes one number, and this gives " << attribute.arguments.size();
    return std::nullopt;
  }
  return constant_integer(c, *attribute.arguments[0].value, attribute.name);
}

}  // namespace bitloom::dsl::sema
