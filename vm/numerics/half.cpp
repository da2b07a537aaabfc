#include "vm/numerics/half.h"

#include <cmath>
#include <cstring>

#include "vm/numerics/processor.h"

#if BITLOOM_HAVE_AVX2
#include <immintrin.h>
#endif

namespace bitloom::vm {
namespace {

// ---- One number at a time ---------------------------------------------------------------------

// Steps a rounded number to the odd one of its two neighbours when something (`tail`, with its
// sign) was cut off. A number rounded to odd can be rounded again to a shorter format as if it were
// the exact one.
float to_odd(float rounded, double tail) {
  auto bits = std::bit_cast<std::uint32_t>(rounded);
  if (!(tail < 0 || tail > 0) || (bits & 1)) return rounded;
  bits += std::signbit(tail) == std::signbit(rounded) ? 1u : ~0u;
  return std::bit_cast<float>(bits);
}

// A product of two f16 numbers has 22 bits and is exact in f32; the sum's error is exact by
// two-sum.
float fma_to_odd_f16(float a, float b, float c) {
  const float product = a * b, sum = product + c;
  const float part = sum - product;
  return to_odd(sum, (product - (sum - part)) + (c - part));
}

// A product of two bf16 numbers may leave the range of f32, so the sum is a double and its error
// has two parts. The first, where it is not zero, is larger than the second and gives the sign.
float fma_to_odd_bf16(float a, float b, float c) {
  const double product = double{a} * double{b}, sum = product + double{c};
  const double part = sum - product;
  const double tail = (product - (sum - part)) + (double{c} - part);
  const auto rounded = static_cast<float>(sum);
  return to_odd(rounded, (sum - double{rounded}) + tail);
}

float number_min(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? a : b) : (a < b ? a : b);
}

float number_max(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? b : a) : (a > b ? a : b);
}

template <HalfFormat format>
float load(const void* codes, std::size_t i) {
  std::uint16_t code;
  std::memcpy(&code, static_cast<const char*>(codes) + 2 * i, 2);
  return format == HalfFormat::F16 ? f16_to_f32(code) : bf16_to_f32(code);
}

template <HalfFormat format>
void store(float number, void* codes, std::size_t i) {
  const std::uint16_t code = format == HalfFormat::F16 ? f32_to_f16(number) : f32_to_bf16(number);
  std::memcpy(static_cast<char*>(codes) + 2 * i, &code, 2);
}

template <HalfFormat format, HalfOp op>
float compute(float a, float b, float c) {
  switch (op) {
    case HalfOp::Add:
      return a + b;
    case HalfOp::Sub:
      return a - b;
    case HalfOp::Mul:
      return a * b;
    case HalfOp::Min:
      return number_min(a, b);
    case HalfOp::Max:
      return number_max(a, b);
    case HalfOp::Fma:
      break;
  }
  return format == HalfFormat::F16 ? fma_to_odd_f16(a, b, c) : fma_to_odd_bf16(a, b, c);
}

template <HalfFormat format, HalfOp op>
void arithmetic_from(std::size_t first, const void* a, const void* b, const void* c, void* out,
                     std::size_t count) {
  for (std::size_t i = first; i < count; ++i) {
    const float addend = op == HalfOp::Fma ? load<format>(c, i) : 0;
    store<format>(compute<format, op>(load<format>(a, i), load<format>(b, i), addend), out, i);
  }
}

#if BITLOOM_HAVE_AVX2

// ---- Eight at a time --------------------------------------------------------------------------

BITLOOM_AVX2 __m128i load_codes(const void* codes, std::size_t i) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(static_cast<const char*>(codes) + 2 * i));
}

BITLOOM_AVX2 void store_codes(__m128i value, void* codes, std::size_t i) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(static_cast<char*>(codes) + 2 * i), value);
}

BITLOOM_AVX2 __m256 canonical(__m256 x) {
  const __m256 nan = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  return _mm256_blendv_ps(x, nan, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

template <HalfFormat format>
BITLOOM_AVX2 __m256 widen(__m128i codes) {
  if constexpr (format == HalfFormat::F16)
    return canonical(_mm256_cvtph_ps(codes));
  else
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(codes), 16));
}

template <HalfFormat format>
BITLOOM_AVX2 __m128i narrow(__m256 x) {
  const __m256 clean = canonical(x);
  if constexpr (format == HalfFormat::F16) {
    return _mm256_cvtps_ph(clean, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  } else {
    const __m256i bits = _mm256_castps_si256(clean);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    // The canonical NaN would carry into its sign: it is kept from rounding up.
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    const __m256i half = _mm256_andnot_si256(nan, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half), 16);
    const __m256i packed = _mm256_packus_epi32(rounded, rounded);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
  }
}

