// "did you mean": the one name that a mistyped one most likely stands for.
//
// Distance counts insertions, deletions, replacements and swaps of neighbours (optimal string
// alignment). A candidate is close enough at distance 1 for names of 2 to 5 characters, 2 for 6 to
// 8, 3 from 9 on; another spelling in upper and lower case always is. Names of one character have
// no near neighbours: `x` is not a typing error for `y`. The nearest candidate wins; of equals, the
// first in alphabetical order, so the order of the candidates does not matter.
#pragma once

#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace bitloom::vm {

// The distance, or nullopt where it exceeds `limit`.
std::optional<std::size_t> edit_distance(std::string_view a, std::string_view b, std::size_t limit);

std::optional<std::string> closest_name(std::string_view name,
                                        const std::vector<std::string_view>& candidates);

// Candidates: any range of std::string or std::string_view.
template <std::ranges::input_range Names>
std::optional<std::string> did_you_mean(std::string_view name, const Names& candidates) {
  std::vector<std::string_view> views;
  for (const auto& candidate : candidates) views.emplace_back(candidate);
  return closest_name(name, views);
}

}  // namespace bitloom::vm
