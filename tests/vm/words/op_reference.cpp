#include "tests/vm/words/op_reference.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>

#include "vm/numerics/arithmetic.h"

namespace bitloom::vm {
namespace {

using U = std::uint32_t;

U word(std::uint64_t code) {
  return static_cast<U>(code);
}

std::int32_t as_signed(U x) {
  return static_cast<std::int32_t>(x);
}

U by_bits(U a, U b, U c, U lut) {
  U d = 0;
  for (int i = 0; i < 32; ++i) {
    const U index = 4 * ((a >> i) & 1) + 2 * ((b >> i) & 1) + ((c >> i) & 1);
    d |= ((lut >> index) & 1) << i;
  }
  return d;
}

U by_bytes(U a, U b, U selector) {
  const std::uint64_t both = std::uint64_t{b} << 32 | a;
  U d = 0;
  for (int i = 0; i < 4; ++i) {
    const U nibble = (selector >> (4 * i)) & 0xf;
    U byte = word(both >> (8 * (nibble & 7))) & 0xff;
    if (nibble & 8) byte = byte & 0x80 ? 0xff : 0;
    d |= byte << (8 * i);
  }
  return d;
}

U field(U a, U imm, bool sign) {
  const U position = imm & 0xff, length = imm >> 8;
  U value = 0;
  for (U i = 0; i < 32; ++i) {
    const U from = i < length ? position + i : position + length - 1;
    const U bit = (a >> from) & 1;
    if (i < length || sign) value |= bit << i;
  }
  return value;
}

U insert(U a, U b, U imm) {
  const U position = imm & 0xff, length = imm >> 8;
  for (U i = 0; i < length; ++i)
    b = (b & ~(1u << (position + i))) | ((a >> i) & 1) << (position + i);
  return b;
}

template <typename F>
U on_halves(ElementType type, F f, U a, U b, U c) {
  const U low = word(f(type, a & 0xffff, b & 0xffff, c & 0xffff));
  return low | word(f(type, a >> 16, b >> 16, c >> 16)) << 16;
}

template <typename F>
auto two(F f) {
  return [f](ElementType type, std::uint64_t a, std::uint64_t b, std::uint64_t) {
    return f(type, a, b);
  };
}

const auto add = [](ElementType t, std::uint64_t a, std::uint64_t b) { return float_add(t, a, b); };
const auto sub = [](ElementType t, std::uint64_t a, std::uint64_t b) { return float_sub(t, a, b); };
const auto mul = [](ElementType t, std::uint64_t a, std::uint64_t b) { return float_mul(t, a, b); };
const auto fma = [](ElementType t, std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  return float_fma(t, a, b, c);
};

U pair(ElementType to, int bits, ElementType from, U a, U b) {
  return word(convert(to, from, a)) | word(convert(to, from, b)) << bits;
}

// A pair of e5m2 widened by arithmetic, not by bits: its NaN is canonical.
U widened_e5m2(U code) {
  return word(encode(kF16, decode(kE5M2, code), Rounding::NearestEven, Overflow::Infinity));
}

U mask(bool condition) {
  return condition ? ~0u : 0;
}

}  // namespace

std::uint32_t reference(WordOpcode opcode, U a, U b, U c, U imm) {
  switch (opcode) {
    case WordOpcode::MovImm:
      return imm;
    case WordOpcode::Lop3:
      return by_bits(a, b, c, imm);
    case WordOpcode::And:
      return a & b;
    case WordOpcode::Or:
      return a | b;
    case WordOpcode::Xor:
      return a ^ b;
    case WordOpcode::Not:
      return ~a;
    case WordOpcode::Shl:
      return word(integer_shl(kU32, a, imm));
    case WordOpcode::Shr:
      return word(integer_shr(kU32, a, imm));
    case WordOpcode::Sar:
      return word(integer_shr(kI32, a, imm));
    case WordOpcode::ShfL:
      return word(((std::uint64_t{b} << 32 | a) << imm) >> 32);
    case WordOpcode::ShfR:
      return word((std::uint64_t{b} << 32 | a) >> imm);
    case WordOpcode::Prmt:
      return by_bytes(a, b, c);
    case WordOpcode::Bfe:
      return field(a, imm, false);
    case WordOpcode::BfeS:
      return field(a, imm, true);
    case WordOpcode::Bfi:
      return insert(a, b, imm);
    case WordOpcode::Popc:
      return static_cast<U>(std::popcount(a));
    case WordOpcode::Add:
      return word(integer_add(kU32, a, b));
    case WordOpcode::Sub:
      return word(integer_sub(kU32, a, b));
    case WordOpcode::MulLo:
      return word(integer_mul(kU32, a, b));
    case WordOpcode::MadLo:
      return word(integer_mul(kU32, a, b)) + c;
    case WordOpcode::MinU:
      return std::min(a, b);
    case WordOpcode::MaxU:
      return std::max(a, b);
    case WordOpcode::MinS:
      return word(integer_min(kI32, a, b));
    case WordOpcode::MaxS:
      return word(integer_max(kI32, a, b));
    case WordOpcode::SetEq:
      return mask(a == b);
    case WordOpcode::SetLtU:
      return mask(a < b);
    case WordOpcode::SetLtS:
      return mask(as_signed(a) < as_signed(b));
    case WordOpcode::SetLtF32:
      return mask(decode(kF32, a) < decode(kF32, b));
    case WordOpcode::SetNanF32:
      return mask(is_nan(kF32, a) || is_nan(kF32, b));
    case WordOpcode::Select:
      return a != 0 ? b : c;
    case WordOpcode::AddF32:
      return word(float_add(kF32, a, b));
    case WordOpcode::SubF32:
      return word(float_sub(kF32, a, b));
    case WordOpcode::MulF32:
      return word(float_mul(kF32, a, b));
    case WordOpcode::FmaF32:
      return word(float_fma(kF32, a, b, c));
    case WordOpcode::MinF32:
      return word(float_min(kF32, a, b));
    case WordOpcode::MaxF32:
      return word(float_max(kF32, a, b));
    case WordOpcode::AddF16x2:
      return on_halves(kF16, two(add), a, b, c);
    case WordOpcode::SubF16x2:
      return on_halves(kF16, two(sub), a, b, c);
    case WordOpcode::MulF16x2:
      return on_halves(kF16, two(mul), a, b, c);
    case WordOpcode::FmaF16x2:
      return on_halves(kF16, fma, a, b, c);
    case WordOpcode::MinF16x2:
      return on_halves(kF16, two(float_min), a, b, c);
    case WordOpcode::MaxF16x2:
      return on_halves(kF16, two(float_max), a, b, c);
    case WordOpcode::FmaBF16x2:
      return on_halves(kBF16, fma, a, b, c);
    case WordOpcode::MinBF16x2:
      return on_halves(kBF16, two(float_min), a, b, c);
    case WordOpcode::MaxBF16x2:
      return on_halves(kBF16, two(float_max), a, b, c);
    case WordOpcode::F32FromS32:
      return word(convert(kF32, kI32, a));
    case WordOpcode::F32FromU32:
      return word(convert(kF32, kU32, a));
    case WordOpcode::S32FromF32:
      return word(convert(kI32, kF32, a));
    case WordOpcode::U32FromF32:
      return word(convert(kU32, kF32, a));
    case WordOpcode::S32FromF32Z:
      return word(convert(kI32, kF32, a, Rounding::TowardZero));
    case WordOpcode::U32FromF32Z:
      return word(convert(kU32, kF32, a, Rounding::TowardZero));
    case WordOpcode::RoundF32: {
      const double x = decode(kF32, a);
      return word(std::abs(x) < 0x1p31
                      ? encode(kF32, std::copysign(decode(kI64, encode(kI64, x)), x))
                      : encode(kF32, x));
    }
    case WordOpcode::F32FromF16Lo:
      return word(convert(kF32, kF16, a & 0xffff));
    case WordOpcode::F32FromF16Hi:
      return word(convert(kF32, kF16, a >> 16));
    case WordOpcode::F16x2FromF32:
      return pair(kF16, 16, kF32, a, b);
    case WordOpcode::BF16x2FromF32:
      return pair(kBF16, 16, kF32, a, b);
    case WordOpcode::F16x2FromE4M3x2:
      return pair(kF16, 16, kE4M3, a & 0xff, (a >> 8) & 0xff);
    case WordOpcode::F16x2FromE5M2x2:
      return widened_e5m2(a & 0xff) | widened_e5m2((a >> 8) & 0xff) << 16;
    case WordOpcode::E4M3x2FromF32:
      return pair(kE4M3, 8, kF32, a, b);
    case WordOpcode::E5M2x2FromF32:
      return pair(kE5M2, 8, kF32, a, b);
    case WordOpcode::E4M3x2FromF16x2:
      return pair(kE4M3, 8, kF16, a & 0xffff, a >> 16);
    case WordOpcode::E5M2x2FromF16x2:
      return pair(kE5M2, 8, kF16, a & 0xffff, a >> 16);
  }
  return 0;
}

}  // namespace bitloom::vm
