#include "vm/numerics/half.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "vm/numerics/arithmetic.h"

namespace bitloom::vm {
namespace {

std::vector<std::uint16_t> every_code() {
  std::vector<std::uint16_t> codes(65536);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::uint16_t>(i);
  return codes;
}

std::uint32_t bits(float x) {
  return std::bit_cast<std::uint32_t>(x);
}

TEST(Half, EveryCodeWidensAsDefined) {
  const auto codes = every_code();
  std::vector<float> f16(codes.size()), bf16(codes.size());
  f16_to_f32(codes, f16);
  bf16_to_f32(codes, bf16);
  for (std::size_t i = 0; i < codes.size(); ++i) {
    ASSERT_EQ(bits(f16[i]), convert(kF32, kF16, i)) << i;
    ASSERT_EQ(bits(f16_to_f32(codes[i])), convert(kF32, kF16, i)) << i;
    ASSERT_EQ(bits(bf16[i]), convert(kF32, kBF16, i)) << i;
    ASSERT_EQ(bits(bf16_to_f32(codes[i])), convert(kF32, kBF16, i)) << i;
  }
}

// Around every rounding boundary of f16 and bf16, and a sweep through all of f32.
std::vector<float> hard_numbers() {
  std::vector<float> numbers;
  for (std::uint32_t code = 0; code < 65536; ++code)
    for (const ElementType type : {kF16, kBF16}) {
      if (is_nan(type, code) || is_nan(type, code + 1)) continue;
      const auto low = static_cast<std::uint32_t>(encode(kF32, decode(type, code)));
      const std::uint32_t half = type == kF16 ? 0x1000 : 0x8000;
      for (const std::uint32_t step : {0u, 1u, half - 1, half, half + 1})
        numbers.push_back(std::bit_cast<float>(low + step));
      const double middle =
          (decode(type, code) + decode(type, (code + 1) & 0xffff)) / 2;  // differs for subnormals
      const auto tie = static_cast<std::uint32_t>(encode(kF32, middle));
      for (const std::uint32_t step : {0u, 1u, ~0u})
        numbers.push_back(std::bit_cast<float>(tie + step));
    }
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << 32); i += 6151)
    numbers.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(i)));
  return numbers;
}

TEST(Half, NarrowingRoundsAsDefined) {
  const auto numbers = hard_numbers();
  std::vector<std::uint16_t> f16(numbers.size()), bf16(numbers.size());
  f32_to_f16(numbers, f16);
  f32_to_bf16(numbers, bf16);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::uint64_t expected_f16 = convert(kF16, kF32, bits(numbers[i])),
                        expected_bf16 = convert(kBF16, kF32, bits(numbers[i]));
    ASSERT_EQ(f16[i], expected_f16) << std::hex << bits(numbers[i]);
    ASSERT_EQ(f32_to_f16(numbers[i]), expected_f16) << std::hex << bits(numbers[i]);
    ASSERT_EQ(bf16[i], expected_bf16) << std::hex << bits(numbers[i]);
    ASSERT_EQ(f32_to_bf16(numbers[i]), expected_bf16) << std::hex << bits(numbers[i]);
  }
}

std::uint64_t reference(ElementType type, HalfOp op, std::uint64_t a, std::uint64_t b,
                        std::uint64_t c) {
  switch (op) {
    case HalfOp::Add:
      return float_add(type, a, b);
    case HalfOp::Sub:
      return float_sub(type, a, b);
    case HalfOp::Mul:
      return float_mul(type, a, b);
    case HalfOp::Min:
      return float_min(type, a, b);
    case HalfOp::Max:
      return float_max(type, a, b);
    case HalfOp::Fma:
      break;
  }
  return float_fma(type, a, b, c);
}

// Any codes, half of them with the addend close below the product so that roundings meet ties.
struct Operands {
  std::vector<std::uint16_t> a, b, c;
};

Operands draw(ElementType type, std::size_t count) {
  std::mt19937_64 random(21);
  Operands x;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t r = random();
    x.a.push_back(static_cast<std::uint16_t>(r));
    x.b.push_back(static_cast<std::uint16_t>(r >> 16));
    x.c.push_back(static_cast<std::uint16_t>(r >> 32));
    const double product = decode(type, x.a[i]) * decode(type, x.b[i]);
    if ((r >> 63) && product != 0 && std::isfinite(product)) {
      const double addend = std::ldexp(product, -static_cast<int>((r >> 50) % 30));
      x.c[i] = static_cast<std::uint16_t>(encode(type, addend));
    }
    if ((r >> 62) == 0) x.b[i] = x.a[i] ^ static_cast<std::uint16_t>((r >> 48) & 0x8001);
  }
  return x;
}

TEST(Half, ArithmeticOnArraysIsArithmeticOnCodes) {
  // 5 more than a multiple of 8, so that the rest is computed one at a time; a second run is all
  // rest.
  constexpr std::size_t kCount = 60'005, kShort = 7;
  for (const auto& [format, type] :
       {std::pair{HalfFormat::F16, kF16}, std::pair{HalfFormat::BF16, kBF16}}) {
    const Operands x = draw(type, kCount);
    for (const HalfOp op :
         {HalfOp::Add, HalfOp::Sub, HalfOp::Mul, HalfOp::Min, HalfOp::Max, HalfOp::Fma}) {
      std::vector<std::uint16_t> out(kCount);
      half_arithmetic(format, op, x.a.data(), x.b.data(), x.c.data(), out.data(), kCount);
      for (std::size_t i = 0; i < kCount; ++i)
        ASSERT_EQ(out[i], reference(type, op, x.a[i], x.b[i], x.c[i]))
            << to_string(type) << " op " << int(op) << std::hex << " " << x.a[i] << " " << x.b[i]
            << " " << x.c[i];
      for (std::size_t i = 0; i + kShort <= kCount; i += kShort) {
        std::uint16_t few[kShort];
        half_arithmetic(format, op, &x.a[i], &x.b[i], &x.c[i], few, kShort);
        for (std::size_t j = 0; j < kShort; ++j) ASSERT_EQ(few[j], out[i + j]);
      }
    }
  }
}

}  // namespace
}  // namespace bitloom::vm
