// Memory: windows, loads, stores, copies; and parts of register tiles, which are written the same
// way.
//
// **Views.** x[i, j +: 64, :] is one Window instruction with an offset for every dimension of x. A
// place that is a scalar drops its dimension. A `:` over an extent that only the launch knows stays
// whole (vm/ir.h): such a view serves gather, scatter and atomics with an index along that
// dimension, and cannot be loaded.
//
// **Clipping.** The attribute `clip` of an access has one entry for each dimension of the window
// that it accesses, and one where the window has dropped all of them. In a comfortable kernel every
// access to global memory has all of them 1; shared memory is never clipped.
#pragma once

#include <optional>
#include <string_view>

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

// x[…] of memory, barriers and register tiles.
Value index(Context& c, const Index& node, Place place);

// What an access says besides its window.
struct Access {
  std::string cache;             // a word, or empty
  std::optional<Register> mask;  // of the window's shape
};
Value load(Context& c, const Memory& memory, const Access& access, Place place);
// Loads memory; everything else is what it was.
Value loaded(Context& c, Value value, Place place);
// Stores, filling and broadcasting `value` to the window.
void store(Context& c, const Memory& target, const Value& value, const Access& access, Place place,
           Place value_place);

// target <- value
void move(Context& c, const Move& node, Place place);

// The attribute `clip` of an access to this view, empty when it is not clipped.
vm::Shape clip_of(const Context& c, const Memory& memory);
void set_clip(Context& c, vm::Instruction& instruction, const Memory& memory);

// All extents of the view as constants; BL0210 when the launch decides one of them.
std::optional<vm::Shape> constant_extents(Context& c, const Memory& memory, Place place,
                                          int except = -1);
// A constant extent of one dimension.
std::optional<std::int64_t> constant_extent(const Context& c, const Memory& memory, int dim);
// A mask as a bool tile of this shape.
std::optional<Register> mask_tile(Context& c, const Value& mask, const vm::Shape& shape,
                                  Place place);

Value permute_view(Context& c, const Memory& memory, const vm::Shape& permutation, Place place);
// Shared bytes under another type or shape.
Value reinterpret_view(Context& c, const Memory& memory, vm::ElementType element,
                       const vm::Shape& shape, Place place);
std::int64_t bytes_of(vm::ElementType element, const vm::Shape& shape);

}  // namespace bitloom::dsl::sema
