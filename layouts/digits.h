// Lists of digits, slow to fast: mixed-radix numbers whose counting moves an element.
//
// These are the steps from which the operations of RegisterLayout are made. merge_digits gives the
// one canonical form: {4, dim 0, stride 8} before {8, dim 0, stride 1} counts 0, 1, 2, … along
// dimension 0, which is what {32, dim 0, stride 1} does.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "layouts/register_layout.h"

namespace bitloom::layouts {

// Number of values of the mixed-radix number.
[[nodiscard]] std::int64_t count(std::span<const Digit> digits);

[[nodiscard]] std::vector<Digit> merge_digits(std::span<const Digit> digits);

struct DigitSplit {
  std::vector<Digit> slow;
  std::vector<Digit> fast;
};

// Cuts a list so that the fast part counts exactly `fast_count` values, through the middle of a
// digit if need be.
[[nodiscard]] std::optional<DigitSplit> split_digits(std::span<const Digit> digits,
                                                     std::int64_t fast_count);

}  // namespace bitloom::layouts
