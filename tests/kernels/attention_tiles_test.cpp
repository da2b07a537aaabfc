// attention_tiles.bl, attention.bl, attention_decode and attention_merge against float64: random
// shapes, masks and lengths.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "kernels/attention/tile_lists.h"
#include "tests/kernels/attention_reference.h"

namespace bitloom::test {
namespace {

using kernels::Sequence;
using kernels::TileLists;
using kernels::TileShape;

HostArray integers32(runtime::Shape shape, const std::vector<std::int32_t>& values) {
  return integers(std::move(shape), std::vector<int>(values.begin(), values.end()));
}

// q, k and v of several sequences, one behind the other.
struct Batch {
  std::vector<Sequence> sequences;
  std::int64_t heads, kv_heads, rows = 0, columns = 0, size;
  HostArray q, k, v, decay;
  bool with_decay = false;
  double scale;

  Batch(std::initializer_list<Sequence> all, std::int64_t head_size, vm::ElementType type,
        std::mt19937_64& random)
      : kv_heads(pick(random, 1, 2)),
        size(head_size),
        scale(1 / std::sqrt(static_cast<double>(head_size))) {
    heads = kv_heads * pick(random, 1, 2);
    for (Sequence s : all) {
      s.row = rows;
      s.column = columns;
      rows += s.rows;
      columns += s.columns;
      sequences.push_back(s);
    }
    q = normal(type, {heads, rows, size}, random, 1.5);
    k = normal(type, {kv_heads, columns, size}, random);
    v = normal(type, {kv_heads, columns, size}, random);
    decay = zeros(vm::kF32, {heads, columns});
    std::exponential_distribution<double> gate(10);
    for (std::int64_t h = 0; h < heads; ++h) {
      double c = 0;
      for (std::int64_t i = 0; i < columns; ++i)
        decay.set_code(static_cast<std::size_t>(h * columns + i),
                       vm::encode(vm::kF32, c -= gate(random)));
    }
  }
  const Sequence* of_row(std::int64_t row) const {
    for (const Sequence& s : sequences)
      if (row >= s.row && row < s.row + s.rows) return &s;
    return nullptr;
  }
  double bias(std::int64_t head, std::int64_t row, std::int64_t column) const {
    if (!with_decay) return 0;
    return at(decay, head * columns + row + of_row(row)->diagonal()) -
           at(decay, head * columns + column);
  }
};

// The tiles of attention.bl, which has no others.
constexpr TileShape kHopper{.row_block = 128, .column_block = 128};
bool is_hopper(const TileShape& shape) {
  return shape.column_block == kHopper.column_block;
}

KernelRun tiles_run(const Batch& b, const TileLists& lists, TileShape shape, const char* target,
                    std::int64_t window = 0, std::int64_t sink = 0) {
  KernelRun run{.file = "attention/attention_tiles.bl",
                .generics = {{"D", fmt::to_string(b.size)},
                             {"BM", fmt::to_string(shape.row_block)},
                             {"BN", fmt::to_string(shape.column_block)}},
                .target = target};
  const auto of = [](const std::vector<std::int32_t>& x) {
    return static_cast<std::int64_t>(x.size());
  };
  run.request.arguments = {{"q", {b.q, "q"}},
                           {"k", {b.k, "k"}},
                           {"v", {b.v, "v"}},
                           {"place", {integers32({lists.items(), 6}, lists.place()), "place"}},
                           {"first", {integers32({lists.items() + 1}, lists.first()), "first"}},
                           {"list", {integers32({of(lists.list())}, lists.list()), "list"}},
                           {"scale", {b.scale, ""}},
                           {"window", {window, ""}},
                           {"sink", {sink, ""}}};
  if (!lists.singles().empty()) {
    run.request.arguments["single_first"] = {integers32({lists.items() + 1}, lists.single_first()),
                                             "sf"};
    run.request.arguments["single"] = {integers32({of(lists.singles())}, lists.singles()), "s"};
  }
  if (is_hopper(shape)) {
    run.file = "attention/attention.bl";
    run.target = "sm_90a";
    run.generics = {{"D", fmt::to_string(b.size)}};
    run.request.device_sms = 3;
    run.request.arguments["ticket"] = {zeros(vm::kU32, {2}), "ticket"};
  }
  if (b.with_decay) run.request.arguments["decay"] = {b.decay, "decay"};
  run.request.outputs = {"o", "lse"};
  return run;
}

template <class Fill>
TileLists lists_of(const Batch& b, TileShape shape, Fill fill) {
  TileLists lists(shape);
  for (std::int64_t head = 0; head < b.heads; ++head) {
    for (const Sequence& s : b.sequences) {
      for (std::int64_t block = 0; block < lists.blocks(s); ++block) {
        lists.begin(head, s, block);
        fill(lists, head, s, block);
        lists.end();
      }
    }
  }
  return lists;
}

template <class Columns>
void check(const Batch& b, const KernelRun& run, Columns columns_of) {
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("o"));
  const auto expected = reference_attention(
      b.q, b.k, b.v, b.scale, columns_of,
      [&](std::int64_t h, std::int64_t r, std::int64_t c) { return b.bias(h, r, c); });
  expect_attention(results.at("o"), results.at("lse"), expected,
                   b.q.type() == vm::kF16 ? 2e-3 : 1.2e-2);
}

std::vector<std::int64_t> range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = begin; i < end; ++i) all.push_back(i);
  return all;
}

