// What the memory instructions of a printed kernel cost, as far as addresses are known before it
// runs.
//
// print_cuda() records one MemoryAccess for every place where it prints loads or stores of a tile
// (CudaOptions::record), from the very addresses that it prints. Of each warp and each instruction
//
//   global memory   moves 32-byte sectors; a warp's instruction that needs more of them than its
//                   bytes fill is not coalesced
//   shared memory   serves 32 banks of 4 bytes a wavefront: a warp's instruction takes as many
//                   wavefronts as the fullest bank has different words, in groups of 32, 16 or 8
//                   lanes for accesses of up to 4, 8 and 16 bytes
//
// What only the launch knows counts as the best case: a window begins where it may well begin (at a
// multiple of a sector), sizes are those of RecordOptions, and an index out of memory (`indexed`)
// is the element's own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vm/ir.h"

namespace bitloom::codegen {

struct MemoryAccess {
  enum class Kind : std::uint8_t { Load, Store, CopyRead, CopyWrite, Matrix, Atomic };
  Kind kind = Kind::Load;
  bool global = false;
  bool indexed = false;                  // its addresses come from memory
  bool scratch = false;                  // an exchange between threads, in memory of the compiler's
  vm::Opcode opcode = vm::Opcode::Load;  // of the instruction that it is for
  vm::Span span;
  int bytes = 0;                  // that one thread moves at once
  std::int64_t instructions = 0;  // of all warps
  // Sectors or wavefronts of all of them, and the fewest that their bytes need.
  std::int64_t units = 0, least_units = 0;

  double efficiency() const {
    return units == 0 ? 1.0 : static_cast<double>(least_units) / static_cast<double>(units);
  }
  // Of shared memory: wavefronts more than needed.
  std::int64_t conflicts() const { return units - least_units; }
};

struct RecordOptions {
  std::map<std::string, std::int64_t> sizes = {};  // by name; others count as `otherwise`
  std::int64_t otherwise = 4096;
  std::vector<MemoryAccess>* to = nullptr;
};

// The byte that a lane moves first; nullopt: the lane does not take part.
using LaneAddress = std::function<std::optional<std::int64_t>(std::int64_t thread)>;

// Adds one instruction, that `threads` threads run, to an access.
void add_instruction(MemoryAccess& access, std::int64_t threads, const LaneAddress& address);

// The wavefronts of one warp's instruction.
std::int64_t wavefronts(const std::vector<std::int64_t>& addresses, int bytes);
std::int64_t sectors(const std::vector<std::int64_t>& addresses, int bytes);

}  // namespace bitloom::codegen
