// What sparse attention keeps: the kernels of patterns.bl against float64, and the builders of
// kernels/attention/patterns.h against what they promise.
#include "kernels/attention/patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kernels/index/device_index.h"
#include "tests/kernels/attention_reference.h"

namespace bitloom::test {
namespace {

using namespace kernels;  // NOLINT

TEST(Patterns, TheLargestNumbersByThreshold) {
  std::mt19937_64 random(test_seed());
  for (int draw = 0; draw < 6; ++draw) {
    const std::int64_t rows = pick(random, 1, 3), n = pick(random, 1, 3000),
                       want = pick(random, 0, 400);
    SCOPED_TRACE(fmt::format("rows={} n={} want={}", rows, n, want));
    HostArray x = normal(vm::kF32, {rows, n}, random);
    // many that are equal, zeros of both signs, and places that are masked out
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto what = pick(random, 0, 5);
      const double value = std::round(at(x, static_cast<std::int64_t>(i)) * 4) / 4;
      x.set_code(i, vm::encode(vm::kF32, what == 0  ? -INFINITY
                                         : what < 3 ? std::abs(value)
                                                    : value + 0.0));
    }
    KernelRun run{.file = "attention/patterns.bl", .kernel = "top_k_threshold"};
    run.request.arguments = {{"x", {x, "x"}}, {"want", {want, ""}}};
    run.request.sizes = {{"most", want}};
    run.request.outputs = {"index", "count"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("index"));
    const std::vector<float> all = floats(x);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto expected = largest({all.data() + r * n, static_cast<std::size_t>(n)}, want);
      ASSERT_EQ(at(results.at("count"), r), static_cast<double>(expected.size()));
      // the host's own choice: everything kept is at least as large as everything left
      for (std::size_t i = 0; i < expected.size(); ++i)
        ASSERT_EQ(at(results.at("index"), r * want + static_cast<std::int64_t>(i)),
                  static_cast<double>(expected[i]))
            << i;
    }
  }
}

TEST(Patterns, LargestKeepsNothingSmallerThanWhatItLeaves) {
  std::mt19937_64 random(test_seed() + 1);
  std::vector<float> x;
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(pick(random, -20, 20)));
  const auto kept = largest(x, 77);
  ASSERT_EQ(kept.size(), 77u);
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
  float least = INFINITY, most_left = -INFINITY;
  std::vector<bool> in(x.size(), false);
  for (const std::int64_t i : kept)
    in[static_cast<std::size_t>(i)] = true, least = std::min(least, x[static_cast<std::size_t>(i)]);
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!in[i]) most_left = std::max(most_left, x[i]);
  EXPECT_GE(least, most_left);
}

TEST(Patterns, MeansOfBlocksAndTheirScores) {
  std::mt19937_64 random(test_seed() + 2);
  const std::int64_t heads = 2, rows = pick(random, 1, 300), size = 64, blocks = (rows + 63) / 64;
  SCOPED_TRACE(fmt::format("rows={}", rows));
  const HostArray q = normal(vm::kF16, {heads, rows, size}, random),
                  k = normal(vm::kF16, {1, rows, size}, random);
  const auto pooled = [&](const HostArray& x) {
    KernelRun run{
        .file = "attention/patterns.bl", .kernel = "mean_pool", .generics = {{"D", "64"}}};
    run.request.arguments = {{"x", {x, "x"}}};
    run.request.outputs = {"mean"};
    return must_run(run).at("mean");
  };
  const HostArray mean_q = pooled(q), mean_k = pooled(k);
  const auto mean = [&](const HostArray& x, std::int64_t head, std::int64_t block, std::int64_t d) {
    const std::int64_t end = std::min(rows, block * 64 + 64);
    double sum = 0;
    for (std::int64_t r = block * 64; r < end; ++r) sum += at(x, (head * rows + r) * size + d);
    return sum / static_cast<double>(end - block * 64);
  };
  KernelRun run{
      .file = "attention/patterns.bl", .kernel = "block_scores", .generics = {{"D", "64"}}};
  run.request.arguments = {{"q", {mean_q, "q"}}, {"k", {mean_k, "k"}}};
  run.request.outputs = {"score"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("score"));
  for (std::int64_t h = 0; h < heads; ++h) {
    for (std::int64_t i = 0; i < blocks; ++i) {
      for (std::int64_t j = 0; j < blocks; ++j) {
        double s = 0;
        for (std::int64_t d = 0; d < size; ++d) s += mean(q, h, i, d) * mean(k, 0, j, d);
        const double got = at(results.at("score"), (h * blocks + i) * blocks + j);
        if (j > i)
          ASSERT_EQ(got, -INFINITY);
        else
          ASSERT_NEAR(got, s, 1e-4);
      }
    }
  }
}