std::string words(const Batch& b) {
  std::string text =
      fmt::format("heads={}/{} D={} {}:", b.heads, b.kv_heads, b.size, vm::to_string(b.q.type()));
  for (const Sequence& s : b.sequences) text += fmt::format(" {}x{}", s.rows, s.columns);
  return text;
}

// Lengths of 0 and 1, longer histories than rows, rows that see nothing.
Batch draw(std::int64_t size, vm::ElementType type, std::mt19937_64& random) {
  const std::int64_t rows = pick(random, 1, 150);
  return Batch({{.rows = rows, .columns = rows},
                {.rows = 0, .columns = 0},
                {.rows = 1, .columns = 1},
                {.rows = pick(random, 1, 40), .columns = pick(random, 40, 130)},
                {.rows = 7, .columns = 3}},
               size, type, random);
}

TEST(AttentionTiles, DenseCausalOfAnyLengths) {
  std::mt19937_64 random(test_seed());
  for (const std::int64_t size : {64, 128}) {
    for (const bool with_decay : {false, true}) {
      Batch b = draw(size, with_decay ? vm::kBF16 : vm::kF16, random);
      b.with_decay = with_decay;
      SCOPED_TRACE(words(b));
      for (const TileShape shape :
           {TileShape{.row_block = size == 64 ? 32 : 64, .column_block = 64}, kHopper}) {
        SCOPED_TRACE(fmt::format("tiles of {} columns", shape.column_block));
        const TileLists lists =
            lists_of(b, shape, [](TileLists& l, std::int64_t, const Sequence&, std::int64_t) {
              l.causal({0, l.visible_end()});
            });
        EXPECT_EQ(lists.density(), 1);
        check(b, tiles_run(b, lists, shape, with_decay ? "sm_80" : "sm_90a"),
              [&](std::int64_t, std::int64_t row) {
                const Sequence& s = *b.of_row(row);
                return range(s.column, row + s.diagonal() + 1);
              });
      }
    }
  }
}

TEST(AttentionTiles, WindowAndSink) {
  std::mt19937_64 random(test_seed() + 1);
  for (int i = 0; i < 3; ++i) {
    const Batch b = draw(64, vm::kF16, random);
    const std::int64_t window = pick(random, 1, 90), sink = pick(random, 0, 40);
    SCOPED_TRACE(fmt::format("{} window={} sink={}", words(b), window, sink));
    for (const TileShape shape : {TileShape{.row_block = 32, .column_block = 32}, kHopper}) {
      SCOPED_TRACE(fmt::format("tiles of {} columns", shape.column_block));
      const TileLists lists =
          lists_of(b, shape, [&](TileLists& l, std::int64_t, const Sequence&, std::int64_t) {
            l.window(window, sink);
          });
      check(b, tiles_run(b, lists, shape, "sm_80", window, sink),
            [&](std::int64_t, std::int64_t row) {
              const Sequence& s = *b.of_row(row);
              std::vector<std::int64_t> columns;
              for (const std::int64_t c : range(s.column, row + s.diagonal() + 1))
                if (row + s.diagonal() - c < window || c - s.column < sink) columns.push_back(c);
              return columns;
            });
    }
  }
}

TEST(AttentionTiles, WholeSequencesWithoutOrder) {
  std::mt19937_64 random(test_seed() + 2);
  const Batch b = draw(64, vm::kF16, random);
  SCOPED_TRACE(words(b));
  for (const TileShape shape : {TileShape{.row_block = 64, .column_block = 32}, kHopper}) {
    SCOPED_TRACE(fmt::format("tiles of {} columns", shape.column_block));
    const TileLists lists =
        lists_of(b, shape, [](TileLists& l, std::int64_t, const Sequence& s, std::int64_t) {
          l.whole({0, s.column + s.columns});
        });
    check(b, tiles_run(b, lists, shape, "sm_80"), [&](std::int64_t, std::int64_t row) {
      const Sequence& s = *b.of_row(row);
      return range(s.column, s.column + s.columns);
    });
  }
}

