// From integers of 1 to 32 bits.
#include <algorithm>
#include <cmath>

#include "vm/words/convert/lowering.h"

namespace bitloom::vm::convert_detail {
namespace {

// A stored code is `number + bias` after `flip`: signed integers become offset binary, whose codes
// are not negative.
struct Offset {
  std::uint32_t flip = 0;
  double bias = 0;
};

Offset offset_of(const ConversionRequest& request) {
  auto flip = static_cast<std::uint32_t>(request.xor_constant);
  if (request.source.type_class != TypeClass::Signed) return {flip, 0};
  const std::uint32_t sign = 1u << (request.source.bits - 1);
  return {flip ^ sign, static_cast<double>(sign)};
}

// Codes of a word of lanes, each with its bit 0 at lane * lane_bits + offset.
struct Placed {
  Word word;
  int offsets[2] = {0, 0};
};

// The offsets that are open to the two lanes of one word.
struct Offsets {
  int most = 0;
  std::optional<int> fixed[2];
  bool equal = false;       // the two must be the same
  int least[2] = {0, 0};    // room for what other rows of the group have less
  int reserve[2] = {0, 0};  // and for what they have more

  bool open(int lane, int offset) const {
    return offset >= least[lane] && offset <= most - reserve[lane] &&
           (!fixed[lane] || *fixed[lane] == offset);
  }
};

std::uint32_t low_ones(int bits) {
  return bits >= 32 ? ~0u : (1u << bits) - 1;
}

class PairPlacer {
 public:
  // Elements first and first + 1 (which may be missing) go to the halves of a word, merged with
  // `magic` in each half.
  PairPlacer(Lowering& x, int first, const Offsets& offsets, std::uint32_t flip,
             std::uint32_t magic)
      : x_(x),
        first_(first),
        lanes_(x.has(first + 1) ? 2 : 1),
        offsets_(offsets),
        flip_(flip),
        magic_(magic) {}

  // With anything around the codes, and nothing flipped.
  Placed place_loosely() {
    loosely_ = true;
    return place();
  }

  Placed place() {
    std::vector<std::function<std::optional<Placed>()>> ways;
    const int others = lanes_ == 2 ? offsets_.most : 0;
    for (int p0 = 0; p0 <= offsets_.most; ++p0)
      for (int p1 = 0; p1 <= others; ++p1)
        if (may_place(p0, p1)) ways.emplace_back([this, p0, p1] { return by_bits(p0, p1); });
    for (const int s0 : x_.shifts)
      for (const int s1 : x_.shifts)
        if (lanes_ == 2 || s0 == s1) ways.emplace_back([this, s0, s1] { return by_bytes(s0, s1); });
    return *cheapest<Placed>(x_.b, ways);
  }

 private:
  // Of the many pairs of offsets only those are tried where one shift serves both lanes, or where
  // both are the same, or where one is 0: others are never cheaper.
  bool may_place(int p0, int p1) const {
    if (!offsets_.open(0, p0) || (lanes_ == 2 && !offsets_.open(1, p1))) return false;
    if (lanes_ == 1) return true;
    if (offsets_.equal) return p0 == p1;
    if (offsets_.fixed[0] || offsets_.fixed[1] || p0 == p1) return true;
    const auto &low = x_.gather.place(first_, 0), &high = x_.gather.place(first_ + 1, 0);
    return ((low.bit - p0) - (high.bit - 16 - p1)) % 32 == 0;
  }

  std::optional<Placed> by_bits(int p0, int p1) {
    std::vector<Wanted> wanted;
    x_.gather.want(wanted, first_, p0);
    if (lanes_ == 2) x_.gather.want(wanted, first_ + 1, 16 + p1);
    if (loosely_) return Placed{assemble_loosely(x_.b, wanted), {p0, p1}};
    return Placed{assemble(x_.b, wanted, constant(p0, p1)), {p0, p1}};
  }

