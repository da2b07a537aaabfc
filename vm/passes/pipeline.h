// The whole way from checked IR to what codegen prints and the interpreter runs.
#pragma once

#include <span>

#include "vm/passes/pass.h"

namespace bitloom::vm {

// Every pass of the way, in order.
std::span<const Pass> lowering_passes();

// Lowers a checked function for context.target and notes the target in it. False when something was
// reported; the function is then good for nothing but printing.
bool lower_all(Function& function, PassContext& context, const PassOptions& options = {});

}  // namespace bitloom::vm
