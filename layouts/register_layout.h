// A register layout says which elements of a tile each thread of a block holds, and in which of its
// registers.
//
// It is a function (thread, register) -> element, built from a few atoms and one product. In the
// tables below a cell is an element of the tile, and t3:r1 says that thread 3 holds it in register
// 1; lines part the blocks of the left factor. (tests/layouts/doc_test.cpp draws every expression
// here that stands over a table, and compares.)
//
// Atoms
// -----
//   One thread holds a tile, or as many threads as it has elements hold one each. The column forms
//   count down the columns.
//
//     local(2, 2)        spatial(2, 2)        column_local(2, 2)        column_spatial(2, 2)
//
//     t0:r0 t0:r1        t0:r0 t1:r0          t0:r0 t0:r2               t0:r0 t2:r0
//     t0:r2 t0:r3        t2:r0 t3:r0          t0:r1 t0:r3               t1:r0 t3:r0
//
//   replicated(n): n threads hold the same. It has rank 0 and takes the rank of what it is
//   multiplied with.
//
// Product
// -------
//   a * b replaces every element of a by a copy of b. Threads and registers of a are the slow
//   digits, those of b the fast ones: thread = thread_a * b.threads() + thread_b, and registers
//   likewise.
//
//     spatial(2, 2) * local(1, 2)         local(1, 2) * spatial(2, 2)
//
//     t0:r0 t0:r1 | t1:r0 t1:r1           t0:r0 t1:r0 | t0:r1 t1:r1
//     t2:r0 t2:r1 | t3:r0 t3:r1           t2:r0 t3:r0 | t2:r1 t3:r1
//
//     spatial(2, 1) * replicated(2) * local(1, 2)
//
//     t0:r0,t1:r0 t0:r1,t1:r1
//     t2:r0,t3:r0 t2:r1,t3:r1
//
//   The accumulator of mma.m16n8 is local(2, 1) * spatial(8, 4) * local(1, 2): two consecutive
//   columns a thread, eight rows of four threads, all of it twice. See fragments.h for its kin.
//
// Quotient
// --------
//   c / b is the a with a * b == c, when there is one. "Does this layout consist of whole ldmatrix
//   fragments?" is the question whether it can be divided by that fragment.
//
// Reshaping
// ---------
//   permute exchanges dimensions, reshape cuts the same row-major order of elements into other
//   dimensions, reduce takes a dimension away: registers along it disappear, threads along it all
//   hold the result.
//
//     (spatial(2, 2) * local(1, 2)).permute(1, 0)         (spatial(2, 2) * local(1, 2)).reduce(1)
//
//     t0:r0 t2:r0                                         t0:r0,t1:r0
//     t0:r1 t2:r1                                         t2:r0,t3:r0
//     -----------
//     t1:r0 t3:r0
//     t1:r1 t3:r1
//
// Representation
// --------------
//   Thread and register numbers are written in mixed radix. A digit {extent, dim, stride} moves the
//   element by `stride` along `dim` each time it counts; the digits of one dimension, threads' and
//   registers' together, factor its extent. A replicated digit moves nothing. Digits of extent 1
//   are dropped and neighbours that count on are merged, which makes the form canonical: two
//   layouts are the same function exactly when shapes and digits are equal.
//
// Laws
// ----
//   tests/layouts/laws_test.cpp checks these and others for every element of small tiles:
//
//   (a * b) * c == a * (b * c)
//   (a * b) / b == a, for equal ranks
//   a.thread_and_register(a.element(t, r)) == (t, r), when a is unique
//   every element has an owner
//   parse(to_string(a)) == a
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "layouts/shape.h"

namespace bitloom::layouts {

// What is wrong with a layout; `offset` counts characters of the text when there is one.
struct LayoutError {
  std::string message;
  std::size_t offset = 0;
};

template <typename T>
using LayoutResult = tl::expected<T, LayoutError>;

// One digit of a thread or register number.
struct Digit {
  static constexpr int kReplicated = -1;

