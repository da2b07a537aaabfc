#include "stack/text/bpe.h"

#include <queue>

namespace bitloom::stack {
namespace {

// Symbols of a word as a doubly linked list in an array; -1 ends it.
struct Symbol {
  TokenId token;  // -1: merged into its left neighbour
  std::int64_t previous, next;
};

struct Candidate {
  std::uint32_t rank;
  std::int64_t at;  // of the left symbol
  TokenId left, right, merged;

  // The heap gives the greatest first.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : at > other.at;
  }
};

}  // namespace

void BytePairEncoder::add_merge(TokenId left, TokenId right, TokenId merged) {
  merges_[key(left, right)] = {next_rank_++, merged};
}

void BytePairEncoder::encode(std::string_view word, std::vector<TokenId>& out) const {
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (const char byte : word) {
    const TokenId token = byte_token_[static_cast<std::uint8_t>(byte)];
    if (token < 0) continue;
    const auto at = static_cast<std::int64_t>(symbols.size());
    symbols.push_back({token, at - 1, at + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = -1;

  std::priority_queue<Candidate> candidates;
  const auto consider = [&](std::int64_t left) {
    if (left < 0) return;
    const Symbol& a = symbols[static_cast<std::size_t>(left)];
    if (a.next < 0) return;
    const TokenId right = symbols[static_cast<std::size_t>(a.next)].token;
    const auto found = merges_.find(key(a.token, right));
    if (found == merges_.end()) return;
    candidates.push({found->second.rank, left, a.token, right, found->second.merged});
  };
  for (std::size_t i = 0; i + 1 < symbols.size(); ++i) consider(static_cast<std::int64_t>(i));

  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    Symbol& a = symbols[static_cast<std::size_t>(best.at)];
    // What stands there may have been merged since.
    if (a.token != best.left || a.next < 0) continue;
    Symbol& b = symbols[static_cast<std::size_t>(a.next)];
    if (b.token != best.right) continue;
    a.token = best.merged;
    b.token = -1;
    a.next = b.next;
    if (b.next >= 0) symbols[static_cast<std::size_t>(b.next)].previous = best.at;
    consider(a.previous);
    consider(best.at);
  }
  for (std::int64_t at = 0; at >= 0; at = symbols[static_cast<std::size_t>(at)].next)
    out.push_back(symbols[static_cast<std::size_t>(at)].token);
}

}  // namespace bitloom::stack
