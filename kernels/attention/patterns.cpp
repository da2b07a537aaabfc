#include "kernels/attention/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bitloom::kernels {

using runtime::failure;

std::vector<std::int64_t> largest(std::span<const float> numbers, std::int64_t want) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (numbers[i] > -INFINITY) places.push_back(static_cast<std::int64_t>(i));
  const auto count = std::clamp<std::int64_t>(want, 0, static_cast<std::int64_t>(places.size()));
  const auto greater = [&](std::int64_t a, std::int64_t b) {
    const float x = numbers[static_cast<std::size_t>(a)], y = numbers[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::nth_element(places.begin(), places.begin() + count, places.end(), greater);
  places.resize(static_cast<std::size_t>(count));
  std::sort(places.begin(), places.end());
  return places;
}

namespace {

// What is forced counts as infinitely heavy, so that it is part of the budget.
std::vector<std::int64_t> with_forced(std::span<const float> mass, std::int64_t want,
                                      std::int64_t forced) {
  std::vector<float> copy(mass.begin(), mass.end());
  std::fill_n(copy.begin(), std::min<std::int64_t>(forced, static_cast<std::int64_t>(copy.size())),
              INFINITY);
  return largest(copy, want);
}

// Which of the columns the last `rows` rows see a pattern keeps: calls keep(row, column).
template <class Keep>
double kept_share(std::span<const float> mass, std::int64_t rows, std::int64_t columns, Keep keep) {
  double all = 0, kept = 0;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = columns - rows + r;
    for (std::int64_t c = 0; c <= at; ++c) {
      const double p = static_cast<double>(mass[static_cast<std::size_t>(r * columns + c)]);
      all += p;
      if (keep(r, at, c)) kept += p;
    }
  }
  return all > 0 ? kept / all : 1;
}

std::vector<bool> flags(const std::vector<std::int64_t>& places, std::int64_t size) {
  std::vector<bool> result(static_cast<std::size_t>(size), false);
  for (const std::int64_t i : places)
    if (i >= 0 && i < size) result[static_cast<std::size_t>(i)] = true;
  return result;
}

}  // namespace

runtime::Result<VerticalSlash> choose_vertical_slash(std::span<const float> vertical,
                                                     std::span<const float> slash,
                                                     const VerticalSlashBudget& budget) {
  if (vertical.size() != slash.size())
    return failure("BL1104",
                   fmt::format("there are masses of {} columns and {} diagonals", vertical.size(),
                               slash.size()),
                   "a sequence has as many diagonals as columns");
  if (budget.columns < 0 || budget.offsets < 0)
    return failure("BL1104", fmt::format("a budget of {} columns and {} diagonals", budget.columns,
                                         budget.offsets));
  return VerticalSlash{
      .columns = with_forced(vertical, std::max(budget.columns, budget.first_columns),
                             budget.first_columns),
      .offsets =
          with_forced(slash, std::max(budget.offsets, budget.last_offsets), budget.last_offsets)};
}

void add_vertical_slash(TileLists& lists, const Sequence& sequence, std::int64_t first_row,
                        std::int64_t end_row, const VerticalSlash& pattern) {
  const std::int64_t history = sequence.columns - sequence.rows;  // positions before the first row
  const std::int64_t first = sequence.column + history + first_row, rows = end_row - first_row;
  // neighbouring offsets are one range
  for (std::size_t i = 0; i < pattern.offsets.size();) {
    std::size_t last = i;
    while (last + 1 < pattern.offsets.size() &&
           pattern.offsets[last + 1] == pattern.offsets[last] + 1)
      ++last;
    lists.causal({first - pattern.offsets[last], first - pattern.offsets[i] + rows});
    i = last + 1;
  }
  std::vector<std::int64_t> columns;
  for (const std::int64_t c : pattern.columns) columns.push_back(sequence.column + c);
  lists.single(columns);
}

void add_block_sparse(TileLists& lists, const Sequence& sequence, std::span<const float> scores,
                      std::int64_t block, std::int64_t want) {
  const std::int64_t seen = (lists.visible_end() - sequence.column + block - 1) / block;
  const auto count = std::min<std::int64_t>(seen, static_cast<std::int64_t>(scores.size()));
  if (count <= 0) return;
  std::vector<float> row(scores.begin(), scores.begin() + count);
  // every row sees itself; rows may stand in several blocks
  const std::int64_t own =
      std::clamp<std::int64_t>((lists.first_own() - sequence.column) / block, 0, count - 1);
  std::fill(row.begin() + own, row.end(), INFINITY);
  for (const std::int64_t b : largest(row, std::max<std::int64_t>(want, count - own))) {
    const std::int64_t begin = sequence.column + b * block;
    lists.causal({begin, begin + block});
  }
}

