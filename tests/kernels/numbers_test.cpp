// Integers at the ends of their range, and selections among numbers of all widths: bit for bit, in
// the interpreter and (tests/gpu) on the GPU.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tests/kernels/arrays.h"
#include "vm/numerics/arithmetic.h"

namespace bitloom::test {
namespace {

std::int64_t signed_number(vm::ElementType type, std::uint64_t code) {
  const int unused = 64 - type.bits;
  return static_cast<std::int64_t>(code << unused) >> unused;
}

// abs wraps: the magnitude of the least number is the least number, and its remainder is negative.
TEST(Magnitude, OfTheLeastNumberDividesAsItself) {
  std::mt19937_64 random(test_seed() + 30);
  for (const vm::ElementType type : {vm::kI8, vm::kI16, vm::kI32, vm::kI64}) {
    SCOPED_TRACE(to_string(type));
    const std::uint64_t mask = vm::code_mask(type), least = (mask >> 1) + 1;
    const std::uint64_t ends[] = {least, least | 1, mask, mask >> 1, 1, least + 5, 3};
    HostArray x = zeros(type, {256}), d = x;
    for (std::size_t i = 0; i < x.size(); ++i) {
      x.set_code(i, i % 2 ? ends[random() % std::size(ends)] : random() & mask);
      d.set_code(i, (i % 3 ? ends[random() % std::size(ends)] : random() & mask) | 1);
    }
    x.set_code(0, least);
    d.set_code(0, least | 1);
    x.set_code(1, least);
    d.set_code(1, 3);
    KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "magnitude_remainder"};
    run.generics = {{"T", to_string(type)}};
    run.request.arguments = {{"x", {x, "x"}}, {"d", {d, "d"}}};
    run.request.outputs = {"y", "q"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y") && results.contains("q"));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::int64_t a = signed_number(type, x.code(i)), b = signed_number(type, d.code(i));
      const std::uint64_t positive = a < 0 ? 0 - static_cast<std::uint64_t>(a) : a;
      const std::int64_t magnitude = signed_number(type, positive & mask);
      // The one quotient that does not fit wraps; the machine that runs this test traps there.
      const bool wraps = b == -1;
      const std::int64_t rest = wraps ? 0 : magnitude % b;
      const std::uint64_t quotient = wraps ? 0 - static_cast<std::uint64_t>(magnitude)
                                           : static_cast<std::uint64_t>(magnitude / b);
      EXPECT_EQ(results.at("y").code(i), static_cast<std::uint64_t>(rest) & mask)
          << "|" << a << "| % " << b;
      EXPECT_EQ(results.at("q").code(i), quotient & mask) << "|" << a << "| / " << b;
    }
  }
}

// The greatest (or least) first, equals by place, NaN last, -0 below +0.
std::vector<std::int64_t> places_in_order(const HostArray& x, std::int64_t row, std::int64_t n,
                                          bool least) {
  const vm::ElementType type = x.type();
  const auto code = [&](std::int64_t i) { return x.code(static_cast<std::size_t>(row * n + i)); };
  const auto is_nan = [&](std::int64_t i) {
    return type.is_float() && std::isnan(vm::decode(type, code(i)));
  };
  const auto below = [&](std::int64_t i, std::int64_t j) {
    if (type.is_float()) {
      const double a = vm::decode(type, code(i)), b = vm::decode(type, code(j));
      return a == b ? std::signbit(a) && !std::signbit(b) : a < b;
    }
    return type.is_signed() ? signed_number(type, code(i)) < signed_number(type, code(j))
                            : code(i) < code(j);
  };
  std::vector<std::int64_t> places(static_cast<std::size_t>(n));
  std::iota(places.begin(), places.end(), 0);
  std::stable_sort(places.begin(), places.end(), [&](std::int64_t i, std::int64_t j) {
    if (is_nan(i) || is_nan(j)) return !is_nan(i) && is_nan(j);
    return least ? below(i, j) : below(j, i);
  });
  return places;
}

TEST(Selection, OfNumbersOfEveryWidth) {
  std::mt19937_64 random(test_seed() + 31);
  constexpr std::int64_t kColumns = 64, kRows = 8, kTop = 5;
  for (const vm::ElementType type :
       {vm::kI8, vm::kU8, vm::kF16, vm::kI32, vm::kU32, vm::kF32, vm::kI64, vm::kU64, vm::kF64}) {
    SCOPED_TRACE(to_string(type));
    const std::uint64_t mask = vm::code_mask(type);
    HostArray x = zeros(type, {kRows, kColumns});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i) / kColumns;
      // Any codes; few, so that many are equal; the ends; and one row of nothing but NaN or ends.
      const std::uint64_t ends[] = {
          0, mask, mask >> 1, (mask >> 1) + 1, mask - 1, (mask >> 1) - 1, 1, (mask >> 1) + 2};
      std::uint64_t code = random() & mask;
      if (row % 4 == 1) code = random() % 3;
      if (row % 4 == 2) code = ends[random() % std::size(ends)];
      if (row == 3) code = mask;
      x.set_code(i, code);
    }
    for (const char* target : {"sm_80", "sm_90a"}) {
      KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "selection", .target = target};
      run.generics = {{"T", to_string(type)}};
      run.request.arguments = {{"x", {x, "x"}}};
      run.request.outputs = {"greatest", "greatest_at", "least", "least_at", "top", "top_at"};
      const auto results = must_run(run);
      ASSERT_EQ(results.size(), 6u);
      for (std::int64_t row = 0; row < kRows; ++row) {
        const auto expect = [&](const std::string& name, std::int64_t column, std::int64_t width,
                                std::int64_t place) {
          const auto i = static_cast<std::size_t>(row * width + column);
          EXPECT_EQ(results.at(name + "_at").code(i), static_cast<std::uint64_t>(place))
              << name << " of row " << row << ", number " << column;
          const auto from = static_cast<std::size_t>(row * kColumns + place);
          EXPECT_EQ(results.at(name).code(i), x.code(from)) << name << " of row " << row;
        };
        const auto falling = places_in_order(x, row, kColumns, false);
        expect("greatest", 0, 1, falling[0]);
        expect("least", 0, 1, places_in_order(x, row, kColumns, true)[0]);
        for (std::int64_t k = 0; k < kTop; ++k)
          expect("top", k, kTop, falling[static_cast<std::size_t>(k)]);
      }
    }
  }
}

