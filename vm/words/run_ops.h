// One operation of a word program over the lanes of a block: a loop per opcode, written so that the
// compiler vectorises it.
//
// Included by run.cpp only, which compiles it twice, with and without AVX2. Everything here is
// therefore forced inline. Registers may be reused, so the result may stand where an operand stood;
// lanes never depend on one another, which is what the ivdep pragmas say.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "vm/numerics/half.h"
#include "vm/words/small_float.h"
#include "vm/words/word_program.h"

namespace bitloom::vm::words_detail {

#define BITLOOM_INLINE [[gnu::always_inline]] inline

struct Lanes {
  std::uint32_t* d;
  const std::uint32_t *a, *b, *c;
  std::uint32_t imm;
  std::size_t count;
};

template <typename F>
BITLOOM_INLINE void map1(const Lanes& x, F f) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < x.count; ++i) x.d[i] = f(x.a[i]);
}

template <typename F>
BITLOOM_INLINE void map2(const Lanes& x, F f) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < x.count; ++i) x.d[i] = f(x.a[i], x.b[i]);
}

template <typename F>
BITLOOM_INLINE void map3(const Lanes& x, F f) {
#pragma GCC ivdep
  for (std::size_t i = 0; i < x.count; ++i) x.d[i] = f(x.a[i], x.b[i], x.c[i]);
}

using U = std::uint32_t;

BITLOOM_INLINE float number(U bits) {
  return std::bit_cast<float>(bits);
}
BITLOOM_INLINE std::int32_t signed_(U bits) {
  return static_cast<std::int32_t>(bits);
}
BITLOOM_INLINE bool is_nan(U bits) {
  return (bits & 0x7fffffffu) > 0x7f800000u;
}
BITLOOM_INLINE U result(float x) {
  const U bits = std::bit_cast<U>(x);
  return is_nan(bits) ? 0x7fffffffu : bits;
}

// ---- Bits -------------------------------------------------------------------------------------

// The functions that lowered conversions use have loops of their own; any other is the exclusive or
// of the products that its algebraic normal form names (a Moebius transform of the table).
BITLOOM_INLINE void lop3(const Lanes& x) {
  switch (x.imm) {
    case 0xea:
      return map3(x, [](U a, U b, U c) { return (a & b) | c; });
    case 0x6a:
      return map3(x, [](U a, U b, U c) { return (a & b) ^ c; });
    case 0xca:
      return map3(x, [](U a, U b, U c) { return (a & b) | (~a & c); });
    case 0xf8:
      return map3(x, [](U a, U b, U c) { return a | (b & c); });
    case 0xfe:
      return map3(x, [](U a, U b, U c) { return a | b | c; });
    case 0x96:
      return map3(x, [](U a, U b, U c) { return a ^ b ^ c; });
  }
  U form = x.imm;
  form ^= (form & 0x55u) << 1;
  form ^= (form & 0x33u) << 2;
  form ^= (form & 0x0fu) << 4;
  const auto on = [form](int product) { return 0u - ((form >> product) & 1u); };
  const U one = on(0), c1 = on(1), b1 = on(2), bc = on(3), a1 = on(4), ac = on(5), ab = on(6),
          abc = on(7);
  map3(x, [=](U a, U b, U c) {
    return one ^ (c & c1) ^ (b & (b1 ^ (c & bc))) ^ (a & (a1 ^ (c & ac) ^ (b & (ab ^ (c & abc)))));
  });
}

// Byte `nibble & 7` of (b:a), or its sign.
BITLOOM_INLINE U picked_byte(U a, U b, U nibble) {
  const U byte = ((nibble & 4u ? b : a) >> (8 * (nibble & 3u))) & 0xffu;
  return nibble & 8u ? (byte & 0x80u ? 0xffu : 0u) : byte;
}

BITLOOM_INLINE U permuted(U a, U b, U selector) {
  return picked_byte(a, b, selector) | picked_byte(a, b, selector >> 4) << 8 |
         picked_byte(a, b, selector >> 8) << 16 | picked_byte(a, b, selector >> 12) << 24;
}