// Attention as models have it: keys and queries with a common mean, turned by their positions
// (RoPE), which makes slashes; a sink on the first tokens; and hot keys that every query looks at.
struct Planted {
  std::int64_t rows, size;
  HostArray q, k;
  double scale;
};

Planted planted(std::int64_t rows, std::int64_t size, int hot, std::mt19937_64& random) {
  Planted p{.rows = rows,
            .size = size,
            .q = zeros(vm::kF16, {1, rows, size}),
            .k = zeros(vm::kF16, {1, rows, size}),
            .scale = 1 / std::sqrt(static_cast<double>(size))};
  // Pairs of dimensions of one size and any angle, alike in q and k: what a diagonal weighs depends
  // on its offset alone.
  std::normal_distribution<double> noise(0, 0.5);
  std::uniform_real_distribution<double> angle(0, 6.283185307179586);
  std::vector<double> mean_q, mean_k, direction;
  for (std::int64_t d = 0; d < size; d += 2) {
    const double turn = angle(random);
    for (const double x : {1.5 * std::cos(turn), 1.5 * std::sin(turn)})
      mean_q.push_back(x), mean_k.push_back(x);
    for (int i = 0; i < 2; ++i)
      direction.push_back(d >= size - 16 ? 1.0 : 0);  // slow pairs: RoPE hardly turns them
  }
  std::vector<bool> is_hot(static_cast<std::size_t>(rows), false);
  for (int i = 0; i < 4; ++i) is_hot[static_cast<std::size_t>(i)] = true;
  for (int i = 0; i < hot; ++i) is_hot[static_cast<std::size_t>(pick(random, 0, rows - 1))] = true;
  for (std::int64_t r = 0; r < rows; ++r) {
    std::vector<double> q, k;
    for (std::int64_t d = 0; d < size; ++d) {
      const auto i = static_cast<std::size_t>(d);
      q.push_back(mean_q[i] + noise(random) + 3 * direction[i]);
      k.push_back(mean_k[i] + noise(random) +
                  (is_hot[static_cast<std::size_t>(r)] ? 2.5 * direction[i] : 0));
    }
    for (std::int64_t d = 0; d < size; d += 2) {
      const double phase = static_cast<double>(r) *
                           std::pow(10000.0, -static_cast<double>(d) / static_cast<double>(size));
      const auto turn = [&](const std::vector<double>& x, HostArray& into) {
        const double a = x[static_cast<std::size_t>(d)], b = x[static_cast<std::size_t>(d + 1)];
        const auto to = static_cast<std::size_t>(r * size + d);
        into.set_code(to, vm::encode(vm::kF16, a * std::cos(phase) - b * std::sin(phase)));
        into.set_code(to + 1, vm::encode(vm::kF16, a * std::sin(phase) + b * std::cos(phase)));
      };
      turn(q, p.q);
      turn(k, p.k);
    }
  }
  return p;
}

