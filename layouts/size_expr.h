// Sizes that are known only at launch, as expressions over named symbols.
//
// A tensor parameter `a: f16[m, k / 2]` has the extents `m` and `k / 2`; a grid is `ceildiv(n,
// 128)`; a kernel's `where` clause is an expression whose value is 0 or 1. A SizeExpr is an
// immutable tree that is simplified as it is built, so that equal spellings of easy cases are equal
// values: `(n * 4) / 4` is `n`, and constants stand at the right of + and *.
//
// Three questions are asked of it. Its value, once every symbol has one (a division by zero, an
// overflow and an unknown symbol are errors with a sentence). Its text, with no parenthesis that
// could be left out. And the largest number it is certainly a multiple of, given facts such as `k %
// 128 == 0`, which decides how wide an access may be.
//
// Arithmetic is 64-bit signed; `/` and `%` truncate towards zero, ceildiv rounds up.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace bitloom::layouts {

class SizeExpr {
 public:
  enum class Op {
    Constant,
    Symbol,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    CeilDiv,
    Min,
    Max,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
    Not,
  };

  SizeExpr(std::int64_t constant = 0);  // NOLINT: numbers are sizes
  [[nodiscard]] static SizeExpr symbol(std::string name);
  // Simplifies. Not takes one operand, all others two.
  [[nodiscard]] static SizeExpr make(Op op, const SizeExpr& left, const SizeExpr& right = {});

  [[nodiscard]] Op op() const;
  [[nodiscard]] bool is_constant() const { return op() == Op::Constant; }
  [[nodiscard]] bool is_symbol() const { return op() == Op::Symbol; }
  [[nodiscard]] bool is_constant(std::int64_t value) const;
  [[nodiscard]] std::optional<std::int64_t> constant() const;
  [[nodiscard]] const std::string& name() const;  // of a symbol; "" otherwise
  [[nodiscard]] SizeExpr left() const;            // operands; 0 where there is none
  [[nodiscard]] SizeExpr right() const;

  using Lookup = std::function<std::optional<std::int64_t>(std::string_view)>;
  [[nodiscard]] tl::expected<std::int64_t, std::string> evaluate(const Lookup& lookup) const;

  // Replaces symbols by expressions; those for which `replace` has nothing stay.
  using Replace = std::function<std::optional<SizeExpr>(std::string_view)>;
  [[nodiscard]] SizeExpr substitute(const Replace& replace) const;

  // Names in order of first appearance.
  [[nodiscard]] std::vector<std::string> symbols() const;

  [[nodiscard]] std::string to_string() const;
  friend std::ostream& operator<<(std::ostream& out, const SizeExpr& expr);

  // The same tree, which is more than the same value.
  friend bool operator==(const SizeExpr& a, const SizeExpr& b);

 private:
  struct Node;
  explicit SizeExpr(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  static SizeExpr raw(Op op, const SizeExpr& left, const SizeExpr& right);
  std::shared_ptr<const Node> node_;
};

[[nodiscard]] SizeExpr operator+(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr operator-(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr operator*(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr operator/(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr operator%(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr ceildiv(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr min(const SizeExpr& a, const SizeExpr& b);
[[nodiscard]] SizeExpr max(const SizeExpr& a, const SizeExpr& b);

// "==", "&&", "+", "ceildiv", …
[[nodiscard]] std::string_view spelling(SizeExpr::Op op);

// `a op b` in checked arithmetic: what evaluate does at every node.
[[nodiscard]] tl::expected<std::int64_t, std::string> apply(SizeExpr::Op op, std::int64_t a,
                                                            std::int64_t b);

// Reads what to_string prints: "ceildiv(n, 128) * (k / 2)", "k % 128 == 0 && n >= 64".
struct SizeParseError {
  std::string message;
  std::size_t offset = 0;
};
[[nodiscard]] tl::expected<SizeExpr, SizeParseError> parse_size_expr(std::string_view text);

// Facts about expressions: this one is a multiple of that number.
class Assumptions {
 public:
  // Takes what it understands from a condition: `e % c == 0`, `e == c`, and these joined by &&.
  void assume(const SizeExpr& condition);
  void assume_multiple(const SizeExpr& expr, std::int64_t multiple);

  // What is assumed of exactly this expression; 1 when nothing is.
  [[nodiscard]] std::int64_t multiple_of(const SizeExpr& expr) const;

 private:
  std::vector<std::pair<SizeExpr, std::int64_t>> facts_;
};

// The largest number that certainly divides the expression; 0 for the constant 0, which every
// number divides.
[[nodiscard]] std::int64_t known_multiple_of(const SizeExpr& expr, const Assumptions& assumptions);
[[nodiscard]] bool is_known_multiple(const SizeExpr& expr, std::int64_t divisor,
                                     const Assumptions& assumptions);

}  // namespace bitloom::layouts
