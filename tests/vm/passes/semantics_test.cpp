// Whole kernels, lowered and run: what comes out is what was meant.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/vm/passes/run_kernel.h"
#include "vm/numerics.h"

namespace bitloom::vm {
namespace {

using ::testing::ElementsAreArray;
using testing::Kernel;
using testing::small_numbers;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// c[m, n] = a[m, k] b[k, n] in whole numbers.
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& b,
                            std::size_t m, std::size_t n, std::size_t k) {
  std::vector<double> c(m * n);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t l = 0; l < k; ++l) {
      for (std::size_t j = 0; j < n; ++j) c[i * n + j] += a[i * k + l] * b[l * n + j];
    }
  }
  return c;
}

constexpr const char* kVectorAdd = R"(
kernel @vector_add threads(256) grid(ceildiv(n, 1024)) sizes(%n: i64)
  (%a: global f32[n], %b: global f32[n], %c: global f32[n])
{
  %bx: i32 = block_index {axis = 0}
  %w: i32 = constant {integer = 1024}
  %i: i32 = mul %bx, %w
  %aw: global view f32[1024] = window %a, %i {extents = [1024], keep = [1]}
  %x: f32[1024] = load %aw, none {clip = [1]}
  %bw: global view f32[1024] = window %b, %i {extents = [1024], keep = [1]}
  %y: f32[1024] = load %bw, none {clip = [1]}
  %z: f32[1024] = add %x, %y
  %cw: global view f32[1024] = window %c, %i {extents = [1024], keep = [1]}
  store %cw, %z, none {clip = [1]}
}
)";

TEST(LoweredKernel, AddsVectorsOfAnyLength) {
  for (const std::int64_t n : {1, 7, 1023, 1024, 3000}) {
    const auto a = small_numbers(n, 1), b = small_numbers(n, 2);
    Kernel kernel(kVectorAdd);
    kernel.size("n", n).tensor(kF32, {n}, a).tensor(kF32, {n}, b).tensor(kF32, {n});
    ASSERT_TRUE(kernel.run()) << kernel.complaints();
    std::vector<double> sum;
    for (std::int64_t i = 0; i < n; ++i) sum.push_back(a[i] + b[i]);
    EXPECT_THAT(kernel.numbers(2), ElementsAreArray(sum)) << n;
  }
}

constexpr const char* kNormalise = R"(
kernel @rows threads(128) grid(rows) sizes(%rows: i64, %n: i64)
  (%x: global f16[rows, n], %y: global f32[rows, n])
{
  %r: i32 = block_index {axis = 0}
  %zero: i32 = constant {integer = 0}
  %one: i32 = constant {integer = 1}
  %w: i32 = constant {integer = 256}
  %up: i32 = constant {integer = 255}
  %n32: i32 = cast %n
  %sum: i32 = add %n32, %up
  %steps: i32 = div %sum, %w
  %z: f32[1] = constant {value = 0.0}
  %total: variable f32[1] = var %z
  for %zero, %steps, %one (%t: i32) {
    %at: i32 = mul %t, %w
    %xw: global view f16[256] = window %x, %r, %at {extents = [1, 256], keep = [0, 1]}
    %h: f16[256] = load %xw, none {clip = [1]}
    %v: f32[256] = cast %h
    %s: f32[1] = reduce %v {op = "add", dim = 0}
    %next: f32[1] = add %total, %s
    assign %total, %next
  }
  for %zero, %steps, %one (%u: i32) {
    %at2: i32 = mul %u, %w
    %xw2: global view f16[256] = window %x, %r, %at2 {extents = [1, 256], keep = [0, 1]}
    %h2: f16[256] = load %xw2, none {clip = [1]}
    %v2: f32[256] = cast %h2
    %tb: f32[256] = broadcast %total
    %q: f32[256] = sub %v2, %tb
    %yw: global view f32[256] = window %y, %r, %at2 {extents = [1, 256], keep = [0, 1]}
    store %yw, %q, none {clip = [1]}
  }
}
)";

