// SizeProgram against the tree that it was made from.
#include "runtime/size_program.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace bitloom::runtime {
namespace {

using layouts::SizeExpr;
using Op = SizeExpr::Op;

const std::vector<std::string> kNames = {"device.sms", "m", "n"};

std::optional<std::int64_t> by_tree(const SizeExpr& expression,
                                    const std::array<std::int64_t, 3>& values) {
  const auto result =
      expression.evaluate([&](std::string_view name) -> std::optional<std::int64_t> {
        for (std::size_t i = 0; i < kNames.size(); ++i) {
          if (kNames[i] == name) return values[i];
        }
        return std::nullopt;
      });
  return result ? std::optional(*result) : std::nullopt;
}

SizeExpr random_expression(int depth) {
  const int choice = depth == 0 ? *rc::gen::inRange(0, 2) : *rc::gen::inRange(0, 20);
  if (choice == 0) return SizeExpr(*rc::gen::inRange<std::int64_t>(-3, 9));
  if (choice == 1) return SizeExpr::symbol(*rc::gen::elementOf(kNames));
  const auto op = static_cast<Op>(static_cast<int>(Op::Add) + (choice - 2) % 17);
  return SizeExpr::make(op, random_expression(depth - 1),
                        op == Op::Not ? SizeExpr() : random_expression(depth - 1));
}

RC_GTEST_PROP(SizeProgram, GivesWhatTheTreeGives, ()) {
  const SizeExpr expression = random_expression(5);
  const auto program = SizeProgram::compile(expression, kNames);
  RC_ASSERT(program.has_value());
  const auto number =
      rc::gen::oneOf(rc::gen::inRange<std::int64_t>(-2, 300), rc::gen::just(std::int64_t{1} << 62));
  const std::array<std::int64_t, 3> values = {*number, *number, *number};
  RC_LOG() << expression.to_string();
  RC_ASSERT(program->run(values) == by_tree(expression, values));
}

TEST(SizeProgram, TheLeftSideDecidesAlone) {
  const auto guarded = layouts::parse_size_expr("n != 0 && m % n == 0");
  ASSERT_TRUE(guarded);
  const auto program = SizeProgram::compile(*guarded, kNames);
  ASSERT_TRUE(program);
  EXPECT_EQ(program->run(std::array<std::int64_t, 3>{0, 8, 0}), 0);
  EXPECT_EQ(program->run(std::array<std::int64_t, 3>{0, 8, 4}), 1);
}

TEST(SizeProgram, RefusesUnknownNamesAndGivesNothingForADivisionByZero) {
  EXPECT_FALSE(SizeProgram::compile(SizeExpr::symbol("k"), kNames));
  const auto program = SizeProgram::compile(SizeExpr::symbol("m") / SizeExpr::symbol("n"), kNames);
  ASSERT_TRUE(program);
  EXPECT_EQ(program->run(std::array<std::int64_t, 3>{0, 8, 0}), std::nullopt);
}

}  // namespace
}  // namespace bitloom::runtime
