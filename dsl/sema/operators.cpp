#include "dsl/sema/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "vm/numerics.h"

namespace bitloom::dsl::sema {
namespace {

using vm::ElementType;
using vm::Opcode;
using vm::Shape;

std::string_view predicate(BinaryOp op) {
  switch (op) {
    case BinaryOp::Eq:
      return "eq";
    case BinaryOp::Ne:
      return "ne";
    case BinaryOp::Lt:
      return "lt";
    case BinaryOp::Le:
      return "le";
    case BinaryOp::Gt:
      return "gt";
    default:
      return "ge";
  }
}

struct Rule {
  Opcode opcode;
  Domain domain;
};

Rule rule_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::Or:
      return {Opcode::Or, Domain::Bool};
    case BinaryOp::And:
      return {Opcode::And, Domain::Bool};
    case BinaryOp::Eq:
    case BinaryOp::Ne:
      return {Opcode::Compare, Domain::Comparable};
    case BinaryOp::Lt:
    case BinaryOp::Le:
    case BinaryOp::Gt:
    case BinaryOp::Ge:
      return {Opcode::Compare, Domain::Arithmetic};
    case BinaryOp::BitOr:
      return {Opcode::Or, Domain::Bits};
    case BinaryOp::BitXor:
      return {Opcode::Xor, Domain::Bits};
    case BinaryOp::BitAnd:
      return {Opcode::And, Domain::Bits};
    case BinaryOp::Shl:
      return {Opcode::Shl, Domain::Integer};
    case BinaryOp::Shr:
      return {Opcode::Shr, Domain::Integer};
    case BinaryOp::Add:
      return {Opcode::Add, Domain::Arithmetic};
    case BinaryOp::Sub:
      return {Opcode::Sub, Domain::Arithmetic};
    case BinaryOp::Mul:
      return {Opcode::Mul, Domain::Arithmetic};
    case BinaryOp::Div:
      return {Opcode::Div, Domain::Arithmetic};
    case BinaryOp::Rem:
      return {Opcode::Rem, Domain::Integer};
  }
  return {Opcode::Add, Domain::Comparable};
}

std::string_view domain_text(Domain domain) {
  switch (domain) {
    case Domain::Comparable:
      return "bool, f16, bf16, f32, f64 and integers of 8, 16, 32 and 64 bits";
    case Domain::Arithmetic:
      return "f16, bf16, f32, f64 and integers of 8, 16, 32 and 64 bits";
    case Domain::Integer:
      return "integers of 8, 16, 32 and 64 bits";
    case Domain::Float:
      return "f16, bf16, f32 and f64";
    case Domain::Bits:
      return "bools and integers";
    case Domain::Bool:
      return "bools";
    case Domain::F32:
      return "f32";
    case Domain::WideFloat:
      return "f32 and f64";
    case Domain::Wide:
      return "integers of 32 and 64 bits";
    case Domain::Int32:
      return "i32 and u32";
    case Domain::Word:
      return "u32";
  }
  return {};
}

// The type of the first operand that has one, if all others agree.
std::optional<ElementType> common_element(Context& c, std::string_view name,
                                          std::initializer_list<Operand> operands, Place place) {
  std::optional<ElementType> element;
  const Operand* first = nullptr;
  for (const Operand& operand : operands) {
    const auto* tile = operand.value.as<Register>();
    if (!tile) continue;
    const ElementType own = c.type(tile->id).element;
    if (!element) {
      element = own;
      first = &operand;
    } else if (*element != own) {
      auto report = c.error("BL0201", place);
      report << "'" << name << "' between " << c.describe(first->value) << " and "
             << c.describe(operand.value);
      c.note_origin(report, "the left operand", first->value);
      c.note_origin(report, "the right operand", operand.value);
      const bool left_wider = element->bits >= own.bits;
      report.hint(fmt::format("cast<{}>({})", vm::to_string(left_wider ? *element : own),
                              c.text(left_wider ? operand.place : first->place)));
      return report;
    }
  }
  if (element) return element;
  for (const Operand& operand : operands)
    if (operand.value.is<double>()) return vm::kF32;
  return default_type(operands.begin()->value);
}

