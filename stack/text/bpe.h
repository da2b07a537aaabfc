// Byte-pair encoding: a word begins as single bytes, and neighbours are merged in the order of the
// merge list until no pair of it is left.
//
// Of all pairs in the word the one of least rank is merged first, the leftmost of equals: the rule
// of Sennrich, Haddow and Birch (arXiv:1508.07909), in n log n by a heap, so that a word of a
// megabyte is no attack.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace bitloom::stack {

using TokenId = std::int32_t;

class BytePairEncoder {
 public:
  // `byte_token[b]`: the token of a single byte, -1 where the vocabulary has none (the byte is then
  // left out, as the reference does).
  void set_byte(std::uint8_t byte, TokenId token) { byte_token_[byte] = token; }
  // Merges get their ranks in the order in which they are added; of two of one pair the later
  // holds.
  void add_merge(TokenId left, TokenId right, TokenId merged);

  // Appends the tokens of one word, given as bytes.
  void encode(std::string_view word, std::vector<TokenId>& out) const;

 private:
  struct Merge {
    std::uint32_t rank;
    TokenId merged;
  };
  static std::uint64_t key(TokenId left, TokenId right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 |
           static_cast<std::uint32_t>(right);
  }

  TokenId byte_token_[256] = {};
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::uint32_t next_rank_ = 0;
};

}  // namespace bitloom::stack