  std::int64_t extent = 1;
  int dim = kReplicated;
  std::int64_t stride = 0;  // in elements along dim; 0 when replicated

  [[nodiscard]] bool is_replicated() const { return dim == kReplicated; }
  friend bool operator==(const Digit&, const Digit&) = default;
};

struct Owner {
  std::int64_t thread = 0;
  std::int64_t reg = 0;
  friend bool operator==(const Owner&, const Owner&) = default;
  friend auto operator<=>(const Owner&, const Owner&) = default;
};

class RegisterLayout {
 public:
  // One element, rank 0, held by one thread: the unit of the product.
  RegisterLayout();

  // The digits must factor every extent; slow digits first. Checked by `valid_digits`, which tests
  // and the constructors of fragments rely on; everyone else composes atoms.
  RegisterLayout(Shape shape, std::vector<Digit> thread_digits, std::vector<Digit> register_digits);
  [[nodiscard]] static bool valid_digits(const Shape& shape, std::span<const Digit> thread_digits,
                                         std::span<const Digit> register_digits);

  [[nodiscard]] const Shape& shape() const;
  [[nodiscard]] int rank() const { return static_cast<int>(shape().size()); }
  [[nodiscard]] std::int64_t threads() const;
  [[nodiscard]] std::int64_t registers() const;    // elements a thread holds
  [[nodiscard]] std::int64_t replication() const;  // threads that hold each element
  [[nodiscard]] bool is_unique() const { return replication() == 1; }
  [[nodiscard]] std::span<const Digit> thread_digits() const;    // canonical, slow to fast
  [[nodiscard]] std::span<const Digit> register_digits() const;  // canonical, slow to fast

  // How many consecutive registers of a thread, beginning at a multiple of that number, hold
  // consecutive elements along dim: the widest vector that memory contiguous along dim allows.
  [[nodiscard]] std::int64_t contiguous_registers(int dim) const;

  [[nodiscard]] Index element(std::int64_t thread, std::int64_t reg) const;
  // Row-major number of element(thread, reg).
  [[nodiscard]] std::int64_t linear_element(std::int64_t thread, std::int64_t reg) const;
  // All holders of an element, by rising thread.
  [[nodiscard]] std::vector<Owner> owners(const Index& index) const;
  [[nodiscard]] Owner thread_and_register(const Index& index) const;
  // linear_element of all pairs, table[reg * threads() + thread]: made for loops over a whole tile.
  [[nodiscard]] std::vector<std::int32_t> table() const;

  // The product and the quotient. Ranks are aligned at the right, as if dimensions of extent 1
  // stood in front.
  friend RegisterLayout operator*(const RegisterLayout& outer, const RegisterLayout& inner);
  friend std::optional<RegisterLayout> operator/(const RegisterLayout& product,
                                                 const RegisterLayout& inner);
  // The b with outer * b == *this, when there is one.
  [[nodiscard]] std::optional<RegisterLayout> left_quotient(const RegisterLayout& outer) const;

  [[nodiscard]] LayoutResult<RegisterLayout> reduce(std::span<const int> dims,
                                                    bool keep_dims = true) const;
  [[nodiscard]] LayoutResult<RegisterLayout> reduce(int dim, bool keep_dims = true) const;
  // Dimension i of the result is dimension perm[i] of this.
  [[nodiscard]] LayoutResult<RegisterLayout> permute(std::span<const int> perm) const;
  [[nodiscard]] LayoutResult<RegisterLayout> permute(std::initializer_list<int> perm) const;
  // Same row-major order of elements. Fails where a digit would have to straddle two dimensions
  // unevenly.
  [[nodiscard]] LayoutResult<RegisterLayout> reshape(const Shape& shape) const;
  [[nodiscard]] LayoutResult<RegisterLayout> expand_dims(int dim) const;  // extent 1 before dim
  [[nodiscard]] LayoutResult<RegisterLayout> squeeze(int dim) const;
  // Two tiles of the same threads side by side along dim, the registers of `other` after those of
  // this. The algebra can say this when both are repetitions of one tile: *this is k copies of a
  // tile x in registers, local(…, k, …) * x, and other is m copies.
  [[nodiscard]] LayoutResult<RegisterLayout> concat(const RegisterLayout& other, int dim) const;