std::optional<Shape> common_shape(Context& c, std::string_view name,
                                  std::initializer_list<Operand> operands, Place place) {
  Shape shape;
  for (const Operand& operand : operands) {
    const auto* tile = operand.value.as<Register>();
    if (!tile) continue;
    const auto joined = broadcast_shape(shape, c.type(tile->id).shape);
    if (!joined) {
      auto report = c.error("BL0202", place);
      report << "'" << name << "' between " << layouts::to_string(shape) << " and "
             << layouts::to_string(c.type(tile->id).shape);
      for (const Operand& one : operands)
        c.note_origin(report, fmt::format("'{}'", c.text(one.place)), one.value);
      return report;
    }
    shape = *joined;
  }
  return shape;
}

bool is_value(const Value& value) {
  return value.is_number() || value.is<Register>();
}

Value refuse(Context& c, std::string_view name, const Operand& operand) {
  return c.error("BL0126", operand.place)
         << "'" << name << "' takes values, and this is " << c.describe(operand.value);
}

}  // namespace

std::string_view spelling(BinaryOp op) {
  constexpr std::array kText = {"||", "&&", "==", "!=", "<", "<=", ">", ">=", "|",
                                "^",  "&",  "<<", ">>", "+", "-",  "*", "/",  "%"};
  return kText[static_cast<std::size_t>(op)];
}

std::string_view spelling(UnaryOp op) {
  return op == UnaryOp::Neg ? "-" : op == UnaryOp::Not ? "!" : "~";
}

bool in_domain(Domain domain, ElementType type) {
  const bool integer = type.is_integer() && type.bits >= 8;
  const bool real = type.is_float() && type.bits >= 16 && type != vm::kTF32;
  switch (domain) {
    case Domain::Comparable:
      return integer || real || type.is_bool();
    case Domain::Arithmetic:
      return integer || real;
    case Domain::Integer:
      return integer;
    case Domain::Float:
      return real;
    case Domain::Bits:
      return type.is_bool() || type.is_integer();
    case Domain::Bool:
      return type.is_bool();
    case Domain::F32:
      return type == vm::kF32;
    case Domain::WideFloat:
      return type == vm::kF32 || type == vm::kF64;
    case Domain::Wide:
      return integer && type.bits >= 32;
    case Domain::Int32:
      return type == vm::kI32 || type == vm::kU32;
    case Domain::Word:
      return type == vm::kU32;
  }
  return false;
}

ElementType default_type(const Value& number) {
  if (number.is<bool>()) return vm::kBool;
  if (number.is<double>()) return vm::kF32;
  const auto* integer = number.as<std::int64_t>();
  const bool fits_i32 = !integer || (*integer >= INT32_MIN && *integer <= INT32_MAX);
  return fits_i32 ? vm::kI32 : vm::kI64;
}

bool fits(Context& c, const Value& number, ElementType element, Place place) {
  const std::string type = vm::to_string(element);
  if (number.is<bool>() || element.is_bool()) {
    if (number.is<bool>() && element.is_bool()) return true;
    c.error("BL0205", place) << c.describe(number) << " is not "
                             << (element.is_bool() ? "a bool" : "of type " + type);
    return false;
  }
  if (element.type_class == vm::TypeClass::Scale) {
    const double power = number.is<double>() ? *number.as<double>()
                                             : static_cast<double>(*number.as<std::int64_t>());
    int exponent = 0;
    if (std::isfinite(power) && power > 0 && std::frexp(power, &exponent) == 0.5 &&
        exponent >= -126 && exponent <= 128)
      return true;
    c.error("BL0205", place) << "e8m0 holds powers of two from 2^-127 to 2^127, and this is "
                             << c.describe(number);
    return false;
  }
  if (element.type_class == vm::TypeClass::Codebook && number.is<double>()) {
    c.error("BL0205", place) << "a codebook holds indices, and this is " << c.describe(number);
    return false;
  }
  if (const auto* real = number.as<double>()) {
    if (element.is_integer()) {
      c.error("BL0205", place) << c.describe(number) << " is not an integer, and " << type
                               << " is wanted here";
      return false;
    }
    if (!std::isfinite(*real) && !vm::has_infinity(element)) {
      c.error("BL0205", place) << type << " has no " << spelling(number);
      return false;
    }
    if (!std::isfinite(*real)) return true;
  }
  const double value =
      number.is<double>() ? *number.as<double>() : static_cast<double>(*number.as<std::int64_t>());
  const bool top_of_u64 = element == vm::kU64 && value >= 0;
  if (top_of_u64 || element == vm::kI64 ||
      (value >= vm::lowest(element) && value <= vm::highest(element)))
    return true;
  c.error("BL0205", place) << c.describe(number) << " does not fit " << type << ", which goes from "
                           << fmt::format("{} to {}", vm::lowest(element), vm::highest(element));
  return false;
}

