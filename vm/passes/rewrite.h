// Tools that passes share: substitution of values, fresh copies of code, and the strand a region
// runs in.
//
// A pass that changes code builds the new body of a region beside the old one: it takes the
// instructions out, one by one, and puts what stands in their place behind a Builder that was
// opened on the new region. Values are never reused: code that is copied defines fresh ones.
#pragma once

#include <unordered_map>
#include <vector>

#include "vm/builder.h"
#include "vm/ir.h"

namespace bitloom::vm {

// Which value stands for another. Values that were never set stand for themselves.
class Substitution {
 public:
  ValueId operator()(ValueId value) const {
    const auto found = map_.find(value);
    return found == map_.end() ? value : found->second;
  }
  void set(ValueId from, ValueId to) { map_[from] = to; }
  bool empty() const { return map_.empty(); }

 private:
  std::unordered_map<ValueId, ValueId> map_;
};

// Applies a substitution to the inputs of an instruction, not to those of its regions.
void substitute_inputs(Instruction& instruction, const Substitution& substitution);
// The same for all instructions of a region, nested ones too.
void substitute(Region& region, const Substitution& substitution);

// A copy whose outputs and region arguments are fresh values of the same types. Inputs go through
// the substitution, which learns the fresh values, so that code copied after it sees them.
InstructionPtr clone_fresh(Function& function, const Instruction& instruction,
                           Substitution& substitution);
// Appends fresh copies of a region's instructions to another region.
void clone_fresh_body(Function& function, const Region& from, Substitution& substitution,
                      Region& to);

// Whether break or continue (as asked) leaves or repeats the loop whose body this is.
bool contains_jump_of_this_loop(const Region& body, Opcode jump);

// True for instructions that change a register tile in place: assign and dot_async.
bool changes_variable(const Instruction& instruction);

// Calls f(instruction, threads) for every instruction with the number of threads of its strand.
template <class F>
void walk_strands(Region& region, std::int64_t threads, F&& f) {
  for (InstructionPtr& instruction : region.body) {
    f(*instruction, threads);
    for (std::size_t r = 0; r < instruction->regions.size(); ++r) {
      std::int64_t inner = threads;
      if (instruction->opcode == Opcode::Warps) inner = 32;
      if (instruction->opcode == Opcode::Roles) inner = instruction->shape("threads")[r];
      walk_strands(instruction->regions[r], inner, f);
    }
  }
}

}  // namespace bitloom::vm