BITLOOM_AVX2 __m256 number_min_max(__m256 a, __m256 b, bool max) {
  const __m256 pick = max ? _mm256_max_ps(a, b) : _mm256_min_ps(a, b);
  const __m256 same = max ? _mm256_and_ps(a, b) : _mm256_or_ps(a, b);  // the sign of equal zeros
  const __m256 ordered = _mm256_blendv_ps(pick, same, _mm256_cmp_ps(a, b, _CMP_EQ_OQ));
  return _mm256_blendv_ps(ordered, a, _mm256_cmp_ps(b, b, _CMP_UNORD_Q));
}

// As to_odd: `up` lanes step away from zero, `down` lanes towards it, where the last bit is even.
BITLOOM_AVX2 __m256i step_to_odd(__m256i bits, __m256i nonzero, __m256i opposite) {
  const __m256i even =
      _mm256_cmpeq_epi32(_mm256_and_si256(bits, _mm256_set1_epi32(1)), _mm256_setzero_si256());
  const __m256i step = _mm256_or_si256(_mm256_srai_epi32(opposite, 31), _mm256_set1_epi32(1));
  return _mm256_add_epi32(bits, _mm256_and_si256(step, _mm256_and_si256(even, nonzero)));
}

BITLOOM_AVX2 __m256 fma_to_odd_f16(__m256 a, __m256 b, __m256 c) {
  const __m256 product = _mm256_mul_ps(a, b), sum = _mm256_add_ps(product, c);
  const __m256 part = _mm256_sub_ps(sum, product);
  const __m256 tail =
      _mm256_add_ps(_mm256_sub_ps(product, _mm256_sub_ps(sum, part)), _mm256_sub_ps(c, part));
  const __m256 nonzero = _mm256_cmp_ps(tail, _mm256_setzero_ps(), _CMP_NEQ_OQ);
  return _mm256_castsi256_ps(step_to_odd(_mm256_castps_si256(sum), _mm256_castps_si256(nonzero),
                                         _mm256_castps_si256(_mm256_xor_ps(tail, sum))));
}

struct DoubleFma {
  __m128 rounded;
  __m256d tail;
};

BITLOOM_AVX2 DoubleFma double_fma(__m128 a, __m128 b, __m128 c) {
  const __m256d addend = _mm256_cvtps_pd(c);
  const __m256d product = _mm256_mul_pd(_mm256_cvtps_pd(a), _mm256_cvtps_pd(b));
  const __m256d sum = _mm256_add_pd(product, addend);
  const __m256d part = _mm256_sub_pd(sum, product);
  const __m256d tail =
      _mm256_add_pd(_mm256_sub_pd(product, _mm256_sub_pd(sum, part)), _mm256_sub_pd(addend, part));
  const __m128 rounded = _mm256_cvtpd_ps(sum);
  return {rounded, _mm256_add_pd(_mm256_sub_pd(sum, _mm256_cvtps_pd(rounded)), tail)};
}

// The upper halves of the 64-bit lanes of low and high, in order.
BITLOOM_AVX2 __m256i upper_halves(__m256d low, __m256d high) {
  const __m256 mixed = _mm256_shuffle_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high), 0xdd);
  return _mm256_permute4x64_epi64(_mm256_castps_si256(mixed), 0xd8);
}

BITLOOM_AVX2 __m256 fma_to_odd_bf16(__m256 a, __m256 b, __m256 c) {
  const DoubleFma low =
      double_fma(_mm256_castps256_ps128(a), _mm256_castps256_ps128(b), _mm256_castps256_ps128(c));
  const DoubleFma high = double_fma(_mm256_extractf128_ps(a, 1), _mm256_extractf128_ps(b, 1),
                                    _mm256_extractf128_ps(c, 1));
  const __m256 rounded = _mm256_set_m128(high.rounded, low.rounded);
  const __m256d zero = _mm256_setzero_pd();
  const __m256i nonzero = upper_halves(_mm256_cmp_pd(low.tail, zero, _CMP_NEQ_OQ),
                                       _mm256_cmp_pd(high.tail, zero, _CMP_NEQ_OQ));
  const __m256i sign = upper_halves(low.tail, high.tail);
  const __m256i bits = _mm256_castps_si256(rounded);
  return _mm256_castsi256_ps(step_to_odd(bits, nonzero, _mm256_xor_si256(sign, bits)));
}

