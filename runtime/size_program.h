// A size expression made ready for launches: symbols are numbers, nothing is looked up by name.
//
// layouts::SizeExpr::evaluate walks a tree and asks for every symbol by its name, which costs more
// than the launch it stands before. A SizeProgram is the same expression as a list of operations on
// a small stack; tests/runtime/size_program_test.cpp holds that both agree on random expressions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "layouts/size_expr.h"

namespace bitloom::runtime {

class SizeProgram {
 public:
  // `slots` gives each symbol the index of its value; nullopt when the expression has another
  // symbol, or is deeper than the stack.
  static std::optional<SizeProgram> compile(const layouts::SizeExpr& expression,
                                            const std::vector<std::string>& slots);

  // nullopt where SizeExpr::evaluate gives an error: a division by zero, an overflow.
  std::optional<std::int64_t> run(std::span<const std::int64_t> values) const;

 private:
  static constexpr std::size_t kMostDepth = 32;
  struct Step {
    layouts::SizeExpr::Op op;
    std::int64_t value;  // of a constant; of a symbol: its index; where a skip goes on
    bool skips = false;  // && and || between their sides: the left one may decide alone
  };
  bool add(const layouts::SizeExpr& expression, const std::vector<std::string>& slots,
           std::size_t depth);
  std::vector<Step> steps_;  // operands before their operation
};

}  // namespace bitloom::runtime
