// Attention by patterns over a paged cache against float64, what patterns are chosen by, and their
// notation.
#include "stack/model/attention.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "kernels/attention/tile_lists.h"
#include "stack/model/pattern_search.h"
#include "tests/kernels/kernel_runner.h"
#include "tests/stack/model_folder.h"
#include "vm/numerics.h"

namespace bitloom::stack {
namespace {

using runtime::HostArray;

AttentionPattern pattern(std::string_view text) {
  return value_of(parse_attention_pattern(text));
}

// Queries, and a cache whose pages lie anywhere.
struct Draw {
  std::int64_t m, heads, kv_heads, size, start;
  HostArray q, k, v;
  std::vector<std::int32_t> table;

  Draw(vm::ElementType type, std::int64_t rows, std::int64_t before, std::mt19937_64& random)
      : m(rows), start(before) {
    kv_heads = 1 + static_cast<std::int64_t>(random() % 2);
    heads = kv_heads * (1 + static_cast<std::int64_t>(random() % 2));
    size = random() % 2 == 0 ? 64 : 128;
    const std::int64_t pages = (start + m + kPageSize - 1) / kPageSize;
    for (std::int32_t i = 0; i < pages; ++i) table.push_back(i);
    std::shuffle(table.begin(), table.end(), random);
    std::normal_distribution<double> normal;
    const auto fill = [&](runtime::Shape shape, double scale) {
      HostArray array = value_of(HostArray::zeros(type, std::move(shape)));
      for (std::size_t i = 0; i < array.size(); ++i)
        array.set_code(i, vm::encode(type, scale * normal(random)));
      return array;
    };
    q = fill({m, heads, size}, 1.5);
    k = fill({pages, kv_heads, kPageSize, size}, 1);
    v = fill({pages, kv_heads, kPageSize, size}, 1);
  }
  std::int64_t columns() const { return start + m; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(size)); }
  double of(const HostArray& array, std::int64_t i) const {
    return vm::decode(array.type(), array.code(static_cast<std::size_t>(i)));
  }
  std::int64_t place(std::int64_t head, std::int64_t column) const {
    const std::int64_t page = table[static_cast<std::size_t>(column / kPageSize)];
    return ((page * kv_heads + head / (heads / kv_heads)) * kPageSize + column % kPageSize) * size;
  }
  double score(std::int64_t head, std::int64_t row, std::int64_t column) const {
    double sum = 0;
    for (std::int64_t d = 0; d < size; ++d)
      sum += of(q, (row * heads + head) * size + d) * of(k, place(head, column) + d);
    return sum * scale();
  }
  // Probabilities over some columns.
  template <class Columns>
  std::vector<double> attention(std::int64_t head, std::int64_t row, const Columns& seen) const {
    std::vector<double> p;
    double top = -INFINITY, total = 0;
    for (const std::int64_t c : seen)
      p.push_back(score(head, row, c)), top = std::max(top, p.back());
    for (double& x : p) total += x = std::exp(x - top);
    for (double& x : p) x /= total;
    return p;
  }
  AttentionInput on(Executor& executor) const {
    HostArray pages =
        value_of(HostArray::zeros(vm::kI32, {static_cast<std::int64_t>(table.size())}));
    std::ranges::copy(table, pages.as<std::int32_t>().begin());
    return {value_of(executor.upload(q)), value_of(executor.upload(k)),
            value_of(executor.upload(v)), value_of(executor.upload(pages)), start};
  }
  std::string words() const {
    return fmt::format("{} m={} start={} heads={}/{} D={}", vm::to_string(q.type()), m, start,
                       heads, kv_heads, size);
  }
};

std::vector<std::int64_t> up_to(std::int64_t end) {
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < end; ++i) all.push_back(i);
  return all;
}

// out of the patterns against softmax over what seen(head, row) says.
template <class Seen>
void expect_attention(const Draw& draw, const HostArray& out, Seen seen) {
  const double bound = draw.q.type() == vm::kF32 ? 2e-5 : 0.03;
  for (std::int64_t h = 0; h < draw.heads; ++h) {
    for (std::int64_t i = 0; i < draw.m; ++i) {
      const auto columns = seen(h, i);
      ASSERT_FALSE(columns.empty());
      const auto p = draw.attention(h, i, columns);
      for (std::int64_t d = 0; d < draw.size; ++d) {
        double sum = 0;
        std::size_t at = 0;
        for (const std::int64_t c : columns) sum += p[at++] * draw.of(draw.v, draw.place(h, c) + d);
        ASSERT_NEAR(draw.of(out, (i * draw.heads + h) * draw.size + d), sum, bound)
            << "head " << h << ", row " << i;
      }
    }
  }
}

