// Packed weights as plain numbers in the memory of a GPU: what a dense product takes, and what a
// result is held against.
#pragma once

#include "kernels/gemm/weights.h"

namespace bitloom::kernels {

// (code − zero) · scale, computed in f32 and rounded once to `type` (f16 or bf16), as [n, k]: rows
// are the columns of W, as the K-major operand of a dense product lies. Does not wait. What
// compiling dequantize.bl says.
runtime::Result<runtime::Tensor> dequantize(const GemmWeights& weights, vm::ElementType type,
                                            const runtime::Stream& stream,
                                            const std::string& kernels = {});

}  // namespace bitloom::kernels