TEST(LoweredKernel, ReducesRowsOfAnyLength) {
  for (const std::int64_t n : {1, 100, 256, 777}) {
    const std::int64_t rows = 3;
    const auto x = small_numbers(rows * n, 3);
    Kernel kernel(kNormalise);
    kernel.size("rows", rows).size("n", n).tensor(kF16, {rows, n}, x).tensor(kF32, {rows, n});
    ASSERT_TRUE(kernel.run()) << kernel.complaints();
    std::vector<double> expected;
    for (std::int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += x[r * n + i];
      for (std::int64_t i = 0; i < n; ++i) expected.push_back(x[r * n + i] - sum);
    }
    EXPECT_THAT(kernel.numbers(1), ElementsAreArray(expected)) << n;
  }
}

constexpr const char* kGemm = R"(
kernel @gemm threads(128) grid(ceildiv(n, 64), ceildiv(m, 32)) sizes(%m: i64, %n: i64, %k: i64)
  (%a: global f16[m, k], %b: global f16[k, n], %c: global f32[m, n])
  CONSTRAINTS
{
  %bx: i32 = block_index {axis = 0}
  %by: i32 = block_index {axis = 1}
  %c32: i32 = constant {integer = 32}
  %c64: i32 = constant {integer = 64}
  %n0: i32 = mul %bx, %c64
  %m0: i32 = mul %by, %c32
  %z: i32 = constant {integer = 0}
  %zero: i64 = constant {integer = 0}
  %step: i64 = constant {integer = 32}
  %less: i64 = constant {integer = 31}
  %up: i64 = add %k, %less
  %steps: i64 = div %up, %step
  %at: shared f16[STAGES, 32, 32] placed(STAGES:1280, 32:40, 32:1) = shared_alloc
  %bt: shared f16[STAGES, 32, 64] placed(STAGES:2048, 32:64, 64:1) swizzle(4, 3, 3) = shared_alloc
  %nil: f32[32, 64] = constant {value = 0.0}
  %acc: variable f32[32, 64] = var %nil
  pipeline %zero, %steps {stages = STAGES} (%t: i64) {
    %k0: i64 = mul %t, %step
    %aw: global view f16[32, 32] = window %a, %m0, %k0 {extents = [32, 32], keep = [1, 1]}
    %as: shared f16[32, 32] = window %at, %t, %z, %z {extents = [1, 32, 32], keep = [0, 1, 1]}
    copy %as, %aw {clip = [1, 1]}
    %bw: global view f16[32, 64] = window %b, %k0, %n0 {extents = [32, 64], keep = [1, 1]}
    %bs: shared f16[32, 64] = window %bt, %t, %z, %z {extents = [1, 32, 64], keep = [0, 1, 1]}
    copy %bs, %bw {clip = [1, 1]}
  } (%u: i64) {
    %as2: shared f16[32, 32] = window %at, %u, %z, %z {extents = [1, 32, 32], keep = [0, 1, 1]}
    %x: f16[32, 32] = load %as2, none
    %bs2: shared f16[32, 64] = window %bt, %u, %z, %z {extents = [1, 32, 64], keep = [0, 1, 1]}
    %y: f16[32, 64] = load %bs2, none
    %d: f32[32, 64] = dot %x, %y, %acc
    assign %acc, %d
  }
  %cw: global view f32[32, 64] = window %c, %m0, %n0 {extents = [32, 64], keep = [1, 1]}
  store %cw, %acc, none {clip = [1, 1]}
}
)";

void check_gemm(const std::string& text, std::int64_t m, std::int64_t n, std::int64_t k,
                const char* target = "sm_80") {
  const auto a = small_numbers(m * k, 4), b = small_numbers(k * n, 5);
  Kernel kernel(text, target);
  kernel.size("m", m).size("n", n).size("k", k);
  kernel.tensor(kF16, {m, k}, a).tensor(kF16, {k, n}, b).tensor(kF32, {m, n});
  ASSERT_TRUE(kernel.run()) << kernel.complaints();
  EXPECT_THAT(kernel.numbers(2), ElementsAreArray(product(a, b, m, n, k)));
}

TEST(LoweredKernel, MultipliesInPipelinesOfAnyDepth) {
  for (const char* stages : {"1", "2", "3", "4"}) {
    const std::string text = replaced(replaced(kGemm, "STAGES", stages), "CONSTRAINTS",
                                      "where k % 8 == 0 where n % 8 == 0");
    SCOPED_TRACE(stages);
    check_gemm(text, 64, 128, 160);
    check_gemm(text, 40, 72, 24);
    check_gemm(text, 32, 64, 32, "sm_90a");
  }
}

