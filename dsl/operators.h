// How operators are written and how tightly they bind: docs/language.md, section 4. One table for
// the grammar and the formatter.
#pragma once

#include <string_view>

#include "dsl/ast.h"

namespace bitloom::dsl {

std::string_view spelling(BinaryOp op);
std::string_view spelling(UnaryOp op);
std::string_view spelling(AssignOp op);

// From 1, the loosest, to kTightestBinary. All binary operators group to the left; comparisons do
// not group at all.
int precedence(BinaryOp op);
inline constexpr int kTightestBinary = 9;

bool is_comparison(BinaryOp op);

}  // namespace bitloom::dsl
