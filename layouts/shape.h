// Shapes and indices of tiles.
//
// A shape lists the extents of a tile, an index the coordinates of one element, both from the
// slowest dimension to the fastest. Where elements need one number it is the row-major one: in a
// [16, 64] tile the element [2, 3] is number 131. A shape of rank 0 has one element, whose index is
// empty.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitloom::layouts {

using Shape = std::vector<std::int64_t>;
using Index = std::vector<std::int64_t>;

// Number of elements of a shape; 1 for rank 0.
[[nodiscard]] std::int64_t size(const Shape& shape);

// Row-major number of an element, and back.
[[nodiscard]] std::int64_t linear(const Index& index, const Shape& shape);
[[nodiscard]] Index unlinear(std::int64_t number, const Shape& shape);

[[nodiscard]] bool contains(const Shape& shape, const Index& index);

// Row-major strides in elements: [16, 64] has [64, 1].
[[nodiscard]] Shape row_major_strides(const Shape& shape);

// "[16, 64]"; rank 0 prints as "[]".
[[nodiscard]] std::string to_string(const Shape& shape);

}  // namespace bitloom::layouts
