#include "dsl/sema/evaluate.h"

#include <fmt/format.h>

#include <limits>

#include "dsl/sema/builtins.h"
#include "dsl/sema/calls.h"
#include "dsl/sema/layout_values.h"
#include "dsl/sema/memory.h"
#include "dsl/sema/operators.h"

namespace bitloom::dsl::sema {
namespace {

constexpr int kDeepest = 600;  // operators and calls inside one another

std::optional<Namespace> parse_namespace(std::string_view name) {
  if (name == "block") return Namespace::Block;
  if (name == "grid") return Namespace::Grid;
  if (name == "cluster") return Namespace::Cluster;
  if (name == "role") return Namespace::Role;
  if (name == "device") return Namespace::Device;
  if (name == "mma") return Namespace::Mma;
  if (name == "wgmma") return Namespace::Wgmma;
  return std::nullopt;
}

std::optional<Value> in_module(Context& c, const Module& module, std::string_view name) {
  if (const auto imported = module.imports.find(name); imported != module.imports.end())
    return ModuleName{imported->second};
  const auto found = module.declarations.find(name);
  if (found == module.declarations.end()) return std::nullopt;
  const Decl& decl = *found->second;
  if (const auto* constant = std::get_if<ConstDecl>(&decl.node))
    return constant_of_module(c, module, *constant);
  if (const auto* function = std::get_if<FunctionDecl>(&decl.node))
    return FunctionName{&module, function};
  return KernelName{&std::get<KernelDecl>(decl.node)};
}

std::optional<Value> in_language(std::string_view name) {
  if (const auto type = vm::parse_element_type(name)) return *type;
  if (const auto which = parse_namespace(name)) return *which;
  if (name == "inf") return std::numeric_limits<double>::infinity();
  if (name == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (const Builtin* builtin = find_builtin(name)) return BuiltinName{builtin};
  return std::nullopt;
}

Value unknown_name(Context& c, std::string_view name, Place place) {
  auto report = c.error("BL0103", place);
  report << "unknown name '" << name << "'";
  report.suggest(name, names_in_reach(c));
  return report;
}

// ---- Members ------------------------------------------------------------------------------------

std::optional<int> axis_of(std::string_view name) {
  if (name == "x") return 0;
  if (name == "y") return 1;
  if (name == "z") return 2;
  return std::nullopt;
}

Value no_member(Context& c, const Value& base, const Member& node,
                const std::vector<std::string_view>& candidates) {
  auto report = c.error("BL0117", node.name_place);
  report << c.describe(base) << " has no member '" << node.name << "'";
  report.suggest(node.name, candidates);
  return report;
}

bool has_axis(Context& c, int axis, Place place) {
  const auto axes = static_cast<int>(c.function.grid.size());
  if (axis < axes) return true;
  c.error("BL0213", place).note(c.span(c.kernel->name_place), "the kernel is declared")
      << "'" << c.text(place) << "': the grid has " << axes << (axes == 1 ? " axis" : " axes");
  return false;
}

Value machine_member(Context& c, Namespace which, const Member& node, Place place) {
  if (c.in_header && which != Namespace::Device)
    return c.error("BL0227", place)
           << "'" << c.text(place) << "' is known only when the kernel runs";
  const auto axis = axis_of(node.name);
  switch (which) {
    case Namespace::Block:
      if (!axis) return no_member(c, which, node, {"x", "y", "z"});
      if (!has_axis(c, *axis, place)) return Poison{};
      return c.machine_scalar(vm::Opcode::BlockIndex, *axis, "block_" + node.name);
    case Namespace::Grid:
      if (!axis) return no_member(c, which, node, {"x", "y", "z"});
      if (!has_axis(c, *axis, place)) return Poison{};
      return c.machine_scalar(vm::Opcode::BlockCount, *axis, "grid_" + node.name);
    case Namespace::Cluster:
      if (node.name != "rank") return no_member(c, which, node, {"rank"});
      return c.machine_scalar(vm::Opcode::ClusterRank, 0, "cluster_rank");
    case Namespace::Role:
      if (node.name != "index") return no_member(c, which, node, {"index"});
      if (!c.role) return c.error("BL0225", place) << "role.index is known inside a role";
      return *c.role;
    case Namespace::Device:
      if (node.name != "sms") return no_member(c, which, node, {"sms"});
      if (c.in_header) return layouts::SizeExpr::symbol("device.sms");
      return c.error("BL0126", place).hint("grid.x is the number of blocks")
             << "device.sms is for the header of a kernel, where the grid is computed";
    case Namespace::Mma:
    case Namespace::Wgmma:
      if (node.name != "a" && node.name != "b" && node.name != "c")
        return no_member(c, which, node, {"a", "b", "c"});
      return c.error("BL0231", place).hint(fmt::format("{}(warps = (2, 4))", c.text(place)))
             << "a fragment says how its warps lie";
  }
  return Poison{};
}

Value member(Context& c, const Member& node, Place place) {
  const Value base = evaluate(c, *node.base);
  if (base.poisoned()) return base;
  if (const auto* which = base.as<Namespace>()) return machine_member(c, *which, node, place);
  if (const auto* name = base.as<ModuleName>()) {
    if (auto found = in_module(c, *name->module, node.name); found && !found->is<ModuleName>())
      return *found;
    std::vector<std::string_view> candidates;
    for (const auto& [candidate, decl] : name->module->declarations)
      candidates.push_back(candidate);
    return no_member(c, base, node, candidates);
  }
  return c.error("BL0117", node.name_place)
         << c.describe(base) << " has no member '" << node.name << "'";
}

// ---- Single nodes -------------------------------------------------------------------------------

Value name(Context& c, const Name& node, Place place) {
  if (const Binding* binding = c.scope ? c.scope->find(node.text) : nullptr;
      binding && !binding->refusal.empty())
    return c.error("BL0224", place).note(binding->span, fmt::format("'{}' is declared", node.text))
           << binding->refusal;
  if (const auto found = lookup(c, node.text, place)) return *found;
  return unknown_name(c, node.text, place);
}

Value generic_type(Context& c, const Generic& node, Place place) {
  if (node.name != "codebook" || node.generics.size() != 1) {
    auto report = c.error("BL0103", place);
    report << "unknown type '" << c.text(place) << "'";
    report.suggest(node.name, {"codebook"});
    return report;
  }
  const auto bits = constant_integer(c, *node.generics[0], "the number of bits");
  if (!bits) return Poison{};
  if (const auto type = vm::parse_element_type(fmt::format("codebook<{}>", *bits))) return *type;
  return c.error("BL0204", place) << "a codebook has indices of 1 to 8 bits, and this has "
                                  << *bits;
}

Value reference(Context& c, const Ref& node, Place place) {
  Value value = evaluate(c, *node.x);
  if (auto* memory = std::get_if<Memory>(&value.node))
    memory->reference = true;
  else if (!value.poisoned() && !value.is<Barrier>() && !value.is<Absent>())
    return c.error("BL0206", place)
           << "'ref' names a place in memory, and this is " << c.describe(value);
  return value;
}

Value binary_node(Context& c, const Binary& node, Place place) {
  const Value a = value_of(c, *node.a);
  if (const auto* truth = a.as<bool>()) {
    if (node.op == BinaryOp::And && !*truth) return false;
    if (node.op == BinaryOp::Or && *truth) return true;
  }
  const Value b = value_of(c, *node.b);
  // c && true: a condition on sizes stays one, a condition on registers needs no instruction.
  if (const auto* truth = b.as<bool>();
      truth && a.is<Register>() && c.type(a.as<Register>()->id).element.is_bool()) {
    if (node.op == BinaryOp::And && *truth) return a;
    if (node.op == BinaryOp::Or && !*truth) return a;
  }
  if (const auto* truth = a.as<bool>(); truth && b.is<Register>() &&
                                        c.type(b.as<Register>()->id).element.is_bool() &&
                                        (node.op == BinaryOp::And || node.op == BinaryOp::Or))
    return b;
  if (a.is_layout() && b.is_layout()) return combine_layouts(c, node.op, a, b, place);
  return binary(c, node.op, {a, node.a->place}, {b, node.b->place}, place);
}

struct Evaluate {
  Context& c;
  Place place;

  Value operator()(const Name& node) const { return name(c, node, place); }
  Value operator()(const IntLiteral& node) const {
    if (node.value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return static_cast<std::int64_t>(node.value);
    return c.error("BL0106", place) << "compile-time integers have 64 bits with a sign, and "
                                    << node.text << " does not fit";
  }
  Value operator()(const FloatLiteral& node) const { return node.value; }
  Value operator()(const StringLiteral& node) const { return node.value; }
  Value operator()(const BoolLiteral& node) const { return node.value; }
  Value operator()(const Unary& node) const {
    return unary(c, node.op, {value_of(c, *node.x), node.x->place}, place);
  }
  Value operator()(const Binary& node) const { return binary_node(c, node, place); }
  Value operator()(const Member& node) const { return member(c, node, place); }
  Value operator()(const Tuple& node) const {
    TupleValue tuple;
    for (const ExprPtr& item : node.items) tuple.items.push_back(value_of(c, *item));
    return tuple;
  }
  Value operator()(const Ref& node) const { return reference(c, node, place); }
  Value operator()(const Call& node) const { return call(c, node, place); }
  Value operator()(const Generic& node) const { return generic_type(c, node, place); }
  Value operator()(const Index& node) const { return index(c, node, place); }
};

}  // namespace

std::optional<Value> lookup(Context& c, std::string_view name, Place) {
  if (const Binding* binding = c.scope ? c.scope->find(name) : nullptr) {
    const auto* size = binding->value.as<layouts::SizeExpr>();
    return size && size->is_symbol() ? c.size(size->name()) : binding->value;
  }
  if (auto found = in_module(c, c.module(), name)) return found;
  return in_language(name);
}

std::vector<std::string_view> names_in_reach(const Context& c) {
  std::vector<std::string_view> names = {"block", "grid",  "cluster", "role",
                                         "mma",   "wgmma", "inf",     "nan"};
  if (c.scope) c.scope->add_names(names);
  for (const auto& [name, decl] : c.module().declarations) names.push_back(name);
  for (const auto& [name, module] : c.module().imports) names.push_back(name);
  static const std::vector<std::string> types = [] {
    std::vector<std::string> all;
    for (const vm::ElementType type : vm::all_element_types()) all.push_back(vm::to_string(type));
    return all;
  }();
  names.insert(names.end(), types.begin(), types.end());
  return names;
}

Value constant_of_module(Context& c, const Module& module, const ConstDecl& decl) {
  if (const auto known = c.constants.find(&decl); known != c.constants.end()) return known->second;
  if (!c.evaluating.insert(&decl).second)
    return c.error("BL0122", span_of(c.modules.sources(), module, decl.name_place))
           << "the constant '" << decl.name << "' is defined by itself";
  Frame frame;
  frame.module = &module;
  c.frames.push_back(std::move(frame));
  Value value;
  {
    BlockScope block(c, nullptr);
    const Restore header(c.in_header, true);  // nothing can be emitted
    value = evaluate(c, *decl.value);
    const bool known = value.is_number() || value.is_layout() || value.is<vm::ElementType>() ||
                       value.is<TupleValue>() || value.is<std::string>() || value.poisoned();
    if (!known)
      value = c.error("BL0125", decl.value->place)
              << "a constant is known at compile time, and this is " << c.describe(value);
  }
  c.frames.pop_back();
  c.evaluating.erase(&decl);
  c.constants.emplace(&decl, value);
  return value;
}

Value evaluate(Context& c, const Expr& expr) {
  if (c.exhausted()) return Poison{};
  const Restore nesting(c.nesting, c.nesting + 1);
  if (c.nesting > kDeepest)
    return c.error("BL0109", expr.place)
           << "more than " << kDeepest << " operators and calls stand inside one another";
  return std::visit(Evaluate{c, expr.place}, expr.node);
}

Value not_given(Context& c, const Expr& expr) {
  return c.error("BL0126", expr.place).hint(fmt::format("if has({0}) {{ … }}", c.text(expr.place)))
         << "'" << c.text(expr.place) << "' is optional and not given here";
}

Value value_of(Context& c, const Expr& expr) {
  Value value = evaluate(c, expr);
  return value.is<Absent>() ? not_given(c, expr) : loaded(c, std::move(value), expr.place);
}

// ---- What must be known -------------------------------------------------------------------------

std::optional<std::int64_t> constant_integer(Context& c, const Value& value, Place place,
                                             std::string_view what) {
  if (const auto* number = value.as<std::int64_t>()) return *number;
  if (value.poisoned()) return std::nullopt;
  const bool known = value.is_number() || value.is<vm::ElementType>();
  auto report = c.error(known ? "BL0126" : "BL0125", place);
  report << what << " is an integer that is known at compile time, and this is "
         << c.describe(value);
  const bool at_run_time = value.is<Register>() || value.is<layouts::SizeExpr>();
  if (at_run_time) report.hint("take it from a compile-time parameter, such as <B: int = 128>");
  return report;
}

std::optional<std::int64_t> constant_integer(Context& c, const Expr& expr, std::string_view what) {
  return constant_integer(c, evaluate(c, expr), expr.place, what);
}

std::optional<bool> constant_bool(Context& c, const Value& value, Place place,
                                  std::string_view what) {
  if (const auto* truth = value.as<bool>()) return *truth;
  if (value.poisoned()) return std::nullopt;
  return c.error(value.is_number() ? "BL0126" : "BL0125", place)
         << what << " is true or false, known at compile time, and this is " << c.describe(value);
}

std::optional<vm::ElementType> element_type(Context& c, const Expr& expr) {
  const auto* written = std::get_if<Name>(&expr.node);
  if (written && !lookup(c, written->text, expr.place)) {
    auto report = c.error("BL0103", expr.place);
    report << "unknown type '" << written->text << "'";
    report.suggest(written->text, names_in_reach(c));
    return report;
  }
  const Value value = evaluate(c, expr);
  if (const auto* type = value.as<vm::ElementType>()) return *type;
  if (value.poisoned()) return std::nullopt;
  return c.error("BL0126", expr.place)
         << "an element type is expected here, and this is " << c.describe(value);
}

bool valid_shape(Context& c, const vm::Shape& shape, Place place) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 20;
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape) {
    if (extent <= 0) {
      c.error("BL0214", place) << "extents are positive, and this is " << layouts::to_string(shape);
      return false;
    }
    if (extent > kMostElements || (elements *= extent) > kMostElements) {
      c.error("BL0214", place) << "a tile has at most " << kMostElements
                               << " elements, and this is " << layouts::to_string(shape);
      return false;
    }
  }
  return true;
}

std::optional<vm::Shape> constant_shape(Context& c, const std::vector<ExprPtr>& extents,
                                        Place place) {
  vm::Shape shape;
  bool good = true;
  for (const ExprPtr& extent : extents) {
    const auto constant = constant_integer(c, *extent, "an extent");
    good = good && constant;
    shape.push_back(constant.value_or(1));
  }
  if (!good || !valid_shape(c, shape, place)) return std::nullopt;
  return shape;
}

std::optional<Register> integer_scalar(Context& c, const Value& value, Place place,
                                       std::string_view what) {
  if (value.is<std::int64_t>()) return as_register(c, value, place);
  if (value.poisoned()) return std::nullopt;
  const auto* tile = value.as<Register>();
  if (tile && c.type(tile->id).is_scalar() && c.type(tile->id).element.is_integer()) return *tile;
  auto report = c.error("BL0212", place);
  report << what << " is an integer scalar, and this is " << c.describe(value);
  if (tile && c.type(tile->id).element.is_integer() && layouts::size(c.type(tile->id).shape) == 1)
    report.hint(c.type(tile->id).rank() == 1 ? fmt::format("{}[0]", c.text(place))
                                             : fmt::format("sum({})", c.text(place)));
  return report;
}

std::optional<Register> condition_scalar(Context& c, const Value& value, Place place,
                                         std::string_view what) {
  if (value.is<bool>()) return as_register(c, value, place);
  if (value.poisoned()) return std::nullopt;
  const auto* tile = value.as<Register>();
  const bool is_bool = tile && c.type(tile->id).element.is_bool();
  if (is_bool && c.type(tile->id).is_scalar()) return *tile;
  auto report = c.error("BL0211", place);
  report << what << " is a bool scalar, and this is " << c.describe(value);
  if (is_bool) report.hint(fmt::format("any({0}) or all({0})", c.text(place)));
  return report;
}

std::optional<TileType> tile_type(Context& c, const TypeSyntax& syntax) {
  if (!syntax.element || syntax.space != SpaceWord::None || syntax.packed) {
    c.error("BL0126", syntax.place) << "the type of a value in registers is expected here";
    return std::nullopt;
  }
  const auto element = element_type(c, *syntax.element);
  TileType type;
  bool good = element.has_value();
  for (const ExprPtr& extent : syntax.extents) {
    const auto* any = std::get_if<Name>(&extent->node);
    const auto constant = any && any->text == "_" ? std::optional<std::int64_t>(-1)
                                                  : constant_integer(c, *extent, "an extent");
    if (constant && *constant <= 0 && !(any && any->text == "_")) {
      c.error("BL0214", extent->place) << "extents are positive, and this is " << *constant;
      good = false;
    }
    good = good && constant;
    type.shape.push_back(constant.value_or(1));
  }
  if (!good) return std::nullopt;
  type.element = *element;
  return type;
}

}  // namespace bitloom::dsl::sema
