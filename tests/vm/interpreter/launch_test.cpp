// What a launch refuses before anything runs: sizes, arguments, conditions, grids that cannot be.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "vm/interpreter/interpreter.h"
#include "vm/residency.h"
#include "vm/text/parser.h"

namespace bitloom::vm {
namespace {

constexpr const char* kKernel = R"(
kernel @k threads(64) grid(ceildiv(n, 2)) explicit target_sm(80) shared_bytes(0) sizes(%n: i64)
  (%s: i32, %x: global f32[n, 4])
{
}
)";

struct Launch {
  std::string text = kKernel;
  std::map<std::string, std::int64_t> sizes = {};
  std::vector<Argument> arguments = {};
  LaunchOptions options = {};
};

// Bytes enough for every tensor of these tests.
std::byte* memory() {
  static std::vector<std::byte> bytes(1 << 16);
  return bytes.data();
}

TensorArgument tensor(Shape extents, std::size_t bytes) {
  return {memory(), bytes, std::move(extents), true};
}

// What is reported, a line each; empty when the kernel runs.
std::string refusal(const Launch& wanted) {
  Diagnostics diagnostics;
  const auto function = parse_function(wanted.text, diagnostics);
  if (function) launch(*function, wanted.sizes, wanted.arguments, wanted.options, diagnostics);
  std::string text;
  for (const Diagnostic& entry : diagnostics.all()) {
    text += fmt::format("{}: {}\n", entry.code, entry.message);
    for (const std::string& hint : entry.hints) text += fmt::format("hint: {}\n", hint);
  }
  return text;
}

TEST(Launch, RunsWhatFits) {
  EXPECT_EQ(refusal({.arguments = {ScalarArgument{1, 1}, tensor({2, 4}, 32)}}), "");
  EXPECT_EQ(refusal({.arguments = {ScalarArgument{1, 1}, tensor({0, 4}, 0)}}), "");
}

TEST(Launch, EveryParameterHasAnArgument) {
  EXPECT_EQ(refusal({.arguments = {ScalarArgument{1, 1}}}),
            "BL0401: k has 2 parameters, and 1 arguments are given\n");
  EXPECT_EQ(refusal({.arguments = {std::monostate{}, tensor({2, 4}, 32)}}),
            "BL0401: no argument is given for s\n");
}

TEST(Launch, ArgumentsAreOfTheKindOfTheirParameter) {
  EXPECT_EQ(refusal({.arguments = {tensor({2, 4}, 32), tensor({2, 4}, 32)}}),
            "BL0403: s is i32 and is given a tensor\n");
  EXPECT_EQ(
      refusal({.sizes = {{"n", 2}}, .arguments = {ScalarArgument{1, 1}, ScalarArgument{1, 1}}}),
      "BL0403: x is global f32[n, 4] and is given a scalar\n");
}

TEST(Launch, ExtentsAreThoseOfTheKernel) {
  EXPECT_EQ(refusal({.arguments = {ScalarArgument{1, 1}, tensor({8}, 32)}}),
            "BL0404: x is global f32[n, 4] of 2 dimensions and is given [8]\n");
  EXPECT_EQ(refusal({.arguments = {ScalarArgument{1, 1}, tensor({2, 5}, 40)}}),
            "BL0405: x has the extent 4 = 4 along dimension 1 and is given 5\n");
  EXPECT_EQ(refusal({.sizes = {{"n", 3}}, .arguments = {ScalarArgument{1, 1}, tensor({2, 4}, 32)}}),
            "BL0405: x has the extent n = 3 along dimension 0 and is given 2\n");
}

TEST(Launch, SizesAreKnownAndNotNegative) {
  const std::string text = R"(
kernel @k threads(64) grid(n) explicit sizes(%n: i64, %m: i64) (%s: i32) { }
)";
  EXPECT_EQ(refusal({.text = text, .sizes = {{"n", 2}}, .arguments = {ScalarArgument{}}}),
            "BL0406: the size m of k is not given and follows from no argument\n");
  EXPECT_EQ(
      refusal({.text = text, .sizes = {{"n", 2}, {"m", -1}}, .arguments = {ScalarArgument{}}}),
      "BL0418: the size m is -1; sizes are 0 and more\n");
}