  std::optional<Placed> by_bytes(int s0, int s1) {
    const int shifts[] = {s0, s1};
    int offsets[2] = {0, 0};
    ByteLane lanes[2];
    std::uint32_t mask = 0;
    for (int l = 0; l < lanes_; ++l) {
      const auto position = x_.gather.position(first_ + l);
      if (!position) return std::nullopt;
      offsets[l] = (*position - shifts[l]) & 7;
      if (!offsets_.open(l, offsets[l])) return std::nullopt;
      lanes[l] = {first_ + l, 16 * l + offsets[l], shifts[l]};
      mask |= low_ones(x_.gather.bits()) << (16 * l + offsets[l]);
    }
    if (offsets_.equal && lanes_ == 2 && offsets[0] != offsets[1]) return std::nullopt;
    const auto gathered = x_.gather.bytes({lanes, static_cast<std::size_t>(lanes_)});
    if (!gathered) return std::nullopt;
    if (loosely_) return Placed{gathered->word, {offsets[0], offsets[1]}};
    return Placed{mask_and_flip(x_.b, *gathered, mask, constant(offsets[0], offsets[1])),
                  {offsets[0], offsets[1]}};
  }

  std::uint32_t constant(int p0, int p1) const {
    const std::uint32_t low = (flip_ << p0) | magic_, high = (flip_ << p1) | magic_;
    return low | (lanes_ == 2 ? high << 16 : 0);
  }

  Lowering& x_;
  int first_, lanes_;
  Offsets offsets_;
  std::uint32_t flip_, magic_;
  bool loosely_ = false;
};

// Offsets that are fixed by earlier elements of the same scale group.
class ScaleGroups {
 public:
  explicit ScaleGroups(const Lowering& x)
      : groups_(x.request.scale_groups), rows_(x.request.row_exponents) {
    if (!rows_.empty()) largest_ = *std::max_element(rows_.begin(), rows_.end());
  }

  int row(int element) const {
    return rows_.empty() ? 0 : rows_[static_cast<std::size_t>(element)];
  }
  void restrict(Offsets& offsets, int first, int lanes) const {
    for (int l = 0; l < lanes; ++l) {
      offsets.least[l] = row(first + l);
      offsets.reserve[l] = largest_ - row(first + l);
      for (const auto& [group, offset] : fixed_)
        if (group_of(first + l) == group) offsets.fixed[l] = offset + row(first + l);
    }
    offsets.equal = lanes == 2 && !groups_.empty() && group_of(first) == group_of(first + 1) &&
                    row(first) == row(first + 1);
  }
  std::optional<int> fixed(int element) const {
    for (const auto& [group, offset] : fixed_)
      if (group_of(element) == group) return offset;
    return std::nullopt;
  }
  // All of one group.
  bool alike(int first, int lanes) const {
    for (int l = 1; l < lanes; ++l)
      if (group_of(first + l) != group_of(first)) return false;
    return true;
  }
  void fix(int element, int offset) {
    if (!groups_.empty()) fixed_.emplace_back(group_of(element), offset - row(element));
  }

