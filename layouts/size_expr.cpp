// The tree, its simplification and its value. Text and divisibility live in files of their own.
#include "layouts/size_expr.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace bitloom::layouts {

using Op = SizeExpr::Op;

struct SizeExpr::Node {
  Op op = Op::Constant;
  std::int64_t constant = 0;
  std::string name;
  std::shared_ptr<const Node> left, right;
};

namespace {

using Value = tl::expected<std::int64_t, std::string>;

tl::unexpected<std::string> overflow(Op op, std::int64_t a, std::int64_t b) {
  const std::string_view text = spelling(op);
  return tl::make_unexpected(op == Op::CeilDiv
                                 ? fmt::format("{}({}, {}) does not fit 64 bits", text, a, b)
                                 : fmt::format("{} {} {} does not fit 64 bits", a, text, b));
}

Value divide(Op op, std::int64_t a, std::int64_t b) {
  if (b == 0) return tl::make_unexpected(fmt::format("{} is divided by zero", a));
  if (a == std::numeric_limits<std::int64_t>::min() && b == -1)
    return op == Op::Mod ? Value(0) : overflow(op, a, b);
  if (op == Op::Mod) return a % b;
  const std::int64_t quotient = a / b;
  const bool rounds_up = op == Op::CeilDiv && a % b != 0 && (a < 0) == (b < 0);
  return rounds_up ? quotient + 1 : quotient;
}

bool is_commutative(Op op) {
  return op == Op::Add || op == Op::Mul || op == Op::Min || op == Op::Max;
}

// Is the value 0 or 1 by construction?
bool is_logical(const SizeExpr& expr) {
  return expr.op() >= Op::Eq || expr.is_constant(0) || expr.is_constant(1);
}

// x op c for a constant c: the rules that make equal spellings of easy cases equal.
std::optional<SizeExpr> simplify_with_constant(Op op, const SizeExpr& x, std::int64_t c) {
  const auto inner = x.right().constant();
  // x is `y * m`; c divides m.
  const bool cancels = x.op() == Op::Mul && inner && c != 0 && c != -1 && *inner % c == 0;
  switch (op) {
    case Op::Add:
      if (c == 0) return x;
      if (c < 0 && c != std::numeric_limits<std::int64_t>::min())
        return SizeExpr::make(Op::Sub, x, -c);
      if (x.op() == Op::Add && inner)
        if (const auto sum = apply(Op::Add, *inner, c)) return x.left() + *sum;
      if (x.op() == Op::Sub && inner)
        if (const auto sum = apply(Op::Sub, c, *inner)) return x.left() + *sum;
      return std::nullopt;
    case Op::Sub:
      if (c == 0) return x;
      if (c < 0 && c != std::numeric_limits<std::int64_t>::min()) return x + -c;
      if (x.op() == Op::Add && inner)
        if (const auto sum = apply(Op::Sub, *inner, c)) return x.left() + *sum;
      if (x.op() == Op::Sub && inner)
        if (const auto sum = apply(Op::Add, *inner, c))
          return SizeExpr::make(Op::Sub, x.left(), *sum);
      return std::nullopt;
    case Op::Mul:
      if (c == 1) return x;
      if (c == 0) return SizeExpr(0);
      if (x.op() == Op::Mul && inner)
        if (const auto product = apply(Op::Mul, *inner, c)) return x.left() * *product;
      return std::nullopt;
    case Op::Div:
    case Op::CeilDiv:
      if (c == 1) return x;
      if (cancels) return x.left() * (*inner / c);
      // (y / a) / c, for positive a and c
      if (x.op() == op && inner && *inner > 0 && c > 0)
        if (const auto product = apply(Op::Mul, *inner, c))
          return SizeExpr::make(op, x.left(), *product);
      return std::nullopt;
    case Op::Mod:
      if (c == 1 || c == -1 || cancels) return SizeExpr(0);
      return std::nullopt;
    case Op::And:
      if (c == 0) return SizeExpr(0);
      if (is_logical(x)) return x;
      return std::nullopt;
    case Op::Or:
      if (c != 0) return SizeExpr(1);
      if (is_logical(x)) return x;
      return std::nullopt;
    case Op::Constant:
    case Op::Symbol:
    case Op::Min:
    case Op::Max:
    case Op::Eq:
    case Op::Ne:
    case Op::Lt:
    case Op::Le:
    case Op::Gt:
    case Op::Ge:
    case Op::Not:
      return std::nullopt;
  }
  return std::nullopt;
}

// x op x
std::optional<SizeExpr> simplify_equal(Op op, const SizeExpr& x) {
  switch (op) {
    case Op::Sub:
    case Op::Ne:
    case Op::Lt:
    case Op::Gt:
      return SizeExpr(0);
    case Op::Eq:
    case Op::Le:
    case Op::Ge:
      return SizeExpr(1);
    case Op::Min:
    case Op::Max:
      return x;
    case Op::And:
    case Op::Or:
      return is_logical(x) ? std::optional(x) : std::nullopt;
    case Op::Constant:
    case Op::Symbol:
    case Op::Add:
    case Op::Mul:
    case Op::Div:
    case Op::Mod:
    case Op::CeilDiv:
    case Op::Not:
      return std::nullopt;
  }
  return std::nullopt;
}

void collect_symbols(const SizeExpr& expr, std::vector<std::string>& names) {
  if (expr.is_constant()) return;
  if (expr.is_symbol()) {
    if (std::find(names.begin(), names.end(), expr.name()) == names.end())
      names.push_back(expr.name());
    return;
  }
  collect_symbols(expr.left(), names);
  collect_symbols(expr.right(), names);
}

}  // namespace

