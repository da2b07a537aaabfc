// Elementwise functions: exact, approximate, and conversions between element types.
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/memory.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;

std::optional<double> as_real(const Value& value) {
  if (const auto* number = value.as<double>()) return *number;
  if (const auto* number = value.as<std::int64_t>()) return static_cast<double>(*number);
  return std::nullopt;
}

// Rounds half to even whatever the mode of the machine.
double round_even(double x) {
  const double below = std::floor(x), rest = x - below;
  if (rest != 0.5) return std::floor(x + 0.5);
  return std::fmod(below, 2.0) == 0.0 ? below : below + 1.0;
}

// ---- Exact --------------------------------------------------------------------------------------

// A whole number stays one under floor, ceil, trunc and round.
template <Opcode opcode>
Value rounded(Context& c, const BuiltinCall& call) {
  if (call[0].is<std::int64_t>()) return call[0];
  if (const auto* x = call[0].as<double>()) {
    if constexpr (opcode == Opcode::Floor) return std::floor(*x);
    if constexpr (opcode == Opcode::Ceil) return std::ceil(*x);
    if constexpr (opcode == Opcode::Trunc) return std::trunc(*x);
    return round_even(*x);
  }
  return elementwise(c, opcode, call.builtin->name, {call.operand(0)}, Domain::Float, call.place);
}

Value absolute(Context& c, const BuiltinCall& call) {
  if (const auto* x = call[0].as<double>()) return std::fabs(*x);
  if (const auto* x = call[0].as<std::int64_t>(); x && *x >= 0) return *x;
  if (call[0].is<std::int64_t>()) return unary(c, UnaryOp::Neg, call.operand(0), call.place);
  return elementwise(c, Opcode::Abs, "abs", {call.operand(0)}, Domain::Arithmetic, call.place);
}

Value square_root(Context& c, const BuiltinCall& call) {
  if (const auto x = as_real(call[0])) return std::sqrt(*x);
  return elementwise(c, Opcode::Sqrt, "sqrt", {call.operand(0)}, Domain::WideFloat, call.place);
}

Value fma(Context& c, const BuiltinCall& call) {
  const auto a = as_real(call[0]), b = as_real(call[1]), x = as_real(call[2]);
  if (a && b && x) return std::fma(*a, *b, *x);
  return elementwise(c, Opcode::Fma, "fma", {call.operand(0), call.operand(1), call.operand(2)},
                     Domain::Float, call.place);
}

template <Opcode opcode>
Value count(Context& c, const BuiltinCall& call) {
  return elementwise(c, opcode, call.builtin->name, {call.operand(0)}, Domain::Wide, call.place,
                     vm::kU32);
}

template <Opcode opcode, Domain domain>
Value two(Context& c, const BuiltinCall& call) {
  return elementwise(c, opcode, call.builtin->name, {call.operand(0), call.operand(1)}, domain,
                     call.place);
}

Value lop3(Context& c, const BuiltinCall& call) {
  const auto lut = generic_integer(c, call, 0, "the table");
  if (!lut) return Poison{};
  if (*lut < 0 || *lut > 255)
    return c.error("BL0205", call.generic_places[0])
           << "the table of lop3 has 8 bits, and this is " << *lut;
  const Value result =
      elementwise(c, Opcode::Lop3, "lop3", {call.operand(0), call.operand(1), call.operand(2)},
                  Domain::Word, call.place);
  if (result.is<Register>()) c.build.last().set("lut", *lut);
  return result;
}

Value prmt(Context& c, const BuiltinCall& call) {
  return elementwise(c, Opcode::Prmt, "prmt", {call.operand(0), call.operand(1), call.operand(2)},
                     Domain::Word, call.place);
}

Value dp4a(Context& c, const BuiltinCall& call) {
  return elementwise(c, Opcode::Dp4a, "dp4a", {call.operand(0), call.operand(1), call.operand(2)},
                     Domain::Int32, call.place);
}

// Only the operand that is chosen is looked at when the condition is known; it may be memory, and
// stays so.
Value select_value(Context& c, const BuiltinCall& call) {
  if (const auto* known = call[0].as<bool>()) {
    const Expr& chosen = *call.expressions[*known ? 1 : 2];
    const Value value = evaluate(c, chosen);
    return value.is<Absent>() ? value_of(c, chosen) : value;
  }
  const Operand a{value_of(c, *call.expressions[1]), call.places[1]};
  const Operand b{value_of(c, *call.expressions[2]), call.places[2]};
  return select(c, call.operand(0), a, b, call.place);
}