 private:
  std::uint32_t group_of(int element) const {
    return groups_.empty() ? static_cast<std::uint32_t>(element)
                           : groups_[static_cast<std::size_t>(element)];
  }
  const std::vector<std::uint32_t>& groups_;
  const std::vector<int>& rows_;
  int largest_ = 0;
  std::vector<std::pair<std::uint32_t, int>> fixed_;
};

// lane = 2^mantissa + code 2^offset, so number = lane 2^-offset - (2^(mantissa - offset) + bias):
// exact in one fma.
Word normalise(Lowering& x, HalfFormat format, const Placed& placed, int lanes, double bias) {
  const int mantissa = shape_of(format).mantissa;
  double factors[2] = {1, 1}, addends[2] = {0, 0};
  for (int l = 0; l < lanes; ++l) {
    factors[l] = std::ldexp(1, -placed.offsets[l]);
    addends[l] = -(std::ldexp(1, mantissa - placed.offsets[l]) + bias);
  }
  const Word addend = x.b.constant(half_pair(format, addends[0], addends[1]));
  if (format == HalfFormat::BF16)
    return x.b.op(WordOpcode::FmaBF16x2, placed.word,
                  x.b.constant(half_pair(format, factors[0], factors[1])), addend);
  if (factors[0] == 1 && factors[1] == 1) return x.b.op(WordOpcode::AddF16x2, placed.word, addend);
  return x.b.op(WordOpcode::FmaF16x2, placed.word,
                x.b.constant(half_pair(format, factors[0], factors[1])), addend);
}

}  // namespace

std::vector<Word> integers_to_half(Lowering& x, HalfFormat format) {
  const Offset offset = offset_of(x.request);
  // Left inside the mantissa without the magic number, a code is a subnormal of f16: code *
  // 2^(offset - 24).
  const bool raw = x.request.unnormalised && offset.bias == 0 && format == HalfFormat::F16;
  ScaleGroups groups(x);
  std::vector<Word> words;
  for (int first = 0; first < x.count(); first += 2) {
    const int lanes = x.has(first + 1) ? 2 : 1;
    Offsets offsets{shape_of(format).mantissa - x.source().bits, {}, false};
    if (raw) groups.restrict(offsets, first, lanes);
    const Placed placed =
        PairPlacer(x, first, offsets, offset.flip, raw ? 0 : shape_of(format).magic).place();
    if (!raw) {
      words.push_back(normalise(x, format, placed, lanes, offset.bias));
      continue;
    }
    words.push_back(placed.word);
    for (int l = 0; l < lanes; ++l) {
      x.scales[static_cast<std::size_t>(first + l)] =
          24 - placed.offsets[l] + groups.row(first + l);
      groups.fix(first + l, placed.offsets[l]);
    }
  }
  return words;
}

// The low seven bits become 128 + low; the top bit, which is 2^7, falls on the last bit of the
// exponent and makes 128 or 256 there, that is 128 + top. Taking 256 + bias from the one with the
// top bit first keeps both sums exact in 8 bits.
std::vector<Word> bytes_to_bf16(Lowering& x) {
  const Offset offset = offset_of(x.request);
  const std::uint32_t magic = shape_of(HalfFormat::BF16).magic;
  std::vector<Word> words;
  for (int first = 0; first < x.count(); first += 2) {
    const int lanes = x.has(first + 1) ? 2 : 1;
    const Word codes = PairPlacer(x, first, {0, {}, false}, 0, 0).place_loosely().word;
    const std::uint32_t both = lanes == 2 ? 0x00010001u : 1u;
    const Word low = x.b.and_xor(codes, 0x7f * both, ((offset.flip & 0x7f) | magic) * both);
    const Word top = x.b.and_xor(codes, 0x80 * both, ((offset.flip & 0x80) | magic) * both);
    const double addend = -(256 + offset.bias);
    const Word one = x.b.constant(half_pair(HalfFormat::BF16, 1, 1));
    const Word rest = x.b.constant(half_pair(HalfFormat::BF16, addend, lanes == 2 ? addend : 0));
    words.push_back(
        x.b.op(WordOpcode::FmaBF16x2, low, one, x.b.op(WordOpcode::FmaBF16x2, top, one, rest)));
  }
  return words;
}

std::vector<Word> integers_to_f32_each(Lowering& x) {
  if (x.source().bits > 16) {
    const bool is_signed = x.source().type_class == TypeClass::Signed;
    std::vector<Word> each = integers_to_i32_each(x);
    for (Word& word : each)
      word = x.b.op(is_signed ? WordOpcode::F32FromS32 : WordOpcode::F32FromU32, word);
    return each;
  }
  constexpr int kMantissa = 23;
  constexpr std::uint32_t kMagic = 0x4b000000;
  const Offset offset = offset_of(x.request);
  std::vector<Word> each;
  for (int e = 0; e < x.count(); ++e) {
    std::vector<std::function<std::optional<Placed>()>> ways;
    for (int p = 0; p <= kMantissa - x.source().bits; ++p)
      ways.emplace_back([&, p] {
        std::vector<Wanted> wanted;
        x.gather.want(wanted, e, p);
        return std::optional(Placed{assemble(x.b, wanted, (offset.flip << p) | kMagic), {p, 0}});
      });
    const Placed placed = *cheapest<Placed>(x.b, ways);
    const int p = placed.offsets[0];
    const Word addend = x.b.constant(f32_word(-(std::ldexp(1, kMantissa - p) + offset.bias)));
    each.push_back(p == 0 ? x.b.op(WordOpcode::AddF32, placed.word, addend)
                          : x.b.op(WordOpcode::FmaF32, placed.word,
                                   x.b.constant(f32_word(std::ldexp(1, -p))), addend));
  }
  return each;
}

// ---- Integers to wider integers ---------------------------------------------------------------

namespace {

// Elements first … of one word of lanes, each at the bottom of its lane or some bits above it.
class LanePlacer {
 public:
  LanePlacer(Lowering& x, int first, int lane_bits)
      : x_(x),
        first_(first),
        lane_bits_(lane_bits),
        lanes_(std::min(32 / lane_bits, x.count() - first)) {}

