// Broadcasting, reductions, shapes and compile-time expressions: programs against loops.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/language/program.h"

namespace bitloom::test {
namespace {

constexpr const char* kBroadcast = R"(
kernel broadcasting(x: global f32[8, 16], row: global f32[16], column: global f32[8], s: f32, y: global f32[8, 16],
                    z: global f32[4, 8, 16]) grid(1) threads(32)
{
    let v = x[:, :]
    let c = expand(column[:], 1)                  // f32[8, 1]
    y[:, :] <- (v + row[:]) * c - s
    let ramp = cast<f32>(expand(expand(iota<4>(), 1), 2))
    z[:, :, :] <- ramp * v + broadcast<4, 8, 16>(row[:])
}
)";

TEST(Expressions, OperandsAreBroadcastFromTheLastDimension) {
  std::mt19937_64 random(test_seed());
  const HostArray x = normal(vm::kF32, {8, 16}, random), row = normal(vm::kF32, {16}, random),
                  column = normal(vm::kF32, {8}, random);
  const Arrays results = run({.text = kBroadcast,
                              .arguments = {{"x", x}, {"row", row}, {"column", column}},
                              .numbers = {{"s", 2.5}},
                              .outputs = {"y", "z"}});
  ASSERT_EQ(results.size(), 2u);
  const auto f32 = [](const HostArray& array, std::int64_t i) {
    return static_cast<float>(at(array, i));
  };
  for (std::int64_t i = 0; i < 8; ++i) {
    for (std::int64_t j = 0; j < 16; ++j) {
      const float sum = f32(x, i * 16 + j) + f32(row, j);
      const float product = sum * f32(column, i);
      ASSERT_EQ(f32(results.at("y"), i * 16 + j), product - 2.5f);
      for (std::int64_t a = 0; a < 4; ++a) {
        const float scaled = static_cast<float>(a) * f32(x, i * 16 + j);
        ASSERT_EQ(f32(results.at("z"), (a * 8 + i) * 16 + j), scaled + f32(row, j));
      }
    }
  }
}

constexpr const char* kReductions = R"(
kernel reductions<T: type, M: int, N: int>(
    x: global T[M, N], rows: global T[M], columns: global T[N], total: global T[1],
    row_most: global T[M], column_least: global T[N], most: global T[1],
    place: global i32[M], least_place: global i32[N],
    any_above: global u8[M], all_above: global u8[N], running: global T[M, N], before: global T[M, N],
) grid(1) threads(64)
{
    let v = x[:, :]
    rows[:] <- reshape<M>(sum(v, dim = 1))
    columns[:] <- reshape<N>(sum(v, dim = 0))
    total[0] <- sum(v)
    row_most[:] <- reshape<M>(max(v, dim = 1))
    column_least[:] <- reshape<N>(min(v, dim = 0))
    most[0] <- max(v)
    let (largest, where_largest) = argmax(v, dim = 1)
    let (smallest, where_smallest) = argmin(v, dim = 0)
    place[:] <- reshape<M>(where_largest)
    least_place[:] <- reshape<N>(where_smallest)
    any_above[:] <- cast<u8>(reshape<M>(any(v > cast<T>(3), dim = 1)))
    all_above[:] <- cast<u8>(reshape<N>(all(v > cast<T>(0), dim = 0)))
    running[:, :] <- scan(v, 1)
    before[:, :] <- scan(v, 1, op = add, exclusive = true)
}
)";

