// The byte-level alphabet of GPT-2: every byte as one printable character, so that a vocabulary is
// a list of readable strings and no byte is unknown.
//
// Bytes that print ('!' to '~', '¡' to '¬', '®' to 'ÿ') stand for themselves, the other 68 for
// U+0100, U+0101, … in their order: a space is 'Ġ' (U+0120).
//
// Source: bytes_to_unicode() of OpenAI's GPT-2 encoder, which Hugging Face's ByteLevel follows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bitloom::stack {

// UTF-8 of the character that stands for a byte.
const std::string& character_of_byte(std::uint8_t byte);
std::optional<std::uint8_t> byte_of_character(char32_t character);

// The bytes that a token stands for. A token with a character that is no byte's (an added token
// such as "<｜begin｜>") stands for its own UTF-8.
std::string bytes_of_token(std::string_view token);

// Bytes as UTF-8: every maximal part of a sequence that is none becomes one U+FFFD (the Unicode
// standard, section 3.9, "substitution of maximal subparts").
//
// With `more_follows`, a sequence that the end cuts off is left out, and `taken` says how many
// bytes were used: what a stream may print already.
std::string lossy_utf8(std::string_view bytes, bool more_follows = false,
                       std::size_t* taken = nullptr);

}  // namespace bitloom::stack