SizeExpr::SizeExpr(std::int64_t constant) {
  auto node = std::make_shared<Node>();
  node->constant = constant;
  node_ = std::move(node);
}

SizeExpr SizeExpr::symbol(std::string name) {
  auto node = std::make_shared<Node>();
  node->op = Op::Symbol;
  node->name = std::move(name);
  return SizeExpr(std::move(node));
}

SizeExpr SizeExpr::raw(Op op, const SizeExpr& left, const SizeExpr& right) {
  auto node = std::make_shared<Node>();
  node->op = op;
  node->left = left.node_;
  node->right = right.node_;
  return SizeExpr(std::move(node));
}

SizeExpr SizeExpr::make(Op op, const SizeExpr& left, const SizeExpr& right) {
  // Not has one operand; what stands to its right must not make two equal trees differ.
  if (op == Op::Not && !right.is_constant(0)) return make(op, left, SizeExpr(0));
  const auto a = left.constant(), b = right.constant();
  if (a && b) {
    // What cannot be computed stays as it is, and its evaluation says why.
    if (const auto value = apply(op, *a, *b)) return SizeExpr(*value);
    return raw(op, left, right);
  }
  if (a && is_commutative(op)) return make(op, right, left);
  if (a && (op == Op::And || op == Op::Or))
    if (auto simple = simplify_with_constant(op, right, *a)) return *simple;
  if (b)
    if (auto simple = simplify_with_constant(op, left, *b)) return *simple;
  if (left == right)
    if (auto simple = simplify_equal(op, left)) return *simple;
  return raw(op, left, right);
}

Op SizeExpr::op() const {
  return node_->op;
}
bool SizeExpr::is_constant(std::int64_t value) const {
  return constant() == value;
}
std::optional<std::int64_t> SizeExpr::constant() const {
  return is_constant() ? std::optional(node_->constant) : std::nullopt;
}
const std::string& SizeExpr::name() const {
  return node_->name;
}
SizeExpr SizeExpr::left() const {
  return node_->left ? SizeExpr(node_->left) : SizeExpr();
}
SizeExpr SizeExpr::right() const {
  return node_->right ? SizeExpr(node_->right) : SizeExpr();
}

Value apply(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  switch (op) {
    case Op::Constant:
    case Op::Symbol:
      return a;
    case Op::Add:
      return __builtin_add_overflow(a, b, &result) ? overflow(op, a, b) : Value(result);
    case Op::Sub:
      return __builtin_sub_overflow(a, b, &result) ? overflow(op, a, b) : Value(result);
    case Op::Mul:
      return __builtin_mul_overflow(a, b, &result) ? overflow(op, a, b) : Value(result);
    case Op::Div:
    case Op::Mod:
    case Op::CeilDiv:
      return divide(op, a, b);
    case Op::Min:
      return std::min(a, b);
    case Op::Max:
      return std::max(a, b);
    case Op::Eq:
      return a == b;
    case Op::Ne:
      return a != b;
    case Op::Lt:
      return a < b;
    case Op::Le:
      return a <= b;
    case Op::Gt:
      return a > b;
    case Op::Ge:
      return a >= b;
    case Op::And:
      return a != 0 && b != 0;
    case Op::Or:
      return a != 0 || b != 0;
    case Op::Not:
      return a == 0;
  }
  return result;
}

Value SizeExpr::evaluate(const Lookup& lookup) const {
  if (is_constant()) return node_->constant;
  if (is_symbol()) {
    if (const auto value = lookup(name())) return *value;
    return tl::make_unexpected(fmt::format("the size '{}' has no value", name()));
  }
  const auto a = left().evaluate(lookup);
  if (!a) return a;
  // && and || decide by their left side alone when they can: `g != 0 && k % g == 0` is sound.
  if (op() == Op::And && *a == 0) return 0;
  if (op() == Op::Or && *a != 0) return 1;
  const auto b = right().evaluate(lookup);
  if (!b) return b;
  return apply(op(), *a, *b);
}

SizeExpr SizeExpr::substitute(const Replace& replace) const {
  if (is_constant()) return *this;
  if (is_symbol()) return replace(name()).value_or(*this);
  return make(op(), left().substitute(replace), right().substitute(replace));
}

std::vector<std::string> SizeExpr::symbols() const {
  std::vector<std::string> names;
  collect_symbols(*this, names);
  return names;
}

bool operator==(const SizeExpr& a, const SizeExpr& b) {
  if (a.node_ == b.node_) return true;
  if (a.op() != b.op() || a.node_->constant != b.node_->constant || a.name() != b.name())
    return false;
  if (a.is_constant() || a.is_symbol()) return true;
  return a.left() == b.left() && a.right() == b.right();
}

SizeExpr operator+(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Add, a, b);
}
SizeExpr operator-(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Sub, a, b);
}
SizeExpr operator*(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Mul, a, b);
}
SizeExpr operator/(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Div, a, b);
}
SizeExpr operator%(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Mod, a, b);
}
SizeExpr ceildiv(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::CeilDiv, a, b);
}
SizeExpr min(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Min, a, b);
}
SizeExpr max(const SizeExpr& a, const SizeExpr& b) {
  return SizeExpr::make(Op::Max, a, b);
}

}  // namespace bitloom::layouts
