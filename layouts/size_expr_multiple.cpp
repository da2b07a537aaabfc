// Divisibility of size expressions.
#include <cstdlib>
#include <limits>
#include <numeric>

#include "layouts/size_expr.h"

namespace bitloom::layouts {

using Op = SizeExpr::Op;

namespace {

// Facts beyond this bound change nothing that is asked, and products below it never overflow.
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

std::int64_t bounded(std::int64_t multiple) {
  if (multiple == std::numeric_limits<std::int64_t>::min()) return kLargest;
  multiple = std::abs(multiple);
  while (multiple > kLargest && multiple % 2 == 0) multiple /= 2;
  return multiple > kLargest ? 1 : multiple;
}

std::int64_t bounded_product(std::int64_t a, std::int64_t b) {
  return bounded(a * b);
}

std::int64_t common_multiple(std::int64_t a, std::int64_t b) {
  if (a == 0 || b == 0) return 0;
  return bounded_product(a / std::gcd(a, b), b);
}

// What the operands alone say.
std::int64_t derive(const SizeExpr& expr, const Assumptions& assumptions) {
  if (const auto constant = expr.constant()) return *constant == 0 ? 0 : bounded(*constant);
  if (expr.is_symbol()) return 1;
  const std::int64_t left = known_multiple_of(expr.left(), assumptions);
  const std::int64_t right = known_multiple_of(expr.right(), assumptions);
  switch (expr.op()) {
    case Op::Add:
    case Op::Sub:
    case Op::Min:
    case Op::Max:
    case Op::Mod:  // x % y is x minus a multiple of y
      return std::gcd(left, right);
    case Op::Mul:
      return bounded_product(left, right);
    case Op::Div:
    case Op::CeilDiv: {
      const auto divisor = expr.right().constant();
      if (!divisor || *divisor == 0) return 1;
      const std::int64_t by = bounded(*divisor);
      return by == std::abs(*divisor) && left % by == 0 ? left / by : 1;
    }
    case Op::Constant:
    case Op::Symbol:
    case Op::Eq:
    case Op::Ne:
    case Op::Lt:
    case Op::Le:
    case Op::Gt:
    case Op::Ge:
    case Op::And:
    case Op::Or:
    case Op::Not:
      return 1;
  }
  return 1;
}

}  // namespace

void Assumptions::assume_multiple(const SizeExpr& expr, std::int64_t multiple) {
  facts_.emplace_back(expr, multiple == 0 ? 0 : bounded(multiple));
}

void Assumptions::assume(const SizeExpr& condition) {
  if (condition.op() == Op::And) {
    assume(condition.left());
    assume(condition.right());
    return;
  }
  if (condition.op() != Op::Eq) return;
  SizeExpr expr = condition.left(), value = condition.right();
  if (expr.is_constant()) std::swap(expr, value);
  const auto constant = value.constant();
  if (!constant) return;
  const auto modulus = expr.right().constant();
  if (expr.op() == Op::Mod && *constant == 0 && modulus && *modulus != 0) {
    assume_multiple(expr.left(), *modulus);
  } else {
    assume_multiple(expr, *constant);
  }
}

std::int64_t Assumptions::multiple_of(const SizeExpr& expr) const {
  std::int64_t multiple = 1;
  for (const auto& [known, by] : facts_)
    if (known == expr) multiple = common_multiple(multiple, by);
  return multiple;
}

std::int64_t known_multiple_of(const SizeExpr& expr, const Assumptions& assumptions) {
  return common_multiple(derive(expr, assumptions), assumptions.multiple_of(expr));
}

bool is_known_multiple(const SizeExpr& expr, std::int64_t divisor, const Assumptions& assumptions) {
  return divisor != 0 && known_multiple_of(expr, assumptions) % divisor == 0;
}

}  // namespace bitloom::layouts
