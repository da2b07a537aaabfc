// Brings the scattered bits of codes together.
//
// The source is a stream of words, and most codes are runs of bits in it. To put codes where a
// conversion wants them there are two ways, and the cheaper one is taken, given what earlier codes
// have already paid for:
//
//   bits   Every wanted bit names its source. Bits that move by the same distance come from one
//          shifted word (a funnel shift where they straddle two), and each shifted word is merged
//          under a mask by one lop3.
//   bytes  Codes whose place is a multiple of 8 away go there by one prmt out of two words, with
//          their surroundings, which the caller masks out. Codes at other places take it from the
//          stream shifted by a few bits, whose words serve all codes that need the same shift.
//
// Codes in several pieces (bit planes, spare bits) are first put together, many at a time, in words
// of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "vm/words/builder.h"
#include "vm/words/convert.h"

namespace bitloom::vm::convert_detail {

struct BitPlace {
  Word word;
  int bit = 0;
};

// Bit `target` of the result is the bit `from`.
struct Wanted {
  int target = 0;
  BitPlace from;
};

// A word whose bits outside `possible` are known to be 0.
struct Gathered {
  Word word;
  std::uint32_t possible = ~0u;
};

// The wanted bits at their targets, all other bits 0, xor flip.
Word assemble(WordBuilder& b, std::span<const Wanted> wanted, std::uint32_t flip);
// The wanted bits at their targets, anything elsewhere.
Word assemble_loosely(WordBuilder& b, std::span<const Wanted> wanted);

// x & mask ^ flip, without the mask where what it clears is 0 already.
Word mask_and_flip(WordBuilder& b, const Gathered& x, std::uint32_t mask, std::uint32_t flip);

// Where a code goes for Gather::bytes: its bit 0 to bit `target`, out of the stream shifted right
// by `shift`.
struct ByteLane {
  int element = 0;
  int target = 0;
  int shift = 0;
};

class Gather {
 public:
  Gather(WordBuilder& b, const ConversionRequest& request);

  int bits() const { return bits_; }
  const BitPlace& place(int element, int bit) const {
    return places_[static_cast<std::size_t>(element * bits_ + bit)];
  }

  // Where a code stands in its stream, if it is one run of bits there.
  std::optional<int> position(int element) const {
    return runs_[static_cast<std::size_t>(element)].position;
  }

  // Adds the bits of a code at consecutive targets.
  void want(std::vector<Wanted>& wanted, int element, int target) const;

  // All lanes by byte permutations (one for two words, three for up to four); nothing where that
  // cannot be.
  std::optional<Gathered> bytes(std::span<const ByteLane> lanes);

  // The 32 bits of the stream that begin with a code.
  std::optional<Word> window(int element);

 private:
  struct Run {
    int stream = 0;
    std::optional<int> position;
  };
  struct Byte {
    Word word;
    int index = 0;
  };
  void find_runs();
  void rebuild_scattered();
  void rebuild(const std::vector<int>& elements);
  Word shifted(int stream, int index,
               int shift);  // word `index` of a stream shifted right by `shift` bits

  WordBuilder& b_;
  int bits_;
  std::vector<BitPlace> places_;
  std::vector<Run> runs_;
  std::vector<std::vector<Word>> streams_;  // the source, then one rebuilt word each
};

// Runs each way of making something, keeps the cheapest, and makes that. A way gives nothing where
// it does not apply.
template <typename T>
std::optional<T> cheapest(WordBuilder& b, std::span<const std::function<std::optional<T>()>> ways) {
  const std::size_t mark = b.mark();
  const int before = b.cost();
  const std::function<std::optional<T>()>* best = nullptr;
  int least = 0;
  for (const auto& way : ways) {
    const auto made = way();
    const int cost = b.cost() - before;
    b.go_back(mark);
    if (!made || (best && cost >= least)) continue;
    best = &way;
    least = cost;
  }
  if (!best) return std::nullopt;
  return (*best)();
}

}  // namespace bitloom::vm::convert_detail
