// Arrays of f16 and bf16: conversion to and from f32, and arithmetic, bit for bit as vm/numerics.h
// defines it.
//
//   f32 to f16, bf16  one rounding to nearest even, overflow to infinity, NaN to 0x7fff
//   f16 to f32        exact; NaN to the canonical 0x7fffffff
//   bf16 to f32       sixteen zero bits behind, NaN included
//   arithmetic        correctly rounded; NaN results are canonical
//
// The array forms use AVX2, FMA and F16C where the processor has them (asked once, at run time) and
// give the same bits without. Sums, differences, products and quotients of f16 or bf16 may be
// computed in f32 and rounded once more: f32 has more than twice their precision plus two bits, so
// the second rounding changes nothing (Figueroa 1995). That does not hold for fma, which therefore
// rounds its sum to odd first (Boldo and Melquiond 2008). tests/vm/numerics/half_test.cpp proves
// all of it against vm/numerics.h and exact integers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace bitloom::vm {

inline float f16_to_f32(std::uint16_t code) {
  const std::uint32_t sign = static_cast<std::uint32_t>(code & 0x8000u) << 16;
  const std::uint32_t magnitude = code & 0x7fffu, wide = magnitude << 13;
  constexpr std::uint32_t kRebias = 112u << 23, kLeastNormal = 113u << 23;
  // A subnormal m·2^-24 is (1 + m·2^-10)·2^-14 − 2^-14.
  const float subnormal =
      std::bit_cast<float>(wide + kLeastNormal) - std::bit_cast<float>(kLeastNormal);
  std::uint32_t bits = wide + (magnitude >= 0x7c00u ? 2 * kRebias : kRebias);
  bits = magnitude < 0x400u ? std::bit_cast<std::uint32_t>(subnormal) : bits;
  bits |= sign;
  return std::bit_cast<float>(magnitude > 0x7c00u ? 0x7fffffffu : bits);
}

inline std::uint16_t f32_to_f16(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  // Below 2^-14 adding 0.5, whose last place is 2^-24, rounds to the subnormals' unit.
  const float shifted = std::bit_cast<float>(magnitude < 0x38800000u ? magnitude : 0u) + 0.5f;
  const std::uint32_t subnormal = std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u;
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  std::uint32_t code = magnitude < 0x38800000u ? subnormal : normal;
  code = magnitude >= 0x477ff000u ? 0x7c00u : code;  // 65520 and above
  code |= sign;
  return static_cast<std::uint16_t>(magnitude > 0x7f800000u ? 0x7fffu : code);
}

inline float bf16_to_f32(std::uint16_t code) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(code) << 16);
}

inline std::uint16_t f32_to_bf16(float number) {
  const auto bits = std::bit_cast<std::uint32_t>(number);
  const std::uint32_t code = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fffu : code);
}

// Input and output have equal lengths.
void f16_to_f32(std::span<const std::uint16_t> codes, std::span<float> numbers);
void f32_to_f16(std::span<const float> numbers, std::span<std::uint16_t> codes);
void bf16_to_f32(std::span<const std::uint16_t> codes, std::span<float> numbers);
void f32_to_bf16(std::span<const float> numbers, std::span<std::uint16_t> codes);

enum class HalfFormat : std::uint8_t { F16, BF16 };
enum class HalfOp : std::uint8_t { Add, Sub, Mul, Min, Max, Fma };

// out[i] = a[i] op b[i], or a[i] * b[i] + c[i] for Fma (the only one that reads c), for `count`
// packed 16-bit codes. The pointers may be of any alignment and type, so that two codes in each
// 32-bit word need no copying; out may be an input.
void half_arithmetic(HalfFormat format, HalfOp op, const void* a, const void* b, const void* c,
                     void* out, std::size_t count);

}  // namespace bitloom::vm
