#include "vm/passes/fold.h"

#include <algorithm>

namespace bitloom::vm {
namespace {

using U = std::uint64_t;

bool holds(std::string_view predicate, ElementType type, std::int64_t a, std::int64_t b) {
  const bool unsigned_order = type.type_class == TypeClass::Unsigned;
  const bool less = unsigned_order ? static_cast<U>(a) < static_cast<U>(b) : a < b;
  if (predicate == "eq") return a == b;
  if (predicate == "ne") return a != b;
  if (predicate == "lt") return less;
  if (predicate == "le") return less || a == b;
  if (predicate == "gt") return !less && a != b;
  return !less;  // ge
}

std::optional<std::int64_t> divide(const Instruction& instruction, ElementType type, std::int64_t a,
                                   std::int64_t b) {
  if (b == 0) return std::nullopt;
  const bool quotient = instruction.opcode == Opcode::Div;
  if (type.type_class == TypeClass::Unsigned) {
    const U x = static_cast<U>(a), y = static_cast<U>(b);
    return static_cast<std::int64_t>(quotient ? x / y : x % y);
  }
  if (b == -1) return quotient ? static_cast<std::int64_t>(-static_cast<U>(a)) : 0;
  return quotient ? a / b : a % b;
}

std::int64_t shift(Opcode opcode, ElementType type, std::int64_t a, std::int64_t b) {
  const bool past = b < 0 || b >= type.bits;
  if (opcode == Opcode::Shl) return past ? 0 : static_cast<std::int64_t>(static_cast<U>(a) << b);
  if (type.type_class == TypeClass::Unsigned) {
    return past ? 0 : static_cast<std::int64_t>(static_cast<U>(a) >> b);
  }
  return a >> (past ? 63 : b);
}

bool less(ElementType type, std::int64_t a, std::int64_t b) {
  return holds("lt", type, a, b);
}

}  // namespace

std::int64_t wrap_integer(ElementType type, std::int64_t value) {
  if (type.is_bool()) return value != 0;
  if (type.bits >= 64) return value;
  const U mask = (U{1} << type.bits) - 1;
  const U low = static_cast<U>(value) & mask;
  const bool negative = type.type_class == TypeClass::Signed && (low >> (type.bits - 1)) != 0;
  return static_cast<std::int64_t>(negative ? low | ~mask : low);
}

std::optional<std::int64_t> fold_integer(const Instruction& instruction, ElementType result,
                                         ElementType operand, std::span<const std::int64_t> x) {
  const auto wrapped = [&](U value) {
    return wrap_integer(result, static_cast<std::int64_t>(value));
  };
  const auto at = [&](std::size_t i) { return static_cast<U>(x[i]); };
  switch (instruction.opcode) {
    case Opcode::Add:
      return wrapped(at(0) + at(1));
    case Opcode::Sub:
      return wrapped(at(0) - at(1));
    case Opcode::Mul:
      return wrapped(at(0) * at(1));
    case Opcode::Neg:
      return wrapped(-at(0));
    case Opcode::Abs:
      return wrapped(x[0] < 0 && operand.is_signed() ? -at(0) : at(0));
    case Opcode::Div:
    case Opcode::Rem: {
      const auto value = divide(instruction, operand, x[0], x[1]);
      return value ? std::optional(wrap_integer(result, *value)) : std::nullopt;
    }
    case Opcode::Min:
      return less(operand, x[1], x[0]) ? x[1] : x[0];
    case Opcode::Max:
      return less(operand, x[0], x[1]) ? x[1] : x[0];
    case Opcode::And:
      return x[0] & x[1];
    case Opcode::Or:
      return x[0] | x[1];
    case Opcode::Xor:
      return wrapped(at(0) ^ at(1));
    case Opcode::Not:
      return result.is_bool() ? std::int64_t{x[0] == 0} : wrapped(~at(0));
    case Opcode::Shl:
    case Opcode::Shr:
      return wrap_integer(result, shift(instruction.opcode, operand, x[0], x[1]));
    case Opcode::Compare:
      return std::int64_t{holds(instruction.word("predicate"), operand, x[0], x[1])};
    case Opcode::Select:
      return x[0] != 0 ? x[1] : x[2];
    case Opcode::Cast: {
      // Narrowing between integers saturates or wraps by docs/numerics.md; only what fits is
      // folded.
      const bool same_sign = result.is_signed() == operand.is_signed() || x[0] >= 0;
      const bool fits = same_sign && wrap_integer(result, x[0]) == x[0] && !result.is_bool();
      return fits ? std::optional(x[0]) : std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

}  // namespace bitloom::vm
