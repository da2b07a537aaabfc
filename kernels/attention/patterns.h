// Which columns sparse attention keeps: builders that add tiles and single columns to a TileLists.
//
// MInference (arXiv:2407.02490): each head has one of three patterns, chosen offline on one long
// sample.
//   A-shape          the first columns and a window                       TileLists::window
//   vertical-slash   columns and diagonals that the last rows look at     choose_vertical_slash,
//   add_vertical_slash block-sparse     blocks of keys whose mean scores best against the
//   add_block_sparse
//                    mean of a block of queries
// FoX with adaptive computation pruning (arXiv:2503.02130, arXiv:2504.06949): a forget gate decays
// what lies far back, so tiles below a bound are left out, with a bound on the attention that is
// lost        prune_decayed
//
// The sums, scores and largest numbers that these take are made by the kernels of patterns.bl.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/attention/tile_lists.h"
#include "runtime/result.h"

namespace bitloom::kernels {

// Places of the `want` largest numbers in rising order; of equal ones the first. As top_k_threshold
// of patterns.bl: fewer when there are fewer numbers above −inf.
std::vector<std::int64_t> largest(std::span<const float> numbers, std::int64_t want);

struct VerticalSlash {
  std::vector<std::int64_t> columns, offsets;  // rising; offset = row − column
};

struct VerticalSlashBudget {
  std::int64_t columns = 1000, offsets = 6096;
  std::int64_t first_columns = 30, last_offsets = 100;  // kept whatever they weigh
};

// From how much attention the last rows of a head pay to each column and diagonal (last_rows_mass
// of patterns.bl). BL1104 when the two have not as many numbers, or the budget is negative.
runtime::Result<VerticalSlash> choose_vertical_slash(std::span<const float> vertical,
                                                     std::span<const float> slash,
                                                     const VerticalSlashBudget& budget);
// Adds it to the current item of `lists`; the item's rows are first_row … end_row − 1, counted from
// the sequence's start, as are columns.
void add_vertical_slash(TileLists& lists, const Sequence& sequence, std::int64_t first_row,
                        std::int64_t end_row, const VerticalSlash& pattern);

// The `want` best blocks of `block` keys for one block of queries; `scores` are those of its row
// (block_scores of patterns.bl), −inf where nothing is seen. Blocks that the item's rows themselves
// stand in are always among them.
void add_block_sparse(TileLists& lists, const Sequence& sequence, std::span<const float> scores,
                      std::int64_t block, std::int64_t want);

// Cumulative sums c of log forget gates (at most 0), in double and rounded at the end: one sum in
// float over a million tokens loses percents. BL1104 for gates that are above 0 or NaN.
runtime::Result<std::vector<float>> cumulative_gates(std::span<const float> log_gates);

// The first column of a sequence that rows from `first_row` on (as columns: its position) need, so
// that what is pruned before it has at most e^log_share of the attention of every row. Scores are
// at most `largest_score` in magnitude (max|q| · max|k| · scale).
//   δ = −(2U + ln N) + log_share;  a column j is pruned when c[first_row] − c[j] < δ
// N columns of weight at most e^(U + δ) are pruned where the row's own weighs at least e^−U. c
// falls, so this is a binary search.
std::int64_t prune_decayed(std::span<const float> cumulative, std::int64_t first_row,
                           double largest_score, double log_share = -10);

// The share of each row's attention that a pattern keeps, for the offline search of a head's
// pattern: sums of the masses that it covers over all. `mass` is [rows, columns] of probabilities
// of the last rows, which end at the last column.
double recall(std::span<const float> mass, std::int64_t rows, std::int64_t columns,
              const VerticalSlash& pattern);

// The same of the first `sink` columns with a window, and of the `want` best blocks of keys for
// each block of queries: `scores` as choose_pattern takes them.
double a_shape_recall(std::span<const float> mass, std::int64_t rows, std::int64_t columns,
                      std::int64_t sink, std::int64_t window);
double block_sparse_recall(std::span<const float> mass, std::int64_t rows, std::int64_t columns,
                           std::span<const float> scores, std::int64_t block, std::int64_t want);

enum class HeadPattern : std::uint8_t { AShape, VerticalSlash, BlockSparse };

struct PatternBudget {
  std::int64_t sink = 1024, window = 4096;  // A-shape
  VerticalSlashBudget vertical_slash;
  std::int64_t block = 64, blocks = 100;  // block-sparse
};

struct HeadChoice {
  HeadPattern pattern = HeadPattern::VerticalSlash;
  double a_shape = 0, vertical_slash = 0, block_sparse = 0;  // recalls on the sample
};

// The pattern that keeps the most of a head's attention on a sample (ties: the cheaper one, in the
// order of HeadPattern). `mass` as for recall(); `scores` of the pooled blocks of the last rows,
// one row a block of queries.
runtime::Result<HeadChoice> choose_pattern(std::span<const float> mass, std::int64_t rows,
                                           std::int64_t columns, std::span<const float> scores,
                                           const PatternBudget& budget);

}  // namespace bitloom::kernels
