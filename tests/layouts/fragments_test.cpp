// Every element of every fragment against the formulas of the PTX ISA, "Matrix Fragments for
// mma.m16n8k16" and its neighbours, written out here with groupID = lane >> 2 and tid = lane % 4
// and without use of the algebra.
#include "layouts/fragments.h"

#include <gtest/gtest.h>

#include <functional>

namespace bitloom::layouts {
namespace {

using Formula = std::function<Index(int group, int tid, int i)>;

void expect_fragment(const RegisterLayout& layout, const Shape& shape, int registers,
                     const Formula& formula) {
  EXPECT_EQ(layout.shape(), shape);
  ASSERT_EQ(layout.threads(), 32);
  ASSERT_EQ(layout.registers(), registers);
  EXPECT_TRUE(layout.is_unique());
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < registers; ++i)
      EXPECT_EQ(layout.element(lane, i), formula(lane >> 2, lane % 4, i))
          << "lane " << lane << " register " << i;
}

TEST(Fragments, M16N8K16Of16Bits) {
  expect_fragment(mma_a(16, 16), {16, 16}, 8, [](int group, int tid, int i) {
    const bool upper = (i >= 0 && i < 2) || (i >= 4 && i < 6);
    const int row = upper ? group : group + 8;
    const int col = i < 4 ? tid * 2 + (i & 1) : tid * 2 + (i & 1) + 8;
    return Index{row, col};
  });
  expect_fragment(mma_b(16, 16), {16, 8}, 4, [](int group, int tid, int i) {
    const int row = i < 2 ? tid * 2 + (i & 1) : tid * 2 + (i & 1) + 8;
    return Index{row, group};
  });
  expect_fragment(mma_c(), {16, 8}, 4, [](int group, int tid, int i) {
    return Index{i < 2 ? group : group + 8, tid * 2 + (i & 1)};
  });
}

TEST(Fragments, M16N8K8Of16Bits) {
  expect_fragment(mma_a(8, 16), {16, 8}, 4, [](int group, int tid, int i) {
    return Index{i < 2 ? group : group + 8, tid * 2 + (i & 1)};
  });
  expect_fragment(mma_b(8, 16), {8, 8}, 2, [](int group, int tid, int i) {
    return Index{tid * 2 + i, group};
  });
}

TEST(Fragments, M16N8K32Of8Bits) {
  expect_fragment(mma_a(32, 8), {16, 32}, 16, [](int group, int tid, int i) {
    const bool upper = (i >= 0 && i < 4) || (i >= 8 && i < 12);
    const int col = i < 8 ? tid * 4 + (i & 3) : tid * 4 + (i & 3) + 16;
    return Index{upper ? group : group + 8, col};
  });
  expect_fragment(mma_b(32, 8), {32, 8}, 8, [](int group, int tid, int i) {
    return Index{i < 4 ? tid * 4 + (i & 3) : tid * 4 + (i & 3) + 16, group};
  });
}

TEST(Fragments, M16N8K16Of8Bits) {
  expect_fragment(mma_a(16, 8), {16, 16}, 8, [](int group, int tid, int i) {
    return Index{i < 4 ? group : group + 8, tid * 4 + (i & 3)};
  });
  expect_fragment(mma_b(16, 8), {16, 8}, 4, [](int group, int tid, int i) {
    return Index{tid * 4 + i, group};
  });
}

TEST(Fragments, M16N8K32AndK64Of4Bits) {
  expect_fragment(mma_a(32, 4), {16, 32}, 16, [](int group, int tid, int i) {
    return Index{i < 8 ? group : group + 8, tid * 8 + (i & 7)};
  });
  expect_fragment(mma_a(64, 4), {16, 64}, 32, [](int group, int tid, int i) {
    const bool upper = (i >= 0 && i < 8) || (i >= 16 && i < 24);
    const int col = i < 16 ? tid * 8 + (i & 7) : tid * 8 + (i & 7) + 32;
    return Index{upper ? group : group + 8, col};
  });
  expect_fragment(mma_b(64, 4), {64, 8}, 16, [](int group, int tid, int i) {
    return Index{i < 8 ? tid * 8 + (i & 7) : tid * 8 + (i & 7) + 32, group};
  });
}

TEST(Fragments, M16N8K4AndK8OfTf32) {
  expect_fragment(mma_a(4, 32), {16, 4}, 2, [](int group, int tid, int i) {
    return Index{i == 0 ? group : group + 8, tid};
  });
  expect_fragment(mma_a(8, 32), {16, 8}, 4, [](int group, int tid, int i) {
    return Index{i == 0 || i == 2 ? group : group + 8, i < 2 ? tid : tid + 4};
  });
  expect_fragment(mma_b(8, 32), {8, 8}, 2, [](int group, int tid, int i) {
    return Index{i == 0 ? tid : tid + 4, group};
  });
}

TEST(Fragments, M8N8K4OfF64) {
  expect_fragment(mma_f64_a(), {8, 4}, 1, [](int group, int tid, int) {
    return Index{group, tid};
  });
  expect_fragment(mma_f64_b(), {4, 8}, 1, [](int group, int tid, int) {
    return Index{tid, group};
  });
  expect_fragment(mma_f64_c(), {8, 8}, 2, [](int group, int tid, int i) {
    return Index{group, tid * 2 + (i & 1)};
  });
}

TEST(Fragments, LdmatrixNumbersItsTilesDownTheColumns) {
  const Index origins[] = {{0, 0}, {8, 0}, {0, 8}, {8, 8}};
  for (const int tiles : {1, 2, 4}) {
    const Shape shape{tiles == 1 ? 8 : 16, tiles == 4 ? 16 : 8};
    expect_fragment(ldmatrix(tiles), shape, 2 * tiles, [&](int group, int tid, int i) {
      return Index{origins[i / 2][0] + group, origins[i / 2][1] + 2 * tid + i % 2};
    });
    expect_fragment(ldmatrix(tiles, true), shape, 2 * tiles, [&](int group, int tid, int i) {
      return Index{origins[i / 2][0] + 2 * tid + i % 2, origins[i / 2][1] + group};
    });
  }
  EXPECT_EQ(ldmatrix(4), mma_a(16, 16));
  EXPECT_EQ(ldmatrix(2, true), mma_b(16, 16));
  EXPECT_EQ(ldmatrix(4, true), local(1, 2) * mma_b(16, 16));
}

TEST(Fragments, WgmmaAFromRegisters) {
  const auto check = [](const RegisterLayout& layout, int k, int per_register) {
    EXPECT_EQ(layout.shape(), (Shape{64, k}));
    ASSERT_EQ(layout.threads(), 128);
    ASSERT_EQ(layout.registers(), k / 2);
    for (int t = 0; t < 128; ++t) {
      for (int i = 0; i < k / 2; ++i) {
        const int word = i / per_register;  // four 32-bit registers: rows 0, 8, 0, 8 and k halves
        const int row = 16 * (t / 32) + (t % 32) / 4 + 8 * (word % 2);
        const int col = per_register * (t % 4) + i % per_register + (word / 2) * (k / 2);
        EXPECT_EQ(layout.element(t, i), (Index{row, col})) << t << " " << i;
      }
    }
  };
  check(wgmma_a(8, 32), 8, 1);
  check(wgmma_a(16, 16), 16, 2);
  check(wgmma_a(32, 8), 32, 4);
}

TEST(Fragments, WgmmaAccumulatorOfEveryWidth) {
  for (int n = 8; n <= 256; n += 8) {
    const RegisterLayout layout = wgmma_c(n);
    ASSERT_EQ(layout.shape(), (Shape{64, n}));
    ASSERT_EQ(layout.threads(), 128);
    ASSERT_EQ(layout.registers(), n / 2);
    for (int t = 0; t < 128; ++t) {
      for (int i = 0; i < n / 2; ++i) {
        const int row = 16 * (t / 32) + (t % 32) / 4 + 8 * ((i / 2) % 2);
        const int col = 8 * (i / 4) + 2 * (t % 4) + i % 2;
        ASSERT_EQ(layout.element(t, i), (Index{row, col})) << n << " " << t << " " << i;
      }
    }
  }
}

TEST(Fragments, ABlockOfWarpsSharesItsOperands) {
  const auto layouts = mma_block({.warps_m = 2, .warps_n = 4, .m = 64, .n = 64, .k = 32});
  ASSERT_TRUE(layouts.has_value());
  EXPECT_EQ(layouts->c.shape(), (Shape{64, 64}));
  EXPECT_EQ(layouts->a.shape(), (Shape{64, 32}));
  EXPECT_EQ(layouts->b.shape(), (Shape{32, 64}));
  for (const auto* layout : {&layouts->a, &layouts->b, &layouts->c})
    EXPECT_EQ(layout->threads(), 256);
  EXPECT_EQ(layouts->a.replication(), 4);
  EXPECT_EQ(layouts->b.replication(), 2);
  EXPECT_TRUE(layouts->c.is_unique());
  const RegisterLayout fragment_c = mma_c(), fragment_a = mma_a(16, 16), fragment_b = mma_b(16, 16);
  for (int warp = 0; warp < 8; ++warp) {
    const int wm = warp / 4, wn = warp % 4;
    for (int lane = 0; lane < 32; ++lane) {
      const int thread = 32 * warp + lane;
      for (int i = 0; i < 16; ++i) {  // two fragments down, two across
        const Index e = fragment_c.element(lane, i % 4);
        EXPECT_EQ(layouts->c.element(thread, i),
                  (Index{32 * wm + 16 * (i / 8) + e[0], 16 * wn + 8 * (i / 4 % 2) + e[1]}));
      }
      for (int i = 0; i < 32; ++i) {
        const Index e = fragment_a.element(lane, i % 8);
        EXPECT_EQ(layouts->a.element(thread, i),
                  (Index{32 * wm + 16 * (i / 16) + e[0], 16 * (i / 8 % 2) + e[1]}));
      }
      for (int i = 0; i < 16; ++i) {
        const Index e = fragment_b.element(lane, i % 4);
        EXPECT_EQ(layouts->b.element(thread, i),
                  (Index{16 * (i / 8) + e[0], 16 * wn + 8 * (i / 4 % 2) + e[1]}));
      }
    }
  }
}

TEST(Fragments, ABlockOfWarpgroups) {
  const auto layouts =
      wgmma_block({.groups_m = 2, .groups_n = 1, .m = 128, .n = 128, .k = 64, .instruction_n = 64});
  ASSERT_TRUE(layouts.has_value());
  EXPECT_EQ(layouts->c.shape(), (Shape{128, 128}));
  EXPECT_EQ(layouts->c.threads(), 256);
  EXPECT_EQ(layouts->c.element(128, 32), (Index{64, 64}));
  EXPECT_EQ(layouts->a.shape(), (Shape{128, 64}));
  EXPECT_EQ(layouts->a.element(128 + 32, 8), (Index{64 + 16, 16}));
}

TEST(Fragments, WhatDoesNotDivideIsNamed) {
  EXPECT_EQ(mma_block({.m = 24}).error().message, "m = 24 is not a multiple of 16");
  EXPECT_EQ(mma_block({.warps_n = 3, .n = 64}).error().message, "n = 64 is not a multiple of 24");
  EXPECT_EQ(mma_block({.instruction_k = 24}).error().message, "there is no mma.m16n8k24.b16");
  EXPECT_EQ(wgmma_block({.instruction_n = 12}).error().message,
            "there is no wgmma.m64n12k16 of 16-bit elements");
}

TEST(Fragments, AllNamesResolve) {
  for (const std::string& name : fragment_names()) {
    const auto layout = named_fragment(name);
    ASSERT_TRUE(layout.has_value()) << name;
    EXPECT_TRUE(layout->is_unique()) << name;
    EXPECT_EQ(layout->threads() * layout->registers(), size(layout->shape())) << name;
  }
  for (const std::string& name : fragment_families()) EXPECT_TRUE(named_fragment(name)) << name;
  EXPECT_EQ(named_fragment("mma.a.m16n8k16"), mma_a(16, 16));
  EXPECT_EQ(named_fragment("mma.a.m16n8k16.b8"), mma_a(16, 8));
  EXPECT_EQ(named_fragment("mma.c.m16n8k32"), mma_c());
  for (const char* wrong :
       {"", "mma", "mma.d.m16n8k16", "mma.a.m16n8k16.b32", "mma.a.m16n8k12", "mma.a.m16n8k16.f16",
        "mma.a.m8n8k16", "mma.a.m16n8", "ldmatrix.x3", "ldmatrix.x4.t", "wgmma.c.m64n12",
        "wgmma.c.m64n264", "wgmma.a.m64k64", "wgmma.a.m32k16", "mma.a.m16n8k99999999999"})
    EXPECT_FALSE(named_fragment(wrong)) << wrong;
}

}  // namespace
}  // namespace bitloom::layouts
