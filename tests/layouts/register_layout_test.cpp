#include "layouts/register_layout.h"

#include <gtest/gtest.h>

#include <set>

namespace bitloom::layouts {
namespace {

RegisterLayout parsed(std::string_view text) {
  const auto layout = parse_register_layout(text);
  EXPECT_TRUE(layout) << text << ": " << layout.error().message;
  return layout.value_or(RegisterLayout());
}

TEST(RegisterLayout, ProductReplacesEveryElementByTheRightTile) {
  const auto layout = spatial(2, 2) * local(1, 2);
  EXPECT_EQ(layout.shape(), (Shape{2, 4}));
  EXPECT_EQ(layout.threads(), 4);
  EXPECT_EQ(layout.registers(), 2);
  EXPECT_EQ(layout.element(/*thread=*/3, /*reg=*/1), (Index{1, 3}));
  EXPECT_EQ(layout.thread_and_register({0, 2}), (Owner{1, 0}));
}

TEST(RegisterLayout, TheDefaultIsOneElementHeldByOneThread) {
  const RegisterLayout scalar;
  EXPECT_EQ(scalar.rank(), 0);
  EXPECT_EQ(scalar.threads(), 1);
  EXPECT_EQ(scalar.registers(), 1);
  EXPECT_EQ(scalar, local());
  EXPECT_EQ(scalar * spatial(2, 3), spatial(2, 3));
  EXPECT_EQ(spatial(2, 3) * scalar, spatial(2, 3));
}

TEST(RegisterLayout, EqualFunctionsHaveOneForm) {
  EXPECT_EQ(local(2, 1) * local(1, 4), local(2, 4));
  EXPECT_EQ(spatial(1, 4) * spatial(4, 1), column_spatial(4, 4));
  EXPECT_EQ(spatial(4) * spatial(8), spatial(32));
  EXPECT_EQ(spatial(2, 1) * local(1, 4), local(1, 4) * spatial(2, 1));
  EXPECT_EQ(replicated(2) * replicated(3), replicated(6));
  EXPECT_FALSE(spatial(2, 2) == column_spatial(2, 2));
  EXPECT_FALSE(local(4) == local(4, 1));
  EXPECT_EQ((spatial(4) * spatial(8)).hash(), spatial(32).hash());
  EXPECT_EQ(spatial(32).thread_digits().size(), 1u);
}

TEST(RegisterLayout, ReplicatedThreadsHoldTheSame) {
  const auto layout = spatial(2, 1) * replicated(2) * local(1, 2);
  EXPECT_EQ(layout.threads(), 4);
  EXPECT_EQ(layout.replication(), 2);
  EXPECT_FALSE(layout.is_unique());
  EXPECT_EQ(layout.owners({1, 1}), (std::vector<Owner>{{2, 1}, {3, 1}}));
  EXPECT_EQ(layout.thread_and_register({1, 1}), (Owner{2, 1}));
  EXPECT_EQ(layout.element(3, 0), layout.element(2, 0));
}

TEST(RegisterLayout, QuotientAndLeftQuotient) {
  const auto a = local(2, 1), b = spatial(8, 4) * local(1, 2);
  EXPECT_EQ((a * b) / b, a);
  EXPECT_EQ((a * b).left_quotient(a), b);
  EXPECT_EQ(spatial(32) / spatial(8), spatial(4));
  EXPECT_EQ(spatial(4, 8) / spatial(1, 3), std::nullopt);
  EXPECT_EQ(spatial(4, 8) / spatial(2, 2), std::nullopt);  // threads 0..3 lie in one row
  EXPECT_EQ(spatial(4, 8) / local(2, 2), std::nullopt);
  EXPECT_EQ((replicated(4) * local(2)) / local(2), replicated(4) * local(1));
}

TEST(RegisterLayout, ReduceLeavesThreadsReplicated) {
  const auto layout = spatial(2, 4) * local(3, 5);
  const auto kept = layout.reduce(1);
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, spatial(2, 1) * replicated(4) * local(3, 1));
  EXPECT_EQ(*layout.reduce(1, false), spatial(2) * replicated(4) * local(3));
  EXPECT_EQ(*layout.reduce(std::vector<int>{0, 1}, false), replicated(8));
  EXPECT_EQ(layout.reduce(2).error().message,
            "there is no dimension 2 in a layout of shape [6, 20]");
}

TEST(RegisterLayout, PermuteAndReshape) {
  EXPECT_EQ(*spatial(2, 3).permute({1, 0}), column_spatial(3, 2));
  EXPECT_EQ(*spatial(32).reshape({8, 4}), spatial(8, 4));
  EXPECT_EQ(*spatial(2, 3, 4).reshape({24}), spatial(24));
  EXPECT_EQ(*(spatial(8, 4) * local(1, 2)).reshape({64}), spatial(32) * local(2));
  EXPECT_EQ(*spatial(6).expand_dims(1), spatial(6, 1));
  EXPECT_EQ(*spatial(6, 1).squeeze(1), spatial(6));
  EXPECT_EQ(spatial(2, 3).permute({0, 0}).error().message, "permute names dimension 0 twice");
  EXPECT_FALSE((spatial(2) * local(3)).reshape({3, 2}));
  EXPECT_FALSE(spatial(2, 3).reshape({5}));
  EXPECT_FALSE(spatial(2, 3).squeeze(0));
  EXPECT_FALSE(spatial(2, 3).expand_dims(3));
}

TEST(RegisterLayout, ConcatJoinsRepetitionsOfOneTile) {
  const auto tile = spatial(8, 4) * local(1, 2);
  const auto joined = tile.concat(local(2, 1) * tile, 0);
  ASSERT_TRUE(joined) << joined.error().message;
  EXPECT_EQ(*joined, local(3, 1) * tile);
  EXPECT_EQ(*(local(4, 1) * tile).concat(local(6, 1) * tile, 0), local(10, 1) * tile);
  EXPECT_FALSE(tile.concat(spatial(8, 8), 0));
  EXPECT_FALSE(tile.concat(local(1, 2) * tile, 0));
  EXPECT_FALSE(tile.concat(tile, 2));
  EXPECT_FALSE(tile.concat(local(8), 1));
}

TEST(RegisterLayout, TheTableHoldsEveryElementByRegisterThenThread) {
  const auto layout = column_local(2, 2) * spatial(2, 2);
  const auto table = layout.table();
  ASSERT_EQ(table.size(), 16u);
  for (int r = 0; r < 4; ++r)
    for (int t = 0; t < 4; ++t) EXPECT_EQ(table[r * 4 + t], layout.linear_element(t, r));
}

TEST(RegisterLayout, ContiguousRegistersAreTheFastestDigit) {
  EXPECT_EQ((spatial(8, 4) * local(2, 4)).contiguous_registers(1), 4);
  EXPECT_EQ((spatial(8, 4) * local(2, 4)).contiguous_registers(0), 1);
  EXPECT_EQ((spatial(8, 4) * column_local(2, 4)).contiguous_registers(0), 2);
  EXPECT_EQ((local(1, 4) * spatial(1, 8)).contiguous_registers(1), 1);
  EXPECT_EQ(spatial(8).contiguous_registers(0), 1);
}

TEST(RegisterLayout, PrintsAProductOfAtoms) {
  EXPECT_EQ(RegisterLayout().to_string(), "local()");
  EXPECT_EQ(local(1, 1).to_string(), "local(1, 1)");
  EXPECT_EQ(replicated(4).to_string(), "replicated(4)");
  EXPECT_EQ((local(1) * replicated(4)).to_string(), "local(1) * replicated(4)");
  EXPECT_EQ(parsed("mma.c.m16n8").to_string(), "local(2, 1) * spatial(8, 4) * local(1, 2)");
  EXPECT_EQ(parsed("mma.a.m16n8k16").to_string(),
            "column_local(2, 2) * spatial(8, 4) * local(1, 2)");
  EXPECT_EQ(parsed("mma.b.m16n8k16").to_string(),
            "local(2, 1) * column_spatial(4, 8) * local(2, 1)");
}

TEST(RegisterLayout, PrintsWhatIsNoProductThroughReshape) {
  const auto swapped = *spatial(2, 3).permute({1, 0})->reshape({6});
  EXPECT_EQ(swapped.to_string(), "(spatial(2, 3)).permute(1, 0).reshape(6)");
  EXPECT_EQ(parsed(swapped.to_string()), swapped);
  const auto shared =
      parsed("(spatial(2, 3) * replicated(2) * spatial(2, 1)).permute(1, 0).reshape(12)");
  EXPECT_EQ(parsed(shared.to_string()), shared);
}

TEST(RegisterLayout, ParsesExpressions) {
  EXPECT_EQ(parsed("spatial(8,4)*local(1,2)"), spatial(8, 4) * local(1, 2));
  EXPECT_EQ(parsed("local(2,1) * column_spatial(4,8) / column_spatial(4,1)"),
            local(2, 1) * spatial(1, 8));
  EXPECT_EQ(parsed(" ( spatial(2, 2) * local(1, 2) ).permute(1, 0) "),
            column_spatial(2, 2) * local(2, 1));
  EXPECT_EQ(parsed("mma.a.m16n8k16.permute(1, 0)"), *parsed("mma.a.m16n8k16").permute({1, 0}));
  EXPECT_EQ(parsed("spatial(4) * (local(2) * spatial(2)).reduce(0)"), spatial(4) * replicated(2));
  EXPECT_EQ(parsed("replicated(4) * spatial(2, 2)").threads(), 16);
}

TEST(RegisterLayout, ParseErrorsSayWhere) {
  const auto error = [](std::string_view text) {
    const auto layout = parse_register_layout(text);
    EXPECT_FALSE(layout) << text;
    return layout ? std::string("parsed")
                  : std::to_string(layout.error().offset) + ": " + layout.error().message;
  };
  EXPECT_EQ(error(""), "0: expected a layout such as spatial(8, 4) before the end");
  EXPECT_EQ(error("spatial(8, 4"), "12: expected ',' or ')' before the end");
  EXPECT_EQ(error("spatial(8, x)"), "11: expected an integer, found 'x'");
  EXPECT_EQ(error("spatial(8) local(2)"), "11: expected '*', '/' or the end, found 'l'");
  EXPECT_EQ(error("spatial(0)"), "0: spatial: extents are positive, and 0 is not");
  EXPECT_EQ(error("spatial(4) * spacial(4)"),
            "13: 'spacial' is no layout constructor; there are local, spatial, column_local, "
            "column_spatial and replicated");
  EXPECT_EQ(
      error("spatial(4) * local(2, 2)"),
      "11: the factors spatial(4) and local(2, 2) have 1 and 2 dimensions; write a 1 for each "
      "dimension that is missing");
  EXPECT_EQ(error("spatial(4, 8) / local(2, 2)"),
            "14: spatial(4, 8) does not consist of whole tiles local(2, 2)");
  EXPECT_EQ(error("spatial(4, 8).permute(0, 2)"),
            "14: there is no dimension 2 in a layout of shape [4, 8]");
  EXPECT_EQ(error("spatial(4, 8).transpose()"),
            "14: 'transpose' is no method of a layout; there are permute, reshape, reduce, squeeze "
            "and expand_dims");
  EXPECT_EQ(error("spatial(40000, 40000)"), "0: spatial: more than 1073741824 elements");
  EXPECT_EQ(error("spatial(40000) * local(40000)"),
            "15: the product has more than 1073741824 elements");
  EXPECT_EQ(error("local(99999999999999999999)"), "6: this number is too large");
  EXPECT_EQ(error("replicated(2, 2)"), "0: replicated takes one number of threads, not 2");
  EXPECT_EQ(error("mma.a.m16n8k17").substr(0, 33), "0: 'mma.a.m16n8k17' names no frag");
  EXPECT_EQ(error(std::string(500, '(')), "101: parentheses are nested too deeply");
  EXPECT_EQ(error("local(2).reshape(-1)"), "9: reshape: -1 is no extent that fits");
}

}  // namespace
}  // namespace bitloom::layouts
