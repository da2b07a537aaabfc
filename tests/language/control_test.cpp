// Loops, branches, early ends, pipelines, roles and warps, run and compared.
#include <fmt/format.h>

#include "tests/language/program.h"

namespace bitloom::test {
namespace {

constexpr const char* kLoops = R"(
kernel loops(x: global i32[n], y: global i32[8]) grid(1) threads(32)
{
    var total = 0
    for i in 0 .. n { total += x[i] }                   // a bound that the launch gives
    y[0] <- total

    var every_third = 0
    for i in 1 .. n step 3 { every_third += x[i] }
    y[1] <- every_third

    var unrolled = 0
    for i in 0 .. 5 unroll { unrolled = unrolled * 2 + i }
    y[2] <- unrolled

    var first_above = -1
    for i in 0 .. n {
        if x[i] <= 3 { continue }
        first_above = i
        break
    }
    y[3] <- first_above

    // 3 n + 1, from x[0] up to 1
    var v = abs(x[0]) + 1
    var steps = 0
    while v != 1 {
        if v % 2 == 0 { v = v / 2 } else { v = 3 * v + 1 }
        steps += 1
    }
    y[4] <- steps

    var inner = 0
    for i in 0 .. n {
        for j in i .. n {
            if j - i > 2 { break }
            inner += x[j]
        }
    }
    y[5] <- inner

    if n > 64 { y[6] <- 1 } else if n > 32 { y[6] <- 2 } else { y[6] <- 3 }
    y[7] <- 7
    if n > 50 { return }
    y[7] <- 8
}
)";

TEST(Control, LoopsAndBranches) {
  std::mt19937_64 random(test_seed());
  for (int round = 0; round < 4; ++round) {
    const std::int64_t n = pick(random, 2, 100);
    SCOPED_TRACE(fmt::format("n={}", n));
    const HostArray x = small_integers(vm::kI32, {n}, random);
    const Arrays results = run({.text = kLoops, .arguments = {{"x", x}}, .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    std::vector<double> expected(8);
    for (std::int64_t i = 0; i < n; ++i) expected[0] += at(x, i);
    for (std::int64_t i = 1; i < n; i += 3) expected[1] += at(x, i);
    for (int i = 0; i < 5; ++i) expected[2] = expected[2] * 2 + i;
    expected[3] = -1;
    for (std::int64_t i = n; i-- > 0;)
      if (at(x, i) > 3) expected[3] = static_cast<double>(i);
    for (auto v = static_cast<std::int64_t>(std::abs(at(x, 0))) + 1; v != 1; expected[4] += 1)
      v = v % 2 == 0 ? v / 2 : 3 * v + 1;
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = i; j < std::min(n, i + 3); ++j) expected[5] += at(x, j);
    expected[6] = n > 64 ? 1 : n > 32 ? 2 : 3;
    expected[7] = n > 50 ? 7 : 8;
    EXPECT_EQ(numbers_of(results.at("y")), expected);
  }
}

// Blocks beyond the end leave at once.
TEST(Control, ABlockMayEndEarly) {
  constexpr const char* kText = R"(
kernel some(limit: i32, y: global i32[n]) grid(n) threads(32)
{
    if block.x >= limit { return }
    for i in 0 .. 1000 {
        if i == block.x { y[block.x] <- i * i; return }
    }
}
)";
  const Arrays results =
      run({.text = kText, .numbers = {{"limit", 7}}, .outputs = {"y"}, .sizes = {{"n", 12}}});
  ASSERT_TRUE(results.contains("y"));
  for (std::int64_t i = 0; i < 12; ++i)
    EXPECT_EQ(at(results.at("y"), i), static_cast<double>(i < 7 ? i * i : 0)) << i;
}

TEST(Control, BlocksKnowTheirPlace) {
  constexpr const char* kText = R"(
kernel places(y: global i32[2, 3, 4]) grid(4, 3, 2) threads(32)
{
    y[block.z, block.y, block.x] <- block.x + 10 * block.y + 100 * block.z + 1000 * grid.x
}
)";
  const Arrays results = run({.text = kText, .outputs = {"y"}});
  ASSERT_TRUE(results.contains("y"));
  for (std::int64_t i = 0; i < 24; ++i)
    EXPECT_EQ(at(results.at("y"), i),
              static_cast<double>(i % 4 + 10 * (i / 4 % 3) + 100 * (i / 12) + 4000));
}

