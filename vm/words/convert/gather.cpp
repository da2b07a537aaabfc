#include "vm/words/convert/gather.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace bitloom::vm::convert_detail {
namespace {

constexpr int kWordBits = 32;

// A word to be merged: its bits under the mask are wanted, those outside `possible` are 0.
struct Term {
  Word word;
  std::uint32_t mask = 0;
  std::uint32_t possible = ~0u;
};

// The bits of one source word that move right by one distance; those that come round the end are
// `high`.
struct Part {
  Word word;
  std::uint32_t mask = 0;
};

struct Moved {
  std::vector<Part> low, high;
};

void add(std::vector<Part>& parts, Word word, std::uint32_t bit) {
  for (Part& part : parts)
    if (part.word == word) return void(part.mask |= bit);
  parts.push_back({word, bit});
}

std::uint32_t low_ones(int count) {
  return count >= kWordBits ? ~0u : (1u << count) - 1;
}

// Funnel shifts that earlier codes have paid for serve as plain shifts too.
Word shift_right(WordBuilder& b, Word x, int amount) {
  const Word next{static_cast<std::uint16_t>(x.id + 1)};
  const auto paid = b.known(WordOpcode::ShfR, x, next, {}, static_cast<std::uint32_t>(amount));
  return paid ? *paid : b.shr(x, amount);
}

Term low_term(WordBuilder& b, const Part& part, int amount) {
  if (amount == 0) return {part.word, part.mask};
  const Word word = shift_right(b, part.word, amount);
  const bool plain =
      b.known(WordOpcode::Shr, part.word, {}, {}, static_cast<std::uint32_t>(amount)) == word;
  return {word, part.mask, plain ? low_ones(kWordBits - amount) : ~0u};
}

std::vector<Term> find_terms(WordBuilder& b, std::span<const Wanted> wanted) {
  std::map<int, Moved> by_distance;
  for (const Wanted& one : wanted) {
    const int distance = (one.from.bit - one.target) & (kWordBits - 1);
    Moved& moved = by_distance[distance];
    add(one.target + distance < kWordBits ? moved.low : moved.high, one.from.word,
        1u << one.target);
  }
  std::vector<Term> terms;
  for (const auto& [distance, moved] : by_distance) {
    const std::size_t both = std::min(moved.low.size(), moved.high.size());
    for (std::size_t i = 0; i < both; ++i) {
      const Part &low = moved.low[i], &high = moved.high[i];
      terms.push_back(
          {b.op(WordOpcode::ShfR, low.word, high.word, {}, static_cast<std::uint32_t>(distance)),
           low.mask | high.mask});
    }
    for (std::size_t i = both; i < moved.low.size(); ++i)
      terms.push_back(low_term(b, moved.low[i], distance));
    for (std::size_t i = both; i < moved.high.size(); ++i)
      terms.push_back({b.shl(moved.high[i].word, kWordBits - distance), moved.high[i].mask,
                       ~low_ones(kWordBits - distance)});
  }
  return terms;
}

// (x & mask) ^ y
Word merge(WordBuilder& b, Word x, std::uint32_t mask, Word y) {
  return b.lop3(x, b.constant(mask), y, (kLutA & kLutB) ^ kLutC);
}

}  // namespace

Word mask_and_flip(WordBuilder& b, const Gathered& x, std::uint32_t mask, std::uint32_t flip) {
  return b.and_xor(x.word, (x.possible & ~mask) == 0 ? ~0u : mask, flip);
}

Word assemble(WordBuilder& b, std::span<const Wanted> wanted, std::uint32_t flip) {
  const std::vector<Term> terms = find_terms(b, wanted);
  if (terms.empty()) return b.constant(flip);
  std::uint32_t all = 0;
  for (const Term& term : terms) all |= term.mask;
  if (terms.size() > 1 && all == ~0u && flip == 0) return assemble_loosely(b, wanted);
  Word result = mask_and_flip(b, {terms[0].word, terms[0].possible}, terms[0].mask, flip);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    const Term& term = terms[i];
    result = (term.possible & ~term.mask) == 0 ? b.op(WordOpcode::Xor, term.word, result)
                                               : merge(b, term.word, term.mask, result);
  }
  return result;
}

