// Size expressions as text: one table of operators for the printer and the reader.
#include <fmt/format.h>

#include <charconv>
#include <ostream>

#include "layouts/size_expr.h"

namespace bitloom::layouts {

using Op = SizeExpr::Op;

namespace {

// Binds looser, to tighter; all binary operators associate to the left.
constexpr int kOr = 1, kAnd = 2, kCompare = 3, kSum = 4, kProduct = 5, kUnary = 6, kAtom = 7;

struct Operator {
  Op op;
  std::string_view text;
  int precedence;
};

// Two-character operators first: the reader takes the first that fits.
constexpr Operator kOperators[] = {
    {Op::Or, "||", kOr},      {Op::And, "&&", kAnd},    {Op::Eq, "==", kCompare},
    {Op::Ne, "!=", kCompare}, {Op::Le, "<=", kCompare}, {Op::Ge, ">=", kCompare},
    {Op::Lt, "<", kCompare},  {Op::Gt, ">", kCompare},  {Op::Add, "+", kSum},
    {Op::Sub, "-", kSum},     {Op::Mul, "*", kProduct}, {Op::Div, "/", kProduct},
    {Op::Mod, "%", kProduct},
};
constexpr Operator kFunctions[] = {
    {Op::CeilDiv, "ceildiv", kAtom}, {Op::Min, "min", kAtom}, {Op::Max, "max", kAtom}};

const Operator* find(Op op) {
  for (const Operator& entry : kOperators)
    if (entry.op == op) return &entry;
  for (const Operator& entry : kFunctions)
    if (entry.op == op) return &entry;
  return nullptr;
}

int precedence(const SizeExpr& expr) {
  if (expr.op() == Op::Not) return kUnary;
  if (const auto constant = expr.constant()) return *constant < 0 ? kUnary : kAtom;
  const Operator* entry = find(expr.op());
  return entry ? entry->precedence : kAtom;
}

std::string print(const SizeExpr& expr, int least) {
  std::string text;
  const Operator* entry = find(expr.op());
  if (const auto constant = expr.constant()) {
    text = fmt::format("{}", *constant);
  } else if (expr.is_symbol()) {
    text = expr.name();
  } else if (expr.op() == Op::Not) {
    text = fmt::format("!{}", print(expr.left(), kUnary));
  } else if (entry->precedence == kAtom) {
    text =
        fmt::format("{}({}, {})", entry->text, print(expr.left(), kOr), print(expr.right(), kOr));
  } else {
    text = fmt::format("{} {} {}", print(expr.left(), entry->precedence), entry->text,
                       print(expr.right(), entry->precedence + 1));
  }
  return precedence(expr) < least ? fmt::format("({})", text) : text;
}

using Result = tl::expected<SizeExpr, SizeParseError>;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result whole() {
    auto expr = binary(kOr);
    if (!expr) return expr;
    skip_spaces();
    if (at_ != text_.size())
      return fail(fmt::format("expected an operator or the end, found '{}'", text_[at_]));
    return expr;
  }

 private:
  // Trees are walked recursively, and `a + a + …` is as deep as it is long.
  static constexpr int kMaxDepth = 200, kMaxOperators = 5000;

  [[nodiscard]] Result fail(std::string message) const {
    return tl::make_unexpected(SizeParseError{std::move(message), at_});
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool accept(std::string_view token) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  const Operator* accept_operator(int least) {
    skip_spaces();
    for (const Operator& entry : kOperators) {
      if (!text_.substr(at_).starts_with(entry.text)) continue;
      if (entry.precedence < least) return nullptr;
      at_ += entry.text.size();
      return &entry;
    }
    return nullptr;
  }

  // Precedence climbing.
  Result binary(int least) {
    if (++depth_ > kMaxDepth) return fail("the expression is nested too deeply");
    auto left = unary();
    while (left) {
      const Operator* entry = accept_operator(least);
      if (!entry) break;
      if (++operators_ > kMaxOperators) return fail("the expression is too long");
      auto right = binary(entry->precedence + 1);
      if (!right) return right;
      left = SizeExpr::make(entry->op, *left, *right);
    }
    --depth_;
    return left;
  }

  Result unary() {
    if (++depth_ > kMaxDepth) return fail("the expression is nested too deeply");
    Result result = [&]() -> Result {
      skip_spaces();
      if (at_ < text_.size() && is_digit(text_[at_])) return number(false);
      if (accept("!")) {
        auto operand = unary();
        return operand ? Result(SizeExpr::make(Op::Not, *operand)) : operand;
      }
      if (accept("-")) {
        skip_spaces();
        if (at_ < text_.size() && is_digit(text_[at_])) return number(true);
        auto operand = unary();
        return operand ? Result(SizeExpr(0) - *operand) : operand;
      }
      return atom();
    }();
    --depth_;
    return result;
  }

  Result number(bool negative) {
    std::size_t end = at_;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    const std::string digits =
        fmt::format("{}{}", negative ? "-" : "", text_.substr(at_, end - at_));
    std::int64_t value = 0;
    const auto [last, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc()) return fail("this number does not fit 64 bits");
    at_ = end;
    return SizeExpr(value);
  }

  Result atom() {
    if (accept("(")) {
      auto inner = binary(kOr);
      if (inner && !accept(")")) return fail("expected ')'");
      return inner;
    }
    const std::size_t begin = at_;
    // A point joins the parts of a name: "device.sms".
    while (at_ < text_.size() &&
           (is_letter(text_[at_]) || is_digit(text_[at_]) || (text_[at_] == '.' && at_ > begin))) {
      ++at_;
    }
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name.empty()) return fail("expected a number, a name or '('");
    if (!accept("(")) return SizeExpr::symbol(std::string(name));
    for (const Operator& function : kFunctions) {
      if (function.text != name) continue;
      const auto first = binary(kOr);
      if (!first) return first;
      if (!accept(",")) return fail("expected ','");
      const auto second = binary(kOr);
      if (!second) return second;
      if (!accept(")")) return fail("expected ')'");
      return SizeExpr::make(function.op, *first, *second);
    }
    at_ = begin;
    return fail(fmt::format("'{}' is no function of sizes; there are ceildiv, min and max", name));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  int operators_ = 0;
};

}  // namespace

std::string_view spelling(Op op) {
  if (const Operator* entry = find(op)) return entry->text;
  return op == Op::Not ? "!" : "";
}

std::string SizeExpr::to_string() const {
  return print(*this, kOr);
}

std::ostream& operator<<(std::ostream& out, const SizeExpr& expr) {
  return out << expr.to_string();
}

tl::expected<SizeExpr, SizeParseError> parse_size_expr(std::string_view text) {
  return Reader(text).whole();
}

}  // namespace bitloom::layouts
