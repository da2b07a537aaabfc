#include "layouts/digits.h"

#include <algorithm>

namespace bitloom::layouts {

namespace {

// Does `slow` go on where `fast` ends?
bool counts_on(const Digit& slow, const Digit& fast) {
  return slow.dim == fast.dim && (slow.is_replicated() || slow.stride == fast.extent * fast.stride);
}

}  // namespace

std::int64_t count(std::span<const Digit> digits) {
  std::int64_t product = 1;
  for (const Digit& digit : digits) product *= digit.extent;
  return product;
}

std::vector<Digit> merge_digits(std::span<const Digit> digits) {
  std::vector<Digit> merged;
  for (const Digit& digit : digits) {
    if (digit.extent == 1) continue;
    if (!merged.empty() && counts_on(merged.back(), digit)) {
      merged.back().extent *= digit.extent;
      merged.back().stride = digit.stride;
    } else {
      merged.push_back(digit);
    }
  }
  return merged;
}

std::optional<DigitSplit> split_digits(std::span<const Digit> digits, std::int64_t fast_count) {
  DigitSplit split;
  std::size_t i = digits.size();
  while (fast_count > 1 && i > 0) {
    const Digit digit = digits[--i];
    if (fast_count % digit.extent == 0) {
      split.fast.push_back(digit);
      fast_count /= digit.extent;
    } else if (digit.extent % fast_count == 0) {
      split.fast.push_back({fast_count, digit.dim, digit.stride});
      split.slow.push_back({digit.extent / fast_count, digit.dim, digit.stride * fast_count});
      fast_count = 1;
    } else {
      return std::nullopt;
    }
  }
  if (fast_count != 1) return std::nullopt;
  split.slow.insert(split.slow.begin(), digits.begin(),
                    digits.begin() + static_cast<std::ptrdiff_t>(i));
  std::reverse(split.fast.begin(), split.fast.end());
  return split;
}

}  // namespace bitloom::layouts
