// Brings a function into the plain form that the other passes expect to read.
//
// The language leaves behind what is easiest to emit: indices of known loops, sums with zero, the
// same product of two sizes three times over. This pass folds integer scalars whose operands are
// constants, shares scalar expressions that are computed twice, forwards copies and variables that
// never change, takes the known branch of an `if`, and unrolls loops that carry `unroll`.
//
// Integers wrap as docs/numerics.md says, so folding is exact; a division by a constant zero is
// left in place to fault where it stands.
//
// Before: a checked function.   After: no `for` carries `unroll`; equal scalar expressions in one
// region are one value.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult canonicalize(Function& function, PassContext& context);

}  // namespace bitloom::vm