std::optional<Shape> broadcast_shape(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) return std::nullopt;
    shape[shape.size() - 1 - i] = std::max(x, y);
  }
  return shape;
}

vm::ValueId broadcast(Context& c, vm::ValueId id, const Shape& shape, Place place) {
  if (c.type(id).shape == shape) return id;
  return c.emit(place, Opcode::Broadcast, vm::register_type(c.type(id).element, shape), {id});
}

std::optional<Register> as_tile(Context& c, const Value& value, ElementType element,
                                const Shape& shape, Place place) {
  if (const auto* tile = value.as<Register>())
    return Register{broadcast(c, tile->id, shape, place)};
  if (!value.is_number() || !fits(c, value, element, place)) return std::nullopt;
  c.build.at(c.span(place));
  if (const auto* real = value.as<double>())
    return Register{c.build.constant(element, *real, shape)};
  const std::int64_t integer = value.is<bool>() ? *value.as<bool>() : *value.as<std::int64_t>();
  const bool real = element.is_float() || element.type_class == vm::TypeClass::Scale;
  return Register{real ? c.build.constant(element, static_cast<double>(integer), shape)
                       : c.build.constant(element, integer, shape)};
}

std::optional<Register> as_register(Context& c, const Value& value, Place place) {
  if (const auto* tile = value.as<Register>()) return *tile;
  if (value.poisoned()) return std::nullopt;
  if (!value.is_number()) {
    c.error("BL0126", place) << "a value is expected here, and this is " << c.describe(value);
    return std::nullopt;
  }
  return as_tile(c, value, default_type(value), {}, place);
}

Value elementwise(Context& c, Opcode opcode, std::string_view name,
                  std::initializer_list<Operand> operands, Domain domain, Place place,
                  std::optional<ElementType> result) {
  for (const Operand& operand : operands)
    if (operand.value.poisoned()) return Poison{};
  for (const Operand& operand : operands)
    if (!is_value(operand.value)) return refuse(c, name, operand);
  const auto element = common_element(c, name, operands, place);
  if (!element) return Poison{};
  if (!in_domain(domain, *element)) {
    auto report = c.error("BL0204", place);
    report << "'" << name << "' works on " << domain_text(domain) << ", and this is "
           << vm::to_string(*element);
    if (!element->is_bool() && domain != Domain::Bool)
      report.hint(domain == Domain::F32 || domain == Domain::WideFloat
                      ? "cast<f32>(…)"
                      : "convert it with cast<T>(…) first");
    return report;
  }
  const auto shape = common_shape(c, name, operands, place);
  if (!shape) return Poison{};
  std::vector<vm::ValueId> inputs;
  for (const Operand& operand : operands) {
    const auto tile = as_tile(c, operand.value, *element, *shape, operand.place);
    if (!tile) return Poison{};
    inputs.push_back(tile->id);
  }
  return Register{c.emit(place, opcode, vm::register_type(result.value_or(*element), *shape),
                         std::move(inputs))};
}

Value select(Context& c, const Operand& condition, const Operand& a, const Operand& b,
             Place place) {
  if (condition.value.poisoned() || a.value.poisoned() || b.value.poisoned()) return Poison{};
  const auto* mask = condition.value.as<Register>();
  if (!mask || !c.type(mask->id).element.is_bool())
    return c.error("BL0211", condition.place)
           << "select takes a bool as its condition, and this is " << c.describe(condition.value);
  for (const Operand* operand : {&a, &b})
    if (!is_value(operand->value)) return refuse(c, "select", *operand);
  const auto element = common_element(c, "select", {a, b}, place);
  if (!element) return Poison{};
  const auto shape = common_shape(c, "select", {condition, a, b}, place);
  if (!shape) return Poison{};
  const auto when = as_tile(c, condition.value, vm::kBool, *shape, condition.place);
  const auto x = as_tile(c, a.value, *element, *shape, a.place);
  const auto y = as_tile(c, b.value, *element, *shape, b.place);
  if (!when || !x || !y) return Poison{};
  return Register{
      c.emit(place, Opcode::Select, vm::register_type(*element, *shape), {when->id, x->id, y->id})};
}

