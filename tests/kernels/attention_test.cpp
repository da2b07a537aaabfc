// attention.bl and kmeans_assign.bl against float64.
#include <fmt/format.h>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

struct Lists {
  std::vector<int> place, first = {0}, list;
};

// Every query block of every head attends to the tiles that `keep` says, at or before the diagonal.
template <class Keep>
Lists lists_of(std::int64_t heads, std::int64_t rows, Keep keep) {
  Lists lists;
  for (int head = 0; head < heads; ++head) {
    for (int block = 0; block < (rows + 127) / 128; ++block) {
      const int end = static_cast<int>(rows);
      lists.place.insert(lists.place.end(), {head, block * 128, end, 0, end, 0});
      for (int tile = 0; tile <= block; ++tile) {
        if (keep(head, block, tile)) lists.list.push_back(tile * 128 * 4 + (tile == block ? 1 : 0));
      }
      lists.first.push_back(static_cast<int>(lists.list.size()));
    }
  }
  return lists;
}

void check_attention(std::int64_t heads, std::int64_t kv_heads, std::int64_t rows, int head_size,
                     double spread, std::mt19937_64& random) {
  SCOPED_TRACE(fmt::format("heads={} kv_heads={} rows={} D={} spread={}", heads, kv_heads, rows,
                           head_size, spread));
  const HostArray q = normal(vm::kF16, {heads, rows, head_size}, random, spread),
                  k = normal(vm::kF16, {kv_heads, rows, head_size}, random);
  const HostArray v = normal(vm::kF16, {kv_heads, rows, head_size}, random);
  // The last block of head 0 attends to nothing; other tiles are dropped at random.
  std::vector<bool> kept;
  const Lists lists = lists_of(heads, rows, [&](int head, int block, int) {
    kept.push_back(!(head == 0 && block == (rows + 127) / 128 - 1) && pick(random, 0, 3) != 0);
    return static_cast<bool>(kept.back());
  });
  const auto items = static_cast<std::int64_t>(lists.first.size()) - 1;
  const double scale = 1 / std::sqrt(static_cast<double>(head_size));
  KernelRun run{.file = "attention/attention.bl",
                .generics = {{"D", fmt::to_string(head_size)}},
                .target = "sm_90a"};
  run.request.device_sms = 3;
  run.request.arguments = {
      {"q", {q, "q"}},
      {"k", {k, "k"}},
      {"v", {v, "v"}},
      {"scale", {scale, ""}},
      {"place", {integers({items, 6}, lists.place), "place"}},
      {"window", {std::int64_t{0}, ""}},
      {"sink", {std::int64_t{0}, ""}},
      {"first", {integers({items + 1}, lists.first), "first"}},
      {"list", {integers({static_cast<std::int64_t>(lists.list.size())}, lists.list), "list"}},
      {"ticket", {zeros(vm::kU32, {2}), "ticket"}}};
  run.request.outputs = {"o", "lse", "ticket"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("o"));
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(results.at("ticket").code(i), 0u);

  std::vector<double> expected(q.size(), 0.0);
  for (std::int64_t item = 0; item < items; ++item) {
    const std::int64_t head = lists.place[static_cast<std::size_t>(6 * item)],
                       first = lists.place[static_cast<std::size_t>(6 * item + 1)];
    const std::int64_t kv = head / (heads / kv_heads);
    for (std::int64_t r = first; r < std::min(rows, first + 128); ++r) {
      double total = 0;
      double* out = &expected[static_cast<std::size_t>((head * rows + r) * head_size)];
      for (int e = lists.first[static_cast<std::size_t>(item)];
           e < lists.first[static_cast<std::size_t>(item + 1)]; ++e) {
        const std::int64_t begin = lists.list[static_cast<std::size_t>(e)] / 4;
        for (std::int64_t c = begin; c < std::min({rows, begin + 128, r + 1}); ++c) {
          double s = 0;
          for (std::int64_t d = 0; d < head_size; ++d)
            s += at(q, (head * rows + r) * head_size + d) * at(k, (kv * rows + c) * head_size + d);
          const double p = std::exp(s * scale);
          total += p;
          for (std::int64_t d = 0; d < head_size; ++d)
            out[d] += p * at(v, (kv * rows + c) * head_size + d);
        }
      }
      const double lse = at(results.at("lse"), head * rows + r);
      if (total == 0) {
        EXPECT_EQ(lse, -INFINITY);
      } else {
        for (std::int64_t d = 0; d < head_size; ++d) out[d] /= total;
        EXPECT_NEAR(lse, std::log(total), 2e-3);
      }
    }
  }
  EXPECT_LT(relative_error(results.at("o"), expected), 2e-3);
}

TEST(Attention, TileListsAgreeWithFloat64) {
  std::mt19937_64 random(test_seed());
  check_attention(2, 1, 300, 64, 1, random);
  check_attention(2, 2, pick(random, 1, 400), 128, 1, random);
  // Scores that rise far from tile to tile: the row's reference moves.
  check_attention(1, 1, 400, 64, 30, random);
}

TEST(KMeans, AssignsToTheNearestAndAddsUp) {
  std::mt19937_64 random(test_seed() + 1);
  const std::int64_t points = pick(random, 1, 200), clusters = pick(random, 1, 150), size = 64;
  SCOPED_TRACE(fmt::format("points={} clusters={}", points, clusters));
  const HostArray x = normal(vm::kF16, {points, size}, random),
                  centroid = normal(vm::kF16, {clusters, size}, random);
  KernelRun run{.file = "kmeans/kmeans_assign.bl"};
  run.request.arguments = {{"x", {x, "x"}},
                           {"centroid", {centroid, "c"}},
                           {"total", {zeros(vm::kF32, {clusters, size}), "t"}},
                           {"members", {zeros(vm::kF32, {clusters}), "m"}}};
  run.request.outputs = {"cluster", "total", "members"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("cluster"));
  std::vector<double> members(static_cast<std::size_t>(clusters), 0.0),
      total(static_cast<std::size_t>(clusters * size), 0.0);
  for (std::int64_t i = 0; i < points; ++i) {
    const auto score = [&](std::int64_t c) {
      double s = 0;
      for (std::int64_t d = 0; d < size; ++d) s += at(x, i * size + d) * at(centroid, c * size + d);
      return s;
    };
    const auto mine = static_cast<std::int64_t>(at(results.at("cluster"), i));
    ASSERT_TRUE(mine >= 0 && mine < clusters) << mine;
    for (std::int64_t c = 0; c < clusters; ++c) EXPECT_GE(score(mine), score(c) - 1e-3);
    members[static_cast<std::size_t>(mine)] += 1;
    for (std::int64_t d = 0; d < size; ++d)
      total[static_cast<std::size_t>(mine * size + d)] += at(x, i * size + d);
  }
  EXPECT_EQ(relative_error(results.at("members"), members), 0);
  EXPECT_LT(relative_error(results.at("total"), total), 1e-5);
}

}  // namespace
}  // namespace bitloom::test