Array out_of(Executor& executor, const Draw& draw) {
  return value_of(executor.allocate(draw.q.type(), {draw.m, draw.heads, draw.size}));
}

std::vector<Draw> draws(std::mt19937_64& random) {
  const auto upto = [&](std::int64_t most) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  std::vector<Draw> all;
  all.emplace_back(vm::kF32, 2 + upto(150), 0, random);
  all.emplace_back(vm::kF32, 2 + upto(90), 1 + upto(200), random);
  all.emplace_back(vm::kBF16, 2 + upto(150), 64 * upto(3), random);
  all.emplace_back(vm::kBF16, 2 + upto(14), upto(200), random);  // tiles of 16 rows
  return all;
}

// Lists that keep everything are dense attention, bit for bit.
TEST(PromptAttention, ListsOfEverythingAreDenseAttention) {
  std::mt19937_64 random(test::test_seed());
  const auto executor = make_interpreter(executor_options(true));
  for (const Draw& draw : draws(random)) {
    SCOPED_TRACE(draw.words());
    const AttentionInput input = draw.on(*executor);
    const Array dense = out_of(*executor, draw), listed = out_of(*executor, draw);
    require(attend(*executor, input, dense));
    const HostArray expected = value_of(executor->read(dense));
    expect_attention(draw, expected,
                     [&](std::int64_t, std::int64_t i) { return up_to(draw.start + i + 1); });
    for (const char* text : {"dense", "a-shape:0,100000", "a-shape:100000,1",
                             "vertical-slash:100000,100000", "block-sparse:100000"}) {
      const std::vector<AttentionPattern> heads(static_cast<std::size_t>(draw.heads),
                                                pattern(text));
      EXPECT_EQ(value_of(attend(*executor, input, heads, listed)), 1) << text;
      const HostArray got = value_of(executor->read(listed));
      EXPECT_TRUE(std::ranges::equal(got.bytes(), expected.bytes())) << text;
    }
  }
}

// Rows of a block share a list; where tiles are whole, a row sees a little more than the pattern.
std::pair<std::int64_t, std::int64_t> block_of(const Draw& draw, std::int64_t row) {
  const std::int64_t size = draw.q.type() == vm::kBF16 && draw.m <= 16 ? 16 : 64;
  return {row / size * size, std::min(row / size * size + size, draw.m)};
}

