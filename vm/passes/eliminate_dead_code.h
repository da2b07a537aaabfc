// Removes what nobody sees: instructions without an effect whose results are not used, variables
// that are only written, loops and branches that have become empty.
//
// Liveness spreads backwards from instructions with an effect on memory, time or control. An
// assignment lives when its variable does; a loop lives when something in it does. Loads count as
// free of effects: a kernel that no longer needs a value need not fault on its address.
//
// Before: anything that verifies.   After: the same program with fewer instructions.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult eliminate_dead_code(Function& function, PassContext& context);

}  // namespace bitloom::vm