// What casts keep: the rounding of 64-bit integers, that -0 is no truth, and one NaN for all.
TEST(Casts, KeepRoundingZeroAndNan) {
  std::mt19937_64 random(test_seed() + 32);
  constexpr std::int64_t kCount = 256;
  HostArray x = zeros(vm::kI64, {kCount}), u = zeros(vm::kU64, {kCount}),
            d = zeros(vm::kF64, {kCount}), h = zeros(vm::kF16, {kCount});
  const std::uint64_t nans[] = {0xfff8000000000000, 0x7ff8000000000000, 0xfff0000000000001,
                                0xffffffffffffffff, 0x8000000000000000, 0xfff0000000000000};
  const std::uint64_t halves[] = {0x8000, 0, 1, 0x8001, 0x7e00, 0xfe00, 0x3c00, 0x7c00};
  for (std::size_t i = 0; i < kCount; ++i) {
    x.set_code(i, random());
    u.set_code(i, random());
    d.set_code(i,
               i % 2 ? nans[random() % std::size(nans)] : vm::encode(vm::kF64, 1e-3 * double(i)));
    h.set_code(i, halves[i % std::size(halves)]);
  }
  KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "casts"};
  run.request.arguments = {{"x", {x, "x"}}, {"u", {u, "u"}}, {"d", {d, "d"}}, {"h", {h, "h"}}};
  run.request.outputs = {"down", "up", "zero", "unsigned_down", "narrow", "narrow_down", "truth"};
  const auto results = must_run(run);
  ASSERT_EQ(results.size(), 7u);
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto expect = [&](const char* name, const HostArray& from, vm::Rounding rounding) {
      const HostArray& found = results.at(name);
      EXPECT_EQ(found.code(i), vm::convert(found.type(), from.type(), from.code(i), rounding))
          << name << " of " << from.code(i);
    };
    expect("down", x, vm::Rounding::Down);
    expect("up", x, vm::Rounding::Up);
    expect("zero", x, vm::Rounding::TowardZero);
    expect("unsigned_down", u, vm::Rounding::Down);
    expect("narrow", d, vm::Rounding::NearestEven);
    expect("narrow_down", d, vm::Rounding::Down);
    EXPECT_EQ(results.at("truth").code(i), h.code(i) % 0x8000 != 0 ? 1u : 0u) << h.code(i);
  }
}