// Probabilities of one row over the columns it sees, and its log-sum-exp.
std::pair<std::vector<double>, double> attention_of(const Planted& p, std::int64_t row) {
  std::vector<double> s;
  for (std::int64_t c = 0; c <= row; ++c) {
    double sum = 0;
    for (std::int64_t d = 0; d < p.size; ++d)
      sum += at(p.q, row * p.size + d) * at(p.k, c * p.size + d);
    s.push_back(sum * p.scale);
  }
  const double top = *std::max_element(s.begin(), s.end());
  double total = 0;
  for (double& x : s) total += x = std::exp(x - top);
  for (double& x : s) x /= total;
  return {s, top + std::log(total)};
}

struct Masses {
  std::vector<float> vertical, slash;
};

// By the kernel; with the reference beside it.
void last_rows(const Planted& p, Masses& measured, Masses& expected) {
  HostArray lse = zeros(vm::kF32, {1, p.rows});
  expected.vertical.assign(static_cast<std::size_t>(p.rows), 0.F);
  expected.slash = expected.vertical;
  for (std::int64_t r = p.rows - 64; r < p.rows; ++r) {
    const auto [mass, log_sum] = attention_of(p, r);
    lse.set_code(static_cast<std::size_t>(r), vm::encode(vm::kF32, log_sum));
    for (std::int64_t c = 0; c <= r; ++c) {
      expected.vertical[static_cast<std::size_t>(c)] +=
          static_cast<float>(mass[static_cast<std::size_t>(c)]);
      expected.slash[static_cast<std::size_t>(r - c)] +=
          static_cast<float>(mass[static_cast<std::size_t>(c)]);
    }
  }
  KernelRun run{.file = "attention/patterns.bl",
                .kernel = "last_rows_mass",
                .generics = {{"D", fmt::to_string(p.size)}}};
  run.request.arguments = {{"q", {p.q, "q"}},
                           {"k", {p.k, "k"}},
                           {"lse", {lse, "lse"}},
                           {"scale", {p.scale, ""}},
                           {"slash", {zeros(vm::kU32, {1, p.rows}), "slash"}}};
  run.request.outputs = {"vertical", "slash"};
  const auto results = must_run(run);
  for (auto [name, into] :
       {std::pair{"vertical", &measured.vertical}, std::pair{"slash", &measured.slash}}) {
    ASSERT_TRUE(results.contains(name));
    for (std::int64_t i = 0; i < p.rows; ++i)
      into->push_back(static_cast<float>(at(results.at(name), i) * 0x1p-24));
  }
}

TEST(Patterns, WhatTheLastRowsLookAt) {
  std::mt19937_64 random(test_seed() + 3);
  for (const std::int64_t size : {64, 128}) {
    const Planted p = planted(pick(random, 64, 700), size, 10, random);
    SCOPED_TRACE(fmt::format("rows={} D={}", p.rows, size));
    Masses measured, expected;
    last_rows(p, measured, expected);
    double whole = 0;
    for (std::size_t i = 0; i < measured.vertical.size(); ++i) {
      ASSERT_NEAR(measured.vertical[i], expected.vertical[i],
                  2e-5 + 1e-3 * static_cast<double>(expected.vertical[i]))
          << i;
      ASSERT_NEAR(measured.slash[i], expected.slash[i],
                  2e-5 + 1e-3 * static_cast<double>(expected.slash[i]))
          << i;
      whole += static_cast<double>(measured.slash[i]);
    }
    EXPECT_NEAR(whole, 64, 0.02);
  }
}

