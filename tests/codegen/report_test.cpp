// The static report: accesses whose width, coalescing and bank conflicts are known by hand, bytes
// and operations that are counted by hand, and the limits of multiprocessors.
#include "codegen/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/codegen/lowered_kernel.h"
#include "vm/text/parser.h"

namespace bitloom::test {
namespace {

using codegen::MemoryAccess;
using codegen::Report;
using testing::HasSubstr;

std::vector<std::int64_t> lanes(std::int64_t stride, int count = 32) {
  std::vector<std::int64_t> addresses;
  for (int lane = 0; lane < count; ++lane) addresses.push_back(lane * stride);
  return addresses;
}

TEST(Wavefronts, FollowTheFullestBank) {
  EXPECT_EQ(codegen::wavefronts(lanes(4), 4), 1);
  EXPECT_EQ(codegen::wavefronts(lanes(8), 4), 2);
  EXPECT_EQ(codegen::wavefronts(lanes(128), 4), 32);
  EXPECT_EQ(codegen::wavefronts(lanes(132), 4), 1) << "a padded row";
  EXPECT_EQ(codegen::wavefronts(lanes(0), 4), 1) << "one word for all";
  EXPECT_EQ(codegen::wavefronts(lanes(2), 2), 1) << "two lanes a word";
  EXPECT_EQ(codegen::wavefronts(lanes(8), 8), 2) << "16 lanes at a time";
  EXPECT_EQ(codegen::wavefronts(lanes(16), 16), 4) << "8 lanes at a time";
  EXPECT_EQ(codegen::wavefronts(lanes(128, 8), 16), 8) << "rows of 128 bytes";
}

TEST(Sectors, AreThirtyTwoBytes) {
  EXPECT_EQ(codegen::sectors(lanes(4), 4), 4);
  EXPECT_EQ(codegen::sectors(lanes(16), 16), 16);
  EXPECT_EQ(codegen::sectors(lanes(128), 4), 32);
  EXPECT_EQ(codegen::sectors({30}, 4), 2) << "over the edge of a sector";
}

// A kernel of 32 threads over x[n, 64] and shared tiles of 32 rows.
Report report_of(const std::string& body, std::map<std::string, std::int64_t> sizes = {}) {
  const std::string text =
      "kernel @k threads(32) shared_bytes(8192) target_sm(80) grid(ceildiv(n, 32)) sizes(%n: i64)\n"
      "  (%x: global f32[n, 64])\n{\n  %zero: i64 = constant {integer = 0}\n"
      "  %w: global view f32[32, 32] = window %x, %zero, %zero {extents = [32, 32], keep = [1, "
      "1]}\n" +
      body + "}\n";
  vm::Diagnostics diagnostics;
  const auto function = vm::parse_function(text, diagnostics);
  EXPECT_TRUE(function) << complaints_of(diagnostics) << text;
  if (!function) return {};
  const auto report = codegen::make_report(
      *function, {.target = {80, false}, .sizes = std::move(sizes)}, diagnostics);
  EXPECT_TRUE(report) << complaints_of(diagnostics);
  return report.value_or(Report{});
}

constexpr const char* kRowOfThreads = "f32[32, 32] in local(32, 1) * spatial(1, 32)";
constexpr const char* kColumnOfThreads = "f32[32, 32] in spatial(32, 1) * local(1, 32)";

TEST(Report, ThreadsAlongARowAreCoalesced) {
  const Report report =
      report_of(fmt::format("  %t: {} = load %w, none {{clip = [0, 0], vector = 4}}\n"
                            "  store %w, %t, none {{clip = [0, 0], vector = 4}}\n",
                            kRowOfThreads));
  ASSERT_EQ(report.accesses.size(), 2u);
  EXPECT_TRUE(report.accesses[0].global);
  EXPECT_EQ(report.accesses[0].kind, MemoryAccess::Kind::Load);
  EXPECT_EQ(report.accesses[1].kind, MemoryAccess::Kind::Store);
  for (const MemoryAccess& access : report.accesses) {
    EXPECT_EQ(access.bytes, 4);
    EXPECT_EQ(access.instructions, 32);
    EXPECT_EQ(access.units, 32 * 4);
    EXPECT_EQ(access.efficiency(), 1.0);
  }
  EXPECT_EQ(report.block.global_read_bytes, 4096);
  EXPECT_EQ(report.block.global_write_bytes, 4096);
}

TEST(Report, ThreadsDownAColumnAreNot) {
  const Report single = report_of(
      fmt::format("  %t: {} = load %w, none {{clip = [0, 0], vector = 4}}\n", kColumnOfThreads));
  ASSERT_EQ(single.accesses.size(), 1u);
  EXPECT_EQ(single.accesses[0].units, 32 * 32) << "a sector a lane";
  EXPECT_EQ(single.accesses[0].efficiency(), 1.0 / 8);
  const Report wide = report_of(
      fmt::format("  %t: {} = load %w, none {{clip = [0, 0], vector = 16}}\n", kColumnOfThreads));
  ASSERT_EQ(wide.accesses.size(), 1u);
  EXPECT_EQ(wide.accesses[0].bytes, 16);
  EXPECT_EQ(wide.accesses[0].instructions, 8);
  EXPECT_EQ(wide.accesses[0].efficiency(), 0.5) << "half of every sector";
}

Report shared_report(const std::string& tile, const std::string& layout, int vector) {
  return report_of(
      fmt::format("  %s: shared {} = shared_alloc {{offset = 0}}\n"
                  "  %t: {} = constant {{value = 1.0}}\n"
                  "  store %s, %t, none {{vector = {}}}\n",
                  tile, layout, vector));
}

TEST(Report, AColumnOfPlainSharedRowsConflictsWhollyAndOneOfPaddedRowsNot) {
  const Report plain = shared_report("f32[32, 32]", kColumnOfThreads, 4);
  ASSERT_EQ(plain.accesses.size(), 1u);
  EXPECT_FALSE(plain.accesses[0].global);
  EXPECT_EQ(plain.accesses[0].units, 32 * 32);
  EXPECT_EQ(plain.accesses[0].least_units, 32);
  const Report padded = shared_report("f32[32, 32] placed(32:33, 32:1)", kColumnOfThreads, 4);
  ASSERT_EQ(padded.accesses.size(), 1u);
  EXPECT_EQ(padded.accesses[0].conflicts(), 0);
  const Report row = shared_report("f32[32, 32]", kRowOfThreads, 4);
  ASSERT_EQ(row.accesses.size(), 1u);
  EXPECT_EQ(row.accesses[0].conflicts(), 0);
}

TEST(Report, ASwizzleFreesVectorsOfAColumnOfConflicts) {
  const Report plain = shared_report("f32[32, 32]", kColumnOfThreads, 16);
  ASSERT_EQ(plain.accesses.size(), 1u);
  EXPECT_EQ(plain.accesses[0].bytes, 16);
  EXPECT_EQ(plain.accesses[0].units, 8 * plain.accesses[0].least_units);
  const Report swizzled =
      shared_report("f32[32, 32] placed(32:32, 32:1) swizzle(4, 3, 3)", kColumnOfThreads, 16);
  ASSERT_EQ(swizzled.accesses.size(), 1u);
  EXPECT_EQ(swizzled.accesses[0].bytes, 16);
  EXPECT_EQ(swizzled.accesses[0].conflicts(), 0);
}

TEST(Report, AnExchangeThroughScratchIsNamed) {
  const Report report =
      report_of(fmt::format("  %t: {} = load %w, none {{clip = [0, 0], vector = 4}}\n"
                            "  %u: {} = convert_layout %t\n"
                            "  store %w, %u, none {{clip = [0, 0], vector = 16}}\n",
                            kRowOfThreads, kColumnOfThreads));
  ASSERT_EQ(report.accesses.size(), 4u);
  EXPECT_TRUE(report.accesses[1].scratch);
  EXPECT_EQ(report.accesses[1].kind, MemoryAccess::Kind::Store);
  EXPECT_EQ(report.accesses[1].conflicts(), 0);
  EXPECT_TRUE(report.accesses[2].scratch);
  EXPECT_EQ(report.accesses[2].bytes, 16);
  EXPECT_EQ(report.accesses[2].units, 8 * report.accesses[2].least_units);
  EXPECT_THAT(codegen::report_text(report), HasSubstr("(exchange of convert_layout)"));
}

TEST(Report, LoopsCountTheirTurns) {
  const Report report =
      report_of(fmt::format("  %one: i64 = constant {{integer = 1}}\n"
                            "  for %zero, %n, %one (%i: i64) {{\n"
                            "    %t: {} = load %w, none {{clip = [0, 0], vector = 4}}\n"
                            "    %u: {} = fma %t, %t, %t\n"
                            "  }}\n",
                            kRowOfThreads, kRowOfThreads),
                {{"n", 100}});
  ASSERT_EQ(report.loops.size(), 1u);
  EXPECT_EQ(report.loops[0].turns, 100);
  EXPECT_EQ(report.loops[0].turn.global_read_bytes, 4096);
  EXPECT_EQ(report.loops[0].turn.arithmetic, 2048);
  EXPECT_EQ(report.block.arithmetic, 204800);
  EXPECT_EQ(report.blocks, 4);
  EXPECT_EQ(report.tensor_bytes, 100 * 64 * 4);
}

TEST(Report, GemmMovesItsTilesSixteenBytesAtATimeAndCountsItsProducts) {
  const Lowered lowered =
      lower_kernel("kernels/gemm/gemm.bl", "gemm", {{"W", "u4"}}, "sm_80", true);
  ASSERT_TRUE(lowered.function) << lowered.complaints;
  vm::Diagnostics diagnostics;
  const codegen::ReportOptions options{.target = {80, false},
                                       .sizes = {{"m", 16}, {"n", 4096}, {"k", 4096}},
                                       .gpu = codegen::find_gpu("A100")};
  const auto report = codegen::make_report(*lowered.function, options, diagnostics);
  ASSERT_TRUE(report) << complaints_of(diagnostics);
  EXPECT_EQ(report->blocks, 32);
  EXPECT_EQ(report->block.tensor_f16 * report->blocks, 2.0 * 16 * 4096 * 4096);
  int copies = 0, matrices = 0;
  for (const MemoryAccess& access : report->accesses) {
    copies += access.kind == MemoryAccess::Kind::CopyRead;
    if (access.kind == MemoryAccess::Kind::CopyRead ||
        access.kind == MemoryAccess::Kind::CopyWrite) {
      EXPECT_EQ(access.bytes, 16);
      EXPECT_EQ(access.efficiency(), 1.0) << access.span.line;
    }
    if (access.kind != MemoryAccess::Kind::Matrix) continue;
    ++matrices;
    EXPECT_EQ(access.conflicts(), 0) << "the tile is swizzled";
  }
  EXPECT_GE(copies, 2);
  EXPECT_GE(matrices, 1);
  // 8 MiB of weights and little else, at 2039 GB/s.
  EXPECT_NEAR(report->prediction.memory_us, 4.4, 0.4);
  EXPECT_EQ(report->prediction.bound, "memory");
}

TEST(Report, JsonHasItsKeys) {
  Report report = report_of(
      fmt::format("  %t: {} = load %w, none {{clip = [0, 0], vector = 4}}\n", kRowOfThreads));
  codegen::KernelResources resources;
  resources.registers = 40;
  resources.spill_store_bytes = 8;
  codegen::add_resources(report, resources);
  const auto json = nlohmann::json::parse(codegen::report_json(report));
  for (const char* key : {"kernel", "target", "registers", "spill_store_bytes", "spill_load_bytes",
                          "local_bytes", "shared_bytes", "occupancy", "blocks_per_multiprocessor",
                          "accesses", "loops", "block", "roofline", "threads", "instructions"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["registers"], 40);
  EXPECT_EQ(json["spill_store_bytes"], 8);
  EXPECT_EQ(json["accesses"][0]["width_bytes"], 4);
  EXPECT_EQ(json["accesses"][0]["coalescing"], 1.0);
}

TEST(Report, RecordingDoesNotChangeTheText) {
  const Lowered lowered = lower_kernel("kernels/lut/lut_gemv.bl", "lut_gemv", {}, "sm_80");
  ASSERT_TRUE(lowered.cuda) << lowered.complaints;
  std::vector<MemoryAccess> accesses;
  vm::Diagnostics diagnostics;
  const auto again = codegen::print_cuda(
      *lowered.function, {.target = {80, false}, .files = {}, .record = {{}, 4096, &accesses}},
      diagnostics);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->text, lowered.cuda->text);
  EXPECT_FALSE(accesses.empty());
}

TEST(Occupancy, IsWhatTheScarcestResourceAllows) {
  const auto expect = [](const codegen::Occupancy& o, int blocks, double fraction,
                         std::string_view limit) {
    EXPECT_EQ(o.blocks, blocks);
    EXPECT_EQ(o.fraction, fraction);
    EXPECT_EQ(o.limit, limit);
  };
  expect(codegen::occupancy(90, 256, 32, 0), 8, 1.0, "threads");
  expect(codegen::occupancy(90, 256, 128, 0), 2, 0.25, "registers");
  expect(codegen::occupancy(90, 256, 255, 0), 1, 0.125, "registers");
  expect(codegen::occupancy(80, 128, 32, 64 * 1024), 2, 0.125, "shared memory");
  expect(codegen::occupancy(80, 32, 16, 0), 32, 0.5, "blocks");
  expect(codegen::occupancy(89, 512, 40, 0), 3, 1.0, "threads");
}

TEST(Gpus, HaveNamesAndSources) {
  for (const codegen::Gpu& gpu : codegen::all_gpus()) {
    EXPECT_EQ(codegen::find_gpu(gpu.name), &gpu);
    EXPECT_FALSE(gpu.source.empty()) << gpu.name;
    EXPECT_GT(gpu.tensor_i8, gpu.tensor_f16) << gpu.name;
    EXPECT_GT(gpu.memory_gb, 100) << gpu.name;
  }
  EXPECT_EQ(codegen::find_gpu("H1000"), nullptr);
  EXPECT_EQ(codegen::usual_gpu(90).name, "H100");
}

}  // namespace
}  // namespace bitloom::test