// Small whole numbers, so that sums are exact in every type and order.
TEST(Expressions, ReductionsAlongEachDimension) {
  std::mt19937_64 random(test_seed() + 1);
  for (const vm::ElementType type : arithmetic_types()) {
    if (type.bits == 8) continue;  // sums leave 8 bits
    const std::int64_t m = std::int64_t{8} << pick(random, 0, 2),
                       n = std::int64_t{8} << pick(random, 0, 3);
    SCOPED_TRACE(fmt::format("{} m={} n={}", to_string(type), m, n));
    const HostArray x = small_integers(type, {m, n}, random);
    const Arrays results = run(
        {.text = kReductions,
         .generics = {{"T", to_string(type)}, {"M", fmt::to_string(m)}, {"N", fmt::to_string(n)}},
         .arguments = {{"x", x}},
         .outputs = {"rows", "columns", "total", "row_most", "column_least", "most", "place",
                     "least_place", "any_above", "all_above", "running", "before"}});
    ASSERT_EQ(results.size(), 12u);
    const auto element = [&](std::int64_t i, std::int64_t j) { return at(x, i * n + j); };
    double total = 0, most = -100;
    for (std::int64_t i = 0; i < m; ++i) {
      double sum = 0, row_most = -100;
      std::int64_t place = 0;
      bool any_above = false;
      for (std::int64_t j = 0; j < n; ++j) {
        ASSERT_EQ(at(results.at("before"), i * n + j), sum) << i << ", " << j;
        sum += element(i, j);
        ASSERT_EQ(at(results.at("running"), i * n + j), sum) << i << ", " << j;
        if (element(i, j) > row_most) place = j;
        row_most = std::max(row_most, element(i, j));
        any_above = any_above || element(i, j) > 3;
      }
      EXPECT_EQ(at(results.at("rows"), i), sum) << i;
      EXPECT_EQ(at(results.at("row_most"), i), row_most) << i;
      EXPECT_EQ(at(results.at("place"), i), static_cast<double>(place)) << i;
      EXPECT_EQ(at(results.at("any_above"), i), any_above ? 1 : 0) << i;
      total += sum;
      most = std::max(most, row_most);
    }
    EXPECT_EQ(at(results.at("total"), 0), total);
    EXPECT_EQ(at(results.at("most"), 0), most);
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0, least = 100;
      std::int64_t place = 0;
      bool all_above = true;
      for (std::int64_t i = 0; i < m; ++i) {
        sum += element(i, j);
        if (element(i, j) < least) place = i;
        least = std::min(least, element(i, j));
        all_above = all_above && element(i, j) > 0;
      }
      EXPECT_EQ(at(results.at("columns"), j), sum) << j;
      EXPECT_EQ(at(results.at("column_least"), j), least) << j;
      EXPECT_EQ(at(results.at("least_place"), j), static_cast<double>(place)) << j;
      EXPECT_EQ(at(results.at("all_above"), j), all_above ? 1 : 0) << j;
    }
  }
}

constexpr const char* kTop = R"(
kernel top<T: type, K: int>(x: global T[m, 32], values: global T[m, K], places: global i32[m, K]) grid(m) threads(32)
{
    let (v, i) = top_k<K>(x[block.x +: 1, :], 1)
    values[block.x +: 1, :] <- v
    places[block.x +: 1, :] <- i
}
)";

TEST(Expressions, TheLargestFewComeInOrderTheFirstOfEqualsFirst) {
  std::mt19937_64 random(test_seed() + 2);
  for (const char* name : {"f32", "i32", "f16"}) {
    for (const std::int64_t k : {1, 3, 8}) {
      SCOPED_TRACE(fmt::format("{} k={}", name, k));
      const HostArray x = small_integers(*vm::parse_element_type(name), {5, 32}, random);
      const Arrays results = run({.text = kTop,
                                  .generics = {{"T", name}, {"K", fmt::to_string(k)}},
                                  .arguments = {{"x", x}},
                                  .outputs = {"values", "places"}});
      ASSERT_EQ(results.size(), 2u);
      for (std::int64_t row = 0; row < 5; ++row) {
        std::vector<std::int64_t> order(32);
        std::iota(order.begin(), order.end(), 0);
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
          return at(x, row * 32 + a) > at(x, row * 32 + b);
        });
        for (std::int64_t i = 0; i < k; ++i) {
          const std::int64_t place = order[static_cast<std::size_t>(i)];
          EXPECT_EQ(at(results.at("places"), row * k + i), static_cast<double>(place));
          EXPECT_EQ(at(results.at("values"), row * k + i), at(x, row * 32 + place));
        }
      }
    }
  }
}

