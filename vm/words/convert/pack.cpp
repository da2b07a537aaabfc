// To dense codes of any type, from one 32-bit word an element.
#include <cmath>

#include "vm/words/convert/lowering.h"

namespace bitloom::vm::convert_detail {
namespace {

constexpr int kWordBits = 32;

std::uint32_t low_ones(int bits) {
  return bits >= kWordBits ? ~0u : (1u << bits) - 1;
}

std::size_t packed_words(const Lowering& x) {
  const int bits = x.request.destination.bits * x.count();
  return static_cast<std::size_t>((bits + kWordBits - 1) / kWordBits);
}

// ---- Integers ---------------------------------------------------------------------------------

// Whole bytes are brought together by byte permutations.
std::vector<Word> pack_bytes(Lowering& x, const std::vector<Word>& each) {
  const int bits = x.request.destination.bits;
  if (bits == 32) return each;
  const auto at = [&](std::size_t e) { return e < each.size() ? each[e] : x.b.constant(0); };
  std::vector<Word> words;
  for (std::size_t w = 0; w < packed_words(x); ++w) {
    if (bits == 16) {
      words.push_back(x.b.prmt(at(2 * w), at(2 * w + 1), 0x5410));
      continue;
    }
    const Word low = x.b.prmt(at(4 * w), at(4 * w + 1), 0x0040),
               high = x.b.prmt(at(4 * w + 2), at(4 * w + 3), 0x0040);
    words.push_back(x.b.prmt(low, high, 0x5410));
  }
  return words;
}

// Codes that are not negative are added up, each times its power of two; a code that straddles two
// words goes to both. Signed numbers in [-2^(b-1), 2^(b-1)) are added up as they are on top of
// 2^(b-1) in every field, so that no field is negative; flipping the top bit of every field then
// makes two's complement.
std::vector<Word> pack_fields(Lowering& x, const std::vector<Word>& each, bool is_signed) {
  const int bits = x.request.destination.bits;
  const std::uint32_t bias = is_signed ? 1u << (bits - 1) : 0;
  std::vector<std::optional<Word>> words(packed_words(x));
  std::vector<std::uint32_t> biases(words.size(), 0), signs(words.size(), 0);
  const auto add = [&](std::size_t w, Word term, int shift) {
    if (!words[w])
      words[w] = x.b.shl(term, shift);
    else if (shift == 0)
      words[w] = x.b.op(WordOpcode::Add, term, *words[w]);
    else
      words[w] = x.b.op(WordOpcode::MadLo, term, x.b.constant(1u << shift), *words[w]);
  };
  for (std::size_t e = 0; e < each.size(); ++e) {
    const int place = static_cast<int>(e) * bits, bit = place % kWordBits, sign = place + bits - 1;
    const auto w = static_cast<std::size_t>(place / kWordBits);
    signs[static_cast<std::size_t>(sign / kWordBits)] |= 1u << (sign % kWordBits);
    if (bit + bits <= kWordBits) {
      add(w, each[e], bit);
      biases[w] += bias << bit;
      continue;
    }
    const Word code = bias ? x.b.op(WordOpcode::Add, each[e], x.b.constant(bias)) : each[e];
    add(w, code, bit);
    add(w + 1, x.b.shr(code, kWordBits - bit), 0);
  }
  std::vector<Word> packed;
  for (std::size_t w = 0; w < words.size(); ++w) {
    Word word = *words[w];
    if (biases[w]) word = x.b.op(WordOpcode::Add, word, x.b.constant(biases[w]));
    if (bias) word = x.b.op(WordOpcode::Xor, word, x.b.constant(signs[w]));
    packed.push_back(word);
  }
  return packed;
}

std::vector<Word> pack_integers(Lowering& x, const std::vector<Word>& each) {
  const ElementType to = x.request.destination;
  if (to.bits % 8 == 0) return pack_bytes(x, each);
  return pack_fields(x, each, to.type_class == TypeClass::Signed);
}

// Signed words held to the range of the destination, where the source can leave it.
Word clamp_signed(Lowering& x, Word word, double least, double most) {
  const ElementType to = x.request.destination;
  const auto bound = [&](double number) {
    return x.b.constant(static_cast<std::uint32_t>(static_cast<std::int64_t>(number)));
  };
  if (most > highest(to)) word = x.b.op(WordOpcode::MinS, word, bound(highest(to)));
  if (least < lowest(to)) word = x.b.op(WordOpcode::MaxS, word, bound(lowest(to)));
  return word;
}

Word clamp_unsigned(Lowering& x, Word word, double most) {
  const ElementType to = x.request.destination;
  if (most <= highest(to)) return word;
  return x.b.op(WordOpcode::MinU, word, x.b.constant(static_cast<std::uint32_t>(highest(to))));
}

std::vector<Word> pack_f32_as_integers(Lowering& x, const std::vector<Word>& each) {
  const ElementType to = x.request.destination;
  const bool is_signed = to.type_class == TypeClass::Signed,
             down = x.request.rounding == Rounding::TowardZero;
  const auto opcode = is_signed ? (down ? WordOpcode::S32FromF32Z : WordOpcode::S32FromF32)
                                : (down ? WordOpcode::U32FromF32Z : WordOpcode::U32FromF32);
  const double least = lowest(x.source()), most = highest(x.source());
  std::vector<Word> whole;
  for (const Word word : each) {
    const Word converted = x.b.op(opcode, word);
    whole.push_back(is_signed ? clamp_signed(x, converted, least, most)
                              : clamp_unsigned(x, converted, most));
  }
  return pack_integers(x, whole);
}

// ---- Floats -----------------------------------------------------------------------------------

// A number of the destination, still as f32 and 2^(127 - bias) times too small: its exponent field
// is the destination's, and its sign and the upper bits of its mantissa are what remains to be
// packed. `signs` keeps the sign of zeros.
struct SmallFloat {
  Word magnitude, sign;
};

// Adding 1.5 · 2^(e + 23 - mantissa) to a number with leading bit e leaves no place for bits below
// its last one, so the sum is rounded there, to nearest even; for subnormals e is that of the least
// normal number.
SmallFloat round_to_small(Lowering& x, Word number) {
  const ElementType to = x.request.destination;
  const int bias = (1 << (to.exponent - 1)) - 1;
  WordBuilder& b = x.b;
  const double most = highest(to);
  const bool inside = -most <= lowest(x.source()) && highest(x.source()) <= most;
  if (!inside || has_nan(x.source()) || has_infinity(x.source())) {
    // NaN meets the first of these and becomes the greatest number.
    number = b.op(WordOpcode::MinF32, number, b.constant(f32_word(most)));
    number = b.op(WordOpcode::MaxF32, number, b.constant(f32_word(-most)));
  }
  Word exponent = b.and_imm(number, 0x7f800000);
  exponent = b.op(WordOpcode::MaxU, exponent, b.constant(f32_word(std::ldexp(1, 1 - bias))));
  const auto up = static_cast<std::uint32_t>(23 - to.mantissa) << 23 | 0x400000u;
  const Word magic = b.op(WordOpcode::Add, exponent, b.constant(up));
  const Word rounded = b.op(WordOpcode::SubF32, b.op(WordOpcode::AddF32, number, magic), magic);
  return {b.op(WordOpcode::MulF32, rounded, b.constant(f32_word(std::ldexp(1, bias - 127)))),
          number};
}

std::vector<Word> pack_f32_as_small(Lowering& x, const std::vector<Word>& each) {
  const ElementType to = x.request.destination;
  const bool keeps_nan = has_nan(to) && has_nan(x.source()) && !x.request.finite;
  std::vector<std::vector<Wanted>> wanted(packed_words(x));
  const auto want = [&](int place, BitPlace from) {
    wanted[static_cast<std::size_t>(place / kWordBits)].push_back({place % kWordBits, from});
  };
  std::vector<Word> nan;
  for (std::size_t e = 0; e < each.size(); ++e) {
    const SmallFloat small = round_to_small(x, each[e]);
    const int place = static_cast<int>(e) * to.bits;
    Word magnitude = small.magnitude;
    // All ones in the field of the magnitude, where f32 has exponent and upper mantissa; to.bits is
    // 8 here.
    if (keeps_nan)
      magnitude =
          x.b.op(WordOpcode::Or, magnitude, x.b.op(WordOpcode::SetNanF32, each[e], each[e]));
    for (int j = 0; j < to.bits - 1; ++j) want(place + j, {magnitude, 23 - to.mantissa + j});
    want(place + to.bits - 1, {small.sign, 31});
  }
  std::vector<Word> words;
  for (const auto& bits : wanted) words.push_back(assemble(x.b, bits, 0));
  return words;
}

std::vector<Word> pack_pairs(Lowering& x, const std::vector<Word>& each, WordOpcode opcode) {
  std::vector<Word> words;
  for (std::size_t e = 0; e < each.size(); e += 2)
    words.push_back(x.b.op(opcode, each[e], e + 1 < each.size() ? each[e + 1] : x.b.constant(0)));
  return words;
}

constexpr int kInstructionForFp8 = 89;

// Two codes in the low bytes of each pair, two pairs to a word.
std::vector<Word> pack_f32_as_fp8(Lowering& x, const std::vector<Word>& each) {
  const auto opcode =
      x.request.destination == kE4M3 ? WordOpcode::E4M3x2FromF32 : WordOpcode::E5M2x2FromF32;
  const std::vector<Word> pairs = pack_pairs(x, each, opcode);
  std::vector<Word> words;
  for (std::size_t i = 0; i < pairs.size(); i += 2)
    words.push_back(i + 1 < pairs.size() ? x.b.prmt(pairs[i], pairs[i + 1], 0x5410) : pairs[i]);
  return words;
}

// Half a unit of the last place minus one, and one more for odd mantissas; NaN would leave the
// exponent. Narrow numbers, f16 and bf16 need no rounding, and their NaN is either cut to the
// canonical one or keeps its bits (bf16).
Word round_to_tf32(Lowering& x, Word number) {
  WordBuilder& b = x.b;
  const bool short_mantissa = x.source().is_narrow() || x.source() == kF16 || x.source() == kBF16;
  if (short_mantissa)
    return has_nan(x.source()) && x.source() != kBF16 ? b.and_imm(number, 0xffffe000) : number;
  const Word odd = b.and_imm(b.shr(number, 13), 1);
  const Word rounded = b.op(WordOpcode::Add, b.op(WordOpcode::Add, number, odd), b.constant(0xfff));
  const Word code = b.and_imm(rounded, 0xffffe000);
  if (!has_nan(x.source()) || x.request.finite) return code;
  return b.op(WordOpcode::Select, b.op(WordOpcode::SetNanF32, number, number),
              b.constant(0x7fffe000), code);
}

// The exponent of the power of two that is nearest, ties up: half of 2^k is its mantissa's first
// bit, and for the subnormal 2^-127 the second.
Word round_to_scale(Lowering& x, Word number) {
  WordBuilder& b = x.b;
  const Word positive = b.op(WordOpcode::MaxF32, number, b.constant(0x00400000));
  const Word subnormal = b.op(WordOpcode::SetLtU, positive, b.constant(0x00800000));
  const Word half =
      b.op(WordOpcode::Select, subnormal, b.constant(0x00200000), b.constant(0x00400000));
  Word code = b.shr(b.op(WordOpcode::Add, positive, half), 23);
  code = b.op(WordOpcode::MinU, code, b.constant(254));
  if (!has_nan(x.source()) || x.request.finite) return code;
  return b.op(WordOpcode::Or, code, b.op(WordOpcode::SetNanF32, number, number));
}

}  // namespace

std::vector<Word> pack_f32(Lowering& x, const std::vector<Word>& each) {
  const ElementType to = x.request.destination;
  if (to == kF32) return each;
  if (to == kF16) return pack_pairs(x, each, WordOpcode::F16x2FromF32);
  if (to == kBF16) return pack_pairs(x, each, WordOpcode::BF16x2FromF32);
  if (!to.is_float() && to.type_class != TypeClass::Scale) return pack_f32_as_integers(x, each);
  if (to.is_float() && to.is_narrow()) {
    const bool by_instruction = (to == kE4M3 || to == kE5M2) && x.request.sm >= kInstructionForFp8;
    return by_instruction ? pack_f32_as_fp8(x, each) : pack_f32_as_small(x, each);
  }
  std::vector<Word> codes;
  for (const Word word : each)
    codes.push_back(to == kTF32 ? round_to_tf32(x, word) : round_to_scale(x, word));
  return to == kTF32 ? codes : pack_bytes(x, codes);
}

std::vector<Word> pack_i32(Lowering& x, std::vector<Word> each) {
  const bool is_signed = x.source().type_class == TypeClass::Signed;
  const ElementType to = x.request.destination;
  if (x.request.overflow == Overflow::Wrap) {
    if (to.bits % 8 != 0)
      for (Word& word : each) word = x.b.and_imm(word, low_ones(to.bits));
    return to.bits % 8 == 0 ? pack_bytes(x, each) : pack_fields(x, each, false);
  }
  for (Word& word : each)
    word = is_signed ? clamp_signed(x, word, lowest(x.source()), highest(x.source()))
                     : clamp_unsigned(x, word, highest(x.source()));
  return pack_integers(x, each);
}

// f32 has 24 bits and would round first. Nine bits at the bottom of an integer beyond 2^24 are far
// below the last bit of the destination: whether any is set is all that its rounding can see, and
// one bit says so.
std::vector<Word> pack_large_integers_as_float(Lowering& x, const std::vector<Word>& each) {
  WordBuilder& b = x.b;
  const bool is_signed = x.source().type_class == TypeClass::Signed;
  std::vector<Word> numbers;
  for (const Word word : each) {
    const Word low = b.and_imm(word, 0x1ff);
    const Word any = b.and_imm(b.shr(b.op(WordOpcode::Add, low, b.constant(0x1ff)), 1), 0x100);
    const Word sticky = b.select_bits(0x1ff, any, word);
    const Word offset = is_signed ? b.op(WordOpcode::Add, word, b.constant(1u << 24)) : word;
    const Word exact =
        b.op(WordOpcode::SetLtU, offset, b.constant(is_signed ? 1u << 25 : 1u << 24));
    const Word number = b.op(WordOpcode::Select, exact, word, sticky);
    numbers.push_back(b.op(is_signed ? WordOpcode::F32FromS32 : WordOpcode::F32FromU32, number));
  }
  return pack_f32(x, numbers);
}

}  // namespace bitloom::vm::convert_detail
