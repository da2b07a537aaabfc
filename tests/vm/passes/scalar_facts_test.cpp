#include "vm/passes/scalar_facts.h"

#include <gtest/gtest.h>

#include "vm/text/parser.h"

namespace bitloom::vm {
namespace {

using layouts::SizeExpr;

SizeExpr expr(std::string_view text) {
  const auto parsed = layouts::parse_size_expr(text);
  EXPECT_TRUE(parsed) << text;
  return *parsed;
}

Function parse(std::string_view text) {
  Diagnostics diagnostics;
  auto function = parse_function(text, diagnostics);
  EXPECT_TRUE(function) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  return std::move(*function);
}

constexpr std::string_view kGrid = R"(
kernel @k threads(32) grid(ceildiv(n, 128), m / 16) sizes(%n.0: i64, %m.1: i64, %k.2: i64)
  (%x.3: global f32[n])
  where n % 128 == 0
  where k % 64 == 0
{
  %bx.4: i32 = block_index {axis = 0}
  %w.5: i32 = constant {integer = 128}
  %i.6: i32 = mul %bx.4, %w.5
  %zero.7: i64 = constant {integer = 0}
  %one.8: i64 = constant {integer = 1}
  %sixtyfour.9: i64 = constant {integer = 64}
  %up.10: i64 = constant {integer = 63}
  %sum.11: i64 = add %k.2, %up.10
  %end.12: i64 = div %sum.11, %sixtyfour.9
  for %zero.7, %end.12, %one.8 (%t.13: i64) {
    %at.14: i64 = mul %t.13, %sixtyfour.9
  }
}
)";

TEST(ScalarFacts, ReadsInstructionsBackAsExpressions) {
  const Function function = parse(kGrid);
  const ScalarFacts facts(function);
  EXPECT_EQ(facts.expression(6), expr("grid.x * 128"));
  EXPECT_EQ(facts.expression(12), expr("ceildiv(k, 64)"));
  EXPECT_TRUE(facts.multiple(6, 128));
  EXPECT_FALSE(facts.multiple(6, 256));
  EXPECT_TRUE(facts.multiple(14, 64));
}

TEST(ScalarFacts, BlocksAndTurnsStayInsideTheirTensor) {
  const Function function = parse(kGrid);
  const ScalarFacts facts(function);
  EXPECT_TRUE(facts.at_most(facts.expression(6) + 128, expr("n")));
  EXPECT_FALSE(facts.at_most(facts.expression(6) + 129, expr("n")));
  EXPECT_TRUE(facts.at_most(facts.expression(14) + 64, expr("k")));
  EXPECT_FALSE(facts.at_most(facts.expression(14) + 65, expr("k")));
  EXPECT_FALSE(facts.at_most(facts.expression(14) + 64, expr("m")));
  // grid.y runs to m / 16, rounded down.
  EXPECT_TRUE(facts.at_most(expr("grid.y * 16 + 16"), expr("m")));
  EXPECT_TRUE(facts.at_most(0, facts.expression(6)));
}

}  // namespace
}  // namespace bitloom::vm