TEST(LoweredKernel, MultipliesMatricesOfOddExtentsThroughRegisters) {
  for (const char* stages : {"1", "3"}) {
    const std::string text = replaced(replaced(kGemm, "STAGES", stages), "CONSTRAINTS", "");
    SCOPED_TRACE(stages);
    check_gemm(text, 33, 65, 41);
    check_gemm(text, 1, 1, 1);
  }
}

TEST(LoweredKernel, MultipliesOddTilesWithoutTensorCores) {
  std::string text = replaced(replaced(kGemm, "STAGES", "2"), "CONSTRAINTS", "");
  text = replaced(text, "f16", "f32");
  text = replaced(text, "placed(2:2048, 32:64, 64:1) swizzle(4, 3, 3)", "");
  const std::int64_t m = 35, n = 70, k = 50;
  const auto a = small_numbers(m * k, 4), b = small_numbers(k * n, 5);
  Kernel kernel(text);
  kernel.size("m", m).size("n", n).size("k", k);
  kernel.tensor(kF32, {m, k}, a).tensor(kF32, {k, n}, b).tensor(kF32, {m, n});
  ASSERT_TRUE(kernel.run()) << kernel.complaints();
  EXPECT_THAT(kernel.numbers(2), ElementsAreArray(product(a, b, m, n, k)));
}

// Weights are operand A of the transposed product, straight from global memory into registers; the
// pipeline's buffers are registers, so its loop is unrolled.
constexpr const char* kPackedGemm = R"(
kernel @packed threads(128) grid(n / 64) sizes(%n: i64, %k: i64)
  (%w: global packed TYPE[k, n] atom("ATOM"), %a: global f16[8, k], %c: global f32[n, 8])
  where n % 64 == 0
  where k % 64 == 0
{
  %bx: i32 = block_index {axis = 0}
  %c64: i32 = constant {integer = 64}
  %n0: i32 = mul %bx, %c64
  %z: i32 = constant {integer = 0}
  %zero: i64 = constant {integer = 0}
  %step: i64 = constant {integer = 64}
  %steps: i64 = div %k, %step
  %nil: f32[64, 8] = constant {value = 0.0}
  %acc: variable f32[64, 8] = var %nil
  pipeline %zero, %steps {stages = STAGES} (%t: i64) {
    %k0: i64 = mul %t, %step
    %ww: global view packed TYPE[64, 64] atom("ATOM") = window %w, %k0, %n0 {extents = [64, 64], keep = [1, 1]}
    %q: TYPE[64, 64] = load %ww, none {clip = [1, 1]}
    %aw: global view f16[8, 64] = window %a, %z, %k0 {extents = [8, 64], keep = [1, 1]}
    %x: f16[8, 64] = load %aw, none {clip = [1, 1]}
  } (%u: i64) {
    %h: f16[64, 64] = cast %q
    %ht: f16[64, 64] = transpose %h {permutation = [1, 0]}
    %xt: f16[64, 8] = transpose %x {permutation = [1, 0]}
    %d: f32[64, 8] = dot %ht, %xt, %acc
    assign %acc, %d
  }
  %cw: global view f32[64, 8] = window %c, %n0, %z {extents = [64, 8], keep = [1, 1]}
  store %cw, %acc, none {clip = [1, 1]}
}
)";

TEST(LoweredKernel, MultipliesPackedWeightsOfEveryWidth) {
  const std::int64_t n = 128, k = 192;
  const auto a = small_numbers(8 * k, 6);
  for (int bits = 1; bits <= 8; ++bits) {
    const layouts::PackedAtom atom(layouts::Encoding::preferred(bits));
    std::string text = replaced(kPackedGemm, "TYPE", fmt::format("u{}", bits));
    text = replaced(replaced(text, "ATOM", atom.tag()), "STAGES", fmt::format("{}", bits % 3 + 1));
    std::vector<std::uint8_t> codes;
    std::vector<double> turned(n * k), activations(k * 8);
    for (const double number : small_numbers(k * n, bits, 0, (1 << bits) - 1)) {
      codes.push_back(static_cast<std::uint8_t>(number));
    }
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = 0; j < n; ++j) turned[j * k + i] = codes[i * n + j];
      for (std::int64_t r = 0; r < 8; ++r) activations[i * 8 + r] = a[r * k + i];
    }
    Kernel kernel(text);
    kernel.size("n", n).size("k", k).packed(atom, k, n, codes);
    kernel.tensor(kF16, {8, k}, a).tensor(kF32, {n, 8});
    ASSERT_TRUE(kernel.run()) << bits << " bits\n" << kernel.complaints();
    EXPECT_EQ(kernel.count(Opcode::ConvertLayout), 0) << bits;
    EXPECT_EQ(kernel.count(Opcode::Cast), 0) << bits;
    EXPECT_THAT(kernel.numbers(2), ElementsAreArray(product(turned, activations, n, 8, k)))
        << bits << " bits";
  }
}