  int lanes() const { return lanes_; }
  std::uint32_t every(std::uint32_t lane) const {
    std::uint32_t all = 0;
    for (int l = 0; l < lanes_; ++l) all |= lane << (l * lane_bits_ + up_[l]);
    return all;
  }

  // As far up as the groups of the elements stand already. The first word of a group, if it has no
  // other, chooses what costs it least: words of one column tend to lie alike.
  Word place(std::uint32_t flip, ScaleGroups& groups) {
    bool free = groups.alike(first_, lanes_);
    for (int l = 0; l < lanes_; ++l) {
      const std::optional<int> fixed = groups.fixed(first_ + l);
      up_[l] = fixed.value_or(0);
      free = free && !fixed;
    }
    if (free) move_up(cheapest_offset(flip));
    for (int l = 0; l < lanes_; ++l) {
      x_.scales[static_cast<std::size_t>(first_ + l)] = -up_[l];
      groups.fix(first_ + l, up_[l]);
    }
    return place(flip);
  }

  // x & codes ^ flip in every lane.
  Word place(std::uint32_t flip) {
    const std::function<std::optional<Word>()> ways[] = {[&] { return by_bits(flip); },
                                                         [&] { return by_bytes(flip); },
                                                         [&] { return by_spreading(flip); }};
    return *cheapest<Word>(x_.b, ways);
  }

 private:
  void move_up(int offset) { std::fill(std::begin(up_), std::end(up_), offset); }

  int cheapest_offset(std::uint32_t flip) {
    const std::size_t mark = x_.b.mark();
    const int before = x_.b.cost();
    int best = 0, least = 0;
    for (int offset = 0; offset <= lane_bits_ - x_.gather.bits(); ++offset) {
      move_up(offset);
      place(flip);
      const int cost = x_.b.cost() - before;
      x_.b.go_back(mark);
      if (offset > 0 && cost >= least) continue;
      best = offset;
      least = cost;
    }
    return best;
  }

  std::uint32_t mask() const { return every(low_ones(x_.gather.bits())); }

  std::optional<Word> by_bits(std::uint32_t flip) {
    std::vector<Wanted> wanted;
    for (int l = 0; l < lanes_; ++l) x_.gather.want(wanted, first_ + l, l * lane_bits_ + up_[l]);
    return assemble(x_.b, wanted, every(flip));
  }

  std::optional<Word> by_bytes(std::uint32_t flip) {
    std::vector<ByteLane> lanes;
    for (int l = 0; l < lanes_; ++l) {
      const auto position = x_.gather.position(first_ + l);
      if (!position) return std::nullopt;
      lanes.push_back({first_ + l, l * lane_bits_ + up_[l], (*position - up_[l]) & 7});
    }
    const auto gathered = x_.gather.bytes(lanes);
    if (!gathered) return std::nullopt;
    return mask_and_flip(x_.b, *gathered, mask(), every(flip));
  }