// Columns summed by a pipeline of each depth, with buffers in shared memory and in registers.
TEST(Control, PipelinesOfEveryDepth) {
  constexpr const char* kText = R"(
kernel columns<S: int>(x: global f32[n, 64], y: global f32[64], z: global f32[64]) grid(1) threads(32)
{
    shared stage: f32[S, 4, 64]
    var total = zeros<f32, 1, 64>()
    var squares = zeros<f32, 1, 64>()
    pipeline<S> for t in 0 .. ceildiv(n, 4) {
        load {
            stage[t] <- x[t * 4 +: 4, :]
            let q = x[t * 4 +: 4, :]
        }
        total += sum(stage[t], dim = 0)
        squares += sum(q * q, dim = 0)
    }
    y[:] <- reshape<64>(total)
    z[:] <- reshape<64>(squares)
}
)";
  std::mt19937_64 random(test_seed() + 1);
  for (const char* depth : {"1", "2", "3", "5"}) {
    const std::int64_t n = pick(random, 1, 40);
    SCOPED_TRACE(fmt::format("S={} n={}", depth, n));
    const HostArray x = small_integers(vm::kF32, {n, 64}, random);
    const Arrays results = run({.text = kText,
                                .generics = {{"S", depth}},
                                .arguments = {{"x", x}},
                                .outputs = {"y", "z"}});
    ASSERT_EQ(results.size(), 2u);
    for (std::int64_t j = 0; j < 64; ++j) {
      double total = 0, squares = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        total += at(x, i * 64 + j);
        squares += at(x, i * 64 + j) * at(x, i * 64 + j);
      }
      ASSERT_EQ(at(results.at("y"), j), total) << j;
      ASSERT_EQ(at(results.at("z"), j), squares) << j;
    }
  }
}

