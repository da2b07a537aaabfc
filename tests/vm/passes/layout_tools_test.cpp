#include "vm/passes/layout_tools.h"

#include <gtest/gtest.h>

#include "layouts/fragments.h"

namespace bitloom::vm {
namespace {

using layouts::local;
using layouts::replicated;
using layouts::spatial;

TEST(CoalescedLayout, GivesNeighboursNeighbouringVectors) {
  EXPECT_EQ(coalesced_layout({1024}, 32, 256), spatial(256) * local(4));
  EXPECT_EQ(coalesced_layout({64, 128}, 16, 128), local(8, 1) * spatial(8, 16) * local(1, 8));
}

TEST(CoalescedLayout, ShortensVectorsToEmployMoreThreads) {
  EXPECT_EQ(coalesced_layout({256}, 32, 256), spatial(256));
  EXPECT_EQ(coalesced_layout({512}, 16, 256), spatial(256) * local(2));
}

TEST(CoalescedLayout, CopiesWhenThereAreMoreThreadsThanElements) {
  const RegisterLayout layout = coalesced_layout({1}, 32, 128);
  EXPECT_EQ(layout.threads(), 128);
  EXPECT_EQ(layout.replication(), 128);
}

TEST(CoalescedLayout, CoversTilesThatAreNoPowersOfTwo) {
  for (const Shape& shape : {Shape{100}, Shape{3, 5, 7}, Shape{96, 80}, Shape{17, 2}}) {
    for (const int bits : {1, 3, 4, 8, 16, 32, 64}) {
      const RegisterLayout layout = coalesced_layout(shape, bits, 96);
      EXPECT_EQ(layout.shape(), shape);
      EXPECT_EQ(layout.threads(), 96);
    }
  }
}

TEST(SliceLayout, DropsTheRegistersOfOtherParts) {
  const RegisterLayout whole = local(2, 4) * layouts::mma_a(16, 16);
  EXPECT_EQ(slice_layout(whole, 1, 16, 16), local(2, 1) * layouts::mma_a(16, 16));
  EXPECT_EQ(slice_layout(whole, 1, 32, 32), local(2, 2) * layouts::mma_a(16, 16));
}

TEST(SliceLayout, RefusesWhatOtherThreadsHold) {
  EXPECT_EQ(slice_layout(spatial(4, 8), 1, 0, 4), std::nullopt);
}

TEST(SliceLayout, CutsAWholeLocalDimensionAnywhere) {
  EXPECT_EQ(slice_layout(spatial(32, 1) * local(1, 7), 1, 2, 3), spatial(32, 1) * local(1, 3));
}

TEST(UnsliceLayout, IsUndoneBySlicing) {
  const RegisterLayout part = spatial(8, 4) * local(1, 2);
  const auto whole = unslice_layout(part, 0, 24);
  ASSERT_TRUE(whole);
  EXPECT_EQ(slice_layout(*whole, 0, 16, 8), part);
}

TEST(UnbroadcastLayout, ReducesRepeatedAndLeadingDimensions) {
  const RegisterLayout tile = spatial(8, 4) * local(2, 2);
  EXPECT_EQ(unbroadcast_layout(tile, {16, 1}), *tile.reduce(1));
  EXPECT_EQ(unbroadcast_layout(tile, {8}), *tile.reduce(0, false));
}

TEST(Movement, TellsWhereElementsComeFrom) {
  const RegisterLayout rows = local(2, 1) * spatial(1, 64);
  EXPECT_EQ(movement(rows, rows), Movement::None);
  EXPECT_EQ(movement(local(2, 2) * spatial(8, 8), layouts::column_local(2, 2) * spatial(8, 8)),
            Movement::Registers);
  EXPECT_EQ(movement(spatial(4, 8), layouts::column_spatial(4, 8)), Movement::Warp);
  EXPECT_EQ(movement(spatial(8, 8), layouts::column_spatial(8, 8)), Movement::Block);
}

TEST(Movement, AccumulatorsOfOneProductAreOperandAOfTheNext) {
  const auto first = layouts::mma_block({.warps_m = 4, .warps_n = 1, .m = 64, .n = 32, .k = 16});
  const auto second = layouts::mma_block({.warps_m = 4, .warps_n = 1, .m = 64, .n = 8, .k = 32});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->c, second->a);
}

TEST(PackedLayout, IsOperandAOfTheTransposedProduct) {
  for (const int bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    const layouts::PackedAtom atom(layouts::Encoding::preferred(bits));
    for (const int warps : {1, 2, 4, 8}) {
      const auto block = layouts::mma_block({.warps_m = warps, .m = 128, .n = 8, .k = 64});
      ASSERT_TRUE(block);
      const RegisterLayout wanted = *block->a.permute({1, 0});
      const auto layout = packed_layout(atom, {64, 128}, 32 * warps, &wanted);
      ASSERT_TRUE(layout) << bits << " bits, " << warps << " warps";
      EXPECT_TRUE(is_packed_layout(*layout, atom));
      EXPECT_EQ(movement(*layout, wanted), Movement::None) << bits << " bits, " << warps;
    }
  }
}

TEST(PackedLayout, GivesOperandBItsElementsInOtherRegisters) {
  const layouts::PackedAtom atom(layouts::Encoding::preferred(4));
  const auto block = layouts::mma_block({.warps_m = 2, .warps_n = 4, .m = 32, .n = 128, .k = 64});
  ASSERT_TRUE(block);
  const auto layout = packed_layout(atom, {64, 128}, 256, &block->b);
  ASSERT_TRUE(layout);
  EXPECT_EQ(movement(*layout, block->b), Movement::Registers);
}

TEST(PackedLayout, SpreadsOverAllWarpsByDefault) {
  const layouts::PackedAtom atom(layouts::Encoding::preferred(4));
  const auto layout = packed_layout(atom, {128, 64}, 256);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->replication(), 1);
}

}  // namespace
}  // namespace bitloom::vm
