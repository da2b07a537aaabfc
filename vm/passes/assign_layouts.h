// Gives every register tile a layout.
//
// A layout is known where the text gives one, and where an instruction asks for one; from there it
// spreads along def-use edges in both directions (vm/passes/layout_transfer.h). A value takes the
// first layout that reaches it, so the order of the sources is the order of their importance:
//
//   1. the text
//   2. matrix products: the arrangement of warps that moves least (vm/passes/dot_layouts.h). Before
//   a
//      product asks its operands, packed tensors that they come from are asked: what a load of
//      packed memory yields is fixed up to the arrangement of warps, so everything between the load
//      and the product keeps the load's order of registers
//   3. packed loads and stores that belong to no product
//   4. accesses to memory, larger tiles first: coalesced vectors
//   5. whatever is left
//
// A tile that is only broadcast takes the layout of the large tile with the broadcast dimensions
// reduced, so nothing moves. Where two demands meet, vm/passes/insert_conversions.h puts a
// convert_layout and remarks what it costs and where both demands came from.
//
// The worklist visits a value once, when it gets its layout: the work is linear in the uses.
//
// Before: values may have no layout.   After: every register tile has one that covers it.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult assign_layouts(Function& function, PassContext& context);

}  // namespace bitloom::vm