// A table in shared memory that turns of a pipeline make anew: its loads go to registers, so that
// no barrier of the buffers stands between one turn's reads and the next one's writes.
TEST(Control, PipelinesThatKeepATableInSharedMemory) {
  constexpr const char* kText = R"(
kernel shifted<S: int>(x: global i32[n, 64], y: global i32[64]) grid(1) threads(64)
{
    shared row: i32[64]
    var total = zeros<i32, 64>()
    pipeline<S> for t in 0 .. n {
        load {
            let q = x[t, :]
        }
        if t % 2 == 0 {
            row[:] <- q
        }
        total += gather(row[:], (iota<64>() + 17) % 64)
    }
    y[:] <- total
}
)";
  std::mt19937_64 random(test_seed() + 7);
  for (const char* depth : {"1", "2", "3"}) {
    const std::int64_t n = pick(random, 1, 20);
    SCOPED_TRACE(fmt::format("S={} n={}", depth, n));
    const HostArray x = small_integers(vm::kI32, {n, 64}, random);
    const Arrays results =
        run({.text = kText, .generics = {{"S", depth}}, .arguments = {{"x", x}}, .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    for (std::int64_t j = 0; j < 64; ++j) {
      double total = 0;
      for (std::int64_t i = 0; i < n; ++i) total += at(x, (i - i % 2) * 64 + (j + 17) % 64);
      ASSERT_EQ(at(results.at("y"), j), total) << j;
    }
  }
}

// A producer and two consumers with a ring of S buffers between them.
TEST(Control, RolesHandTilesOver) {
  constexpr const char* kText = R"(
explicit kernel relay<S: int>(x: global f32[n, 64], y: global f32[n, 64]) grid(1) threads(96)
{
    shared ring: f32[S, 64]
    barrier full[S] count(1)
    barrier empty[S] count(2)
    roles {
        role producer threads(32) {
            for t in 0 .. n {
                wait(empty[t % S], (t / S + 1) % 2)
                let row = x[t, :]
                ring[t % S] <- row
                arrive(full[t % S])
            }
        }
        role consumer[2] threads(32) {
            for t in 0 .. n {
                wait(full[t % S], t / S % 2)
                let half = ring[t % S, role.index * 32 +: 32]
                arrive(empty[t % S])
                y[t, role.index * 32 +: 32] <- half * cast<f32>(role.index + 2)
            }
        }
    }
}
)";
  std::mt19937_64 random(test_seed() + 2);
  for (const char* depth : {"1", "2", "3"}) {
    const std::int64_t n = pick(random, 1, 20);
    SCOPED_TRACE(fmt::format("S={} n={}", depth, n));
    const HostArray x = small_integers(vm::kF32, {n, 64}, random);
    const Arrays results =
        run({.text = kText, .generics = {{"S", depth}}, .arguments = {{"x", x}}, .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    for (std::int64_t i = 0; i < n * 64; ++i)
      ASSERT_EQ(at(results.at("y"), i), at(x, i) * (i % 64 < 32 ? 2 : 3)) << i;
  }
}

// Each warp goes its own way, and they meet again.
TEST(Control, WarpsBranchApart) {
  constexpr const char* kText = R"(
explicit kernel apart(x: global i32[128], y: global i32[4], largest: global i32[1]) grid(1) threads(128)
{
    shared part: i32[4]
    warps w {
        let mine = x[w * 32 +: 32]
        if w % 2 == 0 {
            part[w +: 1] <- full<i32, 1>(sum(mine))
        } else {
            var least = mine[0 +: 32]
            for i in 0 .. w { least = least * 2 }
            part[w +: 1] <- full<i32, 1>(min(least))
        }
    }
    sync()
    let all_of_them = part[:]
    y[:] <- all_of_them
    largest[0] <- max(all_of_them)
}
)";
  std::mt19937_64 random(test_seed() + 3);
  const HostArray x = small_integers(vm::kI32, {128}, random);
  const Arrays results = run({.text = kText, .arguments = {{"x", x}}, .outputs = {"y", "largest"}});
  ASSERT_EQ(results.size(), 2u);
  double largest = -1e9;
  for (std::int64_t w = 0; w < 4; ++w) {
    double sum = 0, least = 1e9;
    for (std::int64_t i = 0; i < 32; ++i) {
      sum += at(x, w * 32 + i);
      least = std::min(least, at(x, w * 32 + i) * std::pow(2.0, static_cast<double>(w)));
    }
    EXPECT_EQ(at(results.at("y"), w), w % 2 == 0 ? sum : least) << w;
    largest = std::max(largest, w % 2 == 0 ? sum : least);
  }
  EXPECT_EQ(at(results.at("largest"), 0), largest);
}

// The chosen elements, dense: their order is free, their number and their set are not.
TEST(Control, CompactedListsDriveLoops) {
  constexpr const char* kText = R"(
explicit kernel chosen(x: global i32[n], y: global i32[n], count: global i32[1]) grid(1) threads(64)
{
    shared list: i32[256]
    let v = clip(x[0 +: 256])
    let found = compact(ref list[:], v > 1, iota<256>())
    sync()
    for i in 0 .. found {
        let place = list[i]
        y[place] <- x[place] * 100
    }
    count[0] <- found
}
)";
  std::mt19937_64 random(test_seed() + 4);
  const std::int64_t n = pick(random, 1, 256);
  const HostArray x = small_integers(vm::kI32, {n}, random);
  const Arrays results = run({.text = kText, .arguments = {{"x", x}}, .outputs = {"y", "count"}});
  ASSERT_EQ(results.size(), 2u);
  double count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const bool chosen = at(x, i) > 1;
    count += chosen ? 1 : 0;
    EXPECT_EQ(at(results.at("y"), i), chosen ? 100 * at(x, i) : 0) << i;
  }
  EXPECT_EQ(at(results.at("count"), 0), count);
}

}  // namespace
}  // namespace bitloom::test
