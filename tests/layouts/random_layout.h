// Small layouts for property tests: products of atoms, some of them permuted or reshaped into what
// is no product.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "layouts/register_layout.h"

namespace bitloom::layouts::testing {

inline RegisterLayout atom(int kind, const Shape& shape) {
  switch (kind) {
    case 0:
      return local(shape);
    case 1:
      return spatial(shape);
    case 2:
      return column_local(shape);
    case 3:
      return column_spatial(shape);
    default:
      return local(Shape(shape.size(), 1)) * replicated(size(shape));
  }
}

inline Shape random_shape(int rank, std::int64_t most) {
  return *rc::gen::container<Shape>(static_cast<std::size_t>(rank),
                                    rc::gen::inRange<std::int64_t>(1, most + 1));
}

inline RegisterLayout random_product(int rank) {
  RegisterLayout layout = local(Shape(static_cast<std::size_t>(rank), 1));
  for (int factors = *rc::gen::inRange(1, 4); factors > 0; --factors)
    layout = layout * atom(*rc::gen::inRange(0, 5), random_shape(rank, 3));
  return layout;
}

inline std::vector<int> random_permutation(int rank) {
  std::vector<int> perm(static_cast<std::size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  for (int i = rank - 1; i > 0; --i) std::swap(perm[i], perm[*rc::gen::inRange(0, i + 1)]);
  return perm;
}

// Any layout of the given rank: half of them went through a permutation of finer dimensions and
// back.
inline RegisterLayout random_layout(int rank) {
  if (*rc::gen::arbitrary<bool>()) return random_product(rank);
  const auto fine = *random_product(rank + 1).permute(random_permutation(rank + 1));
  Shape coarse(fine.shape().begin() + 1, fine.shape().end());
  coarse[0] *= fine.shape()[0];
  return *fine.reshape(coarse);
}

}  // namespace bitloom::layouts::testing
