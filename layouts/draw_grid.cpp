// Grids as text and as SVG.
#include "layouts/draw_grid.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace bitloom::layouts {

namespace {

bool box_begins(std::int64_t at, std::int64_t box) {
  return at > 0 && box > 0 && at % box == 0;
}

std::string left_out(const Grid& grid) {
  if (grid.rows == grid.all_rows && grid.columns == grid.all_columns) return {};
  return fmt::format("({} x {} of {} x {} shown)", grid.rows, grid.columns, grid.all_rows,
                     grid.all_columns);
}

std::string text_of(const Grid& grid) {
  std::vector<std::string> labels;
  std::size_t width = 1;
  for (const GridCell& cell : grid.cells) {
    labels.push_back(fmt::format("{}", fmt::join(cell.owners, ",")));
    width = std::max(width, labels.back().size());
  }
  std::string text = grid.title.empty() ? "" : grid.title + "\n";
  for (std::int64_t row = 0; row < grid.rows; ++row) {
    std::string line, rule;
    for (std::int64_t column = 0; column < grid.columns; ++column) {
      const bool bar = box_begins(column, grid.box_columns);
      if (column > 0) line += bar ? " | " : " ";
      if (column > 0) rule += bar ? "-+-" : "-";
      line += fmt::format("{:<{}}", labels[static_cast<std::size_t>(row * grid.columns + column)],
                          width);
      rule += std::string(width, '-');
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    if (box_begins(row, grid.box_rows)) text += rule + "\n";
    text += line + "\n";
  }
  const std::string note = left_out(grid);
  return note.empty() ? text : text + note + "\n";
}

// Pale colours far apart for neighbouring numbers: hues step by the golden angle.
std::string colour(std::int64_t number) {
  const double hue = std::fmod(static_cast<double>(number) * 137.50776405, 360.0) / 60.0;
  const double lightness = 0.84 - 0.06 * static_cast<double>(number / 8 % 3);
  const double chroma = (1.0 - std::abs(2.0 * lightness - 1.0)) * 0.75;
  const double second = chroma * (1.0 - std::abs(std::fmod(hue, 2.0) - 1.0));
  const double base = lightness - chroma / 2.0;
  std::array<double, 3> rgb{};
  const std::array<std::array<double, 3>, 6> sextants{{{chroma, second, 0},
                                                       {second, chroma, 0},
                                                       {0, chroma, second},
                                                       {0, second, chroma},
                                                       {second, 0, chroma},
                                                       {chroma, 0, second}}};
  rgb = sextants[static_cast<std::size_t>(hue) % 6];
  const auto byte = [base](double part) { return std::lround((part + base) * 255.0); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(rgb[0]), byte(rgb[1]), byte(rgb[2]));
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '<')
      result += "&lt;";
    else if (c == '>')
      result += "&gt;";
    else if (c == '&')
      result += "&amp;";
    else
      result += c;
  }
  return result;
}

constexpr std::int64_t kHeight = 26, kMargin = 14, kHeader = 24, kLetter = 7;

// Two owners have room in a cell; of more the last says how many there are.
std::string short_label(const GridCell& cell) {
  if (cell.owners.size() <= 2) return fmt::format("{}", fmt::join(cell.owners, ","));
  return fmt::format("{} +{}", cell.owners.front(), cell.owners.size() - 1);
}

class SvgWriter {
 public:
  explicit SvgWriter(const std::vector<Grid>& grids) {
    std::size_t letters = 2;
    for (const Grid& grid : grids)
      for (const GridCell& cell : grid.cells) letters = std::max(letters, short_label(cell).size());
    width_ = static_cast<std::int64_t>(letters) * kLetter + 10;
  }