TEST(VerticalSlash, KeepsTheAttentionOfPlantedHeads) {
  std::mt19937_64 random(test_seed() + 4);
  const Planted p = planted(2048, 64, 40, random);
  Masses measured, expected;
  last_rows(p, measured, expected);
  const auto pattern =
      choose_vertical_slash(measured.vertical, measured.slash, {.columns = 128, .offsets = 400});
  ASSERT_TRUE(pattern) << pattern.error().message;
  EXPECT_EQ(pattern->columns.size(), 128u);
  EXPECT_EQ(pattern->offsets.size(), 400u);
  for (std::int64_t i = 0; i < 30; ++i) EXPECT_EQ(pattern->columns[static_cast<std::size_t>(i)], i);
  for (std::int64_t i = 0; i < 100; ++i)
    EXPECT_EQ(pattern->offsets[static_cast<std::size_t>(i)], i);

  // Rows of all ages, as the lists keep them: whole ranges of a block of rows, and single columns.
  std::vector<double> recalls;
  std::vector<bool> column(static_cast<std::size_t>(p.rows), false), offset = column;
  for (const std::int64_t c : pattern->columns) column[static_cast<std::size_t>(c)] = true;
  for (const std::int64_t o : pattern->offsets) offset[static_cast<std::size_t>(o)] = true;
  const Sequence sequence{.rows = p.rows, .columns = p.rows};
  double kept_share = 0;
  for (int draw = 0; draw < 24; ++draw) {
    const std::int64_t row = pick(random, 600, p.rows - 1), block = row / 64;
    TileLists lists({.row_block = 64, .column_block = 64});
    lists.begin(0, sequence, block);
    add_vertical_slash(lists, sequence, block * 64, block * 64 + 64, *pattern);
    lists.end();
    const auto mass = attention_of(p, row).first;
    double kept = 0;
    for (const std::int32_t entry : lists.list())
      for (std::int64_t c = entry / 4; c < std::min<std::int64_t>(entry / 4 + 64, row + 1); ++c)
        kept += mass[static_cast<std::size_t>(c)];
    for (const std::int32_t c : lists.singles())
      if (c <= row) kept += mass[static_cast<std::size_t>(c)];
    // the pattern alone; lists are made of whole tiles and keep more
    double exact = 0, count = 0;
    for (std::int64_t c = 0; c <= row; ++c)
      if (column[static_cast<std::size_t>(c)] || offset[static_cast<std::size_t>(row - c)]) {
        exact += mass[static_cast<std::size_t>(c)];
        count += 1;
      }
    kept_share += count / static_cast<double>(row + 1) / 24;
    recalls.push_back(exact);
    EXPECT_GE(kept, exact - 1e-9) << "the lists lack a column of the pattern";
    EXPECT_LT(kept, 1 + 1e-9) << "a column is kept twice";
  }
  std::sort(recalls.begin(), recalls.end());
  const double mean =
      std::accumulate(recalls.begin(), recalls.end(), 0.0) / static_cast<double>(recalls.size());
  SCOPED_TRACE(fmt::format("mean {:.4f}, 5th percentile {:.4f}, of {:.3f} of the columns", mean,
                           recalls[1], kept_share));
  EXPECT_GE(mean, 0.95);
  EXPECT_LT(kept_share, 0.45) << "a pattern that keeps nearly everything promises nothing";
}