constexpr const char* kShapes = R"(
kernel shapes(x: global i32[6, 8], turned: global i32[8, 6], folded: global i32[12, 4], spread: global i32[6, 8],
              twice: global i32[12, 8], wide: global i32[6, 16], part: global i32[2, 4], pairs: global i32[6, 8, 2])
    grid(1) threads(32)
{
    let v = x[:, :]
    turned[:, :] <- transpose(v)
    folded[:, :] <- reshape<12, 4>(v)
    spread[:, :] <- broadcast<6, 8>(v[2 +: 1, :])
    twice[:, :] <- repeat(v, 2, 0)
    wide[:, :] <- concat(v, v + 1000, 1)
    part[:, :] <- v[2 +: 2, 4 +: 4]
    pairs[:, :, :] <- permute<1, 2, 0>(concat(expand(v, 0), expand(v * 2, 0), 0))
}
)";

TEST(Expressions, ShapesAreChangedElementByElement) {
  std::mt19937_64 random(test_seed() + 3);
  HostArray x = zeros(vm::kI32, {6, 8});
  for (std::size_t i = 0; i < x.size(); ++i)
    x.set_code(i, static_cast<std::uint64_t>(pick(random, 0, 999)));
  const Arrays results =
      run({.text = kShapes,
           .arguments = {{"x", x}},
           .outputs = {"turned", "folded", "spread", "twice", "wide", "part", "pairs"}});
  ASSERT_EQ(results.size(), 7u);
  for (std::int64_t i = 0; i < 6; ++i) {
    for (std::int64_t j = 0; j < 8; ++j) {
      const double v = at(x, i * 8 + j);
      EXPECT_EQ(at(results.at("turned"), j * 6 + i), v);
      EXPECT_EQ(at(results.at("folded"), i * 8 + j), v);
      EXPECT_EQ(at(results.at("spread"), i * 8 + j), at(x, 2 * 8 + j));
      EXPECT_EQ(at(results.at("twice"), (2 * i) * 8 + j), v);
      EXPECT_EQ(at(results.at("twice"), (2 * i + 1) * 8 + j), v);
      EXPECT_EQ(at(results.at("wide"), i * 16 + j), v);
      EXPECT_EQ(at(results.at("wide"), i * 16 + 8 + j), v + 1000);
      EXPECT_EQ(at(results.at("pairs"), (i * 8 + j) * 2), v);
      EXPECT_EQ(at(results.at("pairs"), (i * 8 + j) * 2 + 1), 2 * v);
      if (i >= 2 && i < 4 && j >= 4) {
        EXPECT_EQ(at(results.at("part"), (i - 2) * 4 + j - 4), v);
      }
    }
  }
}

constexpr const char* kGather = R"(
kernel rows<R: int>(x: global f32[R, 16], index: global i32[32], y: global f32[32, 16], sums: global f32[R, 16])
    grid(1) threads(32)
{
    let i = index[:]
    let picked = gather(x[:, :], i)
    y[:, :] <- picked
    atomic_add(sums[:, :], picked, index = i)
}
)";

TEST(Expressions, RowsAreGatheredAndAddedByIndex) {
  std::mt19937_64 random(test_seed() + 4);
  const std::int64_t rows = 9;
  const HostArray x = small_integers(vm::kF32, {rows, 16}, random);
  std::vector<int> places;
  for (int i = 0; i < 32; ++i) places.push_back(static_cast<int>(pick(random, 0, rows - 1)));
  const Arrays results = run({.text = kGather,
                              .generics = {{"R", fmt::to_string(rows)}},
                              .arguments = {{"x", x},
                                            {"index", integers({32}, places)},
                                            {"sums", zeros(vm::kF32, {rows, 16})}},
                              .outputs = {"y", "sums"}});
  ASSERT_EQ(results.size(), 2u);
  std::vector<double> sums(static_cast<std::size_t>(rows * 16));
  for (std::int64_t i = 0; i < 32; ++i) {
    for (std::int64_t j = 0; j < 16; ++j) {
      const std::int64_t from = places[static_cast<std::size_t>(i)] * 16 + j;
      EXPECT_EQ(at(results.at("y"), i * 16 + j), at(x, from));
      sums[static_cast<std::size_t>(from)] += at(x, from);
    }
  }
  EXPECT_EQ(numbers_of(results.at("sums")), sums);
}

