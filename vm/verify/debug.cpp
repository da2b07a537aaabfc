// Debugging: conditions are bool, formats name every value.
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

std::size_t placeholders(std::string_view format) {
  std::size_t count = 0;
  for (std::size_t at = format.find("{}"); at != std::string_view::npos;
       at = format.find("{}", at + 2)) {
    ++count;
  }
  return count;
}

}  // namespace

// bool, of any shape.
void verify(const AssertOp& op, VerifyContext& context) {
  rules::element_in(context, op.condition(), rules::kBool);
}

// A bool scalar.
void verify(const AssumeOp& op, VerifyContext& context) {
  rules::element_in(context, op.condition(), rules::kBool);
}

// One {} for each value.
void verify(const PrintOp& op, VerifyContext& context) {
  const std::size_t marks = placeholders(op->word("format"));
  if (marks == op.x().size()) return;
  context.fail("BL0228") << "the format has " << marks << " {} for " << op.x().size() << " values";
}

}  // namespace bitloom::vm
