// How wide an access to memory may be, as far as alignment goes.
#pragma once

#include "vm/passes/memory_view.h"

namespace bitloom::vm {

// The widest power of two of bytes, at most `limit`, such that the last dimension of the view is
// cut into whole granules that are aligned in memory and lie wholly inside the tensor or wholly
// outside. `clip` says along which dimensions the access is clipped. 0 when not even one byte fits,
// which happens for narrow types at odd places.
//
// Tensors begin at multiples of 16 bytes (256 on a GPU that allocated them); launches check it.
int aligned_bytes(const Function& function, const ScalarFacts& facts, ValueId view,
                  const Shape& clip, int limit = 16);

// What cp.async can move at once from source to target: 16, 8 or 4 bytes, or 0.
int copy_granule(const Function& function, const ScalarFacts& facts, const Instruction& copy);

}  // namespace bitloom::vm
