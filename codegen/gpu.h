// What GPUs have, for predictions: rates by name (codegen/gpus.def), and the limits of a
// multiprocessor by compute capability (CUDA C++ Programming Guide, "Technical specifications per
// compute capability").
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace bitloom::codegen {

struct Gpu {
  std::string_view name;
  int sm = 0;
  int multiprocessors = 0;
  double memory_gb = 0;  // 10^9 bytes a second
  double l2_mib = 0;
  double tensor_f16 = 0;  // 10^12 operations a second; bf16 alike, tf32 half
  double tensor_i8 = 0;   // f8 alike where the GPU has it
  double f32 = 0;
  std::string_view source;
};

std::span<const Gpu> all_gpus();
const Gpu* find_gpu(std::string_view name);  // nullptr: none of this name
// The one that stands for a compute capability when nobody names another.
const Gpu& usual_gpu(int sm);

struct Multiprocessor {
  int threads = 2048, blocks = 32;
  int registers = 65536;
  std::int64_t shared_bytes = 0;  // of all blocks
};
Multiprocessor multiprocessor(int sm);

// How many blocks of a kernel a multiprocessor holds, and what keeps it from holding more.
struct Occupancy {
  int blocks = 0;
  double fraction = 0;     // of the threads that it could hold
  std::string_view limit;  // "registers", "shared memory", "threads", "blocks"
};
Occupancy occupancy(int sm, int threads, int registers, std::int64_t shared_bytes);

}  // namespace bitloom::codegen
