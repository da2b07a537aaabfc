#include "layouts/draw.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "layouts/fragments.h"

namespace bitloom::layouts {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Draw, LinesPartTheBlocksOfTheLeftFactor) {
  EXPECT_EQ(draw_text(spatial(2, 2) * local(2, 2)),
            "t0:r0 t0:r1 | t1:r0 t1:r1\n"
            "t0:r2 t0:r3 | t1:r2 t1:r3\n"
            "------------+------------\n"
            "t2:r0 t2:r1 | t3:r0 t3:r1\n"
            "t2:r2 t2:r3 | t3:r2 t3:r3\n");
  EXPECT_EQ(draw_text(spatial(2, 2), {.box = {1, 2}}),
            "t0:r0 t1:r0\n"
            "-----------\n"
            "t2:r0 t3:r0\n");
}

TEST(Draw, CellsAreAsWideAsTheWidest) {
  EXPECT_EQ(
      draw_text(local(12)),
      "t0:r0  t0:r1  t0:r2  t0:r3  t0:r4  t0:r5  t0:r6  t0:r7  t0:r8  t0:r9  t0:r10 t0:r11\n");
}

TEST(Draw, SharedElementsNameEveryOwner) {
  EXPECT_EQ(draw_text(replicated(3) * local(1, 2)), "t0:r0,t1:r0,t2:r0 t0:r1,t1:r1,t2:r1\n");
}

TEST(Draw, EveryRankHasAPicture) {
  EXPECT_EQ(draw_text(RegisterLayout()), "t0:r0\n");
  EXPECT_EQ(draw_text(spatial(3)), "t0:r0 t1:r0 t2:r0\n");
  EXPECT_EQ(draw_text(local(2, 1, 1, 2)),
            "[0, 0, :, :]\nt0:r0 t0:r1\n\n[1, 0, :, :]\nt0:r2 t0:r3\n");
}

TEST(Draw, SaysWhatItLeavesOut) {
  EXPECT_EQ(draw_text(local(3, 4), {.max_rows = 1, .max_columns = 2}),
            "t0:r0 t0:r1\n(1 x 2 of 3 x 4 shown)\n");
}

TEST(Draw, SharedLayoutsShowBanks) {
  const auto tile = SharedLayout::row_major({2, 64}, 16, kSwizzle128);
  EXPECT_EQ(draw_text(tile, {.cell_bytes = 16}),
            "0  4  8  12 16 20 24 28\n4  0  12 8  20 16 28 24\n");
  EXPECT_EQ(draw_text(SharedLayout::padded({2, 4}, 32, 1)), "0 1 2 3\n5 6 7 8\n");
  EXPECT_EQ(draw_text(SharedLayout::column_major({2, 4}, 16)), "0 1 2 3\n0 1 2 3\n");
  EXPECT_EQ(draw_text(*SharedLayout::boxed({1, 16}, 32, 32)),
            "0  1  2  3  4  5  6  7  | 8  9  10 11 12 13 14 15\n");
}

TEST(Draw, SvgHasACellForEveryElement) {
  const std::string svg = draw_svg(mma_a(16, 16));
  EXPECT_THAT(svg, StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(occurrences(svg, "class=\"cell\""), 256u);
  EXPECT_EQ(occurrences(svg, ">t0:r7</text>"), 1u);
  EXPECT_THAT(svg, HasSubstr("column_local(2, 2) * spatial(8, 4) * local(1, 2)</text>"));
  EXPECT_THAT(draw_svg(replicated(4) * local(1, 1)), HasSubstr(">t0:r0 +3</text>"));
  EXPECT_EQ(occurrences(draw_svg(SharedLayout::row_major({8, 64}, 16)), "class=\"cell\""), 256u);
}

}  // namespace
}  // namespace bitloom::layouts
