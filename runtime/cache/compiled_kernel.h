// A kernel as NVRTC left it, with everything that a launch needs to know besides: nothing has to be
// lowered or printed again.
//
// Its bytes are what lies in a file of the cache. They are read as a stranger's: every length is
// held against what is there, and what does not fit gives nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "codegen/cuda.h"

namespace bitloom::runtime {

// A parameter of the CUDA function. The ids of values do not outlive a process: parameters are
// known by the names that they have in the kernel's text.
struct CompiledKernel {
  std::string kernel;  // the name of the function in the image
  std::string target;  // "sm_90a"
  std::vector<codegen::CudaParameter> parameters;
  std::int64_t shared_bytes = 0;  // dynamic
  int threads = 0;
  int cluster = 1;
  std::vector<std::byte> cubin;
  std::string log;  // of NVRTC and ptxas

  // Gives the parameters the ids that they have in `function`; false when it has no such names.
  bool resolve(const vm::Function& function);
};

std::vector<std::byte> serialize(const CompiledKernel& kernel);
// nullopt unless the bytes are exactly one kernel.
std::optional<CompiledKernel> deserialize(std::span<const std::byte> bytes);

}  // namespace bitloom::runtime