// Numbers are rounded to codes, and land in the order of the atom.
constexpr const char* kPack = R"(
kernel @pack threads(128) grid(n / 64) sizes(%n: i64)
  (%x: global f32[64, n], %w: global packed u4[64, n] atom("ATOM"))
  where n % 64 == 0
{
  %bx: i32 = block_index {axis = 0}
  %c64: i32 = constant {integer = 64}
  %n0: i32 = mul %bx, %c64
  %z: i32 = constant {integer = 0}
  %xw: global view f32[64, 64] = window %x, %z, %n0 {extents = [64, 64], keep = [1, 1]}
  %v: f32[64, 64] = load %xw, none
  %q: u4[64, 64] = cast %v
  %ww: global view packed u4[64, 64] atom("ATOM") = window %w, %z, %n0 {extents = [64, 64], keep = [1, 1]}
  store %ww, %q, none
}
)";

TEST(LoweredKernel, StoresPackedTensorsInTheirEncoding) {
  const std::int64_t n = 128;
  for (const char* tag : {"64x64/mma/b4/pairs", "64x64/mma/b4/dense", "64x64/mma/b4/quads ^ 8"}) {
    const auto atom = layouts::PackedAtom::from_tag(tag);
    ASSERT_TRUE(atom) << tag;
    const auto x = small_numbers(64 * n, 7, -3, 20);
    Kernel kernel(replaced(kPack, "ATOM", tag));
    kernel.size("n", n).tensor(kF32, {64, n}, x).packed(*atom, 64, n);
    ASSERT_TRUE(kernel.run()) << tag << "\n" << kernel.complaints();
    const auto codes = kernel.codes(1);
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(codes[i], encode(unsigned_type(4), x[i])) << tag << ", element " << i;
    }
  }
}

constexpr const char* kByteProducts = R"(
kernel @byte_products threads(64) grid(1) sizes(%n: i64)
  (%a: global TYPE[n], %b: global TYPE[n], %c: global TYPE[n], %d: global TYPE[n])
{
  %z: i32 = constant {integer = 0}
  %aw: global view TYPE[256] = window %a, %z {extents = [256], keep = [1]}
  %bw: global view TYPE[256] = window %b, %z {extents = [256], keep = [1]}
  %cw: global view TYPE[256] = window %c, %z {extents = [256], keep = [1]}
  %dw: global view TYPE[256] = window %d, %z {extents = [256], keep = [1]}
  %x: TYPE[256] = load %aw, none
  %y: TYPE[256] = load %bw, none
  %s: TYPE[256] = load %cw, none
  %p: TYPE[256] = dp4a %x, %y, %s
  store %dw, %p, none
}
)";

// The bytes of a word, as numbers.
template <class Byte>
std::int64_t product_of_bytes(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  for (int i = 0; i < 4; ++i) {
    sum += std::int64_t{static_cast<Byte>(a >> 8 * i)} * static_cast<Byte>(b >> 8 * i);
  }
  return sum;
}