TEST(PromptAttention, PatternsAgreeWithFloat64) {
  std::mt19937_64 random(test::test_seed() + 1);
  const auto executor = make_interpreter(executor_options(true));
  int singles = 0;
  for (const Draw& draw : draws(random)) {
    SCOPED_TRACE(draw.words());
    const AttentionInput input = draw.on(*executor);
    const Array out = out_of(*executor, draw);
    const auto some = [&](std::int64_t least, std::int64_t most) {
      return least + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most - least));
    };
    const PromptMasses masses = value_of(prompt_masses(*executor, input, out, false));
    const BlockScores scores = value_of(block_scores(*executor, input));
    // every head its own
    std::vector<AttentionPattern> heads;
    for (std::int64_t h = 0; h < draw.heads; ++h)
      heads.push_back(pattern(h % 4 == 0
                                  ? fmt::format("vertical-slash:{},{}", some(0, 20), some(1, 4))
                              : h % 4 == 1 ? fmt::format("block-sparse:{}", some(1, 3))
                              : h % 4 == 2 ? fmt::format("a-shape:{},{}", some(0, 40), some(1, 60))
                                           : "dense"));
    std::shuffle(heads.begin(), heads.end(), random);
    const double density = value_of(attend(*executor, input, heads, out));
    EXPECT_GT(density, 0);
    EXPECT_LE(density, 1.05);
    expect_attention(draw, value_of(executor->read(out)), [&](std::int64_t h, std::int64_t i) {
      const AttentionPattern& mine = heads[static_cast<std::size_t>(h)];
      const std::int64_t at = draw.start + i;
      std::set<std::int64_t> seen;
      const auto add_tile = [&](std::int64_t tile) {
        for (std::int64_t c = tile * 64; c < std::min(tile * 64 + 64, at + 1); ++c) seen.insert(c);
      };
      const auto part = [&](const auto& all, std::int64_t begin, std::int64_t count) {
        return std::vector<float>(all.begin() + begin, all.begin() + begin + count);
      };
      switch (mine.kind) {
        case AttentionPattern::Kind::Dense:
          for (std::int64_t c = 0; c <= at; ++c) seen.insert(c);
          break;
        case AttentionPattern::Kind::AShape:
          for (std::int64_t c = 0; c <= at; ++c)
            if (c < mine.first || at - c < mine.second) seen.insert(c);
          break;
        case AttentionPattern::Kind::VerticalSlash: {
          const auto chosen = value_of(kernels::choose_vertical_slash(
              part(masses.vertical, h * draw.columns(), draw.columns()),
              part(masses.slash, h * draw.columns(), draw.columns()), mine.vertical_slash()));
          // tiles that a diagonal crosses in some row of the block, and the columns
          const auto [first, end] = block_of(draw, i);
          for (const std::int64_t offset : chosen.offsets)
            for (std::int64_t r = draw.start + first; r < draw.start + end; ++r)
              if (r >= offset) add_tile((r - offset) / 64);
          for (const std::int64_t c : chosen.columns)
            if (c <= at) singles += seen.insert(c).second;
          break;
        }
        case AttentionPattern::Kind::BlockSparse: {
          const auto [first, end] = block_of(draw, i);
          const std::int64_t own = (draw.start + first) / 64, last = (draw.start + end - 1) / 64;
          auto mean =
              part(scores.score, (h * scores.row_blocks + i / 64) * scores.blocks, last + 1);
          std::fill(mean.begin() + own, mean.end(), INFINITY);
          const std::int64_t kept = std::max(mine.first, last + 1 - own);
          for (const std::int64_t b : kernels::largest(mean, kept)) add_tile(b);
          break;
        }
      }
      return seen;
    });
  }
  EXPECT_GT(singles, 0) << "no column was ever read by itself";
}

// Sums of the last rows' probabilities, and products of means.
TEST(PromptAttention, MassesAndScoresAgreeWithFloat64) {
  std::mt19937_64 random(test::test_seed() + 2);
  const auto executor = make_interpreter(executor_options(true));
  for (const Draw& draw : draws(random)) {
    SCOPED_TRACE(draw.words());
    const AttentionInput input = draw.on(*executor);
    const PromptMasses masses =
        value_of(prompt_masses(*executor, input, out_of(*executor, draw), true));
    const BlockScores scores = value_of(block_scores(*executor, input));
    const std::int64_t n = draw.columns(), rows = std::min<std::int64_t>(64, draw.m);
    ASSERT_EQ(masses.rows, rows);
    ASSERT_EQ(masses.columns, n);
    const double bound = draw.q.type() == vm::kF32 ? 1e-5 : 4e-3;
    for (std::int64_t h = 0; h < draw.heads; ++h) {
      std::vector<double> vertical(static_cast<std::size_t>(n), 0), slash = vertical;
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t row = draw.m - rows + r, at = draw.start + row;
        const auto p = draw.attention(h, row, up_to(at + 1));
        for (std::int64_t c = 0; c < n; ++c) {
          const double expected = c <= at ? p[static_cast<std::size_t>(c)] : 0;
          ASSERT_NEAR(masses.share[static_cast<std::size_t>((h * rows + r) * n + c)], expected,
                      bound);
          if (c > at) continue;
          vertical[static_cast<std::size_t>(c)] += expected;
          slash[static_cast<std::size_t>(at - c)] += expected;
        }
      }
      for (std::int64_t c = 0; c < n; ++c) {
        const auto i = static_cast<std::size_t>(h * n + c);
        ASSERT_NEAR(masses.vertical[i] * 0x1p-24, vertical[static_cast<std::size_t>(c)],
                    64 * bound);
        ASSERT_NEAR(masses.slash[i] * 0x1p-24, slash[static_cast<std::size_t>(c)], 64 * bound);
      }
      const auto mean = [&](auto element, std::int64_t first, std::int64_t end) {
        double sum = 0;
        for (std::int64_t i = first; i < end; ++i) sum += element(i);
        return sum / static_cast<double>(end - first);
      };
      for (std::int64_t b = 0; b < scores.row_blocks; ++b) {
        for (std::int64_t c = 0; c < scores.blocks; ++c) {
          double expected = 0;
          for (std::int64_t d = 0; d < draw.size; ++d)
            expected += mean(
                            [&](std::int64_t i) {
                              return draw.of(draw.q, (i * draw.heads + h) * draw.size + d);
                            },
                            b * 64, std::min(b * 64 + 64, draw.m)) *
                        mean([&](std::int64_t i) { return draw.of(draw.k, draw.place(h, i) + d); },
                             c * 64, std::min(c * 64 + 64, n));
          ASSERT_NEAR(
              scores
                  .score[static_cast<std::size_t>((h * scores.row_blocks + b) * scores.blocks + c)],
              expected, 1e-4 * (1 + std::abs(expected)));
        }
      }
    }
  }
}