// The lists that the kernels make, against what the pattern says row by row.
TEST(VerticalSlash, ListsAreMadeByKernels) {
  std::mt19937_64 random(test_seed() + 7);
  for (int draw = 0; draw < 4; ++draw) {
    const std::int64_t heads = pick(random, 1, 3), rows = pick(random, 1, 900),
                       row_block = 32 << pick(random, 0, 2),
                       column_block = 32 << pick(random, 0, 2),
                       blocks = (rows + row_block - 1) / row_block;
    SCOPED_TRACE(fmt::format("heads={} rows={} BM={} BN={}", heads, rows, row_block, column_block));
    std::vector<std::vector<bool>> column, offset;
    std::vector<int> column_counts, offset_counts;
    for (std::int64_t h = 0; h < heads; ++h) {
      const std::int64_t rare = pick(random, 2, 200);
      column.emplace_back();
      offset.emplace_back();
      int columns = 0, offsets = 0;
      for (std::int64_t i = 0; i < rows; ++i) {
        column.back().push_back(pick(random, 0, rare) == 0);
        offset.back().push_back(pick(random, 0, rare) == 0);
        column_counts.push_back(columns);
        offset_counts.push_back(offsets);
        columns += column.back().back();
        offsets += offset.back().back();
      }
      column_counts.push_back(columns);
      offset_counts.push_back(offsets);
    }
    const std::map<std::string, std::string> generics = {{"BM", fmt::to_string(row_block)},
                                                         {"BN", fmt::to_string(column_block)}};
    KernelRun count{
        .file = "attention/patterns.bl", .kernel = "count_vertical_slash", .generics = generics};
    count.request.arguments = {{"offsets", {integers({heads, rows + 1}, offset_counts), "o"}},
                               {"columns", {integers({heads, rows + 1}, column_counts), "c"}}};
    count.request.sizes = {{"rows", rows}, {"blocks", blocks}};
    count.request.outputs = {"tiles", "singles"};
    const auto counts = must_run(count);
    ASSERT_TRUE(counts.contains("tiles"));
    const auto scanned = [&](const char* name) {
      HostArray sums = zeros(vm::kI32, {heads * blocks + 1});
      exclusive_scan(counts.at(name).as<std::int32_t>(), sums.as<std::int32_t>());
      return sums;
    };
    const HostArray first = scanned("tiles"), single_first = scanned("singles");
    const auto last = [&](const HostArray& sums) {
      return static_cast<std::int64_t>(at(sums, heads * blocks));
    };
    KernelRun list{
        .file = "attention/patterns.bl", .kernel = "list_vertical_slash", .generics = generics};
    list.request.arguments = count.request.arguments;
    list.request.arguments["first"] = {first, "first"};
    list.request.arguments["single_first"] = {single_first, "single_first"};
    list.request.sizes = {{"rows", rows},
                          {"blocks", blocks},
                          {"entries", last(first)},
                          {"singles", last(single_first)}};
    list.request.outputs = {"place", "list", "single"};
    // every other draw with the columns as lists
    if (draw % 2 == 1) {
      KernelRun marked{.file = "attention/lists.bl", .kernel = "list_marked"};
      marked.request.arguments = {{"sums", {integers({heads, rows + 1}, column_counts), "c"}}};
      marked.request.sizes = {{"most", rows}};
      marked.request.outputs = {"place"};
      const auto places = must_run(marked);
      ASSERT_TRUE(places.contains("place"));
      list.request.arguments["chosen"] = {places.at("place"), "p"};
    }
    const auto lists = must_run(list);
    ASSERT_TRUE(lists.contains("list"));
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t b = 0; b < blocks; ++b) {
        const std::int64_t item = h * blocks + b, end = std::min(rows, (b + 1) * row_block);
        EXPECT_EQ(at(lists.at("place"), item * 6), static_cast<double>(h));
        EXPECT_EQ(at(lists.at("place"), item * 6 + 1), static_cast<double>(b * row_block));
        std::vector<std::int64_t> tiles, singles;
        std::vector<bool> covered(static_cast<std::size_t>(rows), false);
        for (std::int64_t t = 0; t * column_block < end; ++t) {
          bool crossed = false;
          for (std::int64_t r = b * row_block; r < end; ++r)
            for (std::int64_t c = t * column_block; c <= std::min(r, (t + 1) * column_block - 1);
                 ++c)
              crossed =
                  crossed || offset[static_cast<std::size_t>(h)][static_cast<std::size_t>(r - c)];
          if (!crossed) continue;
          const bool whole = (t + 1) * column_block - 1 <= b * row_block;
          tiles.push_back(t * column_block * 4 + (whole ? 0 : 1));
          for (std::int64_t c = t * column_block; c < std::min(rows, (t + 1) * column_block); ++c)
            covered[static_cast<std::size_t>(c)] = true;
        }
        for (std::int64_t c = 0; c < end; ++c)
          if (column[static_cast<std::size_t>(h)][static_cast<std::size_t>(c)] &&
              !covered[static_cast<std::size_t>(c)])
            singles.push_back(c);
        const auto made = [&](const HostArray& all, const HostArray& begins) {
          std::vector<std::int64_t> result;
          for (auto i = static_cast<std::int64_t>(at(begins, item));
               i < static_cast<std::int64_t>(at(begins, item + 1)); ++i)
            result.push_back(static_cast<std::int64_t>(at(all, i)));
          return result;
        };
        ASSERT_EQ(made(lists.at("list"), first), tiles) << "item " << item;
        ASSERT_EQ(made(lists.at("single"), single_first), singles) << "item " << item;
      }
    }
  }
}

