// Turns 2:4 sparse products into dense ones.
//
// Of each four columns of A the operand holds two, and a nibble of the metadata says which. In the
// dense tile an element is the first of the two where the first place says so, else the second,
// else 0: selections between copies that broadcasts make, so that the layouts of the dense product
// reach the operands like those of any other, and threads get what they select from.
//
// The tensor cores' own sparse products (mma.sp) take metadata in an order of their own and, of
// tf32, one of each two; they would halve the instructions, and give the same sums.
//
// Before: sparse_dot.   After: dot.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult lower_sparse_products(Function& function, PassContext& context);

}  // namespace bitloom::vm
