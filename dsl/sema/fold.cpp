// Arithmetic that the compiler does itself: on integers of 64 bits, floats, bools, types, and
// sizes.
#include <cmath>
#include <limits>

#include "dsl/sema/operators.h"

namespace bitloom::dsl::sema {
namespace {

using layouts::SizeExpr;

bool is_comparison(BinaryOp op) {
  return op >= BinaryOp::Eq && op <= BinaryOp::Ge;
}

template <class T>
bool compare(BinaryOp op, const T& a, const T& b) {
  switch (op) {
    case BinaryOp::Eq:
      return a == b;
    case BinaryOp::Ne:
      return a != b;
    case BinaryOp::Lt:
      return a < b;
    case BinaryOp::Le:
      return a <= b;
    case BinaryOp::Gt:
      return a > b;
    default:
      return a >= b;
  }
}

// nullopt: no result.
std::optional<std::int64_t> integer(BinaryOp op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  const auto checked = [&](bool overflow) {
    return overflow ? std::nullopt : std::optional(result);
  };
  switch (op) {
    case BinaryOp::Add:
      return checked(__builtin_add_overflow(a, b, &result));
    case BinaryOp::Sub:
      return checked(__builtin_sub_overflow(a, b, &result));
    case BinaryOp::Mul:
      return checked(__builtin_mul_overflow(a, b, &result));
    case BinaryOp::Div:
    case BinaryOp::Rem:
      if (b == 0 || (a == std::numeric_limits<std::int64_t>::min() && b == -1)) return std::nullopt;
      return op == BinaryOp::Div ? a / b : a % b;
    case BinaryOp::BitAnd:
      return a & b;
    case BinaryOp::BitOr:
      return a | b;
    case BinaryOp::BitXor:
      return a ^ b;
    case BinaryOp::Shl:
      if (b < 0 || b > 62) return std::nullopt;
      return checked(__builtin_mul_overflow(a, std::int64_t{1} << b, &result));
    case BinaryOp::Shr:
      return b < 0 || b > 63 ? std::nullopt : std::optional(a >> b);
    default:
      return std::nullopt;
  }
}

std::optional<double> real(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::Add:
      return a + b;
    case BinaryOp::Sub:
      return a - b;
    case BinaryOp::Mul:
      return a * b;
    case BinaryOp::Div:
      return a / b;
    default:
      return std::nullopt;
  }
}

std::optional<SizeExpr::Op> size_op(BinaryOp op) {
  using Op = SizeExpr::Op;
  switch (op) {
    case BinaryOp::Or:
      return Op::Or;
    case BinaryOp::And:
      return Op::And;
    case BinaryOp::Eq:
      return Op::Eq;
    case BinaryOp::Ne:
      return Op::Ne;
    case BinaryOp::Lt:
      return Op::Lt;
    case BinaryOp::Le:
      return Op::Le;
    case BinaryOp::Gt:
      return Op::Gt;
    case BinaryOp::Ge:
      return Op::Ge;
    case BinaryOp::Add:
      return Op::Add;
    case BinaryOp::Sub:
      return Op::Sub;
    case BinaryOp::Mul:
      return Op::Mul;
    case BinaryOp::Div:
      return Op::Div;
    case BinaryOp::Rem:
      return Op::Mod;
    default:
      return std::nullopt;
  }
}

std::optional<SizeExpr> as_size(const Value& value) {
  if (const auto* size = value.as<SizeExpr>()) return *size;
  if (const auto* number = value.as<std::int64_t>()) return SizeExpr(*number);
  if (const auto* truth = value.as<bool>()) return SizeExpr(*truth ? 1 : 0);
  return std::nullopt;
}

std::optional<double> as_real(const Value& value) {
  if (const auto* number = value.as<double>()) return *number;
  if (const auto* number = value.as<std::int64_t>()) return static_cast<double>(*number);
  return std::nullopt;
}

Value undefined(Context& c, BinaryOp op, const Value& a, const Value& b, Place place) {
  return c.error("BL0204", place) << "'" << spelling(op) << "' does not exist between "
                                  << c.describe(a) << " and " << c.describe(b);
}

Value fold_sizes(Context& c, BinaryOp op, const Value& a, const Value& b, Place place) {
  const auto left = as_size(a), right = as_size(b);
  const auto which = size_op(op);
  if (!left || !right || !which) return undefined(c, op, a, b, place);
  if ((*which == SizeExpr::Op::Div || *which == SizeExpr::Op::Mod) && right->is_constant(0))
    return c.error("BL0219", place) << "division of " << left->to_string() << " by zero";
  const SizeExpr result = SizeExpr::make(*which, *left, *right);
  if (const auto constant = result.constant())
    return is_comparison(op) || op == BinaryOp::And || op == BinaryOp::Or ? Value(*constant != 0)
                                                                          : Value(*constant);
  return result;
}

}  // namespace

std::optional<Value> fold(Context& c, BinaryOp op, const Value& a, const Value& b, Place place) {
  if (a.is<SizeExpr>() || b.is<SizeExpr>()) return fold_sizes(c, op, a, b, place);
  if (const auto* x = a.as<vm::ElementType>(), *y = b.as<vm::ElementType>(); x && y) {
    if (op == BinaryOp::Eq || op == BinaryOp::Ne) return (*x == *y) == (op == BinaryOp::Eq);
    return undefined(c, op, a, b, place);
  }
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  if (const auto* x = a.as<bool>(), *y = b.as<bool>(); x && y) {
    switch (op) {
      case BinaryOp::Or:
      case BinaryOp::BitOr:
        return *x || *y;
      case BinaryOp::And:
      case BinaryOp::BitAnd:
        return *x && *y;
      case BinaryOp::Eq:
        return *x == *y;
      case BinaryOp::BitXor:
      case BinaryOp::Ne:
        return *x != *y;
      default:
        return undefined(c, op, a, b, place);
    }
  }
  if (const auto* x = a.as<std::int64_t>(), *y = b.as<std::int64_t>(); x && y) {
    if (is_comparison(op)) return compare(op, *x, *y);
    if (op == BinaryOp::And || op == BinaryOp::Or) return undefined(c, op, a, b, place);
    if (const auto result = integer(op, *x, *y)) return *result;
    const bool by_zero = (op == BinaryOp::Div || op == BinaryOp::Rem) && *y == 0;
    return Value(c.error("BL0219", place)
                 << *x << " " << spelling(op) << " " << *y
                 << (by_zero ? " divides by zero" : " does not fit 64 bits"));
  }
  const auto x = as_real(a), y = as_real(b);
  if (!x || !y) return undefined(c, op, a, b, place);
  if (is_comparison(op)) return compare(op, *x, *y);
  if (const auto result = real(op, *x, *y)) return *result;
  return undefined(c, op, a, b, place);
}

}  // namespace bitloom::dsl::sema
