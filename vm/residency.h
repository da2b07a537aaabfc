// How many blocks of a kernel one multiprocessor can hold at once.
//
// A multiprocessor has places for threads, blocks and bytes of shared memory; the scarcest bounds
// the blocks. Registers bound them too, and are known only when the kernel is compiled for the GPU:
// what is said here is never too few, and the engine that has an image may ask for less.
//
// Figures: CUDA C++ Programming Guide, "Compute Capabilities", table "Technical Specifications per
// Compute Capability".
#pragma once

#include <cstdint>

#include "vm/ir.h"

namespace bitloom::vm {

struct MultiprocessorLimits {
  int threads = 0;
  int blocks = 0;
  std::int64_t shared_bytes = 0;
  std::int64_t reserved_bytes = 0;  // of shared memory, taken by the system from every block
};

// Of a compute capability, 80 for 8.0.
MultiprocessorLimits multiprocessor_limits(int sm);

// For a lowered function: its threads, shared memory and target are known.
std::int64_t resident_blocks_per_multiprocessor(const Function& function);

}  // namespace bitloom::vm
