// How instructions pass layouts on: what the layout of one operand says about another.
//
// Most instructions ask all their tiles to lie alike. The others move dimensions (transpose,
// reshape), drop some (reduce, and a broadcast seen from its result), or cut tiles (slice, concat).
// Where one operand says nothing about another (a broadcast seen from its operand, the operand of a
// reduction seen from the result, two shapes of a view) there is no answer.
#pragma once

#include <optional>

#include "layouts/register_layout.h"
#include "vm/ir.h"

namespace bitloom::vm {

// A place among the operands of an instruction.
struct Slot {
  bool output = false;
  std::size_t index = 0;
  bool operator==(const Slot&) const = default;
};

ValueId value_at(const Instruction& instruction, Slot slot);
// All places of register tiles (of rank 1 and more), outputs first.
std::vector<Slot> tile_slots(const Function& function, const Instruction& instruction);

std::optional<layouts::RegisterLayout> implied_layout(const Function& function,
                                                      const Instruction& instruction, Slot known,
                                                      const layouts::RegisterLayout& layout,
                                                      Slot wanted);

// The tile whose layout decides for the whole instruction when operands disagree: the result, where
// it determines the operands; the operand of a reduction, and the data that is stored. Nothing for
// instructions whose tiles have nothing to do with one another.
std::optional<Slot> anchor_of(const Function& function, const Instruction& instruction);

}  // namespace bitloom::vm
