// Lists of attention that kernels make (lists.bl), against the builders of the host.
#include <fmt/format.h>

#include <algorithm>

#include "kernels/attention/patterns.h"
#include "kernels/index/device_index.h"
#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

using namespace kernels;  // NOLINT

std::map<std::string, HostArray> run(const std::string& file, const std::string& kernel,
                                     std::map<std::string, std::string> generics,
                                     std::map<std::string, runtime::Source> arguments,
                                     std::map<std::string, std::int64_t> sizes,
                                     std::set<std::string> outputs) {
  KernelRun run{.file = "attention/" + file, .kernel = kernel, .generics = std::move(generics)};
  run.request.arguments = std::move(arguments);
  run.request.sizes = std::move(sizes);
  run.request.outputs = {outputs.begin(), outputs.end()};
  return must_run(run);
}

HostArray scanned(const HostArray& counts) {
  HostArray sums = zeros(vm::kI32, {static_cast<std::int64_t>(counts.size()) + 1});
  exclusive_scan(counts.as<std::int32_t>(), sums.as<std::int32_t>());
  return sums;
}

std::int64_t last(const HostArray& sums) {
  return static_cast<std::int64_t>(at(sums, static_cast<std::int64_t>(sums.size()) - 1));
}

void expect_same(const HostArray& made, const std::vector<std::int32_t>& expected,
                 const char* what) {
  const auto got = made.as<std::int32_t>();
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(got[i], expected[i]) << what << i;
}

TEST(Lists, OfBlockSparseAttention) {
  std::mt19937_64 random(test_seed());
  for (int draw = 0; draw < 4; ++draw) {
    const std::int64_t heads = pick(random, 1, 3), rows = pick(random, 1, 700),
                       want = pick(random, 1, 6), blocks = (rows + 63) / 64, items = heads * blocks;
    SCOPED_TRACE(fmt::format("heads={} rows={} want={}", heads, rows, want));
    const HostArray q = normal(vm::kF32, {heads, blocks, 64}, random),
                    k = normal(vm::kF32, {1, blocks, 64}, random);
    const auto scored = run("patterns.bl", "block_scores", {{"D", "64"}, {"OWN", "1"}},
                            {{"q", {q, "q"}}, {"k", {k, "k"}}}, {}, {"score"});
    ASSERT_TRUE(scored.contains("score"));
    const HostArray scores = *HostArray(scored.at("score")).with_shape({items, blocks});
    const auto best =
        run("patterns.bl", "top_k_threshold", {}, {{"x", {scores, "x"}}, {"want", {want, ""}}},
            {{"most", want}}, {"index", "count"});
    ASSERT_TRUE(best.contains("index"));
    const HostArray first = scanned(best.at("count"));
    const auto lists = run("lists.bl", "list_blocks", {},
                           {{"index", {best.at("index"), "i"}},
                            {"count", {best.at("count"), "c"}},
                            {"first", {first, "f"}},
                            {"rows", {rows, ""}}},
                           {{"entries", last(first)}}, {"place", "list"});
    ASSERT_TRUE(lists.contains("list"));
    const std::vector<float> all = floats(scores);
    TileLists expected({.row_block = 64, .column_block = 64});
    const Sequence sequence{.rows = rows, .columns = rows};
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t b = 0; b < blocks; ++b) {
        expected.begin(h, sequence, b);
        add_block_sparse(expected, sequence,
                         std::span(all).subspan(static_cast<std::size_t>((h * blocks + b) * blocks),
                                                static_cast<std::size_t>(blocks)),
                         64, want);
        expected.end();
      }
    }
    expect_same(first, expected.first(), "first ");
    expect_same(lists.at("list"), expected.list(), "list ");
    expect_same(lists.at("place"), expected.place(), "place ");
  }
}