  friend bool operator==(const RegisterLayout& a, const RegisterLayout& b);
  [[nodiscard]] std::size_t hash() const;

  // An expression of constructors that parses back: a product of atoms where there is one, such as
  // "local(2, 1) * spatial(8, 4) * local(1, 2)", else a product with one dimension a digit,
  // permuted and reshaped.
  [[nodiscard]] std::string to_string() const;
  friend std::ostream& operator<<(std::ostream& out, const RegisterLayout& layout);

 private:
  struct Rep;
  explicit RegisterLayout(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;  // immutable and shared: copies are cheap
};

// Atoms. Extents must be positive; `construct` is the checked way in.
[[nodiscard]] RegisterLayout local(const Shape& shape);
[[nodiscard]] RegisterLayout spatial(const Shape& shape);
[[nodiscard]] RegisterLayout column_local(const Shape& shape);
[[nodiscard]] RegisterLayout column_spatial(const Shape& shape);
[[nodiscard]] RegisterLayout replicated(std::int64_t threads);

template <std::integral... Extents>
[[nodiscard]] RegisterLayout local(Extents... extents) {
  return local(Shape{static_cast<std::int64_t>(extents)...});
}
template <std::integral... Extents>
[[nodiscard]] RegisterLayout spatial(Extents... extents) {
  return spatial(Shape{static_cast<std::int64_t>(extents)...});
}
template <std::integral... Extents>
[[nodiscard]] RegisterLayout column_local(Extents... extents) {
  return column_local(Shape{static_cast<std::int64_t>(extents)...});
}
template <std::integral... Extents>
[[nodiscard]] RegisterLayout column_spatial(Extents... extents) {
  return column_spatial(Shape{static_cast<std::int64_t>(extents)...});
}

// The same operations by name and with their preconditions checked, for text and for the language's
// compiler. Every size stays below kMaxElements so that products of user-written extents never
// overflow.
inline constexpr std::int64_t kMaxElements = std::int64_t{1} << 30;

// local, spatial, column_local, column_spatial, replicated.
[[nodiscard]] LayoutResult<RegisterLayout> construct(std::string_view constructor,
                                                     std::span<const std::int64_t> extents);
[[nodiscard]] LayoutResult<RegisterLayout> multiply(const RegisterLayout& outer,
                                                    const RegisterLayout& inner);
[[nodiscard]] LayoutResult<RegisterLayout> divide(const RegisterLayout& product,
                                                  const RegisterLayout& inner);
// permute, reshape, reduce (drops no dimension), squeeze, expand_dims.
[[nodiscard]] LayoutResult<RegisterLayout> apply_method(const RegisterLayout& layout,
                                                        std::string_view method,
                                                        std::span<const std::int64_t> arguments);

// Reads "spatial(8, 4) * local(1, 2)", "local(2, 1) * column_spatial(4, 8) / local(2, 1)",
// "mma.a.m16n8k16" (the names of fragments.h), "(spatial(2, 2) * local(1, 2)).permute(1, 0)".
// Product and quotient bind alike, from the left.
[[nodiscard]] LayoutResult<RegisterLayout> parse_register_layout(std::string_view text);

}  // namespace bitloom::layouts

template <>
struct std::hash<bitloom::layouts::RegisterLayout> {
  std::size_t operator()(const bitloom::layouts::RegisterLayout& layout) const {
    return layout.hash();
  }
};
