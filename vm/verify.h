// The verifier: what must hold of every Function between the parts of Bitloom.
//
// It knows two stages of the one IR (the head of vm/ir.h tells them apart):
//
//   Checked   what the language hands over. Register tiles may lack a layout; comfortable
//             instructions (pipeline, copy) and casts are allowed.
//   Lowered   what the interpreter runs and codegen prints. Every register tile has a layout that
//             fits the strand it lives in, pipelines and copies are gone, packed conversions are
//             word programs.
//
// The generic rules follow from the row of an instruction in vm/isa.def: how many operands, in
// which spaces, which attributes, how many regions; and from the structure: defined before used,
// nothing used outside its region or in another strand. The rules of single instructions stand one
// function each in vm/verify/<group>.cpp, with a comment that is the rule in words. Everything
// after the verifier may index, divide and multiply without asking again.
//
// All errors are reported at once, as far as one does not follow from another.
#pragma once

#include "vm/diagnostics.h"
#include "vm/ir.h"

namespace bitloom::vm {

enum class VerifyStage { Checked, Lowered };

// True when nothing was reported.
bool verify(const Function& function, Diagnostics& diagnostics, VerifyStage stage);

}  // namespace bitloom::vm