// ---- Approximate --------------------------------------------------------------------------------

// What the compiler does to a number it knows: the correctly rounded result, which is within every
// bound.
double known(Opcode opcode, double x) {
  switch (opcode) {
    case Opcode::Ex2Approx:
      return std::exp2(x);
    case Opcode::Lg2Approx:
      return std::log2(x);
    case Opcode::RcpApprox:
      return 1.0 / x;
    case Opcode::RsqrtApprox:
      return 1.0 / std::sqrt(x);
    case Opcode::TanhApprox:
      return std::tanh(x);
    case Opcode::SinApprox:
      return std::sin(x);
    default:
      return std::cos(x);
  }
}

template <Opcode opcode>
Value approximate(Context& c, const BuiltinCall& call) {
  if (const auto x = as_real(call[0])) return known(opcode, *x);
  return elementwise(c, opcode, call.builtin->name, {call.operand(0)}, Domain::F32, call.place);
}

// exp(x) = 2^(x log2 e); log(x) = log2(x) ln 2: one rounding more than the instruction.
Value exp_approx(Context& c, const BuiltinCall& call) {
  if (const auto x = as_real(call[0])) return std::exp(*x);
  const Value scaled =
      elementwise(c, Opcode::Mul, "exp_approx",
                  {call.operand(0), {std::numbers::log2e, call.place}}, Domain::F32, call.place);
  return elementwise(c, Opcode::Ex2Approx, "exp_approx", {{scaled, call.place}}, Domain::F32,
                     call.place);
}

Value log_approx(Context& c, const BuiltinCall& call) {
  if (const auto x = as_real(call[0])) return std::log(*x);
  const Value log2 =
      elementwise(c, Opcode::Lg2Approx, "log_approx", {call.operand(0)}, Domain::F32, call.place);
  return elementwise(c, Opcode::Mul, "log_approx",
                     {{log2, call.place}, {std::numbers::ln2, call.place}}, Domain::F32,
                     call.place);
}

// ---- cast ---------------------------------------------------------------------------------------

// cast<i64>(n) of a size is the size itself: 64 bits is what it has.
std::optional<Value> size_in_64_bits(Context& c, const BuiltinCall& call, vm::ElementType type) {
  const auto* name = std::get_if<Name>(&call.expressions[0]->node);
  const Binding* binding =
      name && type == vm::kI64 && !c.in_header && c.scope ? c.scope->find(name->text) : nullptr;
  const auto* size = binding ? binding->value.as<layouts::SizeExpr>() : nullptr;
  if (!size) return std::nullopt;
  for (const vm::ValueId id : c.function.sizes)
    if (c.function.value(id).name == size->name()) return Value(Register{id});
  return std::nullopt;
}

// A number as a scalar of the type, when it can be written in it.
bool writes_exactly(const Value& number, vm::ElementType type) {
  const auto* integer = number.as<std::int64_t>();
  if (type.is_float()) return !number.is<bool>();
  if (type.is_bool()) return number.is<bool>();
  if (!type.is_integer() || !integer || type.bits > 32) return integer && type == vm::kI64;
  const std::int64_t most = (std::int64_t{1} << (type.is_signed() ? type.bits - 1 : type.bits)) - 1;
  return *integer <= most && *integer >= (type.is_signed() ? -most - 1 : 0);
}

Value cast(Context& c, const BuiltinCall& call) {
  const auto type = generic_type(c, call, 0);
  if (!type) return Poison{};
  if (auto size = size_in_64_bits(c, call, *type)) return *size;
  const Value x = value_of(c, *call.expressions[0]);
  if (x.poisoned()) return x;
  if (c.in_header && (x.is<layouts::SizeExpr>() || x.is<std::int64_t>()) && type->is_integer())
    return x;
  if (x.is_number() && writes_exactly(x, *type)) {
    const auto tile = as_tile(c, x, *type, {}, call.places[0]);
    return tile ? Value(*tile) : Value(Poison{});
  }
  const auto tile = as_register(c, x, call.places[0]);
  if (!tile) return Poison{};
  const vm::Type own = c.type(tile->id);
  if (own.element == *type) return *tile;
  const auto index = [](vm::ElementType element) {
    return element.type_class == vm::TypeClass::Codebook;
  };
  if ((index(*type) && !own.element.is_integer()) || (index(own.element) && !type->is_integer()))
    return c.error("BL0204", call.place).hint("cast to i32, and gather from the table")
           << "a codebook holds indices, which are cast to and from integers: this is "
           << c.describe(*tile) << " to " << vm::to_string(*type);
  const vm::ValueId id =
      c.emit(call.place, Opcode::Cast, vm::register_type(*type, own.shape), {tile->id});
  if (const std::string rounding = call.word(1); !rounding.empty() && rounding != "nearest")
    c.build.last().set("rounding", rounding);
  return Register{id};
}

