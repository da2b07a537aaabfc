// The rules that follow from the table and from the structure of a Function; only vm/verify/
// includes this.
#pragma once

#include "vm/verify/context.h"

namespace bitloom::vm {

// The head: threads, grid, sizes, parameters, conditions (vm/verify/head.cpp).
void verify_head(VerifyContext& context);

// What a type must be wherever it stands (vm/verify/types.cpp). BL0214 BL0230 BL0265
void verify_types(VerifyContext& context);

// Every instruction has the operands, attributes and regions that its row says, and every id names
// a value (vm/verify/well_formed.cpp). Nothing else can be looked at before that. BL0244 BL0243
void verify_well_formed(VerifyContext& context);

// Definitions before uses, strands, spaces, and then the rule of each instruction
// (vm/verify/verify.cpp).
void verify_body(VerifyContext& context);

}  // namespace bitloom::vm
