// Functions that combine the elements of a tile: sums, extremes, votes, scans, the largest few; and
// min and max of two.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"

namespace bitloom::dsl::sema {
namespace {

using layouts::SizeExpr;
using vm::Opcode;

// The tile that is reduced, with an element type that can be.
std::optional<Register> reducible(Context& c, const BuiltinCall& call, Domain domain) {
  const auto tile = tile_argument(c, call, 0);
  if (!tile) return std::nullopt;
  const vm::ElementType element = c.type(tile->id).element;
  if (in_domain(domain, element)) return tile;
  return c.error("BL0204", call.places[0])
             .hint(domain == Domain::Bool ? "compare first" : "convert it with cast<T>(…) first")
         << call.builtin->name << " does not exist for " << vm::to_string(element);
}

Register reduce_along(Context& c, Register tile, std::string_view op, std::int64_t dim,
                      Place place) {
  vm::Type type = vm::register_type(c.type(tile.id).element, c.type(tile.id).shape);
  type.shape[static_cast<std::size_t>(dim)] = 1;
  const vm::ValueId id = c.emit(place, Opcode::Reduce, std::move(type), {tile.id});
  c.build.last().set("op", std::string(op));
  c.build.last().set("dim", dim);
  return {id};
}

// Over everything, the fast dimensions first.
Value reduce_all(Context& c, Register tile, std::string_view op, Place place) {
  for (std::int64_t dim = c.type(tile.id).rank(); dim-- > 0;)
    if (c.type(tile.id).shape[static_cast<std::size_t>(dim)] != 1)
      tile = reduce_along(c, tile, op, dim, place);
  if (c.type(tile.id).is_scalar()) return tile;
  return Register{
      c.emit(place, Opcode::ScalarOf, vm::register_type(c.type(tile.id).element), {tile.id})};
}

Value reduce(Context& c, const BuiltinCall& call, std::string_view op, Domain domain,
             std::size_t dim_at) {
  const auto tile = reducible(c, call, domain);
  if (!tile) return Poison{};
  if (!call.has(dim_at)) return reduce_all(c, *tile, op, call.place);
  const auto dim = dimension(c, call.integer(dim_at), c.type(tile->id).rank(), call.places[dim_at]);
  return dim ? Value(reduce_along(c, *tile, op, *dim, call.place)) : Value(Poison{});
}

Value sum(Context& c, const BuiltinCall& call) {
  return reduce(c, call, "add", Domain::Arithmetic, 1);
}
Value product(Context& c, const BuiltinCall& call) {
  return reduce(c, call, "mul", Domain::Arithmetic, 1);
}

// min(x, dim = d) along a dimension, min(x) over everything, min(a, b) of two.
template <Opcode opcode>
Value extreme(Context& c, const BuiltinCall& call) {
  constexpr bool is_min = opcode == Opcode::Min;
  const std::string_view name = call.builtin->name;
  if (!call.has(1)) return reduce(c, call, name, Domain::Arithmetic, 2);
  if (call.has(2))
    return c.error("BL0111", call.place) << name << " takes either two values or a dimension";
  const Operand a = call.operand(0), b = call.operand(1);
  const auto size = [](const Value& value) {
    const auto* number = value.as<std::int64_t>();
    const auto* expr = value.as<SizeExpr>();
    return number ? std::optional(SizeExpr(*number)) : expr ? std::optional(*expr) : std::nullopt;
  };
  if (a.value.is<SizeExpr>() || b.value.is<SizeExpr>()) {
    const auto x = size(a.value), y = size(b.value);
    if (x && y) return is_min ? layouts::min(*x, *y) : layouts::max(*x, *y);
  }
  if (a.value.is_number() && b.value.is_number()) {
    const auto less = fold(c, BinaryOp::Lt, b.value, a.value, call.place);
    if (less && less->is<bool>()) return *less->as<bool>() == is_min ? b.value : a.value;
    return Poison{};
  }
  return elementwise(c, opcode, name, {a, b}, Domain::Arithmetic, call.place);
}

Value vote(Context& c, const BuiltinCall& call) {
  const bool any = call.builtin->name == "any";
  if (call[0].is<bool>()) return call[0];
  const auto tile = reducible(c, call, Domain::Bool);
  if (!tile) return Poison{};
  if (call.has(1)) return reduce(c, call, any ? "or" : "and", Domain::Bool, 1);
  if (c.type(tile->id).is_scalar()) return *tile;
  const vm::ValueId id = c.emit(call.place, Opcode::Vote, vm::register_type(vm::kBool), {tile->id});
  c.build.last().set("op", std::string(call.builtin->name));
  return Register{id};
}

// An instruction with two results: what, and where.
Value pair(Context& c, Opcode opcode, Register tile, const vm::Shape& shape, Place place) {
  const vm::ElementType element = c.type(tile.id).element;
  vm::Instruction& instruction = c.emit(place, opcode, {tile.id});
  const vm::ValueId value =
      c.function.add_value({}, vm::register_type(element, shape), c.span(place));
  const vm::ValueId index =
      c.function.add_value({}, vm::register_type(vm::kI32, shape), c.span(place));
  instruction.outputs = {value, index};
  return TupleValue{{Register{value}, Register{index}}};
}

Value arg_reduce(Context& c, const BuiltinCall& call) {
  const auto tile = reducible(c, call, Domain::Arithmetic);
  if (!tile) return Poison{};
  vm::Shape shape = c.type(tile->id).shape;
  const auto dim = dimension(c, call.integer(1), static_cast<int>(shape.size()), call.places[1]);
  if (!dim) return Poison{};
  shape[static_cast<std::size_t>(*dim)] = 1;
  const Value result = pair(c, Opcode::ArgReduce, *tile, shape, call.place);
  c.build.last().set("op", std::string(call.builtin->name == "argmax" ? "max" : "min"));
  c.build.last().set("dim", *dim);
  return result;
}

Value top_k(Context& c, const BuiltinCall& call) {
  const auto k = generic_integer(c, call, 0, "the number of results");
  const auto tile = reducible(c, call, Domain::Arithmetic);
  if (!tile || !k) return Poison{};
  vm::Shape shape = c.type(tile->id).shape;
  const auto dim = dimension(c, call.integer(1), static_cast<int>(shape.size()), call.places[1]);
  if (!dim) return Poison{};
  std::int64_t& extent = shape[static_cast<std::size_t>(*dim)];
  if (*k < 1 || *k > extent)
    return c.error("BL0214", call.generic_places[0])
           << "top_k gives 1 to " << extent << " of the elements of " << c.describe(*tile)
           << ", and this asks for " << *k;
  extent = *k;
  const Value result = pair(c, Opcode::TopK, *tile, shape, call.place);
  c.build.last().set("k", *k);
  c.build.last().set("dim", *dim);
  return result;
}

Value scan(Context& c, const BuiltinCall& call) {
  const auto tile = reducible(c, call, Domain::Arithmetic);
  if (!tile) return Poison{};
  const vm::Type type = vm::register_type(c.type(tile->id).element, c.type(tile->id).shape);
  const auto dim = dimension(c, call.integer(1), type.rank(), call.places[1]);
  if (!dim) return Poison{};
  const vm::ValueId id = c.emit(call.place, Opcode::Scan, type, {tile->id});
  c.build.last().set("op", call.word(2, "add"));
  c.build.last().set("dim", *dim);
  if (call.flag(3)) c.build.last().set("exclusive", true);
  return Register{id};
}

}  // namespace

const std::vector<Builtin>& reduction_builtins() {
  static const std::vector<Builtin> table = {
      {"sum", 0, 0, "x, dim?: integer", sum},
      {"prod", 0, 0, "x, dim?: integer", product},
      {"min", 0, 0, "a, b?, dim?: integer", extreme<Opcode::Min>},
      {"max", 0, 0, "a, b?, dim?: integer", extreme<Opcode::Max>},
      {"any", 0, 0, "x, dim?: integer", vote},
      {"all", 0, 0, "x, dim?: integer", vote},
      {"argmax", 0, 0, "x, dim: integer", arg_reduce},
      {"argmin", 0, 0, "x, dim: integer", arg_reduce},
      {"top_k", 1, 1, "x, dim: integer", top_k},
      {"scan", 0, 0, "x, dim: integer, op?: add|mul|min|max, exclusive?: bool", scan},
  };
  return table;
}

}  // namespace bitloom::dsl::sema
