#include "layouts/size_expr.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "layouts/global_layout.h"

namespace bitloom::layouts {
namespace {

using Op = SizeExpr::Op;

const SizeExpr m = SizeExpr::symbol("m"), n = SizeExpr::symbol("n"), k = SizeExpr::symbol("k");

tl::expected<std::int64_t, std::string> value(const SizeExpr& expr, std::int64_t k_value = 40) {
  return expr.evaluate([&](std::string_view name) -> std::optional<std::int64_t> {
    if (name == "m") return 7;
    if (name == "n") return 130;
    if (name == "k") return k_value;
    return std::nullopt;
  });
}

SizeExpr parsed(std::string_view text) {
  const auto expr = parse_size_expr(text);
  EXPECT_TRUE(expr) << text << ": " << (expr ? "" : expr.error().message);
  return expr.value_or(SizeExpr());
}

TEST(SizeExpr, Evaluates) {
  EXPECT_EQ(*value(ceildiv(n, 128)), 2);
  EXPECT_EQ(*value(n / 128 + n % 128), 3);
  EXPECT_EQ(*value(min(m, n) * max(m, k) - 1), 279);
  EXPECT_EQ(*value(SizeExpr::make(Op::Eq, k % 8, 0)), 1);
  EXPECT_EQ(*value(parsed("k % 8 == 0 && n >= 131")), 0);
  EXPECT_EQ(*value(parsed("k % 8 != 0 || !(n >= 131)")), 1);
  EXPECT_EQ(*value(parsed("m < 8 && m > 6 && m <= 7")), 1);
  EXPECT_EQ(*apply(Op::CeilDiv, -7, 2), -3);
  EXPECT_EQ(*apply(Op::CeilDiv, -7, -2), 4);
  EXPECT_EQ(*apply(Op::Div, -7, 2), -3);
  EXPECT_EQ(*apply(Op::Mod, -7, 2), -1);
}

TEST(SizeExpr, WhatHasNoValueSaysWhy) {
  const auto error = [](const SizeExpr& expr) {
    const auto result = value(expr, 0);
    return result ? "no error" : result.error();
  };
  EXPECT_EQ(error(n / k), "130 is divided by zero");
  EXPECT_EQ(error(SizeExpr(3) % SizeExpr(0)), "3 is divided by zero");
  EXPECT_EQ(error(SizeExpr::symbol("x") + 1), "the size 'x' has no value");
  EXPECT_EQ(error(n * (std::int64_t{1} << 62)), "130 * 4611686018427387904 does not fit 64 bits");
  EXPECT_EQ(error(SizeExpr::make(Op::CeilDiv, std::numeric_limits<std::int64_t>::min(), -1)),
            "ceildiv(-9223372036854775808, -1) does not fit 64 bits");
  EXPECT_EQ(*value(parsed("k != 0 && n % k == 0"), 0), 0);  // the left side decides
}

TEST(SizeExpr, SimplifiesEasyCases) {
  EXPECT_EQ(SizeExpr(6) * 7, SizeExpr(42));
  EXPECT_EQ(n + 0, n);
  EXPECT_EQ(1 * n, n);
  EXPECT_EQ(n * 0, SizeExpr(0));
  EXPECT_EQ((n * 4) / 4, n);
  EXPECT_EQ((n * 8) / 4, n * 2);
  EXPECT_EQ((n * 8) % 4, SizeExpr(0));
  EXPECT_EQ(ceildiv(n, 1), n);
  EXPECT_EQ(n / 2 / 3, n / 6);
  EXPECT_EQ(3 + n + 4, n + 7);
  EXPECT_EQ(n + 4 - 4, n);
  EXPECT_EQ(n - n, SizeExpr(0));
  EXPECT_EQ(n + -3, n - 3);
  EXPECT_EQ(min(n, n), n);
  EXPECT_EQ(SizeExpr::make(Op::Not, 0), SizeExpr(1));
  EXPECT_EQ(SizeExpr::make(Op::Not, n, 7), SizeExpr::make(Op::Not, n));  // the second is not there
  EXPECT_EQ(SizeExpr::make(Op::And, 1, SizeExpr::make(Op::Lt, n, k)), SizeExpr::make(Op::Lt, n, k));
  EXPECT_FALSE(n == m);
  EXPECT_EQ((m * n).symbols(), (std::vector<std::string>{"m", "n"}));
  EXPECT_EQ((k / SizeExpr::symbol("G")).substitute([](std::string_view name) {
    return name == "G" ? std::optional<SizeExpr>(128) : std::nullopt;
  }),
            k / 128);
}

TEST(SizeExpr, PrintsNoParenthesisThatCouldBeLeftOut) {
  for (const char* text : {"m + n * k", "(m + n) * k", "m - (n - k)", "m - n - k", "m / (n / k)",
                           "ceildiv(n, 128) * 2", "k % 128 == 0 && n >= 64 || !(m == 1)",
                           "(k == 0 || n == 0) && m == 0", "min(m + 1, n * 2)", "m * (n % k)",
                           "m * n % k", "!(m < n)", "0 - m", "m * -3", "(m < n) + 1"})
    EXPECT_EQ(parsed(text).to_string(), text);
}

TEST(SizeExpr, ParseErrorsSayWhere) {
  const auto error = [](std::string_view text) {
    const auto expr = parse_size_expr(text);
    return expr ? "none" : std::to_string(expr.error().offset) + ": " + expr.error().message;
  };
  EXPECT_EQ(error(""), "0: expected a number, a name or '('");
  EXPECT_EQ(error("m +"), "3: expected a number, a name or '('");
  EXPECT_EQ(error("(m"), "2: expected ')'");
  EXPECT_EQ(error("m n"), "2: expected an operator or the end, found 'n'");
  EXPECT_EQ(error("max(m)"), "5: expected ','");
  EXPECT_EQ(error("abs(m)"), "0: 'abs' is no function of sizes; there are ceildiv, min and max");
  EXPECT_EQ(error("9999999999999999999"), "0: this number does not fit 64 bits");
  EXPECT_EQ(error(std::string(1000, '(')), "100: the expression is nested too deeply");
  std::string chain = "m";
  for (int i = 0; i < 6000; ++i) chain += "-m";
  EXPECT_EQ(error(chain), "10002: the expression is too long");
}

rc::Gen<SizeExpr> expression(int depth) {
  if (depth == 0) {
    return rc::gen::oneOf(rc::gen::element(m, n, k),
                          rc::gen::map(rc::gen::inRange(0, 9), [](int c) { return SizeExpr(c); }));
  }
  return rc::gen::mapcat(
      rc::gen::inRange(static_cast<int>(Op::Add), static_cast<int>(Op::Not) + 1), [depth](int op) {
        return rc::gen::map(rc::gen::pair(expression(depth - 1), expression(depth - 1)),
                            [op](const std::pair<SizeExpr, SizeExpr>& operands) {
                              return SizeExpr::make(static_cast<Op>(op), operands.first,
                                                    operands.second);
                            });
      });
}

RC_GTEST_PROP(SizeExpr, TextReadsBackAsTheSameTree, ()) {
  const SizeExpr expr = *expression(*rc::gen::inRange(0, 4));
  RC_ASSERT(parsed(expr.to_string()) == expr);
}

// A plain evaluator over the unsimplified tree of operations, against make's simplifications.
RC_GTEST_PROP(SizeExpr, SimplificationKeepsTheValue, ()) {
  const auto op1 =
      static_cast<Op>(*rc::gen::inRange(static_cast<int>(Op::Add), static_cast<int>(Op::Not)));
  const auto op2 =
      static_cast<Op>(*rc::gen::inRange(static_cast<int>(Op::Add), static_cast<int>(Op::Not)));
  const std::int64_t c1 = *rc::gen::inRange(-6, 13), c2 = *rc::gen::inRange(-6, 13);
  const std::int64_t x = *rc::gen::inRange(-50, 50);
  const bool left = *rc::gen::arbitrary<bool>();
  const auto inner = left ? apply(op1, c1, x) : apply(op1, x, c1);
  const auto outer = inner ? apply(op2, *inner, c2) : inner;
  RC_PRE(outer.has_value());
  const SizeExpr tree =
      SizeExpr::make(op2, left ? SizeExpr::make(op1, c1, k) : SizeExpr::make(op1, k, c1), c2);
  RC_ASSERT(*value(tree, x) == *outer);
}

RC_GTEST_PROP(SizeExpr, KnownMultiplesDivideTheValue, ()) {
  const SizeExpr expr = *expression(*rc::gen::inRange(0, 4));
  Assumptions assumptions;
  assumptions.assume(parsed("k % 8 == 0 && n % 6 == 0"));
  const std::int64_t ks = 8 * *rc::gen::inRange(-5, 6), ns = 6 * *rc::gen::inRange(-5, 6);
  const std::int64_t ms = *rc::gen::inRange(-20, 20);
  const auto result = expr.evaluate([&](std::string_view name) -> std::optional<std::int64_t> {
    return name == "k" ? ks : name == "n" ? ns : ms;
  });
  RC_PRE(result.has_value());
  const std::int64_t multiple = known_multiple_of(expr, assumptions);
  RC_ASSERT((multiple == 0 ? *result == 0 : *result % multiple == 0));
}

TEST(SizeExpr, DivisibilityFollowsFromAssumptions) {
  Assumptions assumptions;
  assumptions.assume(parsed("k % 128 == 0 && n == 96 && (m + n) % 16 == 0"));
  EXPECT_EQ(known_multiple_of(k, assumptions), 128);
  EXPECT_EQ(known_multiple_of(k / 2, assumptions), 64);
  EXPECT_EQ(known_multiple_of(k / 3, assumptions), 1);
  EXPECT_EQ(known_multiple_of(ceildiv(k, 64), assumptions), 2);
  EXPECT_EQ(known_multiple_of(k * n, assumptions), 128 * 96);
  EXPECT_EQ(known_multiple_of(k + 32, assumptions), 32);
  EXPECT_EQ(known_multiple_of(k % 48, assumptions), 16);
  EXPECT_EQ(known_multiple_of(m, assumptions), 1);
  EXPECT_EQ(known_multiple_of(m + n, assumptions), 16);
  EXPECT_EQ(known_multiple_of(min(k, 48), assumptions), 16);
  EXPECT_EQ(known_multiple_of(0, assumptions), 0);
  EXPECT_TRUE(is_known_multiple(0, 1024, assumptions));
  EXPECT_TRUE(is_known_multiple(m * k, 32, assumptions));
  EXPECT_FALSE(is_known_multiple(m * k, 3, assumptions));
}

TEST(GlobalLayout, IsRowMajorUnlessStridesSayOtherwise) {
  const GlobalLayout a({m, k / 2});
  EXPECT_EQ(a.to_string(), "[m, k / 2]");
  EXPECT_TRUE(a.is_row_major());
  EXPECT_EQ(a.offset({3, 5}).to_string(), "k / 2 * 3 + 5");
  EXPECT_EQ(a.size().to_string(), "m * (k / 2)");
  const GlobalLayout b = GlobalLayout::column_major({m, k});
  EXPECT_EQ(b.to_string(), "[m, k] strides [1, m]");
  EXPECT_EQ(GlobalLayout({4, 8}).offset({2, 3}), SizeExpr(19));
}

TEST(GlobalLayout, BecomesNumbersAtLaunch) {
  const GlobalLayout a({m, k}, {k + 8, 1});
  const auto lookup = [](std::string_view name) -> std::optional<std::int64_t> {
    return name == "m" ? 7 : 40;
  };
  const auto concrete = a.evaluate(lookup);
  ASSERT_TRUE(concrete) << concrete.error();
  EXPECT_EQ(concrete->shape, (Shape{7, 40}));
  EXPECT_EQ(concrete->offset({2, 3}), 99);
  EXPECT_EQ(concrete->span(), 6 * 48 + 40);
  EXPECT_EQ(GlobalLayout({m - 9}).evaluate(lookup).error(), "the extent m - 9 = -2 is negative");
  EXPECT_EQ(GlobalLayout({k, std::int64_t{1} << 62}).evaluate(lookup).error(),
            "40 steps of 4611686018427387904 elements do not fit 64 bits");
  EXPECT_EQ(GlobalLayout({m - 7, k}).evaluate(lookup)->span(), 0);
}

TEST(GlobalLayout, AlignmentFollowsFromDivisibility) {
  Assumptions assumptions;
  assumptions.assume(parsed("k % 64 == 0"));
  const GlobalLayout a({m, k});
  EXPECT_EQ(a.known_alignment_bits(16, {1, 8}, assumptions), 128);
  EXPECT_EQ(a.known_alignment_bits(16, {1, 2}, assumptions), 32);
  EXPECT_EQ(a.known_alignment_bits(3, {1, 64}, assumptions), 64);
  EXPECT_EQ(a.known_alignment_bits(16, {1, 8}, Assumptions()), 16);
  EXPECT_EQ(a.known_alignment_bits(16, {0, 0}, Assumptions()), 1024);
}

}  // namespace
}  // namespace bitloom::layouts
