// From floats: eXmY, e5m2, e8m0, f16, bf16, tf32 and f32.
#include <cmath>

#include "vm/words/convert/lowering.h"

namespace bitloom::vm::convert_detail {
namespace {

int bias_of(ElementType type) {
  return (1 << (type.exponent - 1)) - 1;
}

// Sign and magnitude of a small float at their places in a wider one that begins at bit 0 of its
// lane.
struct Places {
  int sign, magnitude;
};

Places places_in(ElementType type, int exponent, int mantissa) {
  return {exponent + mantissa, mantissa - type.mantissa};
}

// One word of lanes, each of which gets the bits of a small float at their places in a wider
// format. The value is then off by a power of two, the difference of the biases, subnormals
// included.
class FloatPlacer {
 public:
  FloatPlacer(Lowering& x, int first, int lane_bits, int exponent, int mantissa)
      : x_(x),
        first_(first),
        lane_bits_(lane_bits),
        lanes_(std::min(32 / lane_bits, x.count() - first)),
        gap_(exponent - x.source().exponent),
        places_(places_in(x.source(), exponent, mantissa)) {
    const int bits = x.gather.bits();
    for (int l = 0; l < lanes_; ++l) {
      const int low = l * lane_bits_;
      magnitude_ |= ((1u << (bits - 1)) - 1) << (low + places_.magnitude);
      sign_ |= 1u << (low + places_.sign);
      for (int j = 0; j < bits; ++j)
        flip_ |= static_cast<std::uint32_t>((x.request.xor_constant >> j) & 1) << target(l, j);
    }
  }

  Word place() {
    const std::function<std::optional<Word>()> ways[] = {[&] { return by_bits(); },
                                                         [&] { return by_bytes(); }};
    return *cheapest<Word>(x_.b, ways);
  }

 private:
  int target(int lane, int bit) const {
    const bool sign = bit == x_.gather.bits() - 1;
    return lane * lane_bits_ + (sign ? places_.sign : places_.magnitude + bit);
  }

  std::optional<Word> by_bits() {
    std::vector<Wanted> wanted;
    for (int l = 0; l < lanes_; ++l)
      for (int j = 0; j < x_.gather.bits(); ++j)
        wanted.push_back({target(l, j), x_.gather.place(first_ + l, j)});
    return assemble(x_.b, wanted, flip_);
  }

  // The codes go to the tops of their lanes, where the signs are right; a shift brings the
  // magnitudes to their place.
  std::optional<Word> by_bytes() {
    std::vector<ByteLane> lanes;
    const int top = lane_bits_ - x_.gather.bits();
    for (int l = 0; l < lanes_; ++l) {
      const auto position = x_.gather.position(first_ + l);
      if (!position) return std::nullopt;
      lanes.push_back({first_ + l, l * lane_bits_ + top, (*position - top) & 7});
    }
    const auto gathered = x_.gather.bytes(lanes);
    if (!gathered) return std::nullopt;
    if (gap_ == 0) return mask_and_flip(x_.b, *gathered, magnitude_ | sign_, flip_);
    const Word moved = x_.b.and_xor(x_.b.shr(gathered->word, gap_), magnitude_, flip_);
    return x_.b.lop3(gathered->word, x_.b.constant(sign_), moved, (kLutA & kLutB) ^ kLutC);
  }

