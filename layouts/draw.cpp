// From layouts to grids.
#include "layouts/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "layouts/draw_grid.h"

namespace bitloom::layouts {

namespace {

// Blocks of the slowest factor: what one step of the slowest digit of a dimension moves by, where
// it has faster ones.
Shape outer_box(const RegisterLayout& layout) {
  Shape box = layout.shape();
  const auto note = [&](std::span<const Digit> digits) {
    for (const Digit& digit : digits)
      if (!digit.is_replicated() && digit.stride > 1 &&
          digit.stride * digit.extent == layout.shape()[digit.dim])
        box[digit.dim] = digit.stride;
  };
  note(layout.thread_digits());
  note(layout.register_digits());
  return box;
}

Shape outer_box(const SharedLayout& layout) {
  Shape box = layout.shape();
  for (std::size_t d = 0; d < box.size(); ++d)
    if (layout.dims()[d].size() > 1) box[d] /= layout.dims()[d].front().extent;
  return box;
}

using CellOf = std::function<GridCell(const Index&)>;

// Cuts a tile into slices of its last two dimensions. `step` elements of the last one share a cell.
std::vector<Grid> slices(const Shape& shape, Shape box, std::int64_t step,
                         const DrawOptions& options, const CellOf& cell) {
  if (options.box.size() == shape.size()) box = options.box;
  const std::size_t rank = shape.size();
  const Shape outer(shape.begin(), rank > 2 ? shape.end() - 2 : shape.begin());
  std::vector<Grid> grids;
  for (std::int64_t number = 0; number < size(outer); ++number) {
    Grid grid;
    grid.all_rows = rank > 1 ? shape[rank - 2] : 1;
    grid.all_columns = rank > 0 ? shape[rank - 1] / step : 1;
    grid.rows = std::min(grid.all_rows, options.max_rows);
    grid.columns = std::min(grid.all_columns, options.max_columns);
    grid.box_rows = rank > 1 ? box[rank - 2] : 1;
    grid.box_columns = rank > 0 ? std::max<std::int64_t>(1, box[rank - 1] / step) : 1;
    grid.column_step = step;
    Index index = unlinear(number, outer);
    for (const std::int64_t at : index) grid.title += fmt::format("{}, ", at);
    if (rank > 2) grid.title = fmt::format("[{}:, :]", grid.title);
    index.resize(rank);
    for (std::int64_t row = 0; row < grid.rows; ++row) {
      for (std::int64_t column = 0; column < grid.columns; ++column) {
        if (rank > 1) index[rank - 2] = row;
        if (rank > 0) index[rank - 1] = column * step;
        grid.cells.push_back(cell(index));
      }
    }
    grids.push_back(std::move(grid));
  }
  return grids;
}

std::vector<Grid> grids(const RegisterLayout& layout, const DrawOptions& options) {
  return slices(layout.shape(), outer_box(layout), 1, options, [&](const Index& index) {
    GridCell cell;
    for (const Owner& owner : layout.owners(index))
      cell.owners.push_back(fmt::format("t{}:r{}", owner.thread, owner.reg));
    cell.colour = layout.thread_and_register(index).thread;
    return cell;
  });
}

// Elements that share a cell: as many as lie together in `cell_bytes`, everywhere in the tile.
std::int64_t elements_per_cell(const SharedLayout& layout, int cell_bytes) {
  const std::int64_t step = std::int64_t{8} * cell_bytes / layout.element_bits();
  if (layout.rank() == 0 || step < 2) return 1;
  const SharedLayout::Mode& fastest = layout.dims().back().back();
  const bool together = step * layout.element_bits() == 8 * cell_bytes && fastest.stride == 1 &&
                        fastest.extent % step == 0;
  return together ? step : 1;
}

std::vector<Grid> grids(const SharedLayout& layout, const DrawOptions& options) {
  return slices(layout.shape(), outer_box(layout), elements_per_cell(layout, options.cell_bytes),
                options, [&](const Index& index) {
                  const int bank = layout.bank(index);
                  return GridCell{{fmt::format("{}", bank)}, bank};
                });
}

std::string caption(const SharedLayout& layout) {
  return fmt::format("{}, {} bits: banks", layout.to_string(), layout.element_bits());
}

}  // namespace

std::string draw_text(const RegisterLayout& layout, const DrawOptions& options) {
  return to_text(grids(layout, options));
}
std::string draw_text(const SharedLayout& layout, const DrawOptions& options) {
  return to_text(grids(layout, options));
}
std::string draw_svg(const RegisterLayout& layout, const DrawOptions& options) {
  return to_svg(grids(layout, options), layout.to_string());
}
std::string draw_svg(const SharedLayout& layout, const DrawOptions& options) {
  return to_svg(grids(layout, options), caption(layout));
}

}  // namespace bitloom::layouts
