// Functions of what the compiler knows: types, sizes, the target, which parameters are there.
#include <fmt/format.h>

#include <bit>
#include <cmath>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/memory.h"
#include "vm/numerics.h"

namespace bitloom::dsl::sema {
namespace {

using layouts::SizeExpr;

std::optional<vm::ElementType> type_argument(Context& c, const BuiltinCall& call) {
  if (const auto* type = call[0].as<vm::ElementType>()) return *type;
  return c.error("BL0126", call.places[0])
         << call.builtin->name << " takes an element type, and this is " << c.describe(call[0]);
}

// The limits of a type as a number: an integer for integers and indices, else a float.
Value limit(vm::ElementType type, bool highest) {
  if (type == vm::kU64 && highest) return -1.0 + std::ldexp(1.0, 64);
  if (type == vm::kI64) return highest ? INT64_MAX : INT64_MIN;
  const double number = highest ? vm::highest(type) : vm::lowest(type);
  if (type.is_float() || type == vm::kE8M0) return number;
  return static_cast<std::int64_t>(number);
}

Value bits(Context& c, const BuiltinCall& call) {
  const auto type = type_argument(c, call);
  return type ? Value(std::int64_t{type->bits}) : Value(Poison{});
}
Value is_float(Context& c, const BuiltinCall& call) {
  const auto type = type_argument(c, call);
  return type ? Value(type->is_float()) : Value(Poison{});
}
Value is_signed(Context& c, const BuiltinCall& call) {
  const auto type = type_argument(c, call);
  return type ? Value(type->is_signed()) : Value(Poison{});
}
Value is_integer(Context& c, const BuiltinCall& call) {
  const auto type = type_argument(c, call);
  return type ? Value(type->is_integer()) : Value(Poison{});
}
Value max_value(Context& c, const BuiltinCall& call) {
  const auto type = type_argument(c, call);
  return type ? limit(*type, true) : Value(Poison{});
}
Value min_value(Context& c, const BuiltinCall& call) {
  const auto type = type_argument(c, call);
  return type ? limit(*type, false) : Value(Poison{});
}

Value log2_of(Context& c, const BuiltinCall& call) {
  const std::int64_t number = call.integer(0);
  if (number > 0 && std::has_single_bit(static_cast<std::uint64_t>(number)))
    return std::int64_t{std::countr_zero(static_cast<std::uint64_t>(number))};
  return c.error("BL0219", call.place) << "log2 takes a power of two, and this is " << number;
}

// Rounds up. At run time as (a + (b - 1)) / b, for operands that are not negative.
Value ceildiv(Context& c, const BuiltinCall& call) {
  const Operand a = call.operand(0), b = call.operand(1);
  if (a.value.is<SizeExpr>() || b.value.is<SizeExpr>()) {
    const auto size = [](const Value& value) {
      const auto* number = value.as<std::int64_t>();
      const auto* expr = value.as<SizeExpr>();
      return number ? std::optional(SizeExpr(*number)) : expr ? std::optional(*expr) : std::nullopt;
    };
    const auto x = size(a.value), y = size(b.value);
    if (!x || !y)
      return c.error("BL0126", call.place) << "ceildiv takes integers, and these are "
                                           << c.describe(a.value) << " and " << c.describe(b.value);
    if (y->is_constant(0)) return c.error("BL0219", call.place) << "ceildiv by zero";
    return layouts::ceildiv(*x, *y);
  }
  if (const auto* x = a.value.as<std::int64_t>(), *y = b.value.as<std::int64_t>(); x && y) {
    if (*y == 0) return c.error("BL0219", call.place) << "ceildiv(" << *x << ", 0) divides by zero";
    const auto result = layouts::apply(SizeExpr::Op::CeilDiv, *x, *y);
    if (result) return *result;
    return c.error("BL0219", call.place)
           << "ceildiv(" << *x << ", " << *y << ") does not fit 64 bits";
  }
  for (const Operand* operand : {&a, &b}) {
    const auto* tile = operand->value.as<Register>();
    const bool integer =
        operand->value.is<std::int64_t>() || (tile && c.type(tile->id).element.is_integer());
    if (!integer)
      return c.error("BL0204", operand->place)
             << "ceildiv works on integers, and this is " << c.describe(operand->value);
  }
  const Value less = binary(c, BinaryOp::Sub, b, {std::int64_t{1}, b.place}, call.place);
  const Value sum = binary(c, BinaryOp::Add, a, {less, b.place}, call.place);
  return binary(c, BinaryOp::Div, {sum, a.place}, b, call.place);
}

Value has(Context& c, const BuiltinCall& call) {
  const auto* name = std::get_if<Name>(&call.expressions[0]->node);
  if (!name) return c.error("BL0126", call.places[0]) << "has takes the name of a parameter";
  return !call[0].is<Absent>();
}

Value target(Context& c, const BuiltinCall&) {
  return std::int64_t{c.settings.target_sm};
}

// A size that the launch decides, in the body: its expression, computed in i32.
Value size_at_run_time(Context& c, const SizeExpr& size, Place place) {
  if (c.in_header) return size;
  if (const auto constant = size.constant()) return *constant;
  if (size.is_symbol()) return c.size(size.name());
  const Value a = size_at_run_time(c, size.left(), place),
              b = size_at_run_time(c, size.right(), place);
  const auto with = [&](BinaryOp op) { return binary(c, op, {a, place}, {b, place}, place); };
  switch (size.op()) {
    case SizeExpr::Op::Add:
      return with(BinaryOp::Add);
    case SizeExpr::Op::Sub:
      return with(BinaryOp::Sub);
    case SizeExpr::Op::Mul:
      return with(BinaryOp::Mul);
    case SizeExpr::Op::Div:
      return with(BinaryOp::Div);
    case SizeExpr::Op::Mod:
      return with(BinaryOp::Rem);
    case SizeExpr::Op::CeilDiv: {
      const Value less = binary(c, BinaryOp::Sub, {b, place}, {std::int64_t{1}, place}, place);
      const Value sum = binary(c, BinaryOp::Add, {a, place}, {less, place}, place);
      return binary(c, BinaryOp::Div, {sum, place}, {b, place}, place);
    }
    case SizeExpr::Op::Min:
      return elementwise(c, vm::Opcode::Min, "min", {{a, place}, {b, place}}, Domain::Arithmetic,
                         place);
    case SizeExpr::Op::Max:
      return elementwise(c, vm::Opcode::Max, "max", {{a, place}, {b, place}}, Domain::Arithmetic,
                         place);
    default:
      return c.error("BL0227", place)
             << "the extent " << size.to_string() << " cannot be computed here";
  }
}

Value extent(Context& c, const BuiltinCall& call) {
  vm::ValueId id = vm::kNoValue;
  if (const auto* tile = call[0].as<Register>()) id = tile->id;
  if (const auto* memory = call[0].as<Memory>()) id = memory->id;
  if (const auto* barrier = call[0].as<Barrier>()) id = barrier->id;
  if (id == vm::kNoValue)
    return c.error("BL0206", call.places[0])
           << "extent takes a tile or memory, and this is " << c.describe(call[0]);
  const vm::Type type = c.type(id);
  const auto dim = dimension(c, call.integer(1), type.rank(), call.places[1]);
  if (!dim) return Poison{};
  const auto at = static_cast<std::size_t>(*dim);
  if (!type.extents.empty()) return size_at_run_time(c, type.extents[at], call.place);
  if (type.shape[at] >= 0) return type.shape[at];
  return c.error("BL0210", call.place) << "dimension " << *dim << " of " << describe(type)
                                       << " is known only of the tensor itself";
}

}  // namespace

const std::vector<Builtin>& constant_builtins() {
  static const std::vector<Builtin> table = {
      {"ceildiv", 0, 0, "a, b", ceildiv},
      {"log2", 0, 0, "n: integer", log2_of},
      {"bits", 0, 0, "T: any", bits},
      {"is_float", 0, 0, "T: any", is_float},
      {"is_signed", 0, 0, "T: any", is_signed},
      {"is_integer", 0, 0, "T: any", is_integer},
      {"max_value", 0, 0, "T: any", max_value},
      {"min_value", 0, 0, "T: any", min_value},
      {"has", 0, 0, "parameter: any", has},
      {"target", 0, 0, "", target},
      {"extent", 0, 0, "x: any, dim: integer", extent},
  };
  return table;
}

}  // namespace bitloom::dsl::sema
