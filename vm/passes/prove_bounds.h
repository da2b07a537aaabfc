// Drops clipping that cannot clip.
//
// In the comfortable form every access to a global tensor is clipped along every dimension. A clip
// costs a comparison and a predicate an access, and forbids vectors whose length does not divide
// the extent. Where the constraints of the kernel, its grid and the bounds of its loops show that a
// window stays inside along a dimension, the clip along it goes.
//
// Before: any function, best with its pipelines still there (their iteration has known bounds).
// After: the same accesses, some with fewer clips.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult prove_bounds(Function& function, PassContext& context);

}  // namespace bitloom::vm
