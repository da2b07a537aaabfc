// Word programs as functions of the CUDA text: one function a program, one statement an operation.
#pragma once

#include <string>

#include "codegen/cuda/kernel_writer.h"
#include "vm/words/word_program.h"

namespace bitloom::codegen {

// The name of `void name(const u32* x, u32* d)`, which runs the program on x[0 .. inputs) and
// leaves its outputs in d. Equal programs share one function.
std::string word_function(KernelWriter& out, const vm::WordProgram& program);

}  // namespace bitloom::codegen