// What stands behind the last key in its page may be anything.
TEST(PromptAttention, AnUnfilledPageIsNotLookedAt) {
  std::mt19937_64 random(test::test_seed() + 3);
  const auto executor = make_interpreter(executor_options(true));
  Draw draw(vm::kF32, 70, 0, random);
  for (std::int64_t h = 0; h < draw.kv_heads; ++h)
    for (std::int64_t c = draw.columns(); c % kPageSize != 0; ++c)
      for (std::int64_t d = 0; d < draw.size; ++d)
        draw.k.set_code(
            static_cast<std::size_t>(draw.place(h * (draw.heads / draw.kv_heads), c) + d),
            vm::encode(vm::kF32, 1e30));
  const AttentionInput input = draw.on(*executor);
  const BlockScores scores = value_of(block_scores(*executor, input));
  for (const float score : scores.score) EXPECT_LT(std::abs(score), 1e6F);
  const PromptMasses masses =
      value_of(prompt_masses(*executor, input, out_of(*executor, draw), false));
  double sum = 0;
  for (const std::uint32_t mass : masses.vertical) sum += mass * 0x1p-24;
  EXPECT_NEAR(sum, 64.0 * static_cast<double>(draw.heads), 1e-2);
}

TEST(AttentionPattern, IsReadAndPrinted) {
  for (const char* text : {"dense", "a-shape:64,256", "vertical-slash:0,1", "block-sparse:7"})
    EXPECT_EQ(to_string(pattern(text)), text);
  EXPECT_EQ(to_string(pattern("a-shape")), "a-shape:1024,4096");
  EXPECT_EQ(to_string(pattern("vertical-slash")), "vertical-slash:1000,6096");
  EXPECT_EQ(to_string(pattern("block-sparse")), "block-sparse:100");
  for (const char* text : {"", "sparse", "dense:1", "a-shape:", "a-shape:5", "a-shape:5,0",
                           "a-shape:-1,5", "a-shape:1,2,3", "vertical-slash:3,x", "block-sparse:0",
                           "block-sparse:99999999999999999999", "fox", "Dense"}) {
    const auto result = parse_attention_pattern(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, "BL0643") << text;
    EXPECT_FALSE(result.error().hints.empty()) << text;
  }
}

TEST(AttentionPattern, AFileOfAnotherModelOrWithOtherKeysIsRefused) {
  ModelConfig config;
  config.layers = 2;
  config.heads = 1;
  const std::vector<std::vector<FoundPattern>> found = {{{pattern("a-shape:1,2"), 0.5}},
                                                        {{pattern("dense"), 1}}};
  const std::string text = print_attention_patterns(found);
  const auto read = value_of(parse_attention_patterns(text, "p.json", config));
  EXPECT_EQ(read, (AttentionPatterns{{pattern("a-shape:1,2")}, {pattern("dense")}}));
  for (
      const char* wrong :
      {"", "[]", "{}", R"({"version": 2, "layers": []})", R"({"version": 1, "layers": []})",
       R"({"version": 1, "layers": [[], []]})", R"({"version": 1, "layers": [[{}], [{}]]})",
       R"({"version": 1, "layers": [[{"pattern": "b"}], [{"pattern": "dense"}]]})",
       R"({"version": 1, "layers": [[{"pattern": 1}], [{"pattern": "dense"}]]})",
       R"({"version": 1, "layers": [[{"pattern": "dense", "recal": 1}], [{"pattern": "dense"}]]})",
       R"({"version": 1, "layers": [[{"pattern": "dense", "recall": 7}], [{"pattern": "dense"}]]})",
       R"({"version": 1, "layers": 3, "more": 1})"}) {
    const auto result = parse_attention_patterns(wrong, "p.json", config);
    ASSERT_FALSE(result) << wrong;
    EXPECT_EQ(result.error().code, "BL0643") << wrong;
  }
}