template <HalfFormat format, HalfOp op>
BITLOOM_AVX2 __m256 compute(__m256 a, __m256 b, __m256 c) {
  switch (op) {
    case HalfOp::Add:
      return _mm256_add_ps(a, b);
    case HalfOp::Sub:
      return _mm256_sub_ps(a, b);
    case HalfOp::Mul:
      return _mm256_mul_ps(a, b);
    case HalfOp::Min:
      return number_min_max(a, b, false);
    case HalfOp::Max:
      return number_min_max(a, b, true);
    case HalfOp::Fma:
      break;
  }
  return format == HalfFormat::F16 ? fma_to_odd_f16(a, b, c) : fma_to_odd_bf16(a, b, c);
}

template <HalfFormat format, HalfOp op>
BITLOOM_AVX2 std::size_t arithmetic_by_eights(const void* a, const void* b, const void* c,
                                              void* out, std::size_t count) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 addend = op == HalfOp::Fma ? widen<format>(load_codes(c, i)) : _mm256_setzero_ps();
    const __m256 result = compute<format, op>(widen<format>(load_codes(a, i)),
                                              widen<format>(load_codes(b, i)), addend);
    store_codes(narrow<format>(result), out, i);
  }
  return i;
}

template <HalfFormat format>
BITLOOM_AVX2 std::size_t widen_by_eights(const std::uint16_t* codes, float* numbers,
                                         std::size_t count) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(numbers + i, widen<format>(load_codes(codes, i)));
  return i;
}

template <HalfFormat format>
BITLOOM_AVX2 std::size_t narrow_by_eights(const float* numbers, std::uint16_t* codes,
                                          std::size_t count) {
  std::size_t i = 0;
  for (; i + 8 <= count; i += 8)
    store_codes(narrow<format>(_mm256_loadu_ps(numbers + i)), codes, i);
  return i;
}

#endif

// ---- Dispatch ---------------------------------------------------------------------------------

template <HalfFormat format, HalfOp op>
void arithmetic(const void* a, const void* b, const void* c, void* out, std::size_t count) {
  std::size_t done = 0;
#if BITLOOM_HAVE_AVX2
  if (has_avx2()) done = arithmetic_by_eights<format, op>(a, b, c, out, count);
#endif
  arithmetic_from<format, op>(done, a, b, c, out, count);
}

template <HalfFormat format>
void widen_all(std::span<const std::uint16_t> codes, std::span<float> numbers) {
  std::size_t i = 0;
#if BITLOOM_HAVE_AVX2
  if (has_avx2()) i = widen_by_eights<format>(codes.data(), numbers.data(), codes.size());
#endif
  for (; i < codes.size(); ++i) numbers[i] = load<format>(codes.data(), i);
}

template <HalfFormat format>
void narrow_all(std::span<const float> numbers, std::span<std::uint16_t> codes) {
  std::size_t i = 0;
#if BITLOOM_HAVE_AVX2
  if (has_avx2()) i = narrow_by_eights<format>(numbers.data(), codes.data(), numbers.size());
#endif
  for (; i < numbers.size(); ++i) store<format>(numbers[i], codes.data(), i);
}

template <HalfFormat format>
void arithmetic(HalfOp op, const void* a, const void* b, const void* c, void* out,
                std::size_t count) {
  switch (op) {
    case HalfOp::Add:
      return arithmetic<format, HalfOp::Add>(a, b, c, out, count);
    case HalfOp::Sub:
      return arithmetic<format, HalfOp::Sub>(a, b, c, out, count);
    case HalfOp::Mul:
      return arithmetic<format, HalfOp::Mul>(a, b, c, out, count);
    case HalfOp::Min:
      return arithmetic<format, HalfOp::Min>(a, b, c, out, count);
    case HalfOp::Max:
      return arithmetic<format, HalfOp::Max>(a, b, c, out, count);
    case HalfOp::Fma:
      return arithmetic<format, HalfOp::Fma>(a, b, c, out, count);
  }
}

}  // namespace

void f16_to_f32(std::span<const std::uint16_t> codes, std::span<float> numbers) {
  widen_all<HalfFormat::F16>(codes, numbers);
}

void f32_to_f16(std::span<const float> numbers, std::span<std::uint16_t> codes) {
  narrow_all<HalfFormat::F16>(numbers, codes);
}

void bf16_to_f32(std::span<const std::uint16_t> codes, std::span<float> numbers) {
  widen_all<HalfFormat::BF16>(codes, numbers);
}

void f32_to_bf16(std::span<const float> numbers, std::span<std::uint16_t> codes) {
  narrow_all<HalfFormat::BF16>(numbers, codes);
}

void half_arithmetic(HalfFormat format, HalfOp op, const void* a, const void* b, const void* c,
                     void* out, std::size_t count) {
  if (format == HalfFormat::F16) return arithmetic<HalfFormat::F16>(op, a, b, c, out, count);
  arithmetic<HalfFormat::BF16>(op, a, b, c, out, count);
}

}  // namespace bitloom::vm
