#include "kernels/attention/tile_lists.h"

#include <algorithm>

namespace bitloom::kernels {

std::vector<ColumnRange> merged(std::vector<ColumnRange> ranges) {
  std::erase_if(ranges, [](const ColumnRange& r) { return r.end <= r.begin; });
  std::sort(ranges.begin(), ranges.end(),
            [](const ColumnRange& a, const ColumnRange& b) { return a.begin < b.begin; });
  std::vector<ColumnRange> result;
  for (const ColumnRange& r : ranges) {
    if (!result.empty() && r.begin <= result.back().end)
      result.back().end = std::max(result.back().end, r.end);
    else
      result.push_back(r);
  }
  return result;
}

void TileLists::begin(std::int64_t head, const Sequence& sequence, std::int64_t block) {
  sequence_ = sequence;
  row_ = sequence.row + block * shape_.row_block;
  row_end_ = std::min(row_ + shape_.row_block, sequence.row + sequence.rows);
  const std::int64_t last = row_end_ - 1 + sequence.diagonal();
  visible_end_ = std::clamp(last + 1, sequence.column, sequence.column + sequence.columns);
  ranges_.clear();
  for (const std::int64_t word : {head, row_, sequence.row + sequence.rows, sequence.column,
                                  sequence.column + sequence.columns, sequence.diagonal()})
    place_.push_back(static_cast<std::int32_t>(word));
  dense_ += (visible_end_ - sequence.column + shape_.column_block - 1) / shape_.column_block;
}

void TileLists::add(std::int64_t column, TileMask mask) {
  list_.push_back(static_cast<std::int32_t>(column * 4 + static_cast<std::int64_t>(mask)));
}

std::int64_t TileLists::tile_begin(std::int64_t column) const {
  return shape_.aligned ? column - (column - sequence_.column) % shape_.column_block : column;
}

void TileLists::causal(ColumnRange range) {
  const std::int64_t begin = std::max(range.begin, sequence_.column),
                     end = std::min(range.end, visible_end_);
  if (begin < end) ranges_.push_back({tile_begin(begin), end});
}

void TileLists::whole(ColumnRange range) {
  const std::int64_t end = std::min(range.end, sequence_.column + sequence_.columns);
  for (std::int64_t c = tile_begin(std::max(range.begin, sequence_.column)); c < end;
       c += shape_.column_block)
    add(c, c + shape_.column_block <= end ? TileMask::None : TileMask::Tail);
}

void TileLists::window(std::int64_t window, std::int64_t sink) {
  const std::int64_t first = row_ + sequence_.diagonal();  // the first row's own column
  const std::int64_t sink_end = std::min(sequence_.column + sink, visible_end_);
  const std::int64_t begin = std::max(sequence_.column, first - window + 1);
  std::vector<ColumnRange> ranges =
      merged({{sequence_.column, sink_end}, {tile_begin(begin), visible_end_}});
  std::int64_t done = sequence_.column;
  for (const ColumnRange& r : ranges) {
    for (std::int64_t c = std::max(r.begin, done); c < r.end; c += shape_.column_block) {
      add(c, TileMask::Window);
      done = c + shape_.column_block;
    }
  }
}

void TileLists::single(std::span<const std::int64_t> columns) {
  ranges_ = merged(std::move(ranges_));
  // Tiles are whole: what they cover is a little more than the ranges.
  std::vector<ColumnRange> covered;
  std::int64_t done = 0;
  for (const ColumnRange& r : ranges_) {
    for (std::int64_t c = std::max(r.begin, done); c < r.end; c = done) {
      done = c + shape_.column_block;
      covered.push_back({c, done});
    }
  }
  for (const std::int64_t column : columns) {
    if (column < sequence_.column || column >= visible_end_) continue;
    const auto after =
        std::upper_bound(covered.begin(), covered.end(), column,
                         [](std::int64_t c, const ColumnRange& r) { return c < r.begin; });
    if (after != covered.begin() && column < std::prev(after)->end) continue;
    single_.push_back(static_cast<std::int32_t>(column));
  }
}

void TileLists::end() {
  const std::int64_t first = row_ + sequence_.diagonal();
  std::int64_t done = 0;
  for (const ColumnRange& r : merged(std::move(ranges_))) {
    for (std::int64_t c = std::max(r.begin, done); c < r.end; c = done) {
      done = c + shape_.column_block;
      add(c, done - 1 <= first && done <= visible_end_ ? TileMask::None : TileMask::Causal);
    }
  }
  ranges_.clear();
  first_.push_back(static_cast<std::int32_t>(list_.size()));
  single_first_.push_back(static_cast<std::int32_t>(single_.size()));
}

double TileLists::density() const {
  if (dense_ == 0) return 0;
  const double singles =
      static_cast<double>(single_.size()) / static_cast<double>(shape_.column_block);
  return (static_cast<double>(list_.size()) + singles) / static_cast<double>(dense_);
}

}  // namespace bitloom::kernels
