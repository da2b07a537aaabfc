#include "vm/text/lexer.h"

#include "vm/text/text_forms.h"

namespace bitloom::vm::text {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

void Lexer::skip_blank() {
  while (position_ < source_.size()) {
    const char c = source_[position_];
    if (c == '\n') {
      ++line_;
      column_ = 1;
      ++position_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++column_;
      ++position_;
    } else if (c == '/' && at(position_ + 1) == '/') {
      while (position_ < source_.size() && source_[position_] != '\n') ++position_;
    } else {
      return;
    }
  }
}

std::size_t Lexer::number_length(TokenKind& kind) const {
  kind = TokenKind::Integer;
  std::size_t end = position_;
  if (at(end) == '0' && (at(end + 1) == 'x' || at(end + 1) == 'X') && is_hex(at(end + 2))) {
    end += 2;
    while (is_hex(at(end))) ++end;
    return end - position_;
  }
  while (is_digit(at(end))) ++end;
  if (at(end) == '.' && is_digit(at(end + 1))) {
    kind = TokenKind::Real;
    ++end;
    while (is_digit(at(end))) ++end;
  }
  if (at(end) == 'e' || at(end) == 'E') {
    const bool sign = at(end + 1) == '+' || at(end + 1) == '-';
    if (is_digit(at(end + (sign ? 2 : 1)))) {
      kind = TokenKind::Real;
      end += sign ? 2 : 1;
      while (is_digit(at(end))) ++end;
    }
  }
  return end - position_;
}

std::size_t Lexer::string_length(std::size_t from, TokenKind& kind) const {
  for (std::size_t end = from + 1; end < source_.size() && source_[end] != '\n'; ++end) {
    if (source_[end] == '\\') {
      ++end;
    } else if (source_[end] == '"') {
      return end + 1 - from;
    }
  }
  kind = TokenKind::Unknown;
  return 1;
}

std::size_t Lexer::value_length(TokenKind& kind) const {
  kind = TokenKind::Value;
  std::size_t end = position_ + 1;
  if (at(end) == '"') {
    end += string_length(end, kind);
  } else {
    while (is_identifier_part(at(end))) ++end;
  }
  if (at(end) == '.' && is_digit(at(end + 1))) {
    ++end;
    while (is_digit(at(end))) ++end;
  }
  return end - position_;
}

Token Lexer::next() {
  skip_blank();
  Token token{TokenKind::End, {}, position_, line_, column_};
  if (position_ >= source_.size()) return token;

  const char c = source_[position_];
  std::size_t length = 1;
  if (is_identifier_start(c)) {
    token.kind = TokenKind::Word;
    while (is_identifier_part(at(position_ + length))) ++length;
  } else if (is_digit(c)) {
    length = number_length(token.kind);
  } else if (c == '"') {
    token.kind = TokenKind::String;
    length = string_length(position_, token.kind);
  } else if (c == '%' && (is_identifier_part(at(position_ + 1)) || at(position_ + 1) == '"')) {
    length = value_length(token.kind);
  } else {
    token.kind = c > ' ' && c < 0x7f ? TokenKind::Mark : TokenKind::Unknown;
  }
  token.text = source_.substr(position_, length);
  for (const char part : token.text) {
    // Columns count code points: the continuation bytes of UTF-8 do not.
    column_ += (static_cast<unsigned char>(part) & 0xc0) != 0x80;
  }
  position_ += length;
  return token;
}

}  // namespace bitloom::vm::text
