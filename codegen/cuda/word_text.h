// Word programs as functions of the CUDA text: one function a program, one statement an operation.
#pragma once

#include <string>

#include "codegen/cuda/kernel_writer.h"
#include "vm/words/word_program.h"

namespace bitloom::codegen {

// The name of `void name(u32 x0, …, u32& d0, …)`, which runs the program on its inputs x and
// leaves its outputs in d. Equal programs share one function.
std::string word_function(KernelWriter& out, const vm::WordProgram& program);

}  // namespace bitloom::codegen
