// How wgmma finds its operands in shared memory.
//
// A descriptor names a start address, a swizzle and two distances; together with the instruction
// they describe one of the canonical layouts of the PTX ISA ("Shared Memory Matrix Layout"). All
// are made of atoms of eight rows, each row one swizzle width W (128, 64, 32 bytes, or 16 without
// swizzle) of contiguous elements.
//
//   K-major   Rows run along K. Atoms repeat down M or N every `stride` bytes. Without swizzle the
//             two 16-byte columns that one instruction reads are `leading` bytes apart; with a
//             swizzle the instruction's 32 bytes of K lie inside one row, and `leading` is not
//             looked at.
//   MN-major  Rows run along M or N, eight values of K to an atom. With a swizzle atoms repeat
//             along M or N every `leading` bytes and along K every `stride`; without, the two
//             change roles. Only 16-bit types may lie so.
//
// Here a tile [mn, k] (K-major) or [k, mn] (MN-major) of any size is boxed: a box is W bytes wide
// and as high as the tile, and boxes follow one another, which is what one TMA copy a box writes.
// Instructions then start at `start_bytes`.
#pragma once

#include <cstdint>

#include "layouts/shared_layout.h"

namespace bitloom::layouts {

enum class Major { K, MN };

struct WgmmaOperand {
  Major major = Major::K;
  SharedLayout layout;  // of [mn, k] or [k, mn]
  std::int64_t leading_bytes = 0;
  std::int64_t stride_bytes = 0;

  // Where the instruction begins that reads from row (or column) mn and depth k of the tile; both
  // are to be multiples of what an instruction or an atom takes. Not swizzled: the hardware
  // swizzles the sum.
  [[nodiscard]] std::int64_t start_bytes(std::int64_t mn, std::int64_t k) const;
  // Bits 62 and 63 of the descriptor: 0 none, 1 128 bytes, 2 64 bytes, 3 32 bytes.
  [[nodiscard]] int swizzle_mode() const;
  // The 64-bit descriptor for a start address in shared memory; the tile is aligned to
  // layout.alignment().
  [[nodiscard]] std::uint64_t descriptor(std::uint32_t start_address) const;
};

// A tile of mn x k elements. mn is a multiple of 8 and rows are whole boxes; fails by name where
// they are not.
[[nodiscard]] LayoutResult<WgmmaOperand> wgmma_operand(Major major, std::int64_t mn, std::int64_t k,
                                                       int element_bits, Swizzle swizzle);

}  // namespace bitloom::layouts