// Ranges that begin anywhere, single columns, and items with nothing at all. What a row sees is
// read off the lists.
TEST(AttentionTiles, AnyRangesAndSingleColumns) {
  std::mt19937_64 random(test_seed() + 3);
  for (const std::int64_t size : {64, 128}) {
    Batch b = draw(size, vm::kF16, random);
    b.with_decay = size == 64;
    SCOPED_TRACE(words(b));
    const TileShape shape{.row_block = 32, .column_block = 32};
    std::map<std::pair<std::int64_t, std::int64_t>, std::set<std::int64_t>>
        asked;  // of (head, first row)
    const TileLists lists = lists_of(
        b, shape, [&](TileLists& l, std::int64_t head, const Sequence& s, std::int64_t block) {
          auto& mine = asked[{head, s.row + block * shape.row_block}];
          if (pick(random, 0, 4) == 0) return;
          for (std::int64_t i = pick(random, 0, 3); i > 0 && s.columns > 0; --i) {
            const std::int64_t begin = s.column + pick(random, 0, s.columns - 1),
                               end = begin + pick(random, 0, 70);
            l.causal({begin, end});
            for (const std::int64_t c : range(begin, end)) mine.insert(c);
          }
          std::vector<std::int64_t> columns;
          for (const std::int64_t c : range(s.column, s.column + s.columns))
            if (pick(random, 0, 3) == 0) columns.push_back(c), mine.insert(c);
          l.single(columns);
        });
    std::map<std::pair<std::int64_t, std::int64_t>, std::set<std::int64_t>> held;
    for (std::int64_t item = 0; item < lists.items(); ++item) {
      const auto place = [&](std::int64_t i) {
        return lists.place()[static_cast<std::size_t>(item * 6 + i)];
      };
      const auto of = [](const std::vector<std::int32_t>& x, std::int64_t i) {
        return x[static_cast<std::size_t>(i)];
      };
      auto& mine = held[{place(0), place(1)}];
      for (int e = of(lists.first(), item); e < of(lists.first(), item + 1); ++e) {
        const std::int32_t column = of(lists.list(), e) / 4;
        for (const std::int64_t c : range(column, column + shape.column_block))
          EXPECT_TRUE(mine.insert(c).second) << "column " << c << " stands twice in item " << item;
      }
      for (int e = of(lists.single_first(), item); e < of(lists.single_first(), item + 1); ++e)
        EXPECT_TRUE(mine.insert(of(lists.singles(), e)).second) << "item " << item;
      // Everything that was asked for and that some row sees is there.
      const std::int64_t last =
          std::min<std::int64_t>(place(1) + shape.row_block, place(2)) - 1 + place(5);
      for (const std::int64_t c : asked[{place(0), place(1)}])
        if (c >= place(3) && c < place(4) && c <= last) {
          EXPECT_TRUE(mine.contains(c)) << "column " << c;
        }
    }
    check(b, tiles_run(b, lists, shape, size == 64 ? "sm_80" : "sm_90a"),
          [&](std::int64_t head, std::int64_t row) {
            const Sequence& s = *b.of_row(row);
            std::vector<std::int64_t> columns;
            for (const std::int64_t c :
                 held[{head, s.row + (row - s.row) / shape.row_block * shape.row_block}])
              if (c >= s.column && c <= row + s.diagonal()) columns.push_back(c);
            return columns;
          });
  }
}

