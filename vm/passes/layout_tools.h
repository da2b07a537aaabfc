// Questions about register layouts that only the compiler asks: what a part of a tile looks like,
// what it takes to get from one layout to another, and which layout suits when nothing else says
// so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "layouts/packed_atom.h"
#include "layouts/register_layout.h"

namespace bitloom::vm {

using layouts::RegisterLayout;
using layouts::Shape;

// The layout with the given extent cut out along one dimension: registers that select another part
// disappear. Nothing when threads would have to give elements away, or when the part does not lie
// on the digits' borders.
std::optional<RegisterLayout> slice_layout(const RegisterLayout& layout, int dim,
                                           std::int64_t offset, std::int64_t extent);
// A layout of the whole whose part is `part`: its registers once for each part.
std::optional<RegisterLayout> unslice_layout(const RegisterLayout& part, int dim,
                                             std::int64_t extent);

// The layout of x where x was broadcast to a tile in `layout`.
std::optional<RegisterLayout> unbroadcast_layout(const RegisterLayout& layout, const Shape& x);

// What stands between two layouts of one tile.
enum class Movement {
  None,       // they are equal
  Registers,  // every thread has what it needs, in other registers: names change, nothing is done
  Warp,       // elements come from lanes of the same warp: shuffles
  Block,      // elements come from other warps: through shared memory
};
Movement movement(const RegisterLayout& from, const RegisterLayout& to);
std::string to_string(Movement movement);

// Vectors of up to `vector_bits` along the last dimension, neighbouring threads on neighbouring
// vectors, rows on the threads that remain; what is left over repeats in registers, and threads
// that are left over hold copies. Vectors get shorter, down to 32 bits, where that employs more
// threads.
RegisterLayout coalesced_layout(const Shape& shape, int bits, std::int64_t threads,
                                int vector_bits = 128);

// Whether every thread holds runs of this many neighbours along the last dimension, which begin at
// multiples of it, in registers that follow one another.
bool has_runs(const RegisterLayout& layout, std::int64_t run);

// True when every thread's registers are whole runs of the atom's encoding, in its order: what a
// load of packed memory yields without moving a bit. The layout is over [..., k, n].
bool is_packed_layout(const RegisterLayout& layout, const layouts::PackedAtom& atom);
// Bytes that a thread's registers take from packed memory at once.
int packed_vector_bytes(const RegisterLayout& layout, const layouts::PackedAtom& atom);
// A layout of [k, n] for packed memory. With `wanted`, one that gives every thread the same
// elements as that, if there is one, in the order that lets an access move most bytes; else the
// warps side by side along n, then along k.
std::optional<RegisterLayout> packed_layout(const layouts::PackedAtom& atom, const Shape& shape,
                                            std::int64_t threads,
                                            const RegisterLayout* wanted = nullptr);

}  // namespace bitloom::vm
