// A grid of labelled cells: the form between layouts and their pictures. Only draw*.cpp include
// this.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bitloom::layouts {

struct GridCell {
  std::vector<std::string> owners;  // "t3:r1"; one cell may have several
  std::int64_t colour = 0;          // equal numbers get equal colours
};

// One two-dimensional slice of a tile.
struct Grid {
  std::string title;  // "[1, :, :]" of a slice, else empty
  std::int64_t rows = 0, columns = 0;
  std::int64_t all_rows = 0, all_columns = 0;  // before anything was left out
  std::int64_t box_rows = 0, box_columns = 0;  // lines stand between blocks of this size
  std::int64_t column_step = 1;                // elements in one cell
  std::vector<GridCell> cells;                 // row-major

  [[nodiscard]] const GridCell& at(std::int64_t row, std::int64_t column) const {
    return cells[static_cast<std::size_t>(row * columns + column)];
  }
};

[[nodiscard]] std::string to_text(const std::vector<Grid>& grids);
[[nodiscard]] std::string to_svg(const std::vector<Grid>& grids, const std::string& caption);

}  // namespace bitloom::layouts
