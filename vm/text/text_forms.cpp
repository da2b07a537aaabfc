#include "vm/text/text_forms.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstdint>

namespace bitloom::vm::text {
namespace {

constexpr std::uint64_t kUsualNan = 0x7ff8000000000000u;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string quote(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\t':
        result += "\\t";
        break;
      default: {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {
          result += fmt::format("\\x{:02x}", byte);
        } else {
          result += c;
        }
      }
    }
  }
  return result + "\"";
}

std::optional<std::string> unquote(std::string_view quoted) {
  if (quoted.size() < 2) return std::nullopt;
  const std::string_view body = quoted.substr(1, quoted.size() - 2);
  std::string result;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] != '\\') {
      result += body[i];
      continue;
    }
    if (++i == body.size()) return std::nullopt;
    switch (body[i]) {
      case '"':
      case '\\':
        result += body[i];
        break;
      case 'n':
        result += '\n';
        break;
      case 'r':
        result += '\r';
        break;
      case 't':
        result += '\t';
        break;
      case 'x': {
        if (i + 2 >= body.size()) return std::nullopt;
        const int high = hex_digit(body[i + 1]), low = hex_digit(body[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        result += static_cast<char>(16 * high + low);
        i += 2;
        break;
      }
      default:
        return std::nullopt;
    }
  }
  return result;
}

bool is_identifier_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_identifier_part(char c) {
  return is_identifier_start(c) || (c >= '0' && c <= '9');
}

bool is_identifier(std::string_view text) {
  if (text.empty() || !is_identifier_start(text[0])) return false;
  for (const char c : text) {
    if (!is_identifier_part(c)) return false;
  }
  return true;
}

std::string word_or_quoted(std::string_view text) {
  return is_identifier(text) ? std::string(text) : quote(text);
}

std::string real_text(double number) {
  if (std::isnan(number)) {
    const auto bits = std::bit_cast<std::uint64_t>(number);
    return bits == kUsualNan ? "nan" : fmt::format("nan({:#x})", bits);
  }
  std::string result = fmt::format("{}", number);
  if (result.find_first_of(".en") == std::string::npos) result += ".0";
  return result;
}

std::string span_text(Span span) {
  std::string result = "@";
  if (span.file != 0) result += fmt::format("{}/", span.file);
  return result +
         fmt::format("{}:{}-{}:{}", span.line, span.column, span.end_line, span.end_column);
}

}  // namespace bitloom::vm::text
