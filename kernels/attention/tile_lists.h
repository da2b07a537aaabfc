// Which tiles of keys each block of queries attends to: the lists that attention_tiles.bl and
// attention.bl walk.
//
//   TileLists lists({.row_block = 64, .column_block = 64});
//   lists.begin(head, sequence, block);      // a work item: one head, one block of query rows of
//   one sequence lists.causal(first_column, end_column);  // tiles, masks chosen so that no column
//   stands in two of them … lists.place(), lists.first(), lists.list(), …   // what the kernels
//   take
//
// A sequence is a run of rows of q and a run of columns of k; its last row sees its last column.
// What a builder adds to an item is clipped to what some row of the block may see, so it may be as
// generous as it likes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace bitloom::kernels {

// Values of `entry % 4`; attention_tiles.bl says what they mask.
enum class TileMask : std::int32_t { None = 0, Causal = 1, Tail = 2, Window = 3 };

struct Sequence {
  std::int64_t row = 0, rows = 0;        // in q
  std::int64_t column = 0, columns = 0;  // in k
  // Row r has the position of column r + diagonal().
  std::int64_t diagonal() const { return column + columns - rows - row; }
};

struct TileShape {
  std::int64_t row_block = 64, column_block = 64;
  // Tiles begin at multiples of column_block from the first column of their sequence, as pages of a
  // cache do; a range takes every tile that it touches.
  bool aligned = false;
};

// Columns begin … end − 1 of k.
struct ColumnRange {
  std::int64_t begin = 0, end = 0;
  friend bool operator==(const ColumnRange&, const ColumnRange&) = default;
};

class TileLists {
 public:
  explicit TileLists(TileShape shape) : shape_(shape), first_{0}, single_first_{0} {}

  // The item of rows block · row_block … of the sequence.
  void begin(std::int64_t head, const Sequence& sequence, std::int64_t block);
  // Columns of a range, up to each row's diagonal.
  void causal(ColumnRange range);
  // Up to the end of the sequence, whatever the row.
  void whole(ColumnRange range);
  // The last `window` columns before each row and the first `sink` of the sequence, as the scalars
  // of the kernel say it.
  void window(std::int64_t window, std::int64_t sink);
  // Columns one by one, up to each row's diagonal; those that stand in a range of the item already
  // are left out.
  void single(std::span<const std::int64_t> columns);
  void end();

  // Blocks of query rows in a sequence.
  std::int64_t blocks(const Sequence& sequence) const {
    return (sequence.rows + shape_.row_block - 1) / shape_.row_block;
  }
  // Columns of the sequence that the last row of the item sees end here.
  std::int64_t visible_end() const { return visible_end_; }
  // The column of the item's first row itself; before the sequence where it has no history.
  std::int64_t first_own() const { return row_ + sequence_.diagonal(); }

  const std::vector<std::int32_t>& place() const { return place_; }  // [items, 6]
  const std::vector<std::int32_t>& first() const { return first_; }
  const std::vector<std::int32_t>& list() const { return list_; }
  const std::vector<std::int32_t>& single_first() const { return single_first_; }
  const std::vector<std::int32_t>& singles() const { return single_; }
  std::int64_t items() const { return static_cast<std::int64_t>(first_.size()) - 1; }

  // Tiles and single columns, in tiles, of what the same items have when every one is
  // causal(everything).
  double density() const;

 private:
  void add(std::int64_t column, TileMask mask);
  // Where the tile with this column begins: the column itself where tiles are not aligned.
  std::int64_t tile_begin(std::int64_t column) const;

  TileShape shape_;
  std::vector<std::int32_t> place_, first_, list_, single_first_, single_;
  std::vector<ColumnRange> ranges_;  // of the item, as they were given
  Sequence sequence_;
  std::int64_t row_ = 0, row_end_ = 0, visible_end_ = 0;
  std::int64_t dense_ = 0;
};

// Sorted, without overlaps or empty ranges; neighbours become one.
std::vector<ColumnRange> merged(std::vector<ColumnRange> ranges);

}  // namespace bitloom::kernels
