// What is still under way when a strand or a block ends.
#pragma once

#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {

// Copies, stores and products of a strand that ends: stores that have read their bytes are written,
// everything else should have been waited for and is reported.
void finish_pending(Strand& strand);
// Copies that mbarriers of a block count, when its last strand ends.
void finish_counted(Strand& strand);

}  // namespace bitloom::vm::interpreter
