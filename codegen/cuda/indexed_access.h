// Indices as registers of the tile that they belong to.
#pragma once

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

// An array with as many registers as the tile: for each the index of its element, which is that of
// its row along `dim` when the indices are a list.
Register index_for(KernelWriter& out, vm::ValueId index, const vm::Type& tile, int dim);

// One thread of the strand computes `code` (a statement may print before it); all threads get it.
std::string from_first_thread(KernelWriter& out, vm::ElementType element,
                              const std::function<std::string()>& code);

}  // namespace bitloom::codegen
