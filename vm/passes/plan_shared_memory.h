// Gives every shared tile and every mbarrier its place.
//
// A tile lives from its first to its last access, widened to the whole of every loop, pipeline or
// split into strands around an access, and then on to the next barrier that the whole block passes:
// only behind it may other data take the place. Tiles whose lives do not meet share bytes; larger
// ones are placed first, each at the lowest offset that is free for the length of its life.
//
// Tiles begin at multiples of 16 bytes, swizzled ones of 1024 (where the pattern of the 128-byte
// swizzle repeats, and where tensor copies must begin). mbarriers stand behind the tiles, 8 bytes
// each, and live as long as the block.
//
// More than a block may have on the target is an error that names the largest tiles.
//
// Before: allocations without an offset.   After: all have one, and Function::shared_bytes is set.
#pragma once

#include "vm/passes/pass.h"

namespace bitloom::vm {

PassResult plan_shared_memory(Function& function, PassContext& context);

// What one block can have on a target, in bytes.
std::int64_t shared_memory_limit(const Target& target);
// The bytes of a shared tile, padding included.
std::int64_t shared_tile_bytes(const Type& type);

}  // namespace bitloom::vm
