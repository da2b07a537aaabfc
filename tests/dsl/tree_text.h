// A tree as text, without places: two programs mean the same to the language when these texts are
// equal.
//
//   (kernel axpy (param a T) … (<- (index y i+:B) (+ (* a (index x i+:B)) …)))
#pragma once

#include <string>

#include "dsl/ast.h"

namespace bitloom::dsl {

std::string tree_text(const File& file);
std::string tree_text(const Decl& decl);
std::string tree_text(const Stmt& stmt);
std::string tree_text(const Expr& expr);
std::string tree_text(const TypeSyntax& type);

}  // namespace bitloom::dsl
