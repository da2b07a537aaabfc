// Puts a barrier wherever memory that one thread of a block wrote may be read, or overwritten, by
// another: shared memory, and global tensors that the kernel both reads and writes.
//
// In the comfortable form barriers are the compiler's. A forward data flow over the structured
// regions carries the accesses to shared memory since the last barrier; an access that conflicts
// with one of them (one of the two writes) gets a Sync in front of it, and a Sync forgets them all.
// Loops are followed until nothing new comes round. Windows at different constant places of one
// tile do not conflict; nothing finer is tried, since which thread touches what is not decided yet.
// A store to a global tensor is taken not to overlap itself in the turns of a loop: that would cost
// every loop that writes its results a barrier for the sake of programs that write them twice.
//
// A pipeline is looked at before it is lowered. Its buffers, those that the load region writes, are
// kept apart by the stages that lower_pipelines makes; the pass relies on the barrier that stands
// at the top of every iteration and only cares for the rest. The accesses of a `warps` region count
// as made by all warps at once: barriers inside order one warp, those around it the block.
//
// Explicit functions are left alone: there the interpreter finds what was forgotten.
//
// Before: a comfortable function with its pipelines.   After: the same with barriers.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult place_barriers(Function& function, PassContext& context);

}  // namespace bitloom::vm