// (y, unit, scale): y * scale = y / unit is the number, or the code in offset binary.
Value cast_scaled(Context& c, const BuiltinCall& call) {
  const auto type = generic_type(c, call, 0);
  const auto tile = as_register(c, value_of(c, *call.expressions[0]), call.places[0]);
  if (!type || !tile) return Poison{};
  const vm::Type own = c.type(tile->id);
  const bool number =
      own.element.is_narrow() && (own.element.is_integer() || own.element.is_float());
  if (!number || own.rank() != 2)
    return c.error("BL0204", call.places[0])
           << "cast_scaled takes a matrix of integers or floats of 8 bits or fewer, and this is "
           << c.describe(*tile);
  const bool bytes = *type == vm::kU8 && own.element.is_integer();
  if (*type != vm::kF16 && *type != vm::kBF16 && !bytes)
    return c.error("BL0204", call.generic_places[0])
           << "cast_scaled gives f16 or bf16, or u8 from integers, and this is "
           << vm::to_string(own.element) << " to " << vm::to_string(*type);
  vm::Instruction& instruction = c.emit(call.place, Opcode::CastScaled, {tile->id});
  if (call.flag(1)) instruction.set("rows", true);
  const vm::Span span = c.span(call.place);
  const vm::ValueId value = c.function.add_value({}, vm::register_type(*type, own.shape), span);
  const vm::Type row = vm::register_type(vm::kF32, {1, own.shape[1]});
  const vm::ValueId unit = c.function.add_value({}, row, span);
  const vm::ValueId scale = c.function.add_value({}, row, span);
  instruction.outputs = {value, unit, scale};
  return TupleValue{{Register{value}, Register{unit}, Register{scale}}};
}

}  // namespace

const std::vector<Builtin>& math_builtins() {
  static const std::vector<Builtin> table = {
      {"cast", 1, 1, "x: text, rounding?: nearest|zero|down|up", cast},
      {"cast_scaled", 1, 1, "x: text, rows?: bool", cast_scaled},
      {"select", 0, 0, "condition, a: text, b: text", select_value},
      {"abs", 0, 0, "x", absolute},
      {"floor", 0, 0, "x", rounded<Opcode::Floor>},
      {"ceil", 0, 0, "x", rounded<Opcode::Ceil>},
      {"trunc", 0, 0, "x", rounded<Opcode::Trunc>},
      {"round", 0, 0, "x", rounded<Opcode::Round>},
      {"sqrt", 0, 0, "x", square_root},
      {"fma", 0, 0, "a, b, c", fma},
      {"popcount", 0, 0, "x", count<Opcode::Popcount>},
      {"clz", 0, 0, "x", count<Opcode::Clz>},
      {"rotl", 0, 0, "x, n", two<Opcode::Rotl, Domain::Word>},
      {"mul_high", 0, 0, "a, b", two<Opcode::MulHigh, Domain::Int32>},
      {"lop3", 1, 1, "a, b, c", lop3},
      {"prmt", 0, 0, "a, b, selector", prmt},
      {"dp4a", 0, 0, "a, b, c", dp4a},
      {"exp2_approx", 0, 0, "x", approximate<Opcode::Ex2Approx>},
      {"log2_approx", 0, 0, "x", approximate<Opcode::Lg2Approx>},
      {"exp_approx", 0, 0, "x", exp_approx},
      {"log_approx", 0, 0, "x", log_approx},
      {"rcp_approx", 0, 0, "x", approximate<Opcode::RcpApprox>},
      {"rsqrt_approx", 0, 0, "x", approximate<Opcode::RsqrtApprox>},
      {"tanh_approx", 0, 0, "x", approximate<Opcode::TanhApprox>},
      {"sin_approx", 0, 0, "x", approximate<Opcode::SinApprox>},
      {"cos_approx", 0, 0, "x", approximate<Opcode::CosApprox>},
  };
  return table;
}

}  // namespace bitloom::dsl::sema
