#include "stack/text/tokenizer.h"

#include <fmt/format.h>

#include "dsl/utf8.h"
#include "stack/text/byte_level.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

Result<void> Tokenizer::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  if (whole_words_) {
    if (const auto found = word_tokens_.find(std::string(word)); found != word_tokens_.end()) {
      out.push_back(found->second);
      return {};
    }
  }
  encoder_.encode(word, out);
  return {};
}

// A text without added tokens.
Result<void> Tokenizer::encode_plain(std::string_view text, std::vector<TokenId>& out) const {
  std::vector<std::string_view> pieces = {text};
  for (const SplitPattern& pattern : patterns_) {
    std::vector<std::string_view> finer;
    for (const std::string_view piece : pieces) {
      auto parts = pattern.split(piece);
      if (!parts) return tl::make_unexpected(parts.error());
      finer.insert(finer.end(), parts->begin(), parts->end());
    }
    pieces = std::move(finer);
  }
  for (const std::string_view piece : pieces)
    if (const auto done = encode_word(piece, out); !done) return done;
  return {};
}

Result<std::vector<TokenId>> Tokenizer::encode(std::string_view text) const {
  if (const auto wrong = dsl::first_invalid_utf8(text))
    return failure("BL0604", fmt::format("the text is not UTF-8 at byte {}", *wrong));
  std::vector<TokenId> ids;
  const auto plain = [&](std::string_view part) -> Result<void> {
    if (part.empty()) return {};
    if (!add_prefix_space_ || part.front() == ' ') return encode_plain(part, ids);
    return encode_plain(fmt::format(" {}", part), ids);
  };
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Added* match = nullptr;
    for (const Added& added : added_[static_cast<std::uint8_t>(text[at])]) {
      if (!text.substr(at).starts_with(added.text)) continue;
      match = &added;
      break;
    }
    if (!match) {
      ++at;
      continue;
    }
    if (const auto done = plain(text.substr(begin, at - begin)); !done)
      return tl::make_unexpected(done.error());
    ids.push_back(match->id);
    begin = at += match->text.size();
  }
  if (const auto done = plain(text.substr(begin)); !done) return tl::make_unexpected(done.error());
  return ids;
}

Result<std::vector<TokenId>> Tokenizer::encode_with_template(std::string_view text) const {
  auto ids = encode(text);
  if (!ids) return ids;
  ids->insert(ids->begin(), before_.begin(), before_.end());
  ids->insert(ids->end(), behind_.begin(), behind_.end());
  return ids;
}

const std::string& Tokenizer::bytes_of(TokenId id) const {
  static const std::string kNothing;
  const auto at = static_cast<std::size_t>(id);
  return id < 0 || at >= token_bytes_.size() || special_[at] ? kNothing : token_bytes_[at];
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool special) const {
  std::string bytes;
  for (const TokenId id : ids) {
    const auto at = static_cast<std::size_t>(id);
    if (id < 0 || at >= token_bytes_.size() || (special_[at] && !special)) continue;
    bytes += token_bytes_[at];
  }
  return lossy_utf8(bytes);
}

}  // namespace bitloom::stack