std::vector<TokenId> sample(std::size_t length) {
  const auto ids =
      value_of(value_of(runtime::SafetensorsFile::open(model_folder() + "/reference.safetensors"))
                   .read("input_ids"));
  return {ids.as<std::int32_t>().begin(),
          ids.as<std::int32_t>().begin() + static_cast<std::ptrdiff_t>(length)};
}

// A model by the patterns that the search found: nearer to dense with a larger budget, and dense
// itself with everything.
TEST(PatternSearch, GivesEveryHeadThePatternThatKeepsMost) {
  const auto executor = make_interpreter(executor_options());
  Model model =
      value_of(Model::load(value_of(Checkpoint::open(model_folder())), *executor, Compute::F32));
  const auto ids = sample(250);
  const auto hidden = [&](AttentionPatterns patterns) {
    model.set_attention(std::move(patterns));
    KvCache cache = value_of(KvCache::create(*executor, model.config(), model.element(), 256));
    return value_of(executor->read(value_of(model.forward(ids, cache))));
  };
  const HostArray dense = hidden({});
  const auto search = [&](std::vector<AttentionPattern> candidates) {
    return value_of(search_patterns(model, ids, {std::move(candidates), {}}));
  };
  const auto all =
      search({pattern("a-shape:8,16"), pattern("vertical-slash:8,16"), pattern("block-sparse:1")});
  ASSERT_EQ(all.size(), static_cast<std::size_t>(model.config().layers));
  for (std::size_t layer = 0; layer < all.size(); ++layer) {
    ASSERT_EQ(all[layer].size(), static_cast<std::size_t>(model.config().heads));
    for (std::size_t head = 0; head < all[layer].size(); ++head) {
      EXPECT_GT(all[layer][head].recall, 0);
      EXPECT_LT(all[layer][head].recall, 1);
    }
  }
  // what each alone would keep is not more
  for (const char* one : {"a-shape:8,16", "vertical-slash:8,16", "block-sparse:1"}) {
    const auto alone = search({pattern(one)});
    for (std::size_t layer = 0; layer < all.size(); ++layer)
      for (std::size_t head = 0; head < all[layer].size(); ++head) {
        EXPECT_LE(alone[layer][head].recall, all[layer][head].recall);
        if (all[layer][head].pattern == pattern(one)) {
          EXPECT_EQ(alone[layer][head].recall, all[layer][head].recall);
        }
      }
  }
  const auto distance = [&](const HostArray& other) {
    double sum = 0;
    for (std::size_t i = 0; i < other.size(); ++i)
      sum += std::pow(
          static_cast<double>(other.as<float>()[i]) - static_cast<double>(dense.as<float>()[i]), 2);
    return sum;
  };
  const auto of = [](const std::vector<std::vector<FoundPattern>>& found) {
    AttentionPatterns patterns;
    for (const auto& layer : found) {
      patterns.emplace_back();
      for (const FoundPattern& head : layer) patterns.back().push_back(head.pattern);
    }
    return patterns;
  };
  const double little = distance(hidden(of(all))),
               more = distance(hidden(same_pattern(pattern("a-shape:16,128"), model.config())));
  EXPECT_GT(little, more);
  EXPECT_GT(more, 0);
  EXPECT_LT(model.attention_density(), 1);
  EXPECT_EQ(distance(hidden(same_pattern(pattern("block-sparse:99"), model.config()))), 0);

  EXPECT_EQ(search_patterns(model, ids, {}).error().code, "BL0643");
  EXPECT_EQ(search_patterns(model, sample(1), {{pattern("dense")}, {}}).error().code, "BL0640");
}

}  // namespace
}  // namespace bitloom::stack
