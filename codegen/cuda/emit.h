// One function an instruction prints it; a missing one does not link. They stand by group in
// codegen/cuda/<group>.cpp.
#pragma once

#include "codegen/cuda/kernel_writer.h"
#include "vm/ops.h"

namespace bitloom::codegen {

#define INSTRUCTION(Name, ...) void emit(const vm::Name##Op& op, KernelWriter& out);
#include "vm/isa.def"

}  // namespace bitloom::codegen
