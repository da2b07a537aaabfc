// What can be forgotten in a kernel: every wait, barrier, fence, arrival, order and mask of a
// lowered function, one at a time.
//
//   for (const Mutant& mutant : mutants_of(function)) run(mutated(function, mutant));
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vm/ir.h"

namespace bitloom::test {

struct Mutant {
  enum class Change : std::uint8_t {
    Drop,   // the instruction goes
    Clip,   // the access is no longer clipped along `dimension`
    Mask,   // the access has no mask
    Order,  // the atomic is relaxed
    Scope,  // the flag orders the block only
  };
  std::size_t instruction = 0;  // in the order of vm::walk
  Change change = Change::Drop;
  int dimension = 0;
  vm::Opcode opcode = vm::Opcode::Sync;
  vm::Span span;

  bool is_mask() const { return change == Change::Clip || change == Change::Mask; }
  std::string text() const;  // "sync", "clip 1 of load", "order of atomic_fetch"
};

std::vector<Mutant> mutants_of(const vm::Function& function);
vm::Function mutated(const vm::Function& function, const Mutant& mutant);

}  // namespace bitloom::test
