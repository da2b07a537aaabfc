// The tables of docs/layouts.md and of the essay in layouts/register_layout.h are what draw_text
// draws.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "layouts/draw.h"
#include "tests/support/places.h"

namespace bitloom::layouts {
namespace {

using Lines = std::vector<std::string>;

Lines read_lines(const std::string& file) {
  std::ifstream in(std::string(BITLOOM_SOURCE_DIR) + "/" + file);
  EXPECT_TRUE(in) << file;
  Lines lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

RegisterLayout parsed(const std::string& text) {
  const auto layout = parse_register_layout(text);
  EXPECT_TRUE(layout) << text << ": " << (layout ? "" : layout.error().message);
  return layout.value_or(RegisterLayout());
}

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// One block: "EXPR == EXPR", "EXPR" and "error: …", or "EXPR", an empty line and its table.
void check_block(const Lines& block) {
  ASSERT_FALSE(block.empty());
  const std::string& head = block[0];
  if (const auto equals = head.find(" == "); equals != std::string::npos) {
    EXPECT_EQ(parsed(head.substr(0, equals)), parsed(head.substr(equals + 4))) << head;
    EXPECT_EQ(block.size(), 1u);
    return;
  }
  ASSERT_GT(block.size(), 1u) << head << ": nothing to compare with";
  if (block[1].starts_with("error: ")) {
    const auto layout = parse_register_layout(head);
    ASSERT_FALSE(layout) << head;
    EXPECT_EQ("error: " + layout.error().message, block[1]);
    return;
  }
  std::string table;
  for (std::size_t i = 2; i < block.size(); ++i) table += block[i] + "\n";
  EXPECT_EQ(draw_text(parsed(head)), table) << head;
}

TEST(Documentation, EveryBlockOfThePageHolds) {
  Lines block;
  bool inside = false;
  int blocks = 0;
  for (const std::string& line : read_lines("docs/layouts.md")) {
    if (line == "```layout") {
      inside = true;
      block.clear();
    } else if (line == "```" && inside) {
      inside = false;
      ++blocks;
      check_block(block);
    } else if (inside) {
      block.push_back(line);
    }
  }
  EXPECT_GE(blocks, 20);
}

// Tables stand side by side, each below its expression, so the columns at which the expressions
// begin cut the lines.
std::vector<std::size_t> column_starts(const std::string& line) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] != ' ' && (i < 4 || line.substr(i - 4, 4) == "    ")) starts.push_back(i);
  return starts;
}

TEST(Documentation, EveryTableOfTheEssayHolds) {
  Lines essay;
  for (const std::string& line : read_lines("layouts/register_layout.h")) {
    if (!line.starts_with("//")) break;
    essay.push_back(line.substr(2));
  }
  int tables = 0;
  for (std::size_t i = 2; i + 2 < essay.size(); ++i) {
    // Indented by five columns, above an empty line and a cell.
    const bool heads_a_table = essay[i].starts_with("     ") && essay[i - 1].empty() &&
                               essay[i + 1].empty() && trimmed(essay[i + 2]).starts_with("t0:r0");
    if (!heads_a_table) continue;
    const auto starts = column_starts(essay[i]);
    for (std::size_t c = 0; c < starts.size(); ++c) {
      const std::size_t width =
          c + 1 < starts.size() ? starts[c + 1] - starts[c] : std::string::npos;
      std::string table;
      for (std::size_t j = i + 2; j < essay.size() && !essay[j].empty(); ++j) {
        const std::string row =
            essay[j].size() > starts[c] ? trimmed(essay[j].substr(starts[c], width)) : "";
        if (!row.empty()) table += row + "\n";
      }
      const std::string expression = trimmed(essay[i].substr(starts[c], width));
      EXPECT_EQ(draw_text(parsed(expression)), table) << expression;
      ++tables;
    }
  }
  EXPECT_EQ(tables, 9);
}

}  // namespace
}  // namespace bitloom::layouts
