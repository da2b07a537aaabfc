#include "stack/text/byte_level.h"

#include <array>

#include "dsl/utf8.h"

namespace bitloom::stack {
namespace {

constexpr char32_t kFirstOther = 0x100;

bool stands_for_itself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<std::string, 256> text;
  std::array<int, 0x200> byte;  // of a character; -1: none

  Alphabet() {
    byte.fill(-1);
    char32_t next = kFirstOther;
    for (int b = 0; b < 256; ++b) {
      const char32_t c = stands_for_itself(b) ? static_cast<char32_t>(b) : next++;
      byte[c] = b;
      auto& out = text[static_cast<std::size_t>(b)];
      if (c >= 0x80) out += static_cast<char>(0xC0 | (c >> 6));
      out += static_cast<char>(c < 0x80 ? c : 0x80 | (c & 0x3F));
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet kAlphabet;
  return kAlphabet;
}

// How many bytes of `bytes` from `at` on begin a character that is not whole or not valid, and
// whether more bytes could have made it whole.
std::size_t broken_length(std::string_view bytes, std::size_t at, bool& cut_off) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  const std::uint8_t lead = byte(at);
  std::size_t wanted = 0;
  std::uint8_t low = 0x80, high = 0xBF;  // of the second byte
  if (lead >= 0xC2 && lead <= 0xDF) {
    wanted = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    wanted = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    wanted = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  }
  std::size_t length = 1;
  while (length < wanted && at + length < bytes.size() && byte(at + length) >= low &&
         byte(at + length) <= high) {
    ++length;
    low = 0x80;
    high = 0xBF;
  }
  cut_off = length < wanted && at + length == bytes.size();
  return length;
}

}  // namespace

const std::string& character_of_byte(std::uint8_t byte) {
  return alphabet().text[byte];
}

std::optional<std::uint8_t> byte_of_character(char32_t character) {
  const Alphabet& a = alphabet();
  if (character >= a.byte.size() || a.byte[character] < 0) return std::nullopt;
  return static_cast<std::uint8_t>(a.byte[character]);
}

std::string bytes_of_token(std::string_view token) {
  std::string bytes;
  for (std::size_t at = 0; at < token.size();) {
    const dsl::CodePoint point = dsl::decode_utf8(token, at);
    const auto byte = point.valid ? byte_of_character(point.value) : std::nullopt;
    if (!byte) return std::string(token);
    bytes += static_cast<char>(*byte);
    at += point.bytes;
  }
  return bytes;
}

std::string lossy_utf8(std::string_view bytes, bool more_follows, std::size_t* taken) {
  std::string text;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const dsl::CodePoint point = dsl::decode_utf8(bytes, at);
    if (point.valid) {
      text += bytes.substr(at, point.bytes);
      at += point.bytes;
      continue;
    }
    bool cut_off = false;
    const std::size_t length = broken_length(bytes, at, cut_off);
    if (cut_off && more_follows) break;
    text += "\xEF\xBF\xBD";
    at += length;
  }
  if (taken) *taken = at;
  return text;
}

}  // namespace bitloom::stack