TEST(AttentionDecode, PagedCachesInParts) {
  std::mt19937_64 random(test_seed() + 4);
  for (const std::int64_t size : {64, 128}) {
    const std::int64_t page = size == 64 ? 64 : 16, kv_heads = pick(random, 1, 2),
                       shared_by = pick(random, 1, 8), heads = kv_heads * shared_by,
                       splits = pick(random, 1, 4);
    const vm::ElementType type = size == 64 ? vm::kBF16 : vm::kF16;
    const std::vector<int> lengths = {static_cast<int>(pick(random, 1, 400)), 0, 1,
                                      static_cast<int>(2 * page)};
    const auto sequences = static_cast<std::int64_t>(lengths.size());
    const std::int64_t most = (*std::max_element(lengths.begin(), lengths.end()) + page - 1) / page;
    std::int64_t pages = 0;
    for (const int length : lengths) pages += (length + page - 1) / page;
    SCOPED_TRACE(fmt::format("D={} page={} heads={}/{} splits={} first length={}", size, page,
                             heads, kv_heads, splits, lengths[0]));
    std::vector<int> order(static_cast<std::size_t>(pages)),
        table(static_cast<std::size_t>(sequences * most), 0);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    std::shuffle(order.begin(), order.end(), random);
    HostArray k = normal(type, {pages, kv_heads, page, size}, random),
              v = normal(type, {pages, kv_heads, page, size}, random);
    const HostArray q = normal(type, {sequences, heads, size}, random, 1.5);
    // Every sequence in order, for the reference; NaN in the cache behind the last token.
    std::int64_t next = 0;
    std::vector<HostArray> ks, vs;
    for (std::int64_t s = 0; s < sequences; ++s) {
      const std::int64_t length = lengths[static_cast<std::size_t>(s)];
      HostArray own_k = zeros(type, {kv_heads, length, size}), own_v = own_k;
      for (std::int64_t j = 0; j * page < length; ++j) {
        const std::int64_t p = order[static_cast<std::size_t>(next++)];
        table[static_cast<std::size_t>(s * most + j)] = static_cast<int>(p);
        for (std::int64_t h = 0; h < kv_heads; ++h) {
          for (std::int64_t t = 0; t < page; ++t) {
            for (std::int64_t d = 0; d < size; ++d) {
              const auto from =
                  static_cast<std::size_t>(((p * kv_heads + h) * page + t) * size + d);
              if (j * page + t >= length) {
                k.set_code(from, vm::encode(type, NAN));
                v.set_code(from, vm::encode(type, NAN));
                continue;
              }
              const auto to = static_cast<std::size_t>((h * length + j * page + t) * size + d);
              own_k.set_code(to, k.code(from));
              own_v.set_code(to, v.code(from));
            }
          }
        }
      }
      ks.push_back(std::move(own_k));
      vs.push_back(std::move(own_v));
    }
    const double scale = 1 / std::sqrt(static_cast<double>(size));
    KernelRun run{.file = "attention/attention_decode.bl",
                  .kernel = "attention_decode",
                  .generics = {{"D", fmt::to_string(size)}, {"P", fmt::to_string(page)}},
                  .target = size == 64 ? "sm_80" : "sm_90a"};
    run.request.sizes = {{"splits", splits}};
    run.request.arguments = {{"q", {q, "q"}},
                             {"k", {k, "k"}},
                             {"v", {v, "v"}},
                             {"table", {integers({sequences, most}, table), "table"}},
                             {"length", {integers({sequences}, lengths), "length"}},
                             {"scale", {scale, ""}}};
    run.request.outputs = {"part", "lse"};
    const auto parts = must_run(run);
    ASSERT_TRUE(parts.contains("part"));

    KernelRun merge{.file = "attention/attention_decode.bl",
                    .kernel = "attention_merge",
                    .generics = {{"D", fmt::to_string(size)}, {"T", vm::to_string(type)}},
                    .target = run.target};
    auto part = HostArray(parts.at("part")).with_shape({splits, sequences * heads, size});
    auto part_lse = HostArray(parts.at("lse")).with_shape({splits, sequences * heads});
    ASSERT_TRUE(part && part_lse);
    merge.request.arguments = {{"part", {*part, "part"}}, {"part_lse", {*part_lse, "lse"}}};
    merge.request.outputs = {"o", "lse"};
    const auto results = must_run(merge);
    ASSERT_TRUE(results.contains("o"));

    AttentionReference expected;
    for (std::int64_t s = 0; s < sequences; ++s) {
      HostArray row = zeros(type, {heads, 1, size});
      for (std::int64_t i = 0; i < heads * size; ++i)
        row.set_code(static_cast<std::size_t>(i),
                     q.code(static_cast<std::size_t>(s * heads * size + i)));
      const auto& own_k = ks[static_cast<std::size_t>(s)];
      const auto one = reference_attention(
          row, own_k, vs[static_cast<std::size_t>(s)], scale,
          [&](std::int64_t, std::int64_t) { return range(0, own_k.shape()[1]); },
          [](std::int64_t, std::int64_t, std::int64_t) { return 0.0; });
      expected.o.insert(expected.o.end(), one.o.begin(), one.o.end());
      expected.lse.insert(expected.lse.end(), one.lse.begin(), one.lse.end());
    }
    expect_attention(results.at("o"), results.at("lse"), expected,
                     type == vm::kF16 ? 2e-3 : 1.2e-2);
  }
}

}  // namespace
}  // namespace bitloom::test
