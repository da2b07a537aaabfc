// The layouts that a `dot` can have, and which unit computes it.
//
// mma.sync takes tiles of m16n8 whose k is 128 or 256 bits of elements (256 of fp8). A block of W
// warps computes C [m, n] in a grid of warps_m x warps_n parts; a warp's part of A is needed by all
// warps in its row, of B by all in its column. Where the tile has too few fragments for all warps,
// groups of warps hold copies and compute the same.
//
// f32 has no such instruction (tf32 is a type of its own), and f16 and bf16 tiles whose extents are
// no multiples of a fragment cannot use it: there every thread multiplies rows of A that it holds
// whole with columns of B that it holds whole. So does f64, whose instruction (m8n8k4) is taken
// when it is asked for: fma adds in an order that is known.
#pragma once

#include <string>
#include <vector>

#include "layouts/register_layout.h"
#include "vm/element_type.h"
#include "vm/passes/pass.h"

namespace bitloom::vm {

struct DotShape {
  std::int64_t m = 0, n = 0, k = 0;
  ElementType a, b, sum;
};

struct DotLayouts {
  layouts::RegisterLayout a, b, c;
  int warps_m = 1, warps_n = 1, copies = 1;

  // Elements of A and B that a warp reads, in units of rows and columns.
  std::int64_t traffic(const DotShape& shape) const {
    return shape.m / warps_m + shape.n / warps_n;
  }
};

// Empty when mma.sync has the product; else why not, as the end of a sentence.
std::string why_no_mma(const DotShape& shape, std::int64_t threads, const Target& target);
bool has_fma(const DotShape& shape);

// Every arrangement of the warps.
std::vector<DotLayouts> mma_layouts(const DotShape& shape, std::int64_t threads);
// Operands for a result in the given layout, computed by fma.
std::optional<DotLayouts> fma_layouts(const DotShape& shape, const layouts::RegisterLayout& c);
// A result for fma.
layouts::RegisterLayout fma_result(const DotShape& shape, std::int64_t threads);

// Warpgroup products: the accumulator [m, n], and A when it comes from registers.
std::vector<DotLayouts> wgmma_layouts(const DotShape& shape, std::int64_t threads);

}  // namespace bitloom::vm