  Lowering& x_;
  int first_, lane_bits_, lanes_, gap_;
  Places places_;
  std::uint32_t magnitude_ = 0, sign_ = 0, flip_ = 0;
};

Word multiply(Lowering& x, HalfFormat format, Word word, double factor) {
  const Word factors = x.b.constant(half_pair(format, factor, factor));
  if (format == HalfFormat::F16) return x.b.op(WordOpcode::MulF16x2, word, factors);
  return x.b.op(WordOpcode::FmaBF16x2, word, factors, x.b.constant(half_pair(format, -0.0, -0.0)));
}

// e4m3's NaN has come out as 480, beyond every number of the type. A product with `factor` is
// infinite for 480 and finite for 448; times 0 that is NaN and 0.
Word restore_nan(Lowering& x, HalfFormat format, Word word) {
  const double factor = format == HalfFormat::F16 ? 140 : std::ldexp(1.09375, 119);
  const auto fma = format == HalfFormat::F16 ? WordOpcode::FmaF16x2 : WordOpcode::FmaBF16x2;
  return x.b.op(fma, multiply(x, format, word, factor), x.b.constant(0), word);
}

// fp8 to f16 by the instruction that sm_89 has for it.
std::vector<Word> e4m3_by_instruction(Lowering& x) {
  std::vector<Word> words;
  const auto both = static_cast<std::uint32_t>(x.request.xor_constant) * 0x0101u;
  for (int first = 0; first < x.count(); first += 2) {
    std::vector<Wanted> wanted;
    std::vector<ByteLane> lanes;
    const bool pair = x.has(first + 1);
    for (int l = 0; l < (pair ? 2 : 1); ++l) {
      x.gather.want(wanted, first + l, 8 * l);
      lanes.push_back({first + l, 8 * l, x.gather.position(first + l).value_or(0) & 7});
    }
    // What stands above the pair is not looked at, but above a single code there must be 0.
    const std::function<std::optional<Word>()> ways[] = {
        [&]() -> std::optional<Word> {
          return pair && !both ? assemble_loosely(x.b, wanted)
                               : assemble(x.b, wanted, pair ? both : both & 0xff);
        },
        [&]() -> std::optional<Word> {
          const auto gathered = x.gather.bytes(lanes);
          if (!gathered) return std::nullopt;
          if (pair && !both) return gathered->word;
          return mask_and_flip(x.b, *gathered, pair ? 0xffff : 0xff, pair ? both : both & 0xff);
        }};
    words.push_back(x.b.op(WordOpcode::F16x2FromE4M3x2, *cheapest<Word>(x.b, ways)));
  }
  return words;
}

constexpr int kInstructionForFp8 = 89;

bool has_nan_code(const Lowering& x) {
  return !x.request.finite && has_nan(x.source());
}

// Pairs of f16 as f32, one an element.
std::vector<Word> split_f16(Lowering& x, const std::vector<Word>& pairs) {
  std::vector<Word> each;
  for (int e = 0; e < x.count(); ++e) {
    const Word pair = pairs[static_cast<std::size_t>(e / 2)];
    each.push_back(x.b.op(e % 2 ? WordOpcode::F32FromF16Hi : WordOpcode::F32FromF16Lo, pair));
  }
  return each;
}

// The bits of one wide code with its bit 0 at `target`.
Word wide_code(Lowering& x, int element, int target) {
  std::vector<Wanted> wanted;
  x.gather.want(wanted, element, target);
  return assemble(x.b, wanted, static_cast<std::uint32_t>(x.request.xor_constant) << target);
}

std::vector<Word> wide_pairs(Lowering& x) {
  std::vector<Word> pairs;
  for (int first = 0; first < x.count(); first += 2) {
    std::vector<Wanted> wanted;
    x.gather.want(wanted, first, 0);
    if (x.has(first + 1)) x.gather.want(wanted, first + 1, 16);
    const auto flip = static_cast<std::uint32_t>(x.request.xor_constant);
    pairs.push_back(assemble(x.b, wanted, flip | (x.has(first + 1) ? flip << 16 : 0)));
  }
  return pairs;
}

}  // namespace

std::vector<Word> small_floats_to_half(Lowering& x, HalfFormat format) {
  const bool through_f16 = format == HalfFormat::BF16 && x.source() == kE5M2 && has_nan_code(x);
  if (through_f16) return pack_f32(x, floats_to_f32_each(x));
  if (format == HalfFormat::F16 && x.source() == kE4M3 && x.request.sm >= kInstructionForFp8)
    return e4m3_by_instruction(x);
  const HalfShape& shape = shape_of(format);
  const int scale = shape.bias - bias_of(x.source());
  const ElementType to = x.request.destination;
  const bool raw = x.request.unnormalised && (to == kF16 || to == kF32) && !has_nan_code(x);
  std::vector<Word> words;
  for (int first = 0; first < x.count(); first += 2) {
    Word word = FloatPlacer(x, first, 16, shape.exponent, shape.mantissa).place();
    if (scale != 0 && !raw) word = multiply(x, format, word, std::ldexp(1, scale));
    if (x.source() == kE4M3 && has_nan_code(x)) word = restore_nan(x, format, word);
    words.push_back(word);
  }
  if (raw) x.scales.assign(x.scales.size(), scale);
  return words;
}

std::vector<Word> small_floats_to_bytes(Lowering& x) {
  const ElementType to = x.request.destination;
  std::vector<Word> words;
  for (int first = 0; first < x.count(); first += 4)
    words.push_back(FloatPlacer(x, first, 8, to.exponent, to.mantissa).place());
  x.scales.assign(x.scales.size(), bias_of(to) - bias_of(x.source()));
  return words;
}

// The code is the exponent field itself, but for 0, which is the subnormal 2^-127, and 255, where
// infinity must become NaN.
std::vector<Word> scales_to_bf16(Lowering& x) {
  std::vector<Word> words;
  const auto flip = static_cast<std::uint32_t>(x.request.xor_constant);
  for (int first = 0; first < x.count(); first += 2) {
    std::vector<Wanted> wanted;
    const bool pair = x.has(first + 1);
    x.gather.want(wanted, first, 7);
    if (pair) x.gather.want(wanted, first + 1, 23);
    Word word = assemble(x.b, wanted, flip << 7 | (pair ? flip << 23 : 0));
    word = x.b.op(WordOpcode::MaxBF16x2, word, x.b.constant(pair ? 0x00400040 : 0x00000040));
    if (!x.request.finite) word = x.b.op(WordOpcode::FmaBF16x2, word, x.b.constant(0), word);
    words.push_back(word);
  }
  return words;
}

std::vector<Word> scales_to_f32_each(Lowering& x) {
  std::vector<Word> each;
  for (int e = 0; e < x.count(); ++e) {
    Word word = wide_code(x, e, 23);
    word = x.b.op(WordOpcode::MaxU, word, x.b.constant(0x00400000));
    if (!x.request.finite) word = x.b.op(WordOpcode::FmaF32, word, x.b.constant(0), word);
    each.push_back(word);
  }
  return each;
}

std::vector<Word> floats_to_f32_each(Lowering& x) {
  if (x.source() == kE8M0) return scales_to_f32_each(x);
  if (x.source() == kF16) return split_f16(x, wide_pairs(x));
  if (x.source().is_narrow()) return split_f16(x, small_floats_to_half(x, HalfFormat::F16));
  std::vector<Word> each;
  for (int e = 0; e < x.count(); ++e) {
    const Word word = wide_code(x, e, 32 - x.source().bits);
    each.push_back(x.source() == kTF32 ? x.b.and_imm(word, 0xffffe000) : word);
  }
  return each;
}

}  // namespace bitloom::vm::convert_detail
