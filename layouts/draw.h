// Pictures of layouts, for `bitloom layout`, for documentation and for messages.
//
// The text form is a table with one cell an element: t3:r1 is register 1 of thread 3, and an
// element that several threads hold names all of them. Lines part the blocks of the slowest factor
// of each dimension, which for a product is the left factor's grid. Tiles of three and more
// dimensions are drawn as slices. A shared layout shows the bank of each 4-byte word.
//
//   spatial(2, 2) * local(1, 2)
//
//     t0:r0 t0:r1 | t1:r0 t1:r1
//     t2:r0 t2:r1 | t3:r0 t3:r1
//
// The SVG form is the same grid with a colour for each thread (or bank) and the numbers of rows and
// columns.
#pragma once

#include <optional>
#include <string>

#include "layouts/register_layout.h"
#include "layouts/shared_layout.h"

namespace bitloom::layouts {

struct DrawOptions {
  // Extents of the blocks between lines; empty means the choice described above.
  Shape box = {};
  // What goes beyond is left out, and a line says so.
  std::int64_t max_rows = 128;
  std::int64_t max_columns = 128;
  // Bytes of shared memory in one cell.
  int cell_bytes = 4;
};

// Every line ends in a newline.
[[nodiscard]] std::string draw_text(const RegisterLayout& layout, const DrawOptions& options = {});
[[nodiscard]] std::string draw_text(const SharedLayout& layout, const DrawOptions& options = {});

// A whole SVG document.
[[nodiscard]] std::string draw_svg(const RegisterLayout& layout, const DrawOptions& options = {});
[[nodiscard]] std::string draw_svg(const SharedLayout& layout, const DrawOptions& options = {});

}  // namespace bitloom::layouts
