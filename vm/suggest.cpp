#include "vm/suggest.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace bitloom::vm {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::size_t allowed_distance(std::size_t length) {
  if (length < 2) return 0;
  return std::clamp<std::size_t>(length / 3, 1, 3);
}

}  // namespace

std::optional<std::size_t> edit_distance(std::string_view a, std::string_view b,
                                         std::size_t limit) {
  const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (difference > limit) return std::nullopt;

  // Three rows of the table: two back (for swaps), the last, and the one in work.
  std::vector<std::size_t> two_back, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    std::size_t least = row[0];
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], two_back[j - 2] + 1);
      least = std::min(least, row[j]);
    }
    if (least > limit) return std::nullopt;
    two_back = std::exchange(last, row);
  }
  return last[b.size()] <= limit ? std::optional(last[b.size()]) : std::nullopt;
}

std::optional<std::string> closest_name(std::string_view name,
                                        const std::vector<std::string_view>& candidates) {
  const std::size_t limit = allowed_distance(name.size());
  std::optional<std::tuple<std::size_t, std::string_view>> best;
  for (const std::string_view candidate : candidates) {
    if (candidate == name || candidate.empty()) continue;
    const auto distance = equal_ignoring_case(name, candidate)
                              ? std::optional<std::size_t>(0)
                              : edit_distance(name, candidate, limit);
    if (!distance || (*distance != 0 && limit == 0)) continue;
    const std::tuple found(*distance, candidate);
    if (!best || found < *best) best = found;
  }
  if (!best) return std::nullopt;
  return std::string(std::get<1>(*best));
}

}  // namespace bitloom::vm