BITLOOM_INLINE U funnel_left(U low, U high, U amount) {
  return amount == 0 ? high : high << amount | low >> (32 - amount);
}
BITLOOM_INLINE U funnel_right(U low, U high, U amount) {
  return amount == 0 ? low : low >> amount | high << (32 - amount);
}

BITLOOM_INLINE void bit_field(const Lanes& x, bool sign) {
  const U up = 32 - (x.imm & 0xff) - (x.imm >> 8), down = 32 - (x.imm >> 8);
  if (sign) return map1(x, [=](U a) { return static_cast<U>(signed_(a << up) >> down); });
  map1(x, [=](U a) { return (a << up) >> down; });
}

BITLOOM_INLINE void insert_field(const Lanes& x) {
  const U position = x.imm & 0xff, mask = (0xffffffffu >> (32 - (x.imm >> 8))) << position;
  map2(x, [=](U a, U b) { return (b & ~mask) | ((a << position) & mask); });
}

BITLOOM_INLINE U bit_count(U x) {
  x -= (x >> 1) & 0x55555555u;
  x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
  return ((x + (x >> 4)) & 0x0f0f0f0fu) * 0x01010101u >> 24;
}

// ---- f32 and integers -------------------------------------------------------------------------

BITLOOM_INLINE U min_f32(U a, U b) {
  const float x = number(a), y = number(b);
  const U ordered = x == y ? a | b : (x < y ? a : b);
  return is_nan(a) ? (is_nan(b) ? 0x7fffffffu : b) : (is_nan(b) ? a : ordered);
}

BITLOOM_INLINE U max_f32(U a, U b) {
  const float x = number(a), y = number(b);
  const U ordered = x == y ? a & b : (x > y ? a : b);
  return is_nan(a) ? (is_nan(b) ? 0x7fffffffu : b) : (is_nan(b) ? a : ordered);
}

// Every f32 beyond 2^23 is whole; below, adding and subtracting 2^23 rounds to the nearest, ties to
// even.
BITLOOM_INLINE float whole_even(float x) {
  const U bits = std::bit_cast<U>(x), sign = bits & 0x80000000u;
  const float magnitude = number(bits & 0x7fffffffu);
  const float rounded = (magnitude + 0x1p23f) - 0x1p23f;
  return number(std::bit_cast<U>(magnitude < 0x1p23f ? rounded : magnitude) | sign);
}

// A whole or truncated number within the signed range.
BITLOOM_INLINE U to_signed(float x) {
  const bool low = x < -0x1p31f, high = x >= 0x1p31f, none = !(x == x);
  const auto inside = static_cast<std::int32_t>(low || high || none ? 0.0f : x);
  return none ? 0u : high ? 0x7fffffffu : low ? 0x80000000u : static_cast<U>(inside);
}

BITLOOM_INLINE U to_unsigned(float x) {
  const bool upper = x >= 0x1p31f, beyond = x >= 0x1p32f, positive = x > 0;
  const float reduced = upper ? x - 0x1p31f : x;
  const auto inside = static_cast<std::int32_t>(beyond || !positive ? 0.0f : reduced);
  return beyond ? 0xffffffffu : static_cast<U>(inside) + (upper ? 0x80000000u : 0u);
}

// The upper half is exact times 2^16, and the sum is rounded once.
BITLOOM_INLINE U from_unsigned(U x) {
  const auto high = static_cast<float>(signed_(x >> 16)),
             low = static_cast<float>(signed_(x & 0xffffu));
  return std::bit_cast<U>(high * 65536.0f + low);
}

// ---- Dispatch ---------------------------------------------------------------------------------

BITLOOM_INLINE void half(const Lanes& x, HalfFormat format, HalfOp op) {
  half_arithmetic(format, op, x.a, x.b, x.c, x.d, 2 * x.count);
}

