// Cuts IR text into tokens. It never fails: what it does not know is a token of kind Unknown, which
// no rule of the parser takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "vm/source.h"

namespace bitloom::vm::text {

enum class TokenKind : std::uint8_t {
  End,
  Word,     // kernel, f16, ceildiv
  Value,    // %acc.3, %12, %"a name".4, %acc
  Integer,  // 64, 0x40
  Real,     // 1.0, 2e-5
  String,   // with its quotes
  Mark,     // one character
  Unknown   // a string without an end, a stray byte
};

struct Token {
  TokenKind kind = TokenKind::End;
  std::string_view text;
  std::size_t offset = 0;
  std::uint32_t line = 1, column = 1;

  bool is(char mark) const { return kind == TokenKind::Mark && text[0] == mark; }
  bool is(std::string_view word) const { return kind == TokenKind::Word && text == word; }
};

// A small value: copying it is how the parser looks ahead.
class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Token next();
  std::string_view source() const { return source_; }

 private:
  void skip_blank();
  std::size_t number_length(TokenKind& kind) const;
  std::size_t string_length(std::size_t from, TokenKind& kind) const;
  std::size_t value_length(TokenKind& kind) const;
  char at(std::size_t position) const {
    return position < source_.size() ? source_[position] : '\0';
  }

  std::string_view source_;
  std::size_t position_ = 0;
  std::uint32_t line_ = 1, column_ = 1;
};

}  // namespace bitloom::vm::text