TEST(DeviceIndex, OnTheHost) {
  std::mt19937_64 random(test_seed() + 8);
  std::vector<std::int32_t> counts, marks;
  std::vector<float> keys;
  const auto n = static_cast<std::size_t>(pick(random, 0, 300));
  for (std::size_t i = 0; i < n; ++i) {
    counts.push_back(static_cast<std::int32_t>(pick(random, 0, 9)));
    marks.push_back(static_cast<std::int32_t>(pick(random, 0, 1)));
    keys.push_back(static_cast<float>(pick(random, -9, 9)));
  }
  std::vector<std::int32_t> sums(n + 1), places(n), chosen(n);
  exclusive_scan(counts, sums);
  std::int32_t sum = 0;
  for (std::size_t i = 0; i <= n; ++i) {
    EXPECT_EQ(sums[i], sum);
    if (i < n) sum += counts[i];
  }
  std::vector<float> sorted = keys;
  sort_descending(sorted, places);
  for (std::size_t i = 0; i < n; ++i) {
    EXPECT_EQ(sorted[i], keys[static_cast<std::size_t>(places[i])]);
    if (i > 0) {
      EXPECT_TRUE(sorted[i - 1] > sorted[i] ||
                  (sorted[i - 1] == sorted[i] && places[i - 1] < places[i]));
    }
  }
  const std::int64_t count = select_marked(marks, chosen);
  std::vector<std::int32_t> expected;
  for (std::size_t i = 0; i < n; ++i)
    if (marks[i] != 0) expected.push_back(static_cast<std::int32_t>(i));
  chosen.resize(static_cast<std::size_t>(count));
  EXPECT_EQ(chosen, expected);
}

TEST(FoxAcp, PrunesAtMostTheShareThatItSays) {
  std::mt19937_64 random(test_seed() + 5);
  std::int64_t pruned_at_all = 0;
  for (int draw = 0; draw < 40; ++draw) {
    const std::int64_t n = pick(random, 1, 600), size = 16, block = pick(random, 1, 64);
    const double scale = 0.25,
                 strength = std::exp(std::normal_distribution<double>(-1, 1.5)(random));
    SCOPED_TRACE(fmt::format("n={} block={} strength={}", n, block, strength));
    std::vector<float> gates;
    std::exponential_distribution<double> gate(1 / strength);
    for (std::int64_t i = 0; i < n; ++i) gates.push_back(static_cast<float>(-gate(random)));
    const auto c = cumulative_gates(gates);
    ASSERT_TRUE(c);
    const HostArray q = normal(vm::kF32, {n, size}, random),
                    k = normal(vm::kF32, {n, size}, random);
    const auto norm = [&](const HostArray& x) {
      double most = 0;
      for (std::int64_t r = 0; r < n; ++r) {
        double sum = 0;
        for (std::int64_t d = 0; d < size; ++d) sum += at(x, r * size + d) * at(x, r * size + d);
        most = std::max(most, std::sqrt(sum));
      }
      return most;
    };
    const double largest_score = norm(q) * norm(k) * scale;
    for (std::int64_t first = 0; first < n; first += block) {
      const std::int64_t kept_from = prune_decayed(*c, first, largest_score);
      ASSERT_LE(kept_from, first);  // a row sees itself
      pruned_at_all += kept_from;
      for (std::int64_t r = first; r < std::min(n, first + block); ++r) {
        double pruned = 0, all = 0;
        for (std::int64_t j = 0; j <= r; ++j) {
          double s = 0;
          for (std::int64_t d = 0; d < size; ++d) s += at(q, r * size + d) * at(k, j * size + d);
          const double weight =
              std::exp(s * scale + static_cast<double>((*c)[static_cast<std::size_t>(r)]) -
                       static_cast<double>((*c)[static_cast<std::size_t>(j)]));
          all += weight;
          if (j < kept_from) pruned += weight;
        }
        ASSERT_LE(pruned / all, std::exp(-10.0)) << "row " << r;
      }
    }
  }
  EXPECT_GT(pruned_at_all, 0) << "nothing was ever pruned, so nothing was tested";
}