TEST(Reduction, OfNegatedNumbers) {
  std::mt19937_64 random(test_seed() + 33);
  for (const vm::ElementType type : {vm::kI32, vm::kI16, vm::kI64}) {
    SCOPED_TRACE(to_string(type));
    const std::uint64_t mask = vm::code_mask(type);
    constexpr std::int64_t kRows = 32, kColumns = 32;
    HostArray x = zeros(type, {kRows, kColumns});
    const std::uint64_t ends[] = {(mask >> 1) + 1, mask >> 1, mask, 0, 1};
    for (std::size_t i = 0; i < x.size(); ++i)
      x.set_code(i, random() % 8 ? random() & mask : ends[random() % std::size(ends)]);
    for (const char* target : {"sm_80", "sm_90a"}) {
      KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "negated", .target = target};
      run.generics = {{"T", to_string(type)}};
      run.request.arguments = {{"x", {x, "x"}}};
      run.request.outputs = {"least", "greatest"};
      const auto results = must_run(run);
      ASSERT_EQ(results.size(), 2u);
      for (std::size_t c = 0; c < kColumns; ++c) {
        std::int64_t least = INT64_MAX, greatest = INT64_MIN;
        for (std::size_t r = 0; r < kRows; ++r) {
          const std::int64_t n = signed_number(type, (0 - x.code(r * kColumns + c)) & mask);
          least = std::min(least, n);
          greatest = std::max(greatest, n);
        }
        EXPECT_EQ(signed_number(type, results.at("least").code(c)), least) << c;
        EXPECT_EQ(signed_number(type, results.at("greatest").code(c)), greatest) << c;
      }
    }
  }
}

// Through f32 a double must not be rounded twice: numbers at and beside the middle of two codes.
TEST(Casts, OfDoublesToNarrowTypesRoundOnce) {
  std::mt19937_64 random(test_seed() + 35);
  for (const vm::ElementType type : vm::all_element_types()) {
    if (!type.is_narrow() || type.is_integer() || type.is_bool()) continue;
    SCOPED_TRACE(to_string(type));
    std::vector<double> numbers = {INFINITY, -INFINITY, NAN, 1e300, -1e300, 1e-300, 0.0, -0.0};
    for (std::uint64_t code = 0; code <= vm::code_mask(type); ++code) {
      const double a = vm::decode(type, code),
                   b = vm::decode(type, (code + 1) & vm::code_mask(type));
      if (!std::isfinite(a) || !std::isfinite(b)) continue;
      const double middle = a / 2 + b / 2;
      for (const double x : {middle, std::nextafter(middle, INFINITY),
                             std::nextafter(middle, -INFINITY), middle * (1 + 1e-12)})
        numbers.push_back(x);
    }
    while (numbers.size() % 128 != 0)
      numbers.push_back(std::ldexp(1.0 + 1e-9 * static_cast<double>(pick(random, 0, 1000000000)),
                                   static_cast<int>(pick(random, -140, 140))));
    HostArray x = zeros(vm::kF64, {static_cast<std::int64_t>(numbers.size())});
    for (std::size_t i = 0; i < numbers.size(); ++i)
      x.set_code(i, vm::encode(vm::kF64, numbers[i]));
    KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "narrowed"};
    run.generics = {{"T", to_string(type)}};
    run.request.arguments = {{"x", {x, "x"}}};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    for (std::size_t i = 0; i < numbers.size(); ++i)
      EXPECT_EQ(results.at("y").code(i), vm::convert(type, vm::kF64, x.code(i))) << numbers[i];
  }
}