TEST(LoweredKernel, MultipliesBytesOfWordsWithAndWithoutSign) {
  for (const ElementType type : {kI32, kU32}) {
    // Words whose bytes are whatever comes, among them 0x00, 0x7f, 0x80 and 0xff in every place.
    std::vector<double> a, b, c, expected;
    const std::uint32_t edges[] = {0x00000000, 0x7f7f7f7f, 0x80808080, 0xffffffff, 0x01ff807f};
    for (std::uint32_t i = 0; i < 256; ++i) {
      const std::uint32_t x = i < 25 ? edges[i / 5] : i * 0x9e3779b9u,
                          y = i < 25 ? edges[i % 5] : i * 0x85ebca6bu, z = i * 0xc2b2ae35u;
      const std::int64_t sum =
          type == kI32 ? product_of_bytes<std::int8_t>(x, y) : product_of_bytes<std::uint8_t>(x, y);
      const auto number = [&](std::uint32_t code) { return decode(type, code); };
      a.push_back(number(x));
      b.push_back(number(y));
      c.push_back(number(z));
      expected.push_back(number(z + static_cast<std::uint32_t>(sum)));
    }
    Kernel kernel(replaced(kByteProducts, "TYPE", to_string(type)));
    kernel.size("n", 256).tensor(type, {256}, a).tensor(type, {256}, b).tensor(type, {256}, c);
    kernel.tensor(type, {256});
    ASSERT_TRUE(kernel.run()) << kernel.complaints();
    EXPECT_THAT(kernel.numbers(3), ElementsAreArray(expected)) << to_string(type);
  }
}

// Every cast that becomes words gives what docs/numerics.md says: vm/numerics.h is the judge.
constexpr const char* kCast = R"(
kernel @cast threads(32) grid(1) sizes(%n: i64)
  (%x: global f32[256], %y: global f64[256])
{
  %z: i32 = constant {integer = 0}
  %xw: global view f32[256] = window %x, %z {extents = [256], keep = [1]}
  %v: f32[256] = load %xw, none
  %a: FROM[256] = cast %v
  %b: TO[256] = cast %a
  %d: f64[256] = cast %b
  %yw: global view f64[256] = window %y, %z {extents = [256], keep = [1]}
  store %yw, %d, none
}
)";

TEST(LoweredKernel, CastsAsTheNumericsSay) {
  const ElementType narrow[] = {unsigned_type(1),
                                unsigned_type(3),
                                unsigned_type(4),
                                kU8,
                                signed_type(2),
                                signed_type(5),
                                kI8,
                                kE4M3,
                                kE5M2,
                                float_type(2, 1),
                                float_type(3, 2)};
  const ElementType wide[] = {kF16, kBF16, kF32, kF64, kI32, kI64, kU8, kE4M3, signed_type(4)};
  const auto x = small_numbers(256, 8, -40, 40);
  for (const ElementType from : narrow) {
    for (const ElementType to : wide) {
      if (from == to) continue;
      Kernel kernel(replaced(replaced(kCast, "FROM", to_string(from)), "TO", to_string(to)));
      kernel.size("n", 1).tensor(kF32, {256}, x).tensor(kF64, {256});
      ASSERT_TRUE(kernel.run()) << to_string(from) << " to " << to_string(to) << "\n"
                                << kernel.complaints();
      std::vector<double> expected;
      for (const double number : x) {
        const std::uint64_t code = encode(from, number);
        expected.push_back(decode(to, convert(to, from, code)));
      }
      EXPECT_THAT(kernel.numbers(1), ElementsAreArray(expected))
          << to_string(from) << " to " << to_string(to);
    }
  }
}

// A buffer of a pipeline is a variable, and its first value a number that the type has.
TEST(LoweredKernel, BuffersInRegistersMayBeScales) {
  Kernel kernel(R"(
kernel @scales threads(64) grid(1) sizes(%n: i64)
  (%x: global e8m0[n], %y: global e8m0[n])
{
  %lower: i32 = constant {integer = 0}
  %upper: i32 = constant {integer = 4}
  %step: i32 = constant {integer = 64}
  pipeline %lower, %upper {stages = 2} (%i: i32) {
    %at: i32 = mul %i, %step
    %w: global view e8m0[64] = window %x, %at {extents = [64], keep = [1]}
    %q: e8m0[64] = load %w, none {clip = [1]}
  } (%j: i32) {
    %to: i32 = mul %j, %step
    %v: global view e8m0[64] = window %y, %to {extents = [64], keep = [1]}
    store %v, %q, none {clip = [1]}
  }
}
)");
  std::vector<double> x;
  for (int i = 0; i < 200; ++i) x.push_back(std::ldexp(1.0, i % 100 - 50));
  kernel.size("n", 200).tensor(kE8M0, {200}, x).tensor(kE8M0, {200});
  ASSERT_TRUE(kernel.run()) << kernel.complaints();
  EXPECT_THAT(kernel.numbers(1), ElementsAreArray(x));
}

}  // namespace
}  // namespace bitloom::vm
