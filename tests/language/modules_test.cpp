// Files that import one another, functions and generic kernels.
#include <fmt/format.h>

#include <functional>

#include "tests/language/program.h"

namespace bitloom::test {
namespace {

// 0, 1, 2, …
HostArray ramp(std::int64_t n) {
  HostArray array = zeros(vm::kF32, {n});
  for (std::int64_t i = 0; i < n; ++i)
    array.set_code(static_cast<std::size_t>(i), vm::encode(vm::kF32, static_cast<double>(i)));
  return array;
}

void expect_each(const Arrays& results, const std::string& name,
                 const std::function<double(double)>& expected) {
  ASSERT_TRUE(results.contains(name));
  const HostArray& array = results.at(name);
  for (std::size_t i = 0; i < array.size(); ++i)
    ASSERT_EQ(at(array, static_cast<std::int64_t>(i)), expected(static_cast<double>(i))) << i;
}

TEST(Modules, FilesAreUsedUnderTheirNames) {
  constexpr const char* kText = R"(
import std.schedule
import std.schedule as plan
import "helpers.bl" as h
import "more.bl" as more

kernel k(x: global f32[n], y: global f32[n]) grid(2) threads(32)
{
    for t in schedule.first(ceildiv(n, 64)) .. plan.last(ceildiv(n, 64)) {
        let v = x[t * 64 +: 64]
        y[t * 64 +: 64] <- h.scaled(v, h.FACTOR) + more.offset<3>()
    }
}
)";
  constexpr const char* kHelpers = R"(
/// What everything is multiplied by.
const FACTOR = 2.0
fn scaled(x, s) = x * s
)";
  constexpr const char* kMore = R"(
import "helpers.bl" as base         // a module may be imported by several
fn offset<N: int>() = base.scaled(cast<f32>(N), 10.0)
)";
  expect_each(run({.text = kText,
                   .modules = {{"helpers.bl", kHelpers}, {"more.bl", kMore}},
                   .arguments = {{"x", ramp(300)}},
                   .outputs = {"y"}}),
              "y", [](double x) { return 2 * x + 30; });
}

TEST(Functions, AreExpandedWithTheirArguments) {
  constexpr const char* kText = R"(
const K = 3

fn square(x) = x * x

fn mean<D: int = 0>(x) {
    return sum(x, dim = D) / cast<f32>(extent(x, D))
}

fn scaled(x: f32[_, _], s: f32[_, 1]) -> f32[_, _] {
    return x * s
}

fn both(a, b) = (a + b, a - b)

// Assigns to the caller's variable.
fn accumulate(var acc, by, times) {
    acc += by * times
}

// Takes windows, not their contents.
fn move(to, from) {
    to <- from + 1.0
}

kernel k(x: global f32[256], y: global f32[16, 16], averages: global f32[16], moved: global f32[16, 16]) grid(1) threads(32)
{
    let v = reshape<16, 16>(x[:])
    let (s, d) = both(v, 1.0)
    var acc = square(s) - square(d)                  // 4 v
    accumulate(acc, v, 1.0)                          // 5 v
    accumulate(acc, times = 2.0, by = v)             // 7 v
    for i in 0 .. K { accumulate(acc, v, 1.0) }      // 10 v
    y[:, :] <- scaled(acc, full<f32, 16, 1>(0.5))
    averages[:] <- reshape<16>(mean<1>(v))
    move(ref moved[:, :], v)
}
)";
  const Arrays results =
      run({.text = kText, .arguments = {{"x", ramp(256)}}, .outputs = {"y", "averages", "moved"}});
  expect_each(results, "y", [](double x) { return 5 * x; });
  expect_each(results, "averages", [](double row) { return 16 * row + 7.5; });
  expect_each(results, "moved", [](double x) { return x + 1; });
}

constexpr const char* kGeneric = R"(
/// y = a · x, in blocks of B; REVERSE turns each block round.
kernel generic<T: type, B: int = 32, REVERSE: bool = false, L: layout = local(1)>(
    a: f32, x: global T[n], bias: optional global T[n], y: global T[n],
) grid(ceildiv(n, B)) threads(32)
    where B % 32 == 0, "whole warps"
    where n >= 1
{
    let i = block.x * B
    var v = cast<f32>(x[i +: B]) * a
    if has(bias) { v += cast<f32>(bias[i +: B]) }
    if REVERSE { v = -v }
    y[i +: B] <- cast<T>(v)
}
)";

TEST(Generics, TypesFollowFromTheArraysAndTheRestFromSet) {
  std::mt19937_64 random(test_seed());
  for (const char* name : {"f16", "f32", "i32", "u8", "bf16"}) {
    for (const char* width : {"32", "96", "256"}) {
      const vm::ElementType type = *vm::parse_element_type(name);
      const std::int64_t n = pick(random, 1, 700);
      const bool biased = pick(random, 0, 1) == 1,
                 reverse = pick(random, 0, 1) == 1 && name[0] != 'u';
      SCOPED_TRACE(fmt::format("{} B={} n={} bias={} reverse={}", name, width, n, biased, reverse));
      const HostArray x = small_integers(type, {n}, random),
                      bias = small_integers(type, {n}, random);
      TextRun program{.text = kGeneric,
                      .generics = {{"B", width}, {"REVERSE", reverse ? "true" : "false"}},
                      .arguments = {{"x", x}},
                      .numbers = {{"a", 3}},
                      .outputs = {"y"}};
      if (biased) program.arguments.emplace("bias", bias);
      const Arrays results = run(program);
      ASSERT_TRUE(results.contains("y"));
      for (std::int64_t i = 0; i < n; ++i) {
        const double v = 3 * at(x, i) + (biased ? at(bias, i) : 0);
        ASSERT_EQ(at(results.at("y"), i), reverse ? -v : v) << i;
      }
    }
  }
}

// Which kernel of a file runs is said by its name; kernels of imported files are not among them.
TEST(Modules, OneOfSeveralKernelsRuns) {
  constexpr const char* kText = R"(
import "other.bl" as other
kernel one(y: global f32[n]) grid(1) threads(32) { y[0 +: 32] <- full<f32, 32>(other.VALUE) }
kernel two(y: global f32[n]) grid(1) threads(32) { y[0 +: 32] <- full<f32, 32>(2.0) }
)";
  constexpr const char* kOther = R"(
const VALUE = 1.0
kernel three(y: global f32[n]) grid(1) threads(32) { y[0 +: 32] <- full<f32, 32>(3.0) }
)";
  for (const auto& [name, value] : {std::pair("one", 1.0), std::pair("two", 2.0)}) {
    expect_each(run({.text = kText,
                     .modules = {{"other.bl", kOther}},
                     .outputs = {"y"},
                     .sizes = {{"n", 20}},
                     .kernel = name}),
                "y", [value = value](double) { return value; });
  }
}

}  // namespace
}  // namespace bitloom::test
