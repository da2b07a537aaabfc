// Chooses how wide every access to memory is, and where the matrix loads and stores do it.
//
// An access moves as many bytes at once as three things allow: registers that follow one another
// hold elements that do (the layout), rows begin at multiples of the width (constraints, extents,
// the swizzle of a shared tile), and a clipped or masked vector lies wholly inside or wholly
// outside. The width goes into `vector`, in bytes: 16, 8, 4, 2 or 1.
//
// A shared tile of 16-byte rows whose register layout consists of 8x8 matrices is read by ldmatrix
// (transposed where the layout runs down the columns), and on sm_90 written by stmatrix.
//
// Products were given their unit with their layout. What is narrower than its registers would allow
// is remarked upon, with the fact that was missing.
//
// Before: every register tile has a layout.   After: `vector` and `form` are set.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult select_instructions(Function& function, PassContext& context);

// Whether the elements of each row (the last dimension) are one element repeated, as the function
// shows it: a broadcast. As a mask such a tile leaves vectors whole.
bool has_even_rows(const Function& function, ValueId tile);

}  // namespace bitloom::vm
