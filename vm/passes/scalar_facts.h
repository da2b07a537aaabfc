// What is certain about the scalars of a function, although sizes are known only at launch.
//
// Every integer scalar is read back as an expression over the symbols of sizes (`n`), block indices
// (`grid.x`, `grid.y`, `grid.z`) and values about which nothing is known (`%17`). Constraints of
// the function, the grid and loop bounds then answer two questions:
//
//   multiple(offset, 8)         is the offset a multiple of 8 at every launch?
//   at_most(i * 128 + 128, n)   does the access end before the tensor does?
//
// Answers are conservative: `false` means "not proved". Indices are taken not to overflow; the
// runtime refuses launches whose sizes do not fit.
//
// A variable is opaque: what is computed from it is a snapshot of its own.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "layouts/size_expr.h"
#include "vm/ir.h"

namespace bitloom::vm {

class ScalarFacts {
 public:
  explicit ScalarFacts(const Function& function);

  layouts::SizeExpr expression(ValueId scalar) const;
  std::optional<std::int64_t> constant(ValueId scalar) const;

  bool multiple(const layouts::SizeExpr& expr, std::int64_t divisor) const;
  bool multiple(ValueId scalar, std::int64_t divisor) const {
    return multiple(expression(scalar), divisor);
  }
  // a <= b, whatever the sizes, blocks and turns of loops are.
  bool at_most(const layouts::SizeExpr& a, const layouts::SizeExpr& b) const;

  const Instruction* definition(ValueId value) const { return definitions_[value]; }

 private:
  struct Range {
    layouts::SizeExpr lowest, highest;  // inclusive
    int depth = 0;                      // inner loops are eliminated first
  };
  void collect_arguments(const Region& region, int depth);
  void add_index(ValueId argument, const Instruction& loop, int depth);
  layouts::SizeExpr compute(ValueId scalar) const;

  const Function& function_;
  std::vector<const Instruction*> definitions_;
  std::unordered_map<std::string, Range> ranges_;  // by symbol
  layouts::Assumptions assumptions_;
  mutable std::unordered_map<ValueId, layouts::SizeExpr> expressions_;
};

}  // namespace bitloom::vm
