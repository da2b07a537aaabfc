// How a packed tensor of weights lies in global memory.
//
// A tensor of N x K codes (n is an output column, k the depth of the contraction) is cut into atoms
// of 64 x 64, padded with code 0 to whole atoms, and atoms lie row-major over (n / 64, k / 64). The
// codes of an atom belong to the 32 lanes of a warp, 128 each, in the order in which the lanes will
// multiply them: a register layout over [64, 64] says which. The default is
//
//   local(4, 4) * mma.a.m16n8k16: n16 groups, k16 steps, the eight elements of operand A
//
// because weights are the A operand of both matrix units, which compute Cᵀ = W Xᵀ. Each lane's
// codes are encoded in runs (encoding.h) into 4 * bits words, and words go to memory so that a warp
// reads 16 bytes a lane, 512 bytes at once:
//
//   byte of word w of lane l in its atom = (w / 4) * 512 + l * 16 + (w % 4) * 4
//
// With encodings of 32 elements a run, the words [j * bits, (j + 1) * bits) are n16 group j's, so
// that in a warpgroup the warp j reads just its own. Nothing here depends on tile sizes: kernels
// for one token and for thousands read the same bytes. A tensor carries the tag of its atom, and a
// kernel that expects another refuses it by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "layouts/encoding.h"
#include "layouts/register_layout.h"

namespace bitloom::layouts {

class PackedAtom {
 public:
  // 64 x 64 codes in the order of mma.a.m16n8k16. Codes have 1 to 8 bits.
  explicit PackedAtom(Encoding encoding);
  // Any layout [n, k] of 32 threads without replication, whose codes fill whole runs and 16-byte
  // words.
  [[nodiscard]] static LayoutResult<PackedAtom> make(RegisterLayout lanes, Encoding encoding);

  [[nodiscard]] const RegisterLayout& lanes() const { return lanes_; }
  [[nodiscard]] const Encoding& encoding() const { return encoding_; }
  [[nodiscard]] int bits() const { return encoding_.bits(); }
  [[nodiscard]] std::int64_t rows() const { return lanes_.shape()[0]; }     // n
  [[nodiscard]] std::int64_t columns() const { return lanes_.shape()[1]; }  // k
  [[nodiscard]] std::int64_t words_per_lane() const;
  [[nodiscard]] std::int64_t bytes() const;

  // "64x64/mma/b4/pairs", or the layout spelled out where it is not the default; reads back.
  [[nodiscard]] std::string tag() const;
  [[nodiscard]] static LayoutResult<PackedAtom> from_tag(std::string_view tag);

  friend bool operator==(const PackedAtom& a, const PackedAtom& b) {
    return a.lanes_ == b.lanes_ && a.encoding_ == b.encoding_;
  }

 private:
  PackedAtom(RegisterLayout lanes, Encoding encoding);
  RegisterLayout lanes_;
  Encoding encoding_;
};

// A tensor of n x k codes in atoms.
class PackedTensorLayout {
 public:
  PackedTensorLayout(PackedAtom atom, std::int64_t n, std::int64_t k);

  [[nodiscard]] const PackedAtom& atom() const { return atom_; }
  [[nodiscard]] std::int64_t n() const { return n_; }
  [[nodiscard]] std::int64_t k() const { return k_; }
  [[nodiscard]] std::int64_t atoms_n() const;
  [[nodiscard]] std::int64_t atoms_k() const;
  [[nodiscard]] std::int64_t bytes() const;

  // Where a bit of the code of (n, k) lies, in bits from the tensor's start; any element of the
  // padded tensor.
  [[nodiscard]] std::int64_t bit_address(std::int64_t n, std::int64_t k, int bit = 0) const;

  // codes: n x k bytes, row-major, one code each. Exact inverses; the bytes of padding are those of
  // code 0.
  [[nodiscard]] std::vector<std::uint8_t> pack(std::span<const std::uint8_t> codes) const;
  [[nodiscard]] std::vector<std::uint8_t> unpack(std::span<const std::uint8_t> packed) const;
  // One row of atoms, for callers that spread the work over threads; both spans are whole tensors.
  void pack_atom_row(std::span<const std::uint8_t> codes, std::int64_t atom_row,
                     std::span<std::uint8_t> packed) const;
  void unpack_atom_row(std::span<const std::uint8_t> packed, std::int64_t atom_row,
                       std::span<std::uint8_t> codes) const;

 private:
  PackedAtom atom_;
  std::int64_t n_;
  std::int64_t k_;
};

}  // namespace bitloom::layouts