Value binary(Context& c, BinaryOp op, const Operand& a, const Operand& b, Place place) {
  if (a.value.poisoned() || b.value.poisoned()) return Poison{};
  if (auto known = fold(c, op, a.value, b.value, place)) return *known;
  const Rule rule = rule_of(op);
  const bool comparison = rule.opcode == Opcode::Compare;
  const Value result = elementwise(c, rule.opcode, spelling(op), {a, b}, rule.domain, place,
                                   comparison ? std::optional(vm::kBool) : std::nullopt);
  if (comparison && result.is<Register>())
    c.build.last().set("predicate", std::string(predicate(op)));
  return result;
}

Value unary(Context& c, UnaryOp op, const Operand& x, Place place) {
  if (x.value.poisoned()) return Poison{};
  if (const auto* number = x.value.as<std::int64_t>()) {
    if (op == UnaryOp::Neg) return *fold(c, BinaryOp::Sub, std::int64_t{0}, *number, place);
    if (op == UnaryOp::BitNot) return ~*number;
  }
  if (const auto* number = x.value.as<double>(); number && op == UnaryOp::Neg) return -*number;
  if (const auto* truth = x.value.as<bool>(); truth && op == UnaryOp::Not) return !*truth;
  if (const auto* size = x.value.as<layouts::SizeExpr>()) {
    if (op == UnaryOp::Neg) return *fold(c, BinaryOp::Sub, std::int64_t{0}, *size, place);
    if (op == UnaryOp::Not) return layouts::SizeExpr::make(layouts::SizeExpr::Op::Not, *size);
  }
  switch (op) {
    case UnaryOp::Neg:
      return elementwise(c, Opcode::Neg, "-", {x}, Domain::Arithmetic, place);
    case UnaryOp::Not:
      return elementwise(c, Opcode::Not, "!", {x}, Domain::Bool, place);
    case UnaryOp::BitNot:
      return elementwise(c, Opcode::Not, "~", {x}, Domain::Bits, place);
  }
  return Poison{};
}

std::optional<Register> fit(Context& c, const Value& value, ElementType element, const Shape& shape,
                            Place place, std::string_view place_name, vm::Span declared) {
  if (value.poisoned()) return std::nullopt;
  if (value.is_number()) return as_tile(c, value, element, shape, place);
  if (value.is<Nothing>())
    return c.error("BL0123", place) << "'" << c.text(place) << "' gives no value";
  const vm::Type wanted = vm::register_type(element, shape);
  const auto refuse_with = [&](std::string_view hint) {
    auto report = c.error("BL0207", place);
    report << place_name << " takes " << describe(wanted) << ", and this is " << c.describe(value);
    if (declared.known()) report.note(declared, fmt::format("{} is declared", place_name));
    c.note_origin(report, fmt::format("'{}'", c.text(place)), value);
    if (!hint.empty()) report.hint(std::string(hint));
    return std::optional<Register>();
  };
  const auto* tile = value.as<Register>();
  if (!tile) return refuse_with({});
  const vm::Type own = c.type(tile->id);
  if (own.element != element)
    return refuse_with(fmt::format("cast<{}>({})", vm::to_string(element), c.text(place)));
  const auto joined = broadcast_shape(own.shape, shape);
  if (!joined || *joined != shape) {
    const bool same_size = layouts::size(own.shape) == layouts::size(shape) && !shape.empty();
    return refuse_with(same_size
                           ? fmt::format("reshape<{}>({})", fmt::join(shape, ", "), c.text(place))
                           : std::string());
  }
  return Register{broadcast(c, tile->id, shape, place)};
}

Value snapshot(Context& c, const Value& value, Place place) {
  const auto* tile = value.as<Register>();
  if (!tile || !c.function.value(tile->id).variable) return value;
  return Register{c.emit(place, Opcode::Var, vm::Type(c.type(tile->id)), {tile->id})};
}

}  // namespace bitloom::dsl::sema