Word assemble_loosely(WordBuilder& b, std::span<const Wanted> wanted) {
  const std::vector<Term> terms = find_terms(b, wanted);
  if (terms.empty()) return b.constant(0);
  Word result = terms[0].word;
  for (std::size_t i = 1; i < terms.size(); ++i)
    result = b.select_bits(terms[i].mask, terms[i].word, result);
  return result;
}

Gather::Gather(WordBuilder& b, const ConversionRequest& request)
    : b_(b), bits_(request.source.bits) {
  const std::size_t total =
      static_cast<std::size_t>(request.count) * static_cast<std::size_t>(bits_);
  std::size_t words = 0;
  for (std::size_t i = 0; i < total; ++i) {
    const std::size_t bit = request.source_bits.empty() ? i : request.source_bits[i];
    places_.push_back(
        {b.input(static_cast<int>(bit / kWordBits)), static_cast<int>(bit % kWordBits)});
    words = std::max(words, bit / kWordBits + 1);
  }
  streams_.emplace_back();
  for (std::size_t i = 0; i < words; ++i) streams_[0].push_back(b.input(static_cast<int>(i)));
  find_runs();
  rebuild_scattered();
}

void Gather::find_runs() {
  runs_.resize(places_.size() / static_cast<std::size_t>(bits_));
  for (std::size_t e = 0; e < runs_.size(); ++e) {
    const BitPlace& first = place(static_cast<int>(e), 0);
    const int start = first.word.id * kWordBits + first.bit;
    bool together = true;
    for (int j = 1; j < bits_; ++j) {
      const BitPlace& next = place(static_cast<int>(e), j);
      together = together && next.word.id * kWordBits + next.bit == start + j;
    }
    if (together) runs_[e].position = start;
  }
}

// Codes in pieces that lie in the same words and move by the same distances can be put together at
// once. The last piece stays where it is, so that the code ends where that piece ends.
void Gather::rebuild_scattered() {
  using Signature = std::vector<std::tuple<std::uint16_t, int>>;
  std::map<Signature, std::vector<int>> alike;
  for (int e = 0; e < static_cast<int>(runs_.size()); ++e) {
    if (position(e)) continue;
    const int base = place(e, bits_ - 1).bit - (bits_ - 1);
    if (base < 0) continue;
    Signature signature;
    for (int j = 0; j < bits_; ++j)
      signature.emplace_back(place(e, j).word.id, place(e, j).bit - j - base);
    alike[signature].push_back(e);
  }
  constexpr std::size_t kWorthwhile = 3;
  for (const auto& [signature, elements] : alike)
    if (elements.size() >= kWorthwhile) rebuild(elements);
}

void Gather::rebuild(const std::vector<int>& elements) {
  std::vector<Wanted> wanted;
  std::uint32_t taken = 0;
  std::vector<int> together, left;
  for (const int e : elements) {
    const int base = place(e, bits_ - 1).bit - (bits_ - 1);
    const std::uint32_t field = low_ones(bits_) << base;
    if (taken & field) {
      left.push_back(e);
      continue;
    }
    taken |= field;
    want(wanted, e, base);
    together.push_back(e);
  }
  const Word word = assemble_loosely(b_, wanted);
  for (const int e : together) {
    const int base = place(e, bits_ - 1).bit - (bits_ - 1);
    for (int j = 0; j < bits_; ++j)
      places_[static_cast<std::size_t>(e * bits_ + j)] = {word, base + j};
    runs_[static_cast<std::size_t>(e)] = {static_cast<int>(streams_.size()), base};
  }
  streams_.push_back({word});
  if (!left.empty()) rebuild(left);
}

