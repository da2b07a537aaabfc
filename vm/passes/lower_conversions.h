// Turns casts from and to narrow types into word programs.
//
// A GPU has no registers of 3 bits: a thread holds a tile of narrow numbers as a string of bits in
// 32-bit words, and a conversion is straight-line code over those words (vm/words/convert.h). Casts
// between wide types stay: the machine has an instruction for them. 64-bit types are reached
// through a 32-bit type wherever that cannot round twice.
//
// What a load of packed memory leaves in registers is not dense but in the encoding of its atom:
// the words are taken as they are, because the conversion can pick the codes out of any order, and
// some orders are cheaper than the dense one. This pass knows such tiles, lets them through
// variables and transpositions untouched, and makes a dense copy for any other use. A tile that is
// stored to packed memory is brought into the encoding before. A scaled cast behind which nothing
// but a layout conversion within the thread stands gives its result in that order at once.
//
// Before: layouts are assigned.   After: no cast of a tile has a type of 8 bits or fewer (but
// bool).
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult lower_conversions(Function& function, PassContext& context);

}  // namespace bitloom::vm
