// The ways from one type to another that lower_conversion chooses among. Each takes the state of
// one attempt and gives the words of the destination, or one word an element where the name says
// so.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "vm/numerics/half.h"
#include "vm/words/convert/gather.h"

namespace bitloom::vm::convert_detail {

// One attempt: `shifts` are the distances by which the stream may be shifted to bring codes to byte
// boundaries.
struct Lowering {
  Lowering(const ConversionRequest& asked, std::span<const int> allowed_shifts)
      : request(asked),
        b(input_words(asked)),
        gather(b, asked),
        shifts(allowed_shifts),
        scales(static_cast<std::size_t>(asked.count), 0) {}

  static int input_words(const ConversionRequest& request);

  const ConversionRequest& request;
  WordBuilder b;
  Gather gather;
  std::span<const int> shifts;
  std::vector<int> scales;

  ElementType source() const { return request.source; }
  int count() const { return request.count; }
  bool has(int element) const { return element < request.count; }
};

// The layout of the 16-bit floats, and the numbers that conversions add and multiply by.
struct HalfShape {
  int exponent, mantissa, bias;
  std::uint32_t magic;  // 2^mantissa: a code in the mantissa is added to it
};
inline constexpr HalfShape kHalfShapes[] = {{5, 10, 15, 0x6400}, {8, 7, 127, 0x4300}};
constexpr const HalfShape& shape_of(HalfFormat format) {
  return kHalfShapes[format == HalfFormat::F16 ? 0 : 1];
}
constexpr ElementType type_of(HalfFormat format) {
  return format == HalfFormat::F16 ? kF16 : kBF16;
}

// Two 16-bit codes of numbers in a word.
std::uint32_t half_pair(HalfFormat format, double low, double high);
std::uint32_t f32_word(double number);

// ---- from integers: vm/words/convert/integers.cpp ---------------------------------------------

// Up to 8 bits (7 for bf16) by the mantissa, bytes to bf16 in two parts.
std::vector<Word> integers_to_half(Lowering& x, HalfFormat format);
std::vector<Word> bytes_to_bf16(Lowering& x);
std::vector<Word> integers_to_f32_each(Lowering& x);
// Wider dense integers of 8 or 16 bits; the source's numbers must all be numbers of the
// destination.
std::vector<Word> integers_to_lanes(Lowering& x, int lane_bits);
// Zero- or sign-extended to 32 bits.
std::vector<Word> integers_to_i32_each(Lowering& x);

// ---- from floats: vm/words/convert/floats.cpp -------------------------------------------------

std::vector<Word> small_floats_to_half(Lowering& x, HalfFormat format);
std::vector<Word> scales_to_bf16(Lowering& x);
std::vector<Word> scales_to_f32_each(Lowering& x);
// Any float of at most 32 bits.
std::vector<Word> floats_to_f32_each(Lowering& x);
// The codes of eXmY within the bytes of a wider eXmY of the same 8 bits, times a power of two that
// goes to the scales.
std::vector<Word> small_floats_to_bytes(Lowering& x);

// ---- to anything, one element at a time: vm/words/convert/pack.cpp ----------------------------

// `each` holds f32 numbers, rounded once to the destination.
std::vector<Word> pack_f32(Lowering& x, const std::vector<Word>& each);
// `each` holds 32-bit integers of the source's signedness.
std::vector<Word> pack_i32(Lowering& x, std::vector<Word> each);
// As pack_f32 where f32 could not hold the integers: to f16, bf16 and tf32.
std::vector<Word> pack_large_integers_as_float(Lowering& x, const std::vector<Word>& each);

}  // namespace bitloom::vm::convert_detail
