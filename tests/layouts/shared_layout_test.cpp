#include "layouts/shared_layout.h"

#include <gtest/gtest.h>

#include <set>

#include "layouts/fragments.h"
#include "layouts/wgmma_shared.h"

namespace bitloom::layouts {
namespace {

TEST(Swizzle, MovesChunksByTheRow) {
  for (int row = 0; row < 8; ++row)
    for (int chunk = 0; chunk < 8; ++chunk)
      EXPECT_EQ(kSwizzle128.apply(row * 128 + chunk * 16 + 5), row * 128 + (chunk ^ row) * 16 + 5);
  EXPECT_EQ(kSwizzle64.apply(0x380 | 0x10), 0x380 | 0x20);  // bits 4..5 ^= bits 7..8
  EXPECT_EQ(kSwizzle32.apply(0x380), 0x390);
  EXPECT_EQ(kNoSwizzle.apply(0x380), 0x380);
  EXPECT_EQ(kSwizzle128.period(), 1024);
  EXPECT_EQ(kSwizzle64.period(), 512);
  EXPECT_EQ(kSwizzle32.period(), 256);
  EXPECT_EQ(swizzle_of_width(64), kSwizzle64);
  EXPECT_EQ(swizzle_of_width(16), std::nullopt);
  EXPECT_EQ(kSwizzle64.to_string(), "64");
  EXPECT_EQ((Swizzle{3, 2, 4}).to_string(), "swizzle(3, 2, 4)");
}

TEST(SharedLayout, PlacesElements) {
  const auto rows = SharedLayout::row_major({16, 64}, 16);
  EXPECT_EQ(rows.offset_bits({2, 3}), (2 * 64 + 3) * 16);
  EXPECT_EQ(rows.byte_size(), 2048);
  EXPECT_EQ(rows.bank({1, 2}), 1);
  const auto columns = SharedLayout::column_major({16, 64}, 16);
  EXPECT_EQ(columns.offset_bits({2, 3}), (3 * 16 + 2) * 16);
  const auto padded = SharedLayout::padded({16, 64}, 16, 8);
  EXPECT_EQ(padded.offset_bits({2, 3}), (2 * 72 + 3) * 16);
  EXPECT_EQ(padded.byte_size(), (15 * 72 + 64) * 2);
  const auto swizzled = SharedLayout::row_major({16, 64}, 16, kSwizzle128);
  EXPECT_EQ(swizzled.offset_bits({3, 8}), (3 * 128 + (1 ^ 3) * 16) * 8);
  const auto narrow = SharedLayout::row_major({3, 5}, 3);
  EXPECT_EQ(narrow.offset_bits({1, 2}), 21);
  EXPECT_EQ(narrow.byte_size(), 6);
}

TEST(SharedLayout, StagesStartWhereTheSwizzleBegins) {
  const auto stages = SharedLayout::row_major({5, 64}, 16, kSwizzle128).with_stages(3);
  EXPECT_EQ(stages.shape(), (Shape{3, 5, 64}));
  EXPECT_EQ(stages.offset_bits({1, 0, 0}), 1024 * 8);
  EXPECT_EQ(stages.byte_size(), 2048 + 640);
  EXPECT_TRUE(stages.is_bijective());
  const auto odd = SharedLayout::row_major({5, 7}, 3).with_stages(2);
  EXPECT_EQ(odd.offset_bits({1, 0, 0}) % 128, 0);
  EXPECT_EQ(odd.offset_bits({1, 0, 0}) % 3, 0);
}

TEST(SharedLayout, BoxesFollowOneAnother) {
  const auto boxed = SharedLayout::boxed({8, 128}, 16, 128, kSwizzle128);
  ASSERT_TRUE(boxed);
  EXPECT_EQ(boxed->shape(), (Shape{8, 128}));
  EXPECT_EQ(boxed->offset_elements({1, 64}), 8 * 64 + 64);
  EXPECT_EQ(boxed->strides(), std::nullopt);
  EXPECT_EQ(boxed->to_string(), "[8, 128] modes [8:64, 2:512 64:1] swizzle 128");
  EXPECT_EQ(*SharedLayout::boxed({8, 64}, 16, 128), SharedLayout::row_major({8, 64}, 16));
  EXPECT_EQ(SharedLayout::boxed({8, 96}, 16, 128).error().message,
            "rows of 96 elements of 16 bits are not whole boxes of 128 bytes");
}

TEST(SharedLayout, IsBijectiveForEverySwizzleAndWidth) {
  for (const std::int64_t width : {0, 32, 64, 128}) {
    for (const int bits : {3, 4, 8, 16, 32}) {
      for (const auto& layout :
           {SharedLayout::row_major({16, 64}, bits, *swizzle_of_width(width)),
            SharedLayout::column_major({16, 48}, bits, *swizzle_of_width(width)),
            SharedLayout::row_major({2, 8, 32}, bits, *swizzle_of_width(width)).with_stages(2)}) {
        EXPECT_TRUE(layout.is_bijective());
        std::set<std::int64_t> seen;
        for (std::int64_t i = 0; i < size(layout.shape()); ++i) {
          const std::int64_t bit = layout.offset_bits(unlinear(i, layout.shape()));
          EXPECT_TRUE(seen.insert(bit).second);
          if (bits >= 8 || width == 0) {
            EXPECT_LE(bit + bits, layout.byte_size() * 8);
          }
        }
      }
    }
  }
  EXPECT_FALSE(SharedLayout(Shape{4, 4}, Shape{2, 1}, 8).is_bijective());
  EXPECT_FALSE(SharedLayout(Shape{4, 2}, Shape{0, 1}, 8).is_bijective());
  EXPECT_TRUE(SharedLayout(Shape{2, 2}, Shape{2, 3}, 8).is_bijective());
}

TEST(SharedLayout, VectorsAreWhatEveryThreadHoldsInARow) {
  const auto rows = SharedLayout::row_major({64, 64}, 16);
  EXPECT_EQ(rows.vector_bytes(local(8, 1) * spatial(8, 8) * local(1, 8)), 16);
  EXPECT_EQ(rows.vector_bytes(local(4, 8) * mma_c()), 4);
  EXPECT_EQ(rows.vector_bytes(local(64, 2) * spatial(1, 32)), 2);
  EXPECT_EQ(rows.vector_bytes(spatial(8, 8)), std::nullopt);
  EXPECT_EQ(
      SharedLayout::padded({64, 64}, 16, 4).vector_bytes(local(8, 1) * spatial(8, 8) * local(1, 8)),
      8);
  EXPECT_EQ(SharedLayout::row_major({64, 64}, 16, kSwizzle128)
                .vector_bytes(local(8, 1) * spatial(8, 8) * local(1, 8)),
            16);
  EXPECT_EQ(SharedLayout::row_major({8, 32}, 4).vector_bytes(spatial(8, 1) * local(1, 32)), 16);
  EXPECT_EQ(SharedLayout::row_major({8, 32}, 3).vector_bytes(spatial(8, 1) * local(1, 32)),
            std::nullopt);
}

TEST(SharedLayout, CountsWavefronts) {
  // Eight rows of 128 bytes, one 16-byte chunk a thread down a column: what ldmatrix reads.
  const auto column = spatial(8, 1) * local(1, 8);
  const auto plain = SharedLayout::row_major({8, 64}, 16);
  const auto swizzled = SharedLayout::row_major({8, 64}, 16, kSwizzle128);
  const auto padded = SharedLayout::padded({8, 64}, 16, 8);
  const auto read = local(1, 8) * column;  // every chunk of the row in turn
  EXPECT_EQ(*plain.access(read, 16), (SharedAccess{8, 1}));
  EXPECT_EQ(*plain.conflicts(read, 16), 7);
  EXPECT_EQ(*swizzled.conflicts(read, 16), 0);
  EXPECT_EQ(*padded.conflicts(read, 16), 0);
  // A whole warp that reads rows of 16-byte chunks takes four wavefronts and no more.
  EXPECT_EQ(*plain.access(local(2, 1) * spatial(4, 8) * local(1, 8), 16), (SharedAccess{4, 4}));
  // All lanes at one word is one wavefront.
  EXPECT_EQ(*SharedLayout::row_major({1, 1}, 32).access(replicated(32) * local(1, 1), 4),
            (SharedAccess{1, 1}));
  // Column-wise 4-byte reads of a 32x32 tile: 32 wavefronts, one with a column of padding.
  EXPECT_EQ(*SharedLayout::row_major({32, 32}, 32).conflicts(column_spatial(32, 32), 4), 31);
  EXPECT_EQ(*SharedLayout::padded({32, 32}, 32, 1).conflicts(column_spatial(32, 32), 4), 0);
  // Accumulators of 32 bits written two at a time: rows of 128 bytes meet in the same banks.
  EXPECT_EQ(*SharedLayout::row_major({16, 32}, 32).access(local(1, 4) * mma_c(), 8),
            (SharedAccess{8, 2}));
}

TEST(SharedLayout, AccessesThatCannotBeAreNamed) {
  const auto tile = SharedLayout::row_major({8, 64}, 16);
  EXPECT_EQ(tile.access(spatial(8, 64), 3).error().message,
            "an access has 1, 2, 4, 8 or 16 bytes, not 3");
  EXPECT_EQ(tile.access(spatial(8, 32), 2).error().message,
            "a register tile [8, 32] is no tile of [8, 64]");
  EXPECT_EQ(tile.access(spatial(8, 64), 4).error().message,
            "threads of spatial(8, 64) cannot access 4 bytes at once");
}

// Where the hardware looks, from the canonical layouts as CUTLASS's mma_sm90_desc.hpp writes them,
// in units of 16 bytes with the instruction's own (mn, k) coordinates.
std::int64_t canonical_byte(const WgmmaOperand& operand, std::int64_t start, std::int64_t mn,
                            std::int64_t k) {
  const int bytes = operand.layout.element_bits() / 8;
  const std::int64_t lbo = operand.leading_bytes, sbo = operand.stride_bytes;
  const std::int64_t width = std::int64_t{1} << operand.layout.swizzle().bits;  // units a row
  const std::int64_t unit = 16 / bytes;                                         // elements a unit
  const bool none = operand.layout.swizzle().is_none();
  std::int64_t at = 0;
  if (operand.major == Major::K) {
    // none ((8,n),2):((1,SBO),LBO)      else ((8,n),2):((width,SBO),1)
    const std::int64_t u = k / unit;
    at = (mn % 8) * width * 16 + (mn / 8) * sbo + u * (none ? lbo : 16) + (k % unit) * bytes;
  } else {
    // none ((1,n),(8,k)):((X,SBO),(1,LBO))      else ((width,n),(8,k)):((1,LBO),(width,SBO))
    const std::int64_t u = mn / unit;
    at = (u % width) * 16 + (u / width) * (none ? sbo : lbo) + (k % 8) * width * 16 +
         (k / 8) * (none ? lbo : sbo) + (mn % unit) * bytes;
  }
  return operand.layout.swizzle().apply(start + at);
}

TEST(WgmmaShared, InstructionsFindEveryElementOfTheTile) {
  for (const Major major : {Major::K, Major::MN}) {
    for (const int bits : {8, 16, 32}) {
      if (major == Major::MN && bits != 16) continue;
      for (const std::int64_t width : {0, 32, 64, 128}) {
        const std::int64_t mn = 128, k = 128 * 16 / bits, instruction_k = 256 / bits;
        const auto operand = wgmma_operand(major, mn, k, bits, *swizzle_of_width(width));
        ASSERT_TRUE(operand) << operand.error().message;
        EXPECT_TRUE(operand->layout.is_bijective());
        for (std::int64_t m0 = 0; m0 < mn; m0 += 64) {
          for (std::int64_t k0 = 0; k0 < k; k0 += instruction_k) {
            const std::int64_t start = operand->start_bytes(m0, k0);
            for (std::int64_t i = 0; i < 64; ++i) {
              for (std::int64_t j = 0; j < instruction_k; ++j) {
                const Index at = major == Major::K ? Index{m0 + i, k0 + j} : Index{k0 + j, m0 + i};
                ASSERT_EQ(canonical_byte(*operand, start, i, j),
                          operand->layout.offset_bits(at) / 8)
                    << "width " << width << " bits " << bits << " at " << i << ", " << j;
              }
            }
          }
        }
      }
    }
  }
}

TEST(WgmmaShared, DescriptorsHoldTheirFields) {
  const auto operand = wgmma_operand(Major::K, 64, 64, 16, kSwizzle128);
  ASSERT_TRUE(operand);
  EXPECT_EQ(operand->stride_bytes, 1024);
  EXPECT_EQ(operand->swizzle_mode(), 1);
  EXPECT_EQ(operand->start_bytes(0, 16), 32);
  const std::uint64_t bits = operand->descriptor(0x12400);
  EXPECT_EQ(bits & 0x3FFF, 0x1240u);
  EXPECT_EQ((bits >> 32) & 0x3FFF, 64u);
  EXPECT_EQ(bits >> 62, 1u);
  EXPECT_EQ(wgmma_operand(Major::K, 64, 64, 16, kSwizzle32)->swizzle_mode(), 3);
  EXPECT_EQ(wgmma_operand(Major::K, 64, 64, 16, kSwizzle64)->swizzle_mode(), 2);
  EXPECT_EQ(wgmma_operand(Major::K, 64, 64, 16, kNoSwizzle)->swizzle_mode(), 0);
  EXPECT_EQ(wgmma_operand(Major::K, 64, 64, 16, kNoSwizzle)->leading_bytes, 1024);
}

TEST(WgmmaShared, WhatItCannotReadIsNamed) {
  EXPECT_EQ(wgmma_operand(Major::MN, 64, 64, 8, kSwizzle128).error().message,
            "wgmma reads 8-bit elements only along k; transpose the tile");
  EXPECT_EQ(wgmma_operand(Major::K, 60, 64, 16, kSwizzle128).error().message,
            "m or n = 60 is not a multiple of 8");
  EXPECT_EQ(wgmma_operand(Major::K, 64, 32, 16, kSwizzle128).error().message,
            "k = 32 elements of 16 bits are not whole rows of 128 bytes");
  EXPECT_EQ(wgmma_operand(Major::K, 64, 64, 4, kSwizzle128).error().message,
            "wgmma reads elements of 8, 16 or 32 bits, not 4");
  EXPECT_EQ(wgmma_operand(Major::K, 64, 64, 16, {3, 3, 4}).error().message,
            "wgmma knows the swizzles 32, 64 and 128, not swizzle(3, 3, 4)");
}

}  // namespace
}  // namespace bitloom::layouts
