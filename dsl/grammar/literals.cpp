// What the digits of a number and the escapes of a string mean.
#include <charconv>
#include <limits>

#include "dsl/grammar/state.h"

namespace bitloom::dsl::grammar {
namespace {

bool is_digit(char c, unsigned base) {
  if (base == 16) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  return c >= '0' && c < static_cast<char>('0' + base);
}

ExprPtr literal(Place place, decltype(Expr::node) node) {
  auto result = std::make_shared<Expr>();
  result->place = place;
  result->node = std::move(node);
  return result;
}

// The digits without `_`, which must stand between two digits. Nothing when the spelling is wrong.
std::string digits_of(std::string_view text, unsigned base, bool is_float) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      const bool part_of_float =
          is_float && std::string_view(".eE+-").find(text[i]) != std::string_view::npos;
      if (!is_digit(text[i], base) && !part_of_float) return {};
      digits += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1], base) ||
               (!is_digit(text[i + 1], base) && text[i + 1] != '_')) {
      return {};
    }
  }
  return digits;
}

ExprPtr wrong(State& state, Spelling spelling, std::string message, const char* hint) {
  state.error("BL0106", spelling.place, std::move(message)).hint(hint);
  return literal(spelling.place, IntLiteral{0, std::string(spelling.text)});
}

ExprPtr float_number(State& state, Spelling spelling) {
  const std::string digits = digits_of(spelling.text, 10, true);
  double value = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (status == std::errc::result_out_of_range) {
    return wrong(state, spelling, fmt::format("{} does not fit the range of f64", spelling.text),
                 "write inf where infinity is meant, and 0.0 where zero is");
  }
  if (digits.empty() || status != std::errc() || end != digits.data() + digits.size()) {
    return wrong(state, spelling, fmt::format("'{}' is not a number", spelling.text),
                 "floats are written like 1.5 or 2e-3");
  }
  return literal(spelling.place, FloatLiteral{value, std::string(spelling.text)});
}

}  // namespace

ExprPtr number(State& state, Spelling spelling) {
  const std::string_view text = spelling.text;
  const char mark = text.size() > 1 && text[0] == '0' ? text[1] : ' ';
  const unsigned base = mark == 'x' || mark == 'X' ? 16 : mark == 'b' || mark == 'B' ? 2 : 10;
  if (base == 10 && text.find_first_of(".eE") != std::string_view::npos)
    return float_number(state, spelling);

  const std::string digits = digits_of(base == 10 ? text : text.substr(2), base, false);
  std::uint64_t value = 0;
  const auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (status == std::errc::result_out_of_range) {
    return wrong(state, spelling, fmt::format("{} does not fit 64 bits", text),
                 "the largest integer is 18446744073709551615");
  }
  if (digits.empty() || status != std::errc() || end != digits.data() + digits.size()) {
    return wrong(state, spelling, fmt::format("'{}' is not a number", text),
                 "integers are written like 64, 0x40, 0b100_0000; a name begins with a letter");
  }
  return literal(spelling.place, IntLiteral{value, std::string(text)});
}

std::string string_value(State& state, Spelling spelling) {
  std::string value;
  const std::string_view text = spelling.text.substr(1, spelling.text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    const std::size_t begin = i++;
    if (text[i] == 'n') {
      value += '\n';
    } else if (text[i] == 't') {
      value += '\t';
    } else if (text[i] == '"' || text[i] == '\\') {
      value += text[i];
    } else {
      std::size_t end = i + 1;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
      const auto offset = static_cast<std::uint32_t>(spelling.place.begin + 1);
      state
          .error("BL0108",
                 {offset + static_cast<std::uint32_t>(begin),
                  offset + static_cast<std::uint32_t>(end)},
                 fmt::format("the escape '{}' is unknown", text.substr(begin, end - begin)))
          .hint("strings know \\n, \\t, \\\" and \\\\");
      i = end - 1;
    }
  }
  return value;
}

}  // namespace bitloom::dsl::grammar