TEST(Casts, RoundInOneDirection) {
  std::mt19937_64 random(test_seed() + 37);
  constexpr std::int64_t kN = 256, kM = 64;
  HostArray x = normal(vm::kF64, {kN}, random, 1000);
  const double ends[] = {1e300, -1e300, 1e-300, -1e-300, 65519.99, 65520, 6e-8, -6e-8, INFINITY};
  for (std::size_t i = 0; i < std::size(ends); ++i) x.set_code(i, vm::encode(vm::kF64, ends[i]));
  HostArray h = zeros(vm::kE5M2, {kM});
  for (std::size_t i = 0; i < kM; ++i) h.set_code(i, 0x30 + i % 0x4c);
  KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "directed"};
  run.request.arguments = {{"x", {x, "x"}}, {"h", {h, "h"}}};
  run.request.outputs = {"down", "up", "zero", "floors"};
  const auto results = must_run(run);
  ASSERT_EQ(results.size(), 4u);
  const std::pair<const char*, vm::Rounding> all[] = {
      {"down", vm::Rounding::Down}, {"up", vm::Rounding::Up}, {"zero", vm::Rounding::TowardZero}};
  for (const auto& [name, rounding] : all) {
    for (std::size_t i = 0; i < kN; ++i)
      EXPECT_EQ(results.at(name).code(i), vm::convert(vm::kF16, vm::kF64, x.code(i), rounding))
          << name << " " << at(x, static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < kM; ++i)
    EXPECT_EQ(results.at("floors").code(i),
              vm::convert(results.at("floors").type(), vm::kE5M2, h.code(i), vm::Rounding::Down));
}

// The number of multiprocessors is in the extent of a tensor: accesses are clipped by it.
TEST(Extents, MayCountMultiprocessors) {
  std::mt19937_64 random(test_seed() + 36);
  constexpr std::int64_t kSms = 7, kN = 50;
  const HostArray x = normal(vm::kF32, {kN}, random);
  KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "rows_of_multiprocessors"};
  run.request.device_sms = kSms;
  run.request.arguments = {{"x", {x, "x"}}};
  run.request.outputs = {"y"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  const HostArray& y = results.at("y");
  ASSERT_EQ(y.shape(), (runtime::Shape{2 * kSms, kN}));
  for (std::int64_t row = 0; row < 2 * kSms; ++row) {
    for (std::int64_t i = 0; i < kN; ++i) {
      const double expected = static_cast<float>(at(x, i)) + static_cast<float>(row / 2);
      EXPECT_EQ(at(y, row * kN + i), row % 2 ? expected : 0.0) << row << " " << i;
    }
  }
}

// The function of three bits by its table.
std::uint32_t by_table(std::uint32_t lut, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t d = 0;
  for (int bit = 0; bit < 32; ++bit) {
    const std::uint32_t index = (a >> bit & 1) << 2 | (b >> bit & 1) << 1 | (c >> bit & 1);
    d |= (lut >> index & 1) << bit;
  }
  return d;
}

TEST(Bits, FunctionsOfOperandsThatMeetTwice) {
  std::mt19937_64 random(test_seed() + 34);
  constexpr std::size_t kCount = 256;
  HostArray a = zeros(vm::kU32, {kCount}), b = a;
  for (std::size_t i = 0; i < kCount; ++i) {
    a.set_code(i, random() & 0xffffffff);
    b.set_code(i, random() & 0xffffffff);
  }
  for (const char* target : {"sm_80", "sm_90a"}) {
    KernelRun run{.file = "../tests/kernels/numbers.bl", .kernel = "bits", .target = target};
    run.request.arguments = {{"a", {a, "a"}}, {"b", {b, "b"}}};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    for (std::size_t i = 0; i < kCount; ++i) {
      const auto p = static_cast<std::uint32_t>(a.code(i)),
                 q = static_cast<std::uint32_t>(b.code(i));
      const std::uint32_t expected[] = {p ^ by_table(26, p, q, p),   p & by_table(130, p, p, p),
                                        q ^ by_table(0x96, p, p, q), p | by_table(0x1b, q, p, p),
                                        by_table(0xe8, p, q, p) ^ q, by_table(0x2d, p, 5, p) & q};
      for (std::size_t row = 0; row < std::size(expected); ++row)
        EXPECT_EQ(results.at("y").code(row * kCount + i), expected[row]) << row;
    }
  }
}

}  // namespace
}  // namespace bitloom::test
