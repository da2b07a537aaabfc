// Packed weights on the host: codes in the logical shape [k, n], one a byte, to and from the order
// of an atom (layouts/packed_atom.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layouts/packed_atom.h"
#include "runtime/host/array.h"

namespace bitloom::runtime {

// Bytes of a packed tensor. BL0404 when it is no matrix, BL0807 when the atom has codes of another
// width.
Result<std::size_t> packed_bytes(const layouts::PackedAtom& atom, vm::ElementType element,
                                 const Shape& shape);

std::vector<std::uint8_t> pack_codes(const layouts::PackedAtom& atom, const HostArray& codes);
Result<HostArray> unpack_codes(const layouts::PackedAtom& atom, vm::ElementType element,
                               const Shape& shape, std::span<const std::uint8_t> bytes);

}  // namespace bitloom::runtime
