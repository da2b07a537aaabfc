// The register fragments of NVIDIA's matrix instructions, as expressions of the algebra.
//
// A warp is 32 lanes; PTX speaks of groupID = lane / 4 and threadID_in_group = lane % 4. All
// fragments of the mma family are one pattern. A 32-bit register holds e = 32 / bits elements that
// follow one another along k, four lanes of a group cover 4e of them, eight groups are eight rows
// (of A) or columns (of B), and the whole repeats over the second eight rows and over the rest of
// k:
//
//   A [16, k]   column_local(2, k / 4e) * spatial(8, 4) * local(1, e)
//   B [k, 8]    local(k / 4e, 1) * column_spatial(4, 8) * local(e, 1)
//   C [16, 8]   local(2, 1) * spatial(8, 4) * local(1, 2)
//
// In A the step of eight rows counts before the step along k; C is the same for all types.
//
// ldmatrix reads 8x8 tiles of 16-bit elements, one register a tile: spatial(8, 4) * local(1, 2).
// Its x2 and x4 forms fill two and four registers; the places of the tiles are free, and the
// layouts here number them down the columns, which makes ldmatrix.x4 the A fragment of m16n8k16,
// and ldmatrix.x4.trans two B fragments side by side. With .trans a layout is given over the tile
// as it lies in shared memory.
//
// wgmma spreads 64 rows over four warps. A from registers is four A fragments one below the other,
// and the accumulator m64nN has N / 8 C fragments side by side: d[4 i + j] is register j of
// fragment i.
//
// tests/layouts/fragments_test.cpp holds every element of every one of them to the formulas of the
// PTX ISA.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "layouts/register_layout.h"

namespace bitloom::layouts {

// mma.m16n8kK, elements of 4, 8, 16 or 32 bits; k is a multiple of 128 / bits, one or two of them
// in PTX.
[[nodiscard]] RegisterLayout mma_a(int k, int bits);  // [16, k]
[[nodiscard]] RegisterLayout mma_b(int k, int bits);  // [k, 8]
[[nodiscard]] RegisterLayout mma_c();                 // [16, 8]

// mma.m8n8k4 in f64.
[[nodiscard]] RegisterLayout mma_f64_a();  // [8, 4]
[[nodiscard]] RegisterLayout mma_f64_b();  // [4, 8]
[[nodiscard]] RegisterLayout mma_f64_c();  // [8, 8]

// ldmatrix and stmatrix of 1, 2 or 4 tiles of 8x8: [8, 8], [16, 8], [16, 16].
[[nodiscard]] RegisterLayout ldmatrix(int tiles, bool trans = false);

// wgmma.m64nNkK of a warpgroup: A from registers [64, k], accumulator [64, n] with n a multiple of
// 8 from 8 to 256.
[[nodiscard]] RegisterLayout wgmma_a(int k, int bits);
[[nodiscard]] RegisterLayout wgmma_c(int n);

// A block of warps that computes C [m, n] += A [m, k] * B [k, n] with mma.m16n8; of 64-bit elements
// with mma.m8n8k4, where 8 stands for 16 below and a fragment of C is two registers.
//
// Warps are arranged row-major over (warps_m, warps_n), and each owns a contiguous part of C.
// Within a warp registers hold fragments row-major: over (m/16, n/8) in C, over (m/16,
// k/instruction_k) in A, over (k/instruction_k, n/8) in B; fragment f of C is registers 4f, 4f + 1,
// 4f + 2 and 4f + 3. Warps in one row of warps hold the same A, in one column the same B, and the
// replication says so.
struct MmaBlock {
  int warps_m = 1;
  int warps_n = 1;
  std::int64_t m = 16;
  std::int64_t n = 8;
  std::int64_t k = 16;
  int instruction_k = 16;
  int bits = 16;  // of A's and B's elements

  friend bool operator==(const MmaBlock&, const MmaBlock&) = default;
};

struct MmaLayouts {
  RegisterLayout a;
  RegisterLayout b;
  RegisterLayout c;
};

// Fails when warps and instruction do not divide the tile.
[[nodiscard]] LayoutResult<MmaLayouts> mma_block(const MmaBlock& block);

// The same for warpgroups, arranged row-major over (groups_m, groups_n), with wgmma.m64nNkK. B lies
// in shared memory, so only A (when it comes from registers) and C have layouts. C's registers hold
// instructions row-major over (m/64, n/N).
struct WgmmaBlock {
  int groups_m = 1;
  int groups_n = 1;
  std::int64_t m = 64;
  std::int64_t n = 8;
  std::int64_t k = 16;
  int instruction_n = 8;
  int instruction_k = 16;
  int bits = 16;

  friend bool operator==(const WgmmaBlock&, const WgmmaBlock&) = default;
};

struct WgmmaLayouts {
  RegisterLayout a;
  RegisterLayout c;
};

[[nodiscard]] LayoutResult<WgmmaLayouts> wgmma_block(const WgmmaBlock& block);

// "mma.a.m16n8k16", "mma.b.m16n8k16.b8", "mma.c.m16n8", "ldmatrix.x4.trans", "wgmma.a.m64k16",
// "wgmma.c.m64n128".
//
// Without a width, k says it: k8 tf32, k16 16 bits, k32 8 bits, k64 4 bits; ".b4", ".b8", ".b16"
// and ".b32" name another. "mma.c.m16n8k16" is mma.c.m16n8.
[[nodiscard]] std::optional<RegisterLayout> named_fragment(std::string_view name);
// One name of each family, for messages.
[[nodiscard]] const std::vector<std::string>& fragment_families();
// Every name, for tests and `bitloom layout --list`.
[[nodiscard]] std::vector<std::string> fragment_names();

}  // namespace bitloom::layouts