  // Codes that follow one another are drawn apart by halves: two to a half word, then one to a
  // byte.
  std::optional<Word> by_spreading(std::uint32_t flip) {
    const int bits = x_.gather.bits();
    for (int l = 0; l < lanes_; ++l)
      if (up_[l] != 0 || !x_.gather.position(first_ + l) ||
          *x_.gather.position(first_ + l) != *x_.gather.position(first_) + l * bits)
        return std::nullopt;
    Word word = *x_.gather.window(first_);
    if (lane_bits_ == 16) {
      word = x_.b.select_bits(0x0000ffff, word, x_.b.shl(word, 16 - bits));
    } else {
      word = x_.b.select_bits(0x0000ffff, word, x_.b.shl(word, 2 * (8 - bits)));
      word = x_.b.select_bits(0x00ff00ff, word, x_.b.shl(word, 8 - bits));
    }
    return x_.b.and_xor(word, mask(), every(flip));
  }

  Lowering& x_;
  int first_, lane_bits_, lanes_;
  int up_[4] = {0, 0, 0, 0};  // how far above the bottom of its lane an element stands
};

}  // namespace

// Offset binary needs its bias taken away in each lane without a borrow to the next: with the
// lane's own sign bit set the difference is not negative, and flipping that bit back makes it two's
// complement.
std::vector<Word> integers_to_lanes(Lowering& x, int lane_bits) {
  const Offset offset = offset_of(x.request);
  const bool extends = offset.bias != 0 && x.source().bits < lane_bits;
  const auto flip = extends ? offset.flip : static_cast<std::uint32_t>(x.request.xor_constant);
  const std::uint32_t sign = 1u << (lane_bits - 1);
  const bool scaled = x.request.unnormalised && !extends;
  ScaleGroups groups(x);
  std::vector<Word> words;
  for (int first = 0; first < x.count(); first += 32 / lane_bits) {
    LanePlacer placer(x, first, lane_bits);
    Word word = scaled ? placer.place(flip, groups) : placer.place(flip);
    if (extends) {
      const std::uint32_t up = sign - static_cast<std::uint32_t>(offset.bias);
      word = x.b.op(WordOpcode::Add, word, x.b.constant(placer.every(up)));
      word = x.b.op(WordOpcode::Xor, word, x.b.constant(placer.every(sign)));
    }
    words.push_back(word);
  }
  return words;
}

namespace {

// A code that fills whole bytes of one word: prmt extends it by zeros or by copies of its sign.
std::optional<Word> extend_bytes(Lowering& x, int element, bool sign) {
  const int bits = x.gather.bits();
  const auto position = x.gather.position(element);
  if (!position || bits % 8 != 0 || *position % 8 != 0) return std::nullopt;
  const auto& first = x.gather.place(element, 0);
  const auto low = static_cast<std::uint32_t>(first.bit / 8),
             count = static_cast<std::uint32_t>(bits / 8);
  if (low + count > 4) return std::nullopt;
  std::uint32_t selector = 0;
  for (std::uint32_t i = 0; i < 4; ++i)
    selector |= (i < count ? low + i : sign ? 8 + low + count - 1 : 4) << (4 * i);
  return x.b.prmt(first.word, x.b.constant(0), selector);
}

}  // namespace

std::vector<Word> integers_to_i32_each(Lowering& x) {
  const int bits = x.gather.bits();
  const bool is_signed = x.source().type_class == TypeClass::Signed && bits < 32;
  const auto flip = static_cast<std::uint32_t>(x.request.xor_constant);
  std::vector<Word> each;
  for (int e = 0; e < x.count(); ++e) {
    const std::function<std::optional<Word>()> ways[] = {
        [&]() -> std::optional<Word> {
          return flip == 0 ? extend_bytes(x, e, is_signed) : std::nullopt;
        },
        [&]() -> std::optional<Word> {
          std::vector<Wanted> wanted;
          x.gather.want(wanted, e, is_signed ? 32 - bits : 0);
          if (!is_signed) return assemble(x.b, wanted, flip);
          // At the top of the word; what is below goes with the shift.
          const Word top =
              flip ? assemble(x.b, wanted, flip << (32 - bits)) : assemble_loosely(x.b, wanted);
          return x.b.sar(top, 32 - bits);
        }};
    each.push_back(*cheapest<Word>(x.b, ways));
  }
  return each;
}

}  // namespace bitloom::vm::convert_detail
