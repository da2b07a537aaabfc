// How a tensor lies in global memory: extents and strides that are expressions over launch-time
// sizes.
//
// Strides count elements, and the offset of element [i, j] is i * strides[0] + j * strides[1].
// Unless strides are given the tensor is row-major: `f16[m, k]` has the strides [k, 1]. Bits of
// narrow types lie densely, so offsets are in elements and only their product with the element's
// width is an address.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "layouts/shape.h"
#include "layouts/size_expr.h"

namespace bitloom::layouts {

class GlobalLayout {
 public:
  GlobalLayout() = default;
  explicit GlobalLayout(std::vector<SizeExpr> shape);  // row-major
  // As many strides as extents.
  GlobalLayout(std::vector<SizeExpr> shape, std::vector<SizeExpr> strides);

  [[nodiscard]] static GlobalLayout column_major(std::vector<SizeExpr> shape);

  [[nodiscard]] int rank() const { return static_cast<int>(shape_.size()); }
  [[nodiscard]] const std::vector<SizeExpr>& shape() const { return shape_; }
  [[nodiscard]] const std::vector<SizeExpr>& strides() const { return strides_; }
  [[nodiscard]] SizeExpr size() const;
  [[nodiscard]] bool is_row_major() const;

  // Offset in elements of an index that is itself an expression.
  [[nodiscard]] SizeExpr offset(const std::vector<SizeExpr>& index) const;

  // The largest power of two, at most `limit`, to which the bit offset of every index is aligned
  // when each of its coordinates is a multiple of the number given for it: 128 means that a 16-byte
  // access is legal if the base allows it.
  [[nodiscard]] std::int64_t known_alignment_bits(int element_bits,
                                                  const std::vector<std::int64_t>& index_multiples,
                                                  const Assumptions& assumptions,
                                                  std::int64_t limit = 1024) const;

  [[nodiscard]] GlobalLayout substitute(const SizeExpr::Replace& replace) const;

  // The numbers of one launch.
  struct Concrete {
    Shape shape;
    Shape strides;
    [[nodiscard]] std::int64_t offset(const Index& index) const;
    // One more than the largest offset; 0 for an empty tensor.
    [[nodiscard]] std::int64_t span() const;
  };
  // Fails on unknown symbols, negative extents and sizes past 64 bits.
  [[nodiscard]] tl::expected<Concrete, std::string> evaluate(const SizeExpr::Lookup& lookup) const;

  // "[m, k]", with strides when they are not row-major: "[m, k] strides [1, m]".
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const GlobalLayout&, const GlobalLayout&) = default;

 private:
  std::vector<SizeExpr> shape_;
  std::vector<SizeExpr> strides_;
};

}  // namespace bitloom::layouts
