// Reads from a cubin what a kernel takes of a multiprocessor, without a driver and without NVIDIA's
// tools.
//
// A cubin is an ELF file. What is read of it, as NVRTC 12 and 13 write it for sm_70 to sm_90 (the
// numbers were compared with those of `ptxas -v`; tests/codegen/cubin_test.cpp does it again):
//
//   .text.K          the code; 16 bytes an instruction, the opcode in the lowest 12 bits
//   .nv.info         a list of attributes: registers and stack of every function, by symbol
//   .nv.info.K       the same for one kernel: barriers, largest block
//   .nv.shared.K     its size is the static shared memory (from sm_90 on with 1 KiB of the
//   system's)
//
// Spills are counted as the bytes that STL and LDL instructions move. Kernels of Bitloom index no
// local array, so there are no others; ptxas counts the same way.
//
// The file is a stranger's: every offset is held against its size, and what does not fit is said.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

namespace bitloom::codegen {

struct KernelResources {
  std::string name;
  int registers = 0;                                         // a thread
  std::int64_t local_bytes = 0;                              // of stack, a thread
  std::int64_t shared_bytes = 0;                             // static, a block
  int barriers = 0;                                          // named ones, number 0 included
  int max_threads = 0;                                       // of a block; 0: not said
  std::int64_t instructions = 0;                             // of machine code, padding left out
  std::int64_t spill_store_bytes = 0, spill_load_bytes = 0;  // a thread, each instruction once
};

struct CubinInfo {
  int sm = 0;
  std::vector<KernelResources> kernels;  // in the order of the file

  const KernelResources* find(std::string_view kernel) const;
};

// The sentence says what is wrong with the file.
tl::expected<CubinInfo, std::string> read_cubin(std::span<const std::byte> bytes);

}  // namespace bitloom::codegen
