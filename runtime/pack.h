// Weights for a kernel: codes into the order that the kernel consumes them in, and back.
//
//   Result<Tensor> w = pack(gemm, "w", codes, stream);     // codes: one a byte, logical shape [k,
//   n] Result<HostArray> again = unpack(*w, stream);
//
// The order follows from the kernel's own layouts; kernels of a family read the same packed tensor.
#pragma once

#include <string_view>

#include "runtime/kernel.h"

namespace bitloom::runtime {

// Prepares the kernel for the GPU of the stream, when nobody did. BL0402 when it has no such packed
// parameter.
Result<Tensor> pack(const Kernel& kernel, std::string_view parameter, const HostArray& codes,
                    const Stream& stream);
// For an atom that is known already.
Result<Tensor> pack(const layouts::PackedAtom& atom, vm::ElementType element,
                    const HostArray& codes, const Stream& stream);
Result<HostArray> unpack(const Tensor& packed, const Stream& stream);

}  // namespace bitloom::runtime