// Nothing says how long an optional tensor is that is not given.
TEST(Launch, SizesOfAbsentParametersAreZero) {
  const std::string text = R"(
kernel @k threads(64) grid(1) explicit target_sm(80) shared_bytes(0) sizes(%n: i64, %m: i64)
  (%x: global f32[n], absent %y: global f32[n, m]) { }
)";
  EXPECT_EQ(refusal({.text = text, .arguments = {tensor({2}, 8), std::monostate{}}}), "");
  std::string needed = text;
  needed.replace(needed.find("grid(1)"), 7, "grid(m)");
  EXPECT_EQ(refusal({.text = needed, .arguments = {tensor({2}, 8), std::monostate{}}}),
            "BL0406: the size m of k is not given and follows from no argument\n");
}

TEST(Launch, TensorsHaveTheirBytes) {
  EXPECT_EQ(refusal({.arguments = {ScalarArgument{1, 1}, tensor({2, 4}, 31)}}),
            "BL0421: x of extents [2, 4] takes 32 bytes and is given 31\n");
  EXPECT_EQ(
      refusal({.arguments = {ScalarArgument{1, 1}, TensorArgument{nullptr, 32, {2, 4}, true}}}),
      "BL0421: x of extents [2, 4] takes 32 bytes and is given 0\n");
  // 8 elements of 3 bits are 3 bytes.
  const std::string narrow = R"(
kernel @k threads(64) grid(1) explicit sizes(%n: i64) (%x: global u3[n]) { }
)";
  EXPECT_EQ(refusal({.text = narrow, .arguments = {tensor({8}, 3)}}), "");
  EXPECT_EQ(refusal({.text = narrow, .arguments = {tensor({8}, 2)}}),
            "BL0421: x of extents [8] takes 3 bytes and is given 2\n");
}

TEST(Launch, GridsCanBeLaunched) {
  const std::string text = R"(
kernel @k threads(64) grid(1, n) explicit sizes(%n: i64) (%s: i32) { }
)";
  EXPECT_EQ(refusal({.text = text, .sizes = {{"n", 65536}}, .arguments = {ScalarArgument{}}}),
            "BL0411: the grid has 65536 blocks along axis 1; 0 to 65535 can be launched\n");
}

constexpr const char* kTogether = R"(
kernel @k threads(1024) grid(n) resident explicit target_sm(80) shared_bytes({}) sizes(%n: i64) (%s: i32) {{ }}
)";

// Two blocks of 1024 threads fit on a multiprocessor, and one that takes most of its shared memory.
TEST(Launch, BlocksThatWaitForOneAnotherAreResident) {
  const auto with = [](std::int64_t shared, std::int64_t blocks) {
    Launch wanted{.text = fmt::format(fmt::runtime(kTogether), shared),
                  .sizes = {{"n", blocks}},
                  .arguments = {ScalarArgument{}}};
    wanted.options.device_sms = 10;
    return refusal(wanted);
  };
  EXPECT_EQ(with(0, 20), "");
  EXPECT_EQ(with(100 * 1024, 10), "");
  EXPECT_EQ(with(0, 21),
            "BL0415: the grid has 21 blocks and must be resident; 20 fit at once, 2 on each of 10 "
            "multiprocessors\n"
            "hint: size the grid from device.sms and let each block walk over several tiles\n");
  EXPECT_EQ(with(100 * 1024, 11),
            "BL0415: the grid has 11 blocks and must be resident; 10 fit at once, 1 on each of 10 "
            "multiprocessors\n"
            "hint: size the grid from device.sms and let each block walk over several tiles\n");
}

TEST(Residency, TheScarcestOfThreadsBlocksAndSharedMemoryBounds) {
  Function function;
  const auto fit = [&](int sm, int threads, std::int64_t shared) {
    function.target_sm = sm;
    function.threads = threads;
    function.shared_bytes = shared;
    return resident_blocks_per_multiprocessor(function);
  };
  EXPECT_EQ(fit(80, 128, 0), 16);  // threads: 2048 / 128
  EXPECT_EQ(fit(80, 32, 0), 32);   // blocks
  EXPECT_EQ(fit(86, 32, 0), 16);
  EXPECT_EQ(fit(89, 64, 0), 24);
  EXPECT_EQ(fit(80, 128, 40 * 1024), 4);   // 164 KiB / (40 + 1)
  EXPECT_EQ(fit(90, 128, 113 * 1024), 2);  // 228 KiB / (113 + 1)
  EXPECT_EQ(fit(90, 1024, 227 * 1024), 1);
}

}  // namespace
}  // namespace bitloom::vm