TEST(FoxAcp, SumsAMillionGatesWithoutLoss) {
  const std::vector<float> gates(1'000'000, -0.1F);
  const auto c = cumulative_gates(gates);
  ASSERT_TRUE(c);
  EXPECT_NEAR(c->back(), 1e6 * static_cast<double>(-0.1F), 0.01);
  const auto wrong = cumulative_gates(std::vector<float>{-0.1F, 0.2F});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "BL1104");
}

TEST(PatternSearch, FindsThePatternThatAHeadHas) {
  std::mt19937_64 random(test_seed() + 6);
  const std::int64_t n = 512, rows = 64, blocks = n / 64;
  const PatternBudget budget{
      .sink = 16,
      .window = 48,
      .vertical_slash = {.columns = 24, .offsets = 24, .first_columns = 4, .last_offsets = 4},
      .block = 64,
      .blocks = 2};
  const auto head = [&](auto weight) {
    std::vector<float> mass(static_cast<std::size_t>(rows * n), 0.F);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c <= n - rows + r; ++c)
        mass[static_cast<std::size_t>(r * n + c)] =
            static_cast<float>(weight(n - rows + r, c)) + 1e-4F;
    return mass;
  };
  std::vector<float> scores(static_cast<std::size_t>(blocks), 0.F);
  scores[3] = 1;  // the block of keys that the last block of queries is like
  const std::int64_t column = pick(random, 100, 400), offset = pick(random, 100, 400);
  const auto chosen = [&](const std::vector<float>& mass) {
    const auto choice = choose_pattern(mass, rows, n, scores, budget);
    EXPECT_TRUE(choice);
    return choice ? choice->pattern : HeadPattern::AShape;
  };
  EXPECT_EQ(
      chosen(head([&](std::int64_t r, std::int64_t c) { return c < 8 || r - c < 40 ? 1.0 : 0.0; })),
      HeadPattern::AShape);
  EXPECT_EQ(chosen(head([&](std::int64_t r, std::int64_t c) {
              return c == column || r - c == offset ? 1.0 : 0.0;
            })),
            HeadPattern::VerticalSlash);
  EXPECT_EQ(chosen(head([&](std::int64_t r, std::int64_t c) {
              return c / 64 == 3 || c / 64 == r / 64 ? 1.0 : 0.0;
            })),
            HeadPattern::BlockSparse);
  const auto wrong = choose_pattern(std::vector<float>(10), rows, n, scores, budget);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "BL1104");
}

TEST(BlockSparse, KeepsTheBestBlocksAndItsOwn) {
  const Sequence sequence{.rows = 300, .columns = 300};
  TileLists lists({.row_block = 64, .column_block = 64});
  lists.begin(0, sequence, 3);  // rows 192 … 255
  const std::vector<float> scores = {0.5F, 3, 1, -2, INFINITY};
  add_block_sparse(lists, sequence, scores, 64, 2);
  lists.end();
  EXPECT_EQ(lists.list(), (std::vector<std::int32_t>{64 * 4, 192 * 4 + 1}));
}

}  // namespace
}  // namespace bitloom::test
