// The conversions that the hardware has between fp8 pairs and wider floats, one number at a time
// and without branches. tests/vm/words/run_test.cpp proves them against vm/numerics.h.
#pragma once

#include <bit>
#include <cstdint>

#include "vm/numerics/half.h"

namespace bitloom::vm::words_detail {

// Codes in the low 8 or 16 bits of a word.
[[gnu::always_inline]] inline std::uint32_t e5m2_to_f16(std::uint32_t code) {
  return (code & 0x7fu) > 0x7cu ? 0x7fffu : code << 8;
}

[[gnu::always_inline]] inline std::uint32_t e4m3_to_f16(std::uint32_t code) {
  const std::uint32_t magnitude = code & 0x7fu;
  // 2^-120 times the number, as f32, subnormals included.
  const float scaled = std::bit_cast<float>(magnitude << 20);
  const std::uint32_t f16 = f32_to_f16(scaled * 0x1p120f);
  return magnitude == 0x7fu ? 0x7fffu : f16 | (code & 0x80u) << 8;
}

[[gnu::always_inline]] inline std::uint32_t widened(std::uint32_t f16) {
  return std::bit_cast<std::uint32_t>(f16_to_f32(static_cast<std::uint16_t>(f16)));
}

// Adding 2^(e + 23 - mantissa) to a magnitude with leading bit e leaves no place for bits below the
// last one of the mantissa, so the sum is rounded there, to nearest even; e is held at the exponent
// of the subnormals. What remains is a number of the format, whose code is its f32 pattern with the
// exponent rebased.
template <int exponent, int mantissa>
[[gnu::always_inline]] inline std::uint32_t f32_to_small(std::uint32_t bits, float most) {
  constexpr int kBias = (1 << (exponent - 1)) - 1;
  constexpr std::uint32_t kLeast = static_cast<std::uint32_t>(127 + 1 - kBias) << 23;
  const float x = std::bit_cast<float>(bits & 0x7fffffffu);
  const float magnitude = x < most ? x : most;
  const std::uint32_t field = std::bit_cast<std::uint32_t>(magnitude) & 0x7f800000u;
  const float magic =
      std::bit_cast<float>((field < kLeast ? kLeast : field) + ((23u - mantissa) << 23));
  const float rounded =
      ((magnitude + magic) - magic) * std::bit_cast<float>(static_cast<std::uint32_t>(kBias) << 23);
  const std::uint32_t code = std::bit_cast<std::uint32_t>(rounded) >> (23 - mantissa);
  const std::uint32_t sign = (bits >> 31) << (exponent + mantissa);
  return (bits & 0x7fffffffu) > 0x7f800000u ? (1u << (exponent + mantissa)) - 1 : code | sign;
}

[[gnu::always_inline]] inline std::uint32_t f32_to_e4m3(std::uint32_t bits) {
  return f32_to_small<4, 3>(bits, 448.0f);
}

[[gnu::always_inline]] inline std::uint32_t f32_to_e5m2(std::uint32_t bits) {
  return f32_to_small<5, 2>(bits, 57344.0f);
}

}  // namespace bitloom::vm::words_detail
