// The CUDA driver, found while the program runs: libcuda.so.1, as one table of entry points.
//
//   Result<const Driver*> driver = Driver::find();          // BL0416 when the machine has none
//   if (auto done = check(**driver, (*driver)->cuMemAlloc(&address, bytes), "cuMemAlloc"); !done)
//     return tl::make_unexpected(done.error());
//
// The table is runtime/cuda/driver.def. BITLOOM_CUDA_DRIVER names another file than libcuda.so.1.
#pragma once

#include <string>

#include "runtime/cuda/types.h"
#include "runtime/result.h"

namespace bitloom::cuda {

using runtime::Result;

struct Driver {
  // Looked up and initialised once a process; the answer stays what it was.
  static Result<const Driver*> find();

  std::string library;  // the name under which it was found
  int version = 0;      // of CUDA, that it is for: 13000

#define CUDA_CALL(name, symbol, parameters) CUresult(*name) parameters = nullptr;
#include "runtime/cuda/driver.def"
};

// "CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)"
std::string error_text(const Driver& driver, CUresult result);
// Errors that a kernel caused, and after which the context answers nothing else.
bool is_kernel_fault(CUresult result);
// Nothing, or BL0802 for want of memory, or BL0801 that names the call and what it answered.
Result<void> check(const Driver& driver, CUresult result, std::string_view call);

}  // namespace bitloom::cuda
