// The second half of assign_layouts: makes instructions and the layouts that were chosen agree.
//
// Each instruction has one tile that decides (anchor_of); the others must lie as that implies.
// Where one does not, the operand is provided anew: constants, index tiles and broadcasts are
// simply made again in the other layout, everything else goes through convert_layout. The copy
// stands directly behind the definition, where all users can share it, unless the value is a
// variable.
#pragma once

#include <string>
#include <unordered_map>

#include "vm/passes/dot_layouts.h"
#include "vm/passes/pass.h"

namespace bitloom::vm {

struct LayoutChoice {
  layouts::RegisterLayout layout;
  Span span;           // of the instruction that asked for it
  std::string reason;  // "operand a of this dot", "said in the text"
};

struct LayoutChoices {
  std::unordered_map<ValueId, LayoutChoice> of;
  std::unordered_map<const Instruction*, DotLayouts> products;
};

// Writes the choices into the types and inserts what is needed; false after an error.
bool insert_conversions(Function& function, PassContext& context, LayoutChoices& choices);

}  // namespace bitloom::vm
