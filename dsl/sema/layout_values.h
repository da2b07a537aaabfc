// Layouts as values of the language: `local(2, 1) * spatial(8, 4)`, `mma.c(warps = (2, 4))`.
//
// The algebra is layouts/register_layout.h; here its sentences get places. A fragment becomes a
// layout when it meets a tile: which one follows from the tile's shape and the width of its
// elements.
#pragma once

#include <optional>

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

Value combine_layouts(Context& c, BinaryOp op, const Value& a, const Value& b, Place place);
// layout.permute(1, 0) and its like.
Value layout_method(Context& c, const layouts::RegisterLayout& layout, const Call& node,
                    const Member& callee, Place place);
// mma.c(warps = (2, 4))
Value fragment(Context& c, bool warpgroup, const Call& node, const Member& callee, Place place);

// The layout of a tile: of this shape, over the threads of the strand.
std::optional<layouts::RegisterLayout> layout_of(Context& c, const Value& value,
                                                 vm::ElementType element, const vm::Shape& shape,
                                                 Place place);
// A layout that brings its shape with it, over the threads of the strand.
std::optional<layouts::RegisterLayout> whole_layout(Context& c, const Value& value, Place place);

}  // namespace bitloom::dsl::sema