BITLOOM_INLINE U mask(bool condition) {
  return condition ? ~0u : 0u;
}

BITLOOM_INLINE void execute(WordOpcode opcode, const Lanes& x) {
  const U imm = x.imm;
  switch (opcode) {
    case WordOpcode::MovImm:
      return std::fill_n(x.d, x.count, imm), void();
    case WordOpcode::Lop3:
      return lop3(x);
    case WordOpcode::And:
      return map2(x, [](U a, U b) { return a & b; });
    case WordOpcode::Or:
      return map2(x, [](U a, U b) { return a | b; });
    case WordOpcode::Xor:
      return map2(x, [](U a, U b) { return a ^ b; });
    case WordOpcode::Not:
      return map1(x, [](U a) { return ~a; });
    case WordOpcode::Shl:
      return map1(x, [=](U a) { return a << imm; });
    case WordOpcode::Shr:
      return map1(x, [=](U a) { return a >> imm; });
    case WordOpcode::Sar:
      return map1(x, [=](U a) { return static_cast<U>(signed_(a) >> imm); });
    case WordOpcode::ShfL:
      return map2(x, [=](U a, U b) { return funnel_left(a, b, imm); });
    case WordOpcode::ShfR:
      return map2(x, [=](U a, U b) { return funnel_right(a, b, imm); });
    case WordOpcode::Prmt:
      return map3(x, [](U a, U b, U c) { return permuted(a, b, c); });
    case WordOpcode::Bfe:
      return bit_field(x, false);
    case WordOpcode::BfeS:
      return bit_field(x, true);
    case WordOpcode::Bfi:
      return insert_field(x);
    case WordOpcode::Popc:
      return map1(x, [](U a) { return bit_count(a); });
    case WordOpcode::Add:
      return map2(x, [](U a, U b) { return a + b; });
    case WordOpcode::Sub:
      return map2(x, [](U a, U b) { return a - b; });
    case WordOpcode::MulLo:
      return map2(x, [](U a, U b) { return a * b; });
    case WordOpcode::MadLo:
      return map3(x, [](U a, U b, U c) { return a * b + c; });
    case WordOpcode::MinU:
      return map2(x, [](U a, U b) { return a < b ? a : b; });
    case WordOpcode::MaxU:
      return map2(x, [](U a, U b) { return a > b ? a : b; });
    case WordOpcode::MinS:
      return map2(x, [](U a, U b) { return signed_(a) < signed_(b) ? a : b; });
    case WordOpcode::MaxS:
      return map2(x, [](U a, U b) { return signed_(a) > signed_(b) ? a : b; });
    case WordOpcode::SetEq:
      return map2(x, [](U a, U b) { return mask(a == b); });
    case WordOpcode::SetLtU:
      return map2(x, [](U a, U b) { return mask(a < b); });
    case WordOpcode::SetLtS:
      return map2(x, [](U a, U b) { return mask(signed_(a) < signed_(b)); });
    case WordOpcode::SetLtF32:
      return map2(x, [](U a, U b) { return mask(number(a) < number(b)); });
    case WordOpcode::SetNanF32:
      return map2(x, [](U a, U b) { return mask(is_nan(a)) | mask(is_nan(b)); });
    case WordOpcode::Select:
      return map3(x, [](U a, U b, U c) { return a != 0 ? b : c; });
    case WordOpcode::AddF32:
      return map2(x, [](U a, U b) { return result(number(a) + number(b)); });
    case WordOpcode::SubF32:
      return map2(x, [](U a, U b) { return result(number(a) - number(b)); });
    case WordOpcode::MulF32:
      return map2(x, [](U a, U b) { return result(number(a) * number(b)); });
    case WordOpcode::FmaF32:
      return map3(x,
                  [](U a, U b, U c) { return result(std::fma(number(a), number(b), number(c))); });
    case WordOpcode::MinF32:
      return map2(x, [](U a, U b) { return min_f32(a, b); });
    case WordOpcode::MaxF32:
      return map2(x, [](U a, U b) { return max_f32(a, b); });
    case WordOpcode::AddF16x2:
      return half(x, HalfFormat::F16, HalfOp::Add);
    case WordOpcode::SubF16x2:
      return half(x, HalfFormat::F16, HalfOp::Sub);
    case WordOpcode::MulF16x2:
      return half(x, HalfFormat::F16, HalfOp::Mul);
    case WordOpcode::FmaF16x2:
      return half(x, HalfFormat::F16, HalfOp::Fma);
    case WordOpcode::MinF16x2:
      return half(x, HalfFormat::F16, HalfOp::Min);
    case WordOpcode::MaxF16x2:
      return half(x, HalfFormat::F16, HalfOp::Max);
    case WordOpcode::FmaBF16x2:
      return half(x, HalfFormat::BF16, HalfOp::Fma);
    case WordOpcode::MinBF16x2:
      return half(x, HalfFormat::BF16, HalfOp::Min);
    case WordOpcode::MaxBF16x2:
      return half(x, HalfFormat::BF16, HalfOp::Max);
    case WordOpcode::F32FromS32:
      return map1(x, [](U a) { return std::bit_cast<U>(static_cast<float>(signed_(a))); });
    case WordOpcode::F32FromU32:
      return map1(x, [](U a) { return from_unsigned(a); });
    case WordOpcode::S32FromF32:
      return map1(x, [](U a) { return to_signed(whole_even(number(a))); });
    case WordOpcode::U32FromF32:
      return map1(x, [](U a) { return to_unsigned(whole_even(number(a))); });
    case WordOpcode::S32FromF32Z:
      return map1(x, [](U a) { return to_signed(number(a)); });
    case WordOpcode::U32FromF32Z:
      return map1(x, [](U a) { return to_unsigned(number(a)); });
    case WordOpcode::RoundF32:
      return map1(x, [](U a) { return result(whole_even(number(a))); });
    case WordOpcode::F32FromF16Lo:
      return map1(x,
                  [](U a) { return std::bit_cast<U>(f16_to_f32(static_cast<std::uint16_t>(a))); });
    case WordOpcode::F32FromF16Hi:
      return map1(
          x, [](U a) { return std::bit_cast<U>(f16_to_f32(static_cast<std::uint16_t>(a >> 16))); });
    case WordOpcode::F16x2FromF32:
      return map2(x, [](U a, U b) {
        return f32_to_f16(number(a)) | static_cast<U>(f32_to_f16(number(b))) << 16;
      });
    case WordOpcode::BF16x2FromF32:
      return map2(x, [](U a, U b) {
        return f32_to_bf16(number(a)) | static_cast<U>(f32_to_bf16(number(b))) << 16;
      });
    case WordOpcode::F16x2FromE4M3x2:
      return map1(x,
                  [](U a) { return e4m3_to_f16(a & 0xffu) | e4m3_to_f16((a >> 8) & 0xffu) << 16; });
    case WordOpcode::F16x2FromE5M2x2:
      return map1(x,
                  [](U a) { return e5m2_to_f16(a & 0xffu) | e5m2_to_f16((a >> 8) & 0xffu) << 16; });
    case WordOpcode::E4M3x2FromF32:
      return map2(x, [](U a, U b) { return f32_to_e4m3(a) | f32_to_e4m3(b) << 8; });
    case WordOpcode::E5M2x2FromF32:
      return map2(x, [](U a, U b) { return f32_to_e5m2(a) | f32_to_e5m2(b) << 8; });
    case WordOpcode::E4M3x2FromF16x2:
      return map1(x,
                  [](U a) { return f32_to_e4m3(widened(a)) | f32_to_e4m3(widened(a >> 16)) << 8; });
    case WordOpcode::E5M2x2FromF16x2:
      return map1(x,
                  [](U a) { return f32_to_e5m2(widened(a)) | f32_to_e5m2(widened(a >> 16)) << 8; });
  }
}

}  // namespace bitloom::vm::words_detail
