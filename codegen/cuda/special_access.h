// Loads and stores that are not one vector of consecutive elements an access: 8x8 matrices moved by
// a whole warp (ldmatrix, stmatrix), and the words of packed tensors, taken as they lie.
#pragma once

#include "codegen/cuda/kernel_writer.h"
#include "vm/ops.h"

namespace bitloom::codegen {

void load_matrices(const vm::LoadOp& op, KernelWriter& out);
void store_matrices(const vm::StoreOp& op, KernelWriter& out);
void load_packed(const vm::LoadOp& op, KernelWriter& out);
void store_packed(const vm::StoreOp& op, KernelWriter& out);

}  // namespace bitloom::codegen