constexpr const char* kConstants = R"(
const WIDTH = 3
const SIZES = (4, 8)
const THIRD = 1.0 / 3.0

fn of_type<T: type>() {
    if is_float(T) { return 1 } else if is_signed(T) { return 2 } else { return 3 }
}

kernel constants<T: type, N: int = 2 * WIDTH + 2, FAST: bool = true>(
    y: global i64[16], f: global f32[4], t: global T[N]
) grid(1) threads(32)
{
    let (a, b) = SIZES
    y[0] <- cast<i64>(N)
    y[1] <- cast<i64>(a * b + (1 << 5) - 7 % 4)
    y[2] <- cast<i64>(ceildiv(100, 8) + min(3, 5) * max(3, 5))
    y[3] <- cast<i64>(log2(4096))
    y[4] <- cast<i64>(bits(T))
    y[5] <- cast<i64>(of_type<T>())
    y[6] <- cast<i64>(max_value(i8)) - cast<i64>(min_value(i8))
    y[7] <- cast<i64>(target())
    y[8] <- cast<i64>(select(FAST && N > 4, 11, 12))
    y[9] <- cast<i64>(extent(zeros<T, N, 5>(), 1))
    y[10] <- cast<i64>(0xff ^ 0b1010 | 1_000)
    y[11] <- cast<i64>(-7 / 2)
    if !FAST { y[12] <- 1 } else { y[12] <- 2 }
    var count = 0
    for i in 0 .. N step 3 unroll {
        if i % 2 == 0 { count += i } else { count += 100 }
    }
    y[13] <- cast<i64>(count)
    f[0] <- cast<f32>(THIRD)
    f[1] <- cast<f32>(sqrt(2.0))
    f[2] <- cast<f32>(max_value(f16))
    f[3] <- cast<f32>(1.0e-3 * 4)
    t[:] <- full<T, N>(1)
}
)";

TEST(Expressions, CompileTimeValuesAreComputedByTheCompiler) {
  const Arrays results =
      run({.text = kConstants, .generics = {{"T", "u3"}}, .outputs = {"y", "f", "t"}});
  ASSERT_EQ(results.size(), 3u);
  const std::vector<double> expected = {
      8, 4 * 8 + 32 - 3,         13 + 15, 12, 3,          3, 255, 80, 11,
      5, (0xff ^ 0b1010) | 1000, -3,      2,  0 + 100 + 6};
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(at(results.at("y"), static_cast<std::int64_t>(i)), expected[i]) << "y[" << i << "]";
  EXPECT_EQ(numbers_of(results.at("f")),
            (std::vector<double>{static_cast<float>(1.0 / 3.0), static_cast<float>(std::sqrt(2.0)),
                                 65504, static_cast<float>(0.004)}));
  EXPECT_EQ(numbers_of(results.at("t")), std::vector<double>(8, 1.0));
}

constexpr const char* kBits = R"(
kernel bits(x: global u32[64], y: global u32[64], count: global u32[64], zeros_above: global u32[64], turned: global u32[64],
            high: global u32[64], mixed: global u32[64], bytes_: global u32[64]) grid(1) threads(32)
{
    let a = x[:]
    let b = y[:]
    count[:] <- popcount(a)
    zeros_above[:] <- clz(a)
    turned[:] <- rotl(a, b & 31)
    high[:] <- mul_high(a, b)
    mixed[:] <- lop3<0xca>(a, b, a ^ b)
    bytes_[:] <- prmt(a, b, 0x5140)
}
)";

