// Turns software pipelines and plain copies into loops, asynchronous copies and waits.
//
// `pipeline` of S stages runs its load region S - 1 iterations ahead of its body:
//
//   load(lower), commit; …; load(lower + S - 2), commit     each only if the iteration exists
//   for t in lower .. upper
//     copy_wait {pending = S - 2}, sync                      stage t has arrived, for all threads
//     load(t + S - 1), commit                                only if the iteration exists
//     body(t)
//   copy_wait {pending = 0}
//
// The barrier does two things: it publishes stage t, whose copies other threads waited for, and it
// says that everyone is done with iteration t - 1, whose stage is the one that load(t + S - 1)
// overwrites. That is why the loads stand behind it. Every iteration commits, if only an empty
// group, so that the count of pending groups stays right. With S = 1 nothing is ahead: barrier,
// load, wait, barrier, body.
//
// A window of a shared tile whose first place is the iteration, and whose leading extent is S,
// names the stage of the iteration; the place becomes a counter that runs round.
//
// A value that the load region reads into registers and the body uses is a buffer in registers.
// Registers have no index at run time, so the loop is unrolled by S and iteration lower + i uses
// the variables of stage i mod S.
//
// A `copy` becomes copy_async where its rows are provably aligned to 4 bytes at least, else a load
// and a store through registers, which is right for any size and is reported. Outside a pipeline a
// run of copies is committed and awaited at once.
//
// Before: pipelines and copies.   After: neither.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult lower_pipelines(Function& function, PassContext& context);

}  // namespace bitloom::vm
