// From text to token ids and back: the byte-level BPE of a checkpoint's tokenizer.json.
//
//   Result<Tokenizer> tokenizer = Tokenizer::from_file("model/tokenizer.json");
//   Result<std::vector<TokenId>> ids = tokenizer->encode("In the beginning");
//   std::string text = tokenizer->decode(*ids);
//
// A text goes through three steps, all of them from the file: added tokens ("<s>") are cut out as
// they stand, the leftmost and longest first; what lies between is split into words by a regular
// expression (stack/text/split_pattern.h); each word is merged (stack/text/bpe.h). What a file asks
// for that Bitloom does not do (a normalizer, another model than byte-level BPE) is refused with
// BL0631 and not left out silently.
//
// The format: https://huggingface.co/docs/tokenizers
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/result.h"
#include "stack/text/bpe.h"
#include "stack/text/split_pattern.h"

namespace bitloom::stack {

inline constexpr std::size_t kMaxTokenizerBytes = 256u << 20;

class Tokenizer {
 public:
  static runtime::Result<Tokenizer> from_file(const std::string& path);
  // `name` stands in messages.
  static runtime::Result<Tokenizer> from_json(std::string_view text, const std::string& name);

  // `text` is UTF-8 (BL0604). Nothing is put in front or behind.
  runtime::Result<std::vector<TokenId>> encode(std::string_view text) const;
  // With what the file's template adds around one text, such as the token of its beginning.
  runtime::Result<std::vector<TokenId>> encode_with_template(std::string_view text) const;

  // Special tokens are left out unless asked for; bytes that are no UTF-8 become U+FFFD.
  std::string decode(const std::vector<TokenId>& ids, bool special = false) const;
  // The bytes of one token, for streams; empty for special ones and unknown ids.
  const std::string& bytes_of(TokenId id) const;

  std::size_t size() const { return token_bytes_.size(); }  // one behind the greatest id

 private:
  friend class TokenizerReader;
  struct Added {
    std::string text;
    TokenId id;
  };

  runtime::Result<void> encode_plain(std::string_view text, std::vector<TokenId>& out) const;
  runtime::Result<void> encode_word(std::string_view word, std::vector<TokenId>& out) const;

  BytePairEncoder encoder_;
  std::vector<SplitPattern> patterns_;  // applied one after the other
  bool add_prefix_space_ = false;
  // A word that is a token as it stands is not merged (`ignore_merges`).
  bool whole_words_ = false;
  std::unordered_map<std::string, TokenId> word_tokens_;  // by bytes; filled with `whole_words_`
  std::vector<std::string> token_bytes_;                  // by id
  std::vector<bool> special_;
  std::array<std::vector<Added>, 256> added_;  // by first byte, the longest first
  std::vector<TokenId> before_, behind_;       // what the template adds
};

}  // namespace bitloom::stack