TEST(Lists, OfAShapeAttention) {
  std::mt19937_64 random(test_seed() + 2);
  for (int draw = 0; draw < 10; ++draw) {
    const std::int64_t heads = pick(random, 1, 3), rows = pick(random, 1, 900),
                       sink = draw == 0 ? 0 : pick(random, 0, 300), window = pick(random, 1, 400),
                       row_block = 32 << pick(random, 0, 2),
                       column_block = 32 << pick(random, 0, 1),
                       blocks = (rows + row_block - 1) / row_block;
    SCOPED_TRACE(fmt::format("heads={} rows={} sink={} window={} BM={} BN={}", heads, rows, sink,
                             window, row_block, column_block));
    const std::map<std::string, std::string> tiles = {{"BM", fmt::to_string(row_block)},
                                                      {"BN", fmt::to_string(column_block)}};
    const std::map<std::string, runtime::Source> shape = {
        {"rows", {rows, ""}}, {"sink", {sink, ""}}, {"window", {window, ""}}};
    const auto counted = run("lists.bl", "count_a_shape", tiles, shape,
                             {{"heads", heads}, {"blocks", blocks}}, {"tiles"});
    ASSERT_TRUE(counted.contains("tiles"));
    const HostArray first = scanned(counted.at("tiles"));
    auto arguments = shape;
    arguments.insert({"first", {first, "f"}});
    const auto lists =
        run("lists.bl", "list_a_shape", tiles, arguments,
            {{"heads", heads}, {"blocks", blocks}, {"entries", last(first)}}, {"place", "list"});
    ASSERT_TRUE(lists.contains("list"));
    TileLists expected({.row_block = row_block, .column_block = column_block});
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t b = 0; b < blocks; ++b) {
        expected.begin(h, {.rows = rows, .columns = rows}, b);
        expected.window(window, sink);
        expected.end();
      }
    }
    expect_same(first, expected.first(), "first ");
    expect_same(lists.at("list"), expected.list(), "list ");
    expect_same(lists.at("place"), expected.place(), "place ");
  }
}

TEST(Lists, OfFoxPruneAtMostTheirShare) {
  std::mt19937_64 random(test_seed() + 1);
  std::int64_t pruned = 0;
  for (int draw = 0; draw < 6; ++draw) {
    const std::int64_t kv_heads = pick(random, 1, 2), heads = kv_heads * pick(random, 1, 2),
                       rows = pick(random, 1, 600), size = 64, row_block = 32 << pick(random, 0, 2),
                       column_block = 32 << pick(random, 0, 1),
                       blocks = (rows + row_block - 1) / row_block;
    const double scale = 0.02 * std::exp(std::normal_distribution<double>(0, 1)(random)),
                 strength = std::exp(std::normal_distribution<double>(-0.5, 1)(random));
    SCOPED_TRACE(fmt::format("heads={}/{} rows={} BM={} BN={} strength={}", heads, kv_heads, rows,
                             row_block, column_block, strength));
    const HostArray q = normal(vm::kF16, {heads, rows, size}, random),
                    k = normal(vm::kF16, {kv_heads, rows, size}, random);
    HostArray gates = zeros(vm::kF32, {heads, rows});
    std::exponential_distribution<double> gate(1 / strength);
    for (std::size_t i = 0; i < gates.size(); ++i)
      gates.set_code(i, vm::encode(vm::kF32, -gate(random)));
    const auto summed =
        run("lists.bl", "cumulative_gates", {}, {{"log_gate", {gates, "g"}}}, {}, {"decay"});
    ASSERT_TRUE(summed.contains("decay"));
    const std::vector<float> decay = floats(summed.at("decay"));
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::vector<float> all = floats(gates);
      const auto expected = cumulative_gates(std::span(all).subspan(
          static_cast<std::size_t>(h * rows), static_cast<std::size_t>(rows)));
      ASSERT_TRUE(expected);
      for (std::int64_t i = 0; i < rows; ++i)
        ASSERT_NEAR(decay[static_cast<std::size_t>(h * rows + i)],
                    (*expected)[static_cast<std::size_t>(i)],
                    1e-6 * std::abs(static_cast<double>((*expected)[static_cast<std::size_t>(i)])));
    }
    const auto longest = [&](const HostArray& x) {
      return run("lists.bl", "largest_row", {{"D", "64"}},
                 {{"x", {x, "x"}}, {"largest", {zeros(vm::kU32, {x.shape()[0]}), "l"}}}, {},
                 {"largest"})
          .at("largest");
    };
    const HostArray long_q = longest(q), long_k = longest(k);
    const auto length = [&](const HostArray& x, const HostArray& bits, std::int64_t head) {
      double most = 0;
      for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::int64_t d = 0; d < size; ++d)
          sum += at(x, (head * rows + r) * size + d) * at(x, (head * rows + r) * size + d);
        most = std::max(most, std::sqrt(sum));
      }
      const double got = static_cast<double>(std::bit_cast<float>(
          static_cast<std::uint32_t>(bits.code(static_cast<std::size_t>(head)))));
      EXPECT_NEAR(got, most, 1e-5 * most);
      return most;
    };
    const std::map<std::string, std::string> tiles = {{"BM", fmt::to_string(row_block)},
                                                      {"BN", fmt::to_string(column_block)}};
    const auto counted = run("lists.bl", "count_decayed", tiles,
                             {{"decay", {summed.at("decay"), "d"}},
                              {"q", {long_q, "q"}},
                              {"k", {long_k, "k"}},
                              {"scale", {scale, ""}},
                              {"room", {std::log(static_cast<double>(rows)) + 10, ""}}},
                             {{"blocks", blocks}}, {"kept", "tiles"});
    ASSERT_TRUE(counted.contains("kept"));
    const HostArray first = scanned(counted.at("tiles"));
    const auto lists =
        run("lists.bl", "list_decayed", tiles,
            {{"kept", {counted.at("kept"), "k"}}, {"first", {first, "f"}}, {"rows", {rows, ""}}},
            {{"entries", last(first)}}, {"place", "list"});
    ASSERT_TRUE(lists.contains("list"));
    TileLists expected({.row_block = row_block, .column_block = column_block});
    const Sequence sequence{.rows = rows, .columns = rows};
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int64_t kv = h / (heads / kv_heads);
      const double bound = length(q, long_q, h) * length(k, long_k, kv) * scale;
      const auto own = std::span(decay).subspan(static_cast<std::size_t>(h * rows),
                                                static_cast<std::size_t>(rows));
      for (std::int64_t b = 0; b < blocks; ++b) {
        const std::int64_t row = b * row_block,
                           kept = static_cast<std::int64_t>(at(counted.at("kept"), h * blocks + b));
        // the host's choice, and no later: the kernel's bound is rounded up
        EXPECT_LE(kept, prune_decayed(own, row, bound * (1 - 1e-6), -10 + 1e-4));
        EXPECT_GE(kept, prune_decayed(own, row, bound * (1 + 1e-5), -10 - 1e-3));
        pruned += kept;
        expected.begin(h, sequence, b);
        expected.causal({kept, rows});
        expected.end();
        // what is lost, in one row of each block
        const std::int64_t r = std::min(rows, row + row_block) - 1;
        double lost = 0, all = 0;
        for (std::int64_t j = 0; j <= r; ++j) {
          double s = 0;
          for (std::int64_t d = 0; d < size; ++d)
            s += at(q, (h * rows + r) * size + d) * at(k, (kv * rows + j) * size + d);
          const double weight =
              std::exp(s * scale + static_cast<double>(own[static_cast<std::size_t>(r)]) -
                       static_cast<double>(own[static_cast<std::size_t>(j)]));
          all += weight;
          if (j < kept) lost += weight;
        }
        EXPECT_LE(lost / all, std::exp(-10.0)) << "row " << r;
      }
    }
    expect_same(first, expected.first(), "first ");
    expect_same(lists.at("list"), expected.list(), "list ");
    expect_same(lists.at("place"), expected.place(), "place ");
  }
  EXPECT_GT(pruned, 0) << "nothing was ever pruned, so nothing was tested";
}

