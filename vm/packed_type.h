// The order in which packed tensors of a type lie, for every kernel and every tile.
#pragma once

#include "layouts/packed_atom.h"
#include "vm/element_type.h"

namespace bitloom::vm {

// Signed integers are stored offset binary: a code is its number plus 2^(bits - 1).
layouts::PackedAtom packed_atom(ElementType element);

}  // namespace bitloom::vm