void Gather::want(std::vector<Wanted>& wanted, int element, int target) const {
  for (int j = 0; j < bits_; ++j) wanted.push_back({target + j, place(element, j)});
}

Word Gather::shifted(int stream, int index, int shift) {
  const auto& words = streams_[static_cast<std::size_t>(stream)];
  const bool has_low = index >= 0, has_high = index + 1 < static_cast<int>(words.size());
  if (shift == 0) return words[static_cast<std::size_t>(index)];
  if (has_low && has_high)
    return b_.op(WordOpcode::ShfR, words[static_cast<std::size_t>(index)],
                 words[static_cast<std::size_t>(index) + 1], {}, static_cast<std::uint32_t>(shift));
  if (has_low) return b_.shr(words[static_cast<std::size_t>(index)], shift);
  return b_.shl(words[static_cast<std::size_t>(index + 1)], kWordBits - shift);
}

std::optional<Word> Gather::window(int element) {
  const Run& run = runs_[static_cast<std::size_t>(element)];
  if (!run.position) return std::nullopt;
  return shifted(run.stream, *run.position / kWordBits, *run.position % kWordBits);
}

std::optional<Gathered> Gather::bytes(std::span<const ByteLane> lanes) {
  std::array<std::optional<Byte>, 4> wanted;
  for (const ByteLane& lane : lanes) {
    const Run& run = runs_[static_cast<std::size_t>(lane.element)];
    if (!run.position || (*run.position - lane.target - lane.shift) % 8 != 0) return std::nullopt;
    for (int byte = lane.target / 8; byte <= (lane.target + bits_ - 1) / 8; ++byte) {
      // Which byte of the shifted stream goes there; the stream may begin with bits before its
      // first.
      const int from = (*run.position - lane.target - lane.shift + 8 * byte) / 8 + 4;
      if (from < 0 || (from < 4 && lane.shift == 0)) return std::nullopt;
      wanted[static_cast<std::size_t>(byte)] =
          Byte{shifted(run.stream, from / 4 - 1, lane.shift), from % 4};
    }
  }
  std::vector<Word> words;
  for (const auto& byte : wanted)
    if (byte && std::find(words.begin(), words.end(), byte->word) == words.end())
      words.push_back(byte->word);
  if (words.empty()) return std::nullopt;

  // In place already, but for what surrounds it.
  bool in_place = words.size() == 1;
  for (std::size_t i = 0; i < 4; ++i)
    in_place = in_place && (!wanted[i] || wanted[i]->index == static_cast<int>(i));
  if (in_place) return Gathered{words[0], ~0u};

  const auto pick = [&](Word low, Word high, int rest) {
    std::uint32_t selector = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      int nibble = rest;
      if (wanted[i] && wanted[i]->word == low) nibble = wanted[i]->index;
      if (wanted[i] && wanted[i]->word == high) nibble = wanted[i]->index + 4;
      selector |= static_cast<std::uint32_t>(nibble) << (4 * i);
    }
    return b_.prmt(low, high, selector);
  };
  std::uint32_t possible = 0;
  for (std::size_t i = 0; i < 4; ++i)
    if (wanted[i]) possible |= 0xffu << (8 * i);
  if (words.size() == 1) return Gathered{pick(words[0], b_.constant(0), 4), possible};
  if (words.size() == 2) return Gathered{pick(words[0], words[1], 0), ~0u};
  const Word last = words.size() == 4 ? words[3] : words[2];
  const Word first = pick(words[0], words[1], 0), second = pick(words[2], last, 0);
  std::uint32_t selector = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const bool from_second = wanted[i] && (wanted[i]->word == words[2] || wanted[i]->word == last);
    selector |= static_cast<std::uint32_t>(i + (from_second ? 4 : 0)) << (4 * i);
  }
  return Gathered{b_.prmt(first, second, selector), ~0u};
}

}  // namespace bitloom::vm::convert_detail
