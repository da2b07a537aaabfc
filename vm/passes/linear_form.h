// Sums of products of integers with opaque terms: 128 * grid.x + -1 * n + 128.
//
// This is the form in which ScalarFacts compares expressions. Quotients that come out even under
// the assumptions are dissolved (64 * ceildiv(k, 64) is k when k is a multiple of 64), everything
// else that is not linear stays one opaque term.
#pragma once

#include <map>
#include <string>

#include "layouts/size_expr.h"

namespace bitloom::vm {

struct LinearForm {
  struct Term {
    layouts::SizeExpr expr;
    std::int64_t factor = 0;
  };
  std::int64_t constant = 0;
  std::map<std::string, Term> terms;  // by the text of the expression

  void add(const layouts::SizeExpr& expr, std::int64_t factor,
           const layouts::Assumptions& assumptions);
};

}  // namespace bitloom::vm