TEST(Expressions, BitInstructions) {
  std::mt19937_64 random(test_seed() + 5);
  HostArray x = zeros(vm::kU32, {64}), y = zeros(vm::kU32, {64});
  for (std::size_t i = 0; i < 64; ++i) {
    x.set_code(i, random() >> (32 + i / 2));
    y.set_code(i, random() & 0xFFFFFFFFu);
  }
  const Arrays results =
      run({.text = kBits,
           .arguments = {{"x", x}, {"y", y}},
           .outputs = {"count", "zeros_above", "turned", "high", "mixed", "bytes_"}});
  ASSERT_EQ(results.size(), 6u);
  for (std::size_t i = 0; i < 64; ++i) {
    const auto a = static_cast<std::uint32_t>(x.code(i)), b = static_cast<std::uint32_t>(y.code(i));
    const std::uint32_t c = a ^ b;
    EXPECT_EQ(results.at("count").code(i), static_cast<std::uint64_t>(std::popcount(a)));
    EXPECT_EQ(results.at("zeros_above").code(i), static_cast<std::uint64_t>(std::countl_zero(a)));
    EXPECT_EQ(results.at("turned").code(i), std::rotl(a, static_cast<int>(b & 31)));
    EXPECT_EQ(results.at("high").code(i), std::uint64_t{a} * b >> 32);
    EXPECT_EQ(results.at("mixed").code(i), (a & b) | (~a & c));
    // Bytes 0 and 4, 1 and 5 of (b:a).
    EXPECT_EQ(results.at("bytes_").code(i),
              (a & 255u) | (b & 255u) << 8 | (a >> 8 & 255u) << 16 | (b >> 8 & 255u) << 24);
  }
}

constexpr const char* kFloats = R"(
kernel floats<T: type>(x: global T[64], y: global T[64], down: global T[64], up: global T[64], cut: global T[64],
                       near: global T[64], fused: global T[64]) grid(1) threads(32)
{
    let a = x[:]
    let b = y[:]
    down[:] <- floor(a)
    up[:] <- ceil(a)
    cut[:] <- trunc(a)
    near[:] <- round(a)
    fused[:] <- fma(a, b, a)
}
)";

TEST(Expressions, FloatsAreRoundedAsSaid) {
  std::mt19937_64 random(test_seed() + 6);
  for (const char* name : {"f16", "bf16", "f32", "f64"}) {
    SCOPED_TRACE(name);
    const vm::ElementType type = *vm::parse_element_type(name);
    HostArray x = normal(type, {64}, random, 20);
    const HostArray y = small_integers(type, {64}, random);
    x.set_code(0, vm::encode(type, 2.5));
    x.set_code(1, vm::encode(type, -3.5));
    const Arrays results = run({.text = kFloats,
                                .generics = {{"T", name}},
                                .arguments = {{"x", x}, {"y", y}},
                                .outputs = {"down", "up", "cut", "near", "fused"}});
    ASSERT_EQ(results.size(), 5u);
    for (std::size_t i = 0; i < 64; ++i) {
      const double a = vm::decode(type, x.code(i)), b = vm::decode(type, y.code(i));
      EXPECT_EQ(results.at("down").code(i), vm::encode(type, std::floor(a))) << a;
      EXPECT_EQ(results.at("up").code(i), vm::encode(type, std::ceil(a))) << a;
      EXPECT_EQ(results.at("cut").code(i), vm::encode(type, std::trunc(a))) << a;
      EXPECT_EQ(results.at("near").code(i), vm::encode(type, std::nearbyint(a))) << a;
      // b is a small whole number: the product is exact in double, and so is the sum.
      EXPECT_EQ(results.at("fused").code(i), vm::encode(type, std::fma(a, b, a))) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace bitloom::test
