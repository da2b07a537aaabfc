// How a tile lies in shared memory: strides and an XOR swizzle.
//
// Every dimension is cut into modes {extent, stride}, slow to fast; a plain row-major tile has one
// mode a dimension, and the tiles that TMA writes for wgmma have two (atoms of 64 columns side by
// side). The element's place is the sum of its digits times their strides, in elements; the byte
// address of that place then goes through the swizzle.
//
// Shared memory has 32 banks of 4 bytes. Rows of 128 bytes put a whole column of 16-byte chunks
// into the same four banks. A swizzle XORs some bits of the row number into the chunk number, so
// that eight rows use all banks:
//
//   Swizzle{base = 4, bits = 3, shift = 3}, of 128 bytes: address bits 4..6 ^= address bits 7..9
//
//     row 0   0 1 2 3 4 5 6 7        chunk c of row r lies at place c ^ (r % 8) of its row
//     row 1   1 0 3 2 5 4 7 6
//     row 2   2 3 0 1 6 7 4 5
//
// This is CuTe's Swizzle<bits, base, shift> on byte addresses, and the hardware's for TMA and
// wgmma.
//
// Whether warps meet in a bank is a question to a shared and a register layout together: `access`
// counts wavefronts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layouts/register_layout.h"
#include "layouts/shape.h"

namespace bitloom::layouts {

struct Swizzle {
  int base = 0;
  int bits = 0;
  int shift = 0;

  [[nodiscard]] std::int64_t apply(std::int64_t address) const {
    const std::int64_t mask = ((std::int64_t{1} << bits) - 1) << base;
    return address ^ ((address >> shift) & mask);
  }
  [[nodiscard]] bool is_none() const { return bits == 0; }
  // Bytes after which the pattern repeats: tiles that share a pattern start at multiples of it.
  [[nodiscard]] std::int64_t period() const {
    return is_none() ? 1 : std::int64_t{1} << (base + bits + shift);
  }
  [[nodiscard]] std::string to_string() const;  // "none", "128", or "swizzle(base, bits, shift)"
  friend bool operator==(const Swizzle&, const Swizzle&) = default;
};

inline constexpr Swizzle kNoSwizzle{};
inline constexpr Swizzle kSwizzle32{4, 1, 3};
inline constexpr Swizzle kSwizzle64{4, 2, 3};
inline constexpr Swizzle kSwizzle128{4, 3, 3};

// The swizzle with the given width in bytes: 0, 32, 64 or 128.
[[nodiscard]] std::optional<Swizzle> swizzle_of_width(std::int64_t bytes);

// What one warp-wide access costs: shared memory serves 128 bytes a wavefront.
struct SharedAccess {
  int wavefronts = 0;  // of the worst warp and register
  int minimum = 0;     // what its width alone takes
  [[nodiscard]] int conflicts() const { return wavefronts - minimum; }
  friend bool operator==(const SharedAccess&, const SharedAccess&) = default;
};

class SharedLayout {
 public:
  struct Mode {
    std::int64_t extent = 1;
    std::int64_t stride = 0;  // in elements
    friend bool operator==(const Mode&, const Mode&) = default;
  };
  using Modes = std::vector<Mode>;  // of one dimension, slow to fast

  SharedLayout() = default;
  SharedLayout(const Shape& shape, const Shape& strides, int element_bits, Swizzle swizzle = {});
  SharedLayout(std::vector<Modes> dims, int element_bits, Swizzle swizzle = {});

  [[nodiscard]] static SharedLayout row_major(const Shape& shape, int element_bits,
                                              Swizzle swizzle = {});
  [[nodiscard]] static SharedLayout column_major(const Shape& shape, int element_bits,
                                                 Swizzle swizzle = {});
  // Row-major with `padding` unused elements after each row.
  [[nodiscard]] static SharedLayout padded(const Shape& shape, int element_bits,
                                           std::int64_t padding);
  // The shape in boxes `box_bytes` wide, each row-major, one box after another along the last
  // dimension: what TMA writes when a swizzle limits its box, and what wgmma reads. Equals
  // row_major when the rows are no wider than a box.
  [[nodiscard]] static LayoutResult<SharedLayout> boxed(const Shape& shape, int element_bits,
                                                        std::int64_t box_bytes,
                                                        Swizzle swizzle = {});

  // A leading dimension of `stages` copies, each starting at a multiple of alignment().
  [[nodiscard]] SharedLayout with_stages(std::int64_t stages) const;

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] int rank() const { return static_cast<int>(shape_.size()); }
  [[nodiscard]] int element_bits() const { return element_bits_; }
  [[nodiscard]] const Swizzle& swizzle() const { return swizzle_; }
  [[nodiscard]] const std::vector<Modes>& dims() const { return dims_; }
  // Strides in elements where every dimension has one mode.
  [[nodiscard]] std::optional<Shape> strides() const;

  // Place of an element before the swizzle, in elements.
  [[nodiscard]] std::int64_t offset_elements(const Index& index) const;
  [[nodiscard]] std::int64_t offset_bits(const Index& index) const;
  // Its first byte's bank.
  [[nodiscard]] int bank(const Index& index) const;
  [[nodiscard]] std::int64_t byte_size() const;
  // Where the tile must start for its swizzle to mean what it says; at least 16.
  [[nodiscard]] std::int64_t alignment() const;
  // Does every element have bits of its own?
  [[nodiscard]] bool is_bijective() const;

  // The widest power of two of bytes, at most `limit`, that every thread of `layout` can move at
  // once: consecutive registers that lie in consecutive and aligned bytes. Nothing when a single
  // element fills no whole byte or the shapes differ.
  [[nodiscard]] std::optional<int> vector_bytes(const RegisterLayout& layout, int limit = 16) const;
  // The wavefronts of a warp that reads or writes this tile (its first stage, if the register
  // layout has one dimension less), `vector_bytes` a thread at a time. Fails when threads cannot
  // access that many bytes at once.
  [[nodiscard]] LayoutResult<SharedAccess> access(const RegisterLayout& layout,
                                                  int vector_bytes) const;
  [[nodiscard]] LayoutResult<int> conflicts(const RegisterLayout& layout, int vector_bytes) const;

  // "[64, 64] strides [64, 1] swizzle 128"; row-major strides are left out.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const SharedLayout&, const SharedLayout&) = default;

 private:
  [[nodiscard]] std::int64_t end_elements() const;  // one more than the last place
  // Linear element -> bit offset, for the tile that `layout` covers; empty when shapes differ.
  [[nodiscard]] std::vector<std::int64_t> places(const RegisterLayout& layout) const;

  Shape shape_;
  std::vector<Modes> dims_;
  int element_bits_ = 8;
  Swizzle swizzle_;
};

}  // namespace bitloom::layouts
