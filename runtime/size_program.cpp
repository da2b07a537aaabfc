#include "runtime/size_program.h"

#include <algorithm>
#include <array>

namespace bitloom::runtime {

using layouts::SizeExpr;

bool SizeProgram::add(const SizeExpr& expression, const std::vector<std::string>& slots,
                      std::size_t depth) {
  if (depth >= kMostDepth) return false;
  if (const auto constant = expression.constant()) {
    steps_.push_back({SizeExpr::Op::Constant, *constant});
    return true;
  }
  if (expression.is_symbol()) {
    const auto found = std::find(slots.begin(), slots.end(), expression.name());
    if (found == slots.end()) return false;
    steps_.push_back({SizeExpr::Op::Symbol, found - slots.begin()});
    return true;
  }
  if (!add(expression.left(), slots, depth)) return false;
  const SizeExpr::Op op = expression.op();
  const std::size_t skip = steps_.size();
  const bool skips = op == SizeExpr::Op::And || op == SizeExpr::Op::Or;
  if (skips) steps_.push_back({op, 0, true});
  if (op != SizeExpr::Op::Not && !add(expression.right(), slots, depth + 1)) return false;
  steps_.push_back({op, 0});
  if (skips) steps_[skip].value = static_cast<std::int64_t>(steps_.size());
  return true;
}

std::optional<SizeProgram> SizeProgram::compile(const SizeExpr& expression,
                                                const std::vector<std::string>& slots) {
  SizeProgram program;
  if (!program.add(expression, slots, 0)) return std::nullopt;
  return program;
}

std::optional<std::int64_t> SizeProgram::run(std::span<const std::int64_t> values) const {
  std::array<std::int64_t, kMostDepth + 1> stack;
  std::size_t top = 0;  // numbers on the stack
  for (std::size_t at = 0; at < steps_.size(); ++at) {
    const Step& step = steps_[at];
    if (step.skips) {
      const bool left = stack[top - 1] != 0;
      if (left != (step.op == SizeExpr::Op::Or)) continue;
      stack[top - 1] = left;
      at = static_cast<std::size_t>(step.value) - 1;
      continue;
    }
    switch (step.op) {
      case SizeExpr::Op::Constant:
        stack[top++] = step.value;
        continue;
      case SizeExpr::Op::Symbol:
        stack[top++] = values[static_cast<std::size_t>(step.value)];
        continue;
      case SizeExpr::Op::Not:
        stack[top - 1] = stack[top - 1] == 0;
        continue;
      default:
        break;
    }
    --top;
    const auto result = layouts::apply(step.op, stack[top - 1], stack[top]);
    if (!result) return std::nullopt;
    stack[top - 1] = *result;
  }
  return stack[0];
}

}  // namespace bitloom::runtime
