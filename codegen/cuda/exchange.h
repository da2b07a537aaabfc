// Moving the elements of tiles between registers, and between threads.
//
// A move says for every element of the result which element of which source it is. Where every
// thread holds what it needs, a move is assignments, or nothing. Otherwise the sources go through
// scratch shared memory, row-major, with a barrier of the strand before and behind the writes.
#pragma once

#include <functional>

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

struct MoveSource {
  Register reg;
  layouts::RegisterLayout layout;
  // The place of the source's element in the common tile that all sources make up.
  std::function<layouts::Index(const layouts::Index&)> place;
};

// Defines `d`, whose element `index` is element `from(index)` of the common tile.
void move_tile(KernelWriter& out, vm::ValueId d, const std::vector<MoveSource>& sources,
               const vm::Shape& common,
               const std::function<layouts::Index(const layouts::Index&)>& from);

// The same into an array that exists.
void move_registers(KernelWriter& out, const Register& d, const layouts::RegisterLayout& layout,
                    const std::vector<MoveSource>& sources, const vm::Shape& common,
                    const std::function<layouts::Index(const layouts::Index&)>& from);

// A tile in scratch memory, row-major, an element a byte or more. Barriers are the caller's.
MemoryView scratch_view(KernelWriter& out, vm::ElementType element, const vm::Shape& shape,
                        std::int64_t at = 0);
std::int64_t scratch_bytes(vm::ElementType element, const vm::Shape& shape);
void store_scratch(KernelWriter& out, const MemoryView& view, const Register& x,
                   const layouts::RegisterLayout& layout,
                   const std::function<layouts::Index(const layouts::Index&)>& place = {});
void load_scratch(KernelWriter& out, const MemoryView& view, const Register& d,
                  const layouts::RegisterLayout& layout,
                  const std::function<layouts::Index(const layouts::Index&)>& from = {});

layouts::Index same_index(const layouts::Index& index);

}  // namespace bitloom::codegen