  // Draws one grid with its top at `top`; returns where the next may begin.
  std::int64_t draw(const Grid& grid, std::int64_t top) {
    const std::int64_t left = kMargin + 30;
    if (!grid.title.empty()) text(kMargin, top + 12, "start", "title", grid.title);
    top += grid.title.empty() ? 0 : 20;
    for (std::int64_t column = 0; column < grid.columns; ++column)
      text(left + column * width_ + width_ / 2, top + 14, "middle", "head",
           fmt::format("{}", column * grid.column_step));
    top += kHeader;
    for (std::int64_t row = 0; row < grid.rows; ++row) {
      const std::int64_t y = top + row * kHeight;
      text(left - 8, y + kHeight / 2 + 4, "end", "head", fmt::format("{}", row));
      for (std::int64_t column = 0; column < grid.columns; ++column) {
        const std::int64_t x = left + column * width_;
        const GridCell& cell = grid.at(row, column);
        fmt::format_to(std::back_inserter(body_),
                       "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n", x, y,
                       width_, kHeight, colour(cell.colour));
        text(x + width_ / 2, y + kHeight / 2 + 4, "middle", "cell", short_label(cell));
      }
    }
    lines(grid, left, top);
    const std::int64_t bottom = top + grid.rows * kHeight;
    reach_ = std::max(reach_, left + grid.columns * width_ + kMargin);
    const std::string note = left_out(grid);
    if (!note.empty()) text(left, bottom + 16, "start", "head", note);
    return bottom + kMargin + (note.empty() ? 0 : 14);
  }

  void text(std::int64_t x, std::int64_t y, std::string_view anchor, std::string_view style,
            const std::string& label) {
    fmt::format_to(std::back_inserter(body_),
                   "<text x=\"{}\" y=\"{}\" text-anchor=\"{}\" class=\"{}\">{}</text>\n", x, y,
                   anchor, style, escaped(label));
    if (anchor == "start")
      reach_ = std::max(reach_, x + static_cast<std::int64_t>(label.size()) * 9 + kMargin);
  }

  [[nodiscard]] std::string document(std::int64_t height) const {
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
        "{1}\">\n"
        "<style>\n"
        "text {{ font-family: monospace; fill: #1a1a1a; }}\n"
        ".title {{ font-size: 14px; font-weight: bold; }}\n"
        ".head {{ font-size: 11px; fill: #666666; }}\n"
        ".cell {{ font-size: 11px; }}\n"
        "</style>\n"
        "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n"
        "{2}</svg>\n",
        reach_, height, body_);
  }

 private:
  void lines(const Grid& grid, std::int64_t left, std::int64_t top) {
    const std::int64_t right = left + grid.columns * width_, bottom = top + grid.rows * kHeight;
    const auto line = [&](std::int64_t x1, std::int64_t y1, std::int64_t x2, std::int64_t y2,
                          bool thick) {
      fmt::format_to(std::back_inserter(body_),
                     "<path d=\"M{} {}L{} {}\" stroke=\"{}\" stroke-width=\"{}\"/>\n", x1, y1, x2,
                     y2, thick ? "#222222" : "#ffffff", thick ? 2 : 1);
    };
    // Thin lines first, so that no thick one is broken.
    for (const bool thick : {false, true}) {
      for (std::int64_t row = 0; row <= grid.rows; ++row)
        if ((row == 0 || row == grid.rows || box_begins(row, grid.box_rows)) == thick)
          line(left, top + row * kHeight, right, top + row * kHeight, thick);
      for (std::int64_t column = 0; column <= grid.columns; ++column)
        if ((column == 0 || column == grid.columns || box_begins(column, grid.box_columns)) ==
            thick)
          line(left + column * width_, top, left + column * width_, bottom, thick);
    }
  }

  std::string body_;
  std::int64_t width_ = 0;
  std::int64_t reach_ = 0;
};

}  // namespace

std::string to_text(const std::vector<Grid>& grids) {
  std::string text;
  for (const Grid& grid : grids) {
    if (!text.empty()) text += '\n';
    text += text_of(grid);
  }
  return text;
}

std::string to_svg(const std::vector<Grid>& grids, const std::string& caption) {
  SvgWriter writer(grids);
  std::int64_t top = kMargin;
  writer.text(kMargin, top + 12, "start", "title", caption);
  top += 24;
  for (const Grid& grid : grids) top = writer.draw(grid, top);
  return writer.document(top);
}

}  // namespace bitloom::layouts