TEST(Lists, MarksOfWhatWasChosen) {
  std::mt19937_64 random(test_seed() + 2);
  for (int draw = 0; draw < 4; ++draw) {
    const std::int64_t heads = pick(random, 1, 3), rows = pick(random, 1, 900),
                       want = pick(random, 1, 300), forced = pick(random, 0, 400);
    SCOPED_TRACE(fmt::format("heads={} rows={} want={} forced={}", heads, rows, want, forced));
    const HostArray x = normal(vm::kF32, {heads, rows}, random);
    const auto best =
        run("patterns.bl", "top_k_threshold", {}, {{"x", {x, "x"}}, {"want", {want, ""}}},
            {{"most", want}}, {"index", "count"});
    ASSERT_TRUE(best.contains("index"));
    const auto marked = run("lists.bl", "mark_chosen", {},
                            {{"index", {best.at("index"), "i"}},
                             {"count", {best.at("count"), "c"}},
                             {"forced", {forced, ""}},
                             {"mark", {zeros(vm::kI32, {heads, rows + 1}), "m"}}},
                            {}, {"mark"});
    ASSERT_TRUE(marked.contains("mark"));
    const std::vector<float> all = floats(x);
    std::vector<std::int32_t> expected(static_cast<std::size_t>(heads * (rows + 1)), 0);
    for (std::int64_t h = 0; h < heads; ++h) {
      for (const std::int64_t i : largest(std::span(all).subspan(static_cast<std::size_t>(h * rows),
                                                                 static_cast<std::size_t>(rows)),
                                          want))
        expected[static_cast<std::size_t>(h * (rows + 1) + i)] = 1;
      for (std::int64_t i = 0; i < std::min(rows, forced); ++i)
        expected[static_cast<std::size_t>(h * (rows + 1) + i)] = 1;
    }
    expect_same(marked.at("mark"), expected, "mark ");
  }
}

}  // namespace
}  // namespace bitloom::test