runtime::Result<std::vector<float>> cumulative_gates(std::span<const float> log_gates) {
  std::vector<float> result;
  result.reserve(log_gates.size());
  double sum = 0;
  for (std::size_t i = 0; i < log_gates.size(); ++i) {
    if (!(log_gates[i] <= 0))
      return failure("BL1104", fmt::format("log forget gate {} is {}", i, log_gates[i]),
                     "a forget gate is between 0 and 1, so its logarithm is at most 0");
    sum += static_cast<double>(log_gates[i]);
    result.push_back(static_cast<float>(sum));
  }
  return result;
}

std::int64_t prune_decayed(std::span<const float> cumulative, std::int64_t first_row,
                           double largest_score, double log_share) {
  if (first_row < 0 || first_row >= static_cast<std::int64_t>(cumulative.size())) return 0;
  const double own = static_cast<double>(cumulative[static_cast<std::size_t>(first_row)]);
  const double least =
      -(2 * largest_score + std::log(static_cast<double>(cumulative.size()))) + log_share;
  // columns in front of the first that is not below the bound: own − c[j] grows with j
  const auto end = cumulative.begin() + first_row + 1;
  const auto found = std::partition_point(
      cumulative.begin(), end, [&](float c) { return own - static_cast<double>(c) < least; });
  return found - cumulative.begin();
}

double recall(std::span<const float> mass, std::int64_t rows, std::int64_t columns,
              const VerticalSlash& pattern) {
  const std::vector<bool> column = flags(pattern.columns, columns),
                          offset = flags(pattern.offsets, columns);
  return kept_share(mass, rows, columns, [&](std::int64_t, std::int64_t at, std::int64_t c) {
    return column[static_cast<std::size_t>(c)] || offset[static_cast<std::size_t>(at - c)];
  });
}

double a_shape_recall(std::span<const float> mass, std::int64_t rows, std::int64_t columns,
                      std::int64_t sink, std::int64_t window) {
  return kept_share(mass, rows, columns, [&](std::int64_t, std::int64_t at, std::int64_t c) {
    return c < sink || at - c < window;
  });
}

double block_sparse_recall(std::span<const float> mass, std::int64_t rows, std::int64_t columns,
                           std::span<const float> scores, std::int64_t block, std::int64_t want) {
  const std::int64_t blocks = (columns + block - 1) / block, first = (columns - rows) / block;
  std::vector<std::vector<bool>> kept;
  for (std::int64_t b = first; b < blocks; ++b) {
    std::vector<float> row(scores.begin() + (b - first) * blocks,
                           scores.begin() + (b - first) * blocks + b + 1);
    row.back() = INFINITY;
    kept.push_back(flags(largest(row, std::max<std::int64_t>(want, 1)), blocks));
  }
  return kept_share(mass, rows, columns, [&](std::int64_t, std::int64_t at, std::int64_t c) {
    return kept[static_cast<std::size_t>(at / block - first)][static_cast<std::size_t>(c / block)];
  });
}

runtime::Result<HeadChoice> choose_pattern(std::span<const float> mass, std::int64_t rows,
                                           std::int64_t columns, std::span<const float> scores,
                                           const PatternBudget& budget) {
  const std::int64_t blocks = (columns + budget.block - 1) / budget.block;
  const std::int64_t first_block =
      (columns - rows) / budget.block;  // of queries, the first that has scores
  if (rows < 1 || rows > columns || static_cast<std::int64_t>(mass.size()) != rows * columns ||
      static_cast<std::int64_t>(scores.size()) != (blocks - first_block) * blocks)
    return failure(
        "BL1104",
        fmt::format("{} masses and {} scores of blocks for the last {} rows of {} columns",
                    mass.size(), scores.size(), rows, columns),
        fmt::format("there must be rows · columns masses, and a row of {} scores for each of the "
                    "last {} blocks",
                    blocks, blocks - first_block));
  std::vector<float> vertical(static_cast<std::size_t>(columns), 0.F),
      slash(static_cast<std::size_t>(columns), 0.F);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c <= columns - rows + r; ++c) {
      const float p = mass[static_cast<std::size_t>(r * columns + c)];
      vertical[static_cast<std::size_t>(c)] += p;
      slash[static_cast<std::size_t>(columns - rows + r - c)] += p;
    }
  }
  const auto chosen = choose_vertical_slash(vertical, slash, budget.vertical_slash);
  if (!chosen) return tl::make_unexpected(chosen.error());

  HeadChoice choice;
  choice.a_shape = a_shape_recall(mass, rows, columns, budget.sink, budget.window);
  choice.vertical_slash = recall(mass, rows, columns, *chosen);
  choice.block_sparse =
      block_sparse_recall(mass, rows, columns, scores, budget.block, budget.blocks);
  double best = choice.a_shape;
  choice.pattern = HeadPattern::AShape;
  if (choice.vertical_slash > best)
    best = choice.vertical_slash, choice.pattern = HeadPattern::VerticalSlash;
  if (choice.block_sparse > best) choice.pattern = HeadPattern::BlockSparse;
  return choice;
}

}  // namespace bitloom::kernels
