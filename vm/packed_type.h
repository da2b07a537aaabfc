// The order in which packed tensors of a type lie, for every kernel and every tile.
#pragma once

#include "layouts/packed_atom.h"
#include "vm/element_type.h"

namespace bitloom::vm {

// Signed integers are stored offset binary: a code is its number plus 2^(bits - 1).
layouts::PackedAtom packed_atom(ElementType element);

// The exponent of two that row k of a packed tensor gets besides by `cast_scaled` with `rows`. In a
// packed word eight rows of k follow eight others, `2 * bits` bits further up; left where they are,
// inside the mantissa of f16, their codes count 2^(2 * bits) times as much. 10 / (2 * bits) such
// steps fit a mantissa; then a shift begins anew. 0 where nothing fits: above two bits, and for
// floats and bf16. std.quant's row_exponent is the same rule.
int row_exponent(ElementType from, ElementType to, std::int64_t k);

}  // namespace bitloom::vm
