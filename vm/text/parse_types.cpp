#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "vm/text/parser_state.h"
#include "vm/text/text_forms.h"

namespace bitloom::vm::text {

template <class Stop>
std::optional<std::string_view> Parser::slice(Stop&& stop) {
  const std::size_t begin = token_.offset;
  const Token first = token_;
  int open = 0;
  std::size_t end = begin;
  while (token_.kind != TokenKind::End && token_.kind != TokenKind::Unknown) {
    if (open == 0 && stop(token_)) break;
    if (token_.is('(')) ++open;
    if (token_.is(')') && --open < 0) break;
    end = token_.offset + token_.text.size();
    if (end - begin > kMaxExpression || open > kMaxParentheses) {
      unreadable(first);
      return std::nullopt;
    }
    advance();
  }
  return lexer_.source().substr(begin, end - begin);
}

bool Parser::unreadable(const Token& first) {
  error("BL0188", first) << "this expression is too long or nested too deeply; at most "
                         << kMaxExpression << " characters and " << kMaxParentheses
                         << " parentheses within one another";
  return false;
}

// The bounds hold for what is printed as well, which may be longer and nested more deeply than what
// was written: `--m` prints as `0 - (0 - m)`.
bool Parser::within_bounds(std::string_view printed, const Token& first) {
  int open = 0, deepest = 0;
  for (const char c : printed) {
    open += (c == '(') - (c == ')');
    deepest = std::max(deepest, open);
  }
  return (printed.size() <= kMaxExpression && deepest <= kMaxParentheses) || unreadable(first);
}

bool Parser::size_expr(layouts::SizeExpr& expr, std::string_view stops) {
  const Token first = token_;
  const auto source = slice([&](const Token& token) {
    if (token.kind == TokenKind::Word) {
      // The words behind a condition; a size may be called `text`, so what follows decides.
      if (token.is("where")) return true;
      return (token.is("text") || token.is("message")) && peek().kind == TokenKind::String;
    }
    return token.kind == TokenKind::Mark && stops.find(token.text[0]) != std::string_view::npos;
  });
  if (!source) return false;
  auto parsed = layouts::parse_size_expr(*source);
  if (!parsed) {
    error("BL0187", first) << "size '" << *source << "': " << parsed.error().message;
    return false;
  }
  const std::string printed = parsed->to_string();
  if (!within_bounds(printed, first)) return false;
  if (printed != *source && !layouts::parse_size_expr(printed)) return unreadable(first);
  expr = std::move(*parsed);
  return true;
}

bool Parser::register_layout(layouts::RegisterLayout& layout) {
  const Token first = token_;
  const auto source = slice([](const Token& token) {
    return token.is(',') || token.is('=') || token.is('@') || token.is('{') || token.is('}') ||
           token.kind == TokenKind::Value;
  });
  if (!source) return false;
  auto parsed = layouts::parse_register_layout(*source);
  if (!parsed) {
    error("BL0186", first) << "layout '" << *source << "': " << parsed.error().message;
    return false;
  }
  if (!within_bounds(parsed->to_string(), first)) return false;
  layout = std::move(*parsed);
  return true;
}

bool Parser::integer(std::int64_t& number, std::int64_t least, std::int64_t most) {
  const Token first = token_;
  const bool negative = accept('-');
  if (token_.kind != TokenKind::Integer) return unexpected("an integer");
  std::string_view digits = token_.text;
  const bool hex = digits.starts_with("0x") || digits.starts_with("0X");
  if (hex) digits.remove_prefix(2);
  const std::string signed_digits = fmt::format("{}{}", negative ? "-" : "", digits);
  const char* end = signed_digits.data() + signed_digits.size();
  const auto [rest, code] = std::from_chars(signed_digits.data(), end, number, hex ? 16 : 10);
  if (code != std::errc() || rest != end || number < least || number > most) {
    error("BL0189", first) << "the number " << (negative ? "-" : "") << token_.text
                           << " does not lie between " << least << " and " << most;
    return false;
  }
  advance();
  return true;
}

bool Parser::parenthesized(int& number, std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  if (!expect('(', "before a number") || !integer(value, least, most)) return false;
  number = static_cast<int>(value);
  return expect(')', "behind a number");
}

bool Parser::real(double& number) {
  const Token first = token_;
  const bool negative = accept('-');
  if (accept("inf")) {
    number = std::numeric_limits<double>::infinity();
  } else if (accept("nan")) {
    number = std::bit_cast<double>(std::uint64_t{0x7ff8000000000000});
    if (accept('(')) {
      std::string_view digits = token_.text;
      std::uint64_t bits = 0;
      if (digits.starts_with("0x")) digits.remove_prefix(2);
      const auto [rest, code] =
          std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
      number = std::bit_cast<double>(bits);
      if (code != std::errc() || rest != digits.data() + digits.size() || !std::isnan(number)) {
        error("BL0189", first) << "'" << token_.text << "' are not the bits of a NaN";
        return false;
      }
      advance();
      if (!expect(')', "behind the bits of a NaN")) return false;
    }
  } else if (token_.kind == TokenKind::Real || token_.kind == TokenKind::Integer) {
    const char* end = token_.text.data() + token_.text.size();
    const auto [rest, code] = std::from_chars(token_.text.data(), end, number);
    if (code != std::errc() || rest != end) {
      error("BL0189", first) << "the number " << token_.text << " is no double";
      return false;
    }
    advance();
  } else {
    return unexpected("a number");
  }
  if (negative) number = -number;
  return true;
}

bool Parser::string(std::string& text) {
  if (token_.kind != TokenKind::String) return unexpected("a string");
  auto decoded = unquote(token_.text);
  if (!decoded) {
    error("BL0189", token_) << "this string has an escape other than \\\" \\\\ \\n \\r \\t \\xNN";
    return false;
  }
  text = std::move(*decoded);
  advance();
  return true;
}

bool Parser::word_or_string(std::string& text) {
  if (token_.kind == TokenKind::String) return string(text);
  if (token_.kind != TokenKind::Word) return unexpected("a name");
  text = token_.text;
  advance();
  return true;
}

bool Parser::list(Shape& shape) {
  if (!expect('[', "before a list")) return false;
  shape.clear();
  if (accept(']')) return true;
  do {
    std::int64_t number = 0;
    if (shape.size() == kMaxOperands) {
      error("BL0188", token_) << "a list may have " << kMaxOperands << " entries";
      return false;
    }
    if (!integer(number, -kMaxExtent, kMaxExtent)) return false;
    shape.push_back(number);
  } while (accept(','));
  return expect(']', "behind a list");
}

bool Parser::span(Span& span) {
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  std::int64_t numbers[4] = {}, file = 0;
  if (!expect('@', "before a place") || !integer(numbers[0], 0, kMost)) return false;
  if (accept('/')) {
    file = numbers[0];
    if (!integer(numbers[0], 0, kMost)) return false;
  }
  if (!expect(':', "behind a line") || !integer(numbers[1], 0, kMost)) return false;
  if (!expect('-', "between two places") || !integer(numbers[2], 0, kMost)) return false;
  if (!expect(':', "behind a line") || !integer(numbers[3], 0, kMost)) return false;
  const auto narrow = [](std::int64_t number) { return static_cast<std::uint32_t>(number); };
  span = {narrow(file), narrow(numbers[0]), narrow(numbers[1]), narrow(numbers[2]),
          narrow(numbers[3])};
  if (!span.known()) span = {};  // there is one way of having no place, and it prints as none
  return true;
}

bool Parser::element_type(ElementType& element) {
  const Token first = token_;
  if (token_.kind != TokenKind::Word) return unexpected("a type");
  advance();
  if (first.is("codebook")) {
    if (!expect('<', "behind codebook")) return false;
    if (token_.kind != TokenKind::Integer) return unexpected("the bits of a codebook");
    advance();
    if (!expect('>', "behind the bits of a codebook")) return false;
  }
  const auto source = lexer_.source().substr(first.offset, end_ - first.offset);
  const auto parsed = parse_element_type(source);
  if (!parsed) {
    error("BL0186", first) << "'" << source << "' is no element type";
    return false;
  }
  element = *parsed;
  return true;
}

bool Parser::extents(Type& type, bool symbolic) {
  if (!symbolic) {
    const Token first = token_;
    if (!list(type.shape)) return false;
    if (type.shape.size() <= kMaxRank) return true;
    error("BL0188", first) << "a type may have " << kMaxRank << " dimensions";
    return false;
  }
  if (!expect('[', "before the extents of a tensor")) return false;
  do {
    layouts::SizeExpr extent;
    if (!size_expr(extent, ",]")) return false;
    if (type.extents.size() == kMaxRank) {
      error("BL0188", token_) << "a type may have " << kMaxRank << " dimensions";
      return false;
    }
    type.extents.push_back(std::move(extent));
  } while (accept(','));
  type.shape.assign(type.extents.size(), -1);
  return expect(']', "behind the extents of a tensor");
}

bool Parser::type(Type& type) {
  if (accept("mbarrier")) {
    type.space = Space::Barrier;
    type.element = kU64;
    return extents(type, false);
  }
  bool symbolic = false;
  if (accept("shared")) {
    type.space = Space::Shared;
  } else if (accept("global")) {
    type.space = Space::Global;
    symbolic = !accept("view");
  }
  const bool packed = accept("packed");
  if (!element_type(type.element)) return false;
  if (token_.is('[') && !extents(type, symbolic)) return false;
  return (!packed || packed_atom(type)) && type_suffixes(type);
}

bool Parser::packed_atom(Type& type) {
  if (!accept("atom")) return unexpected("'atom' behind a packed type");
  if (!expect('(', "behind 'atom'")) return false;
  const Token first = token_;
  std::string tag;
  if (!string(tag)) return false;
  auto atom = layouts::PackedAtom::from_tag(tag);
  if (!atom) {
    error("BL0186", first) << "packed atom '" << tag << "': " << atom.error().message;
    return false;
  }
  type.packed = std::move(*atom);
  return expect(')', "behind the tag of a packed atom");
}

bool Parser::shared_layout(Type& type) {
  const Token first = token_;
  std::vector<layouts::SharedLayout::Modes> dims;
  advance();
  if (!expect('(', "behind 'placed'")) return false;
  while (!token_.is(')')) {
    layouts::SharedLayout::Modes& modes = dims.emplace_back();
    do {
      layouts::SharedLayout::Mode& mode = modes.emplace_back();
      if (!integer(mode.extent, 1, layouts::kMaxElements)) return false;
      if (!expect(':', "between an extent and its stride")) return false;
      if (!integer(mode.stride, 0, layouts::kMaxElements)) return false;
    } while (accept('+') && modes.size() < kMaxRank);
    if (!accept(',') || dims.size() == kMaxRank) break;
  }
  if (!expect(')', "behind the modes of a shared layout")) return false;

  layouts::Swizzle swizzle;
  if (accept("swizzle")) {
    std::int64_t base = 0, bits = 0, shift = 0;
    if (!expect('(', "behind 'swizzle'") || !integer(base, 0, 16)) return false;
    if (!expect(',', "between the numbers of a swizzle") || !integer(bits, 0, 8)) return false;
    if (!expect(',', "between the numbers of a swizzle") || !integer(shift, 0, 16)) return false;
    if (!expect(')', "behind a swizzle")) return false;
    swizzle = {static_cast<int>(base), static_cast<int>(bits), static_cast<int>(shift)};
  }
  int element_bits = type.element.bits;
  if (accept("bits") && !parenthesized(element_bits, 1, 64)) return false;

  std::int64_t size = 1;
  for (const auto& modes : dims) {
    for (const auto& mode : modes) {
      if (size <= layouts::kMaxElements) size *= mode.extent;
    }
  }
  if (size > layouts::kMaxElements) {
    error("BL0188", first) << "a shared layout may have " << layouts::kMaxElements << " elements";
    return false;
  }
  type.shared.emplace(std::move(dims), element_bits, swizzle);
  return true;
}

bool Parser::type_suffixes(Type& type) {
  if (token_.is("placed") && !shared_layout(type)) return false;
  if (accept("in")) {
    layouts::RegisterLayout layout;
    if (!register_layout(layout)) return false;
    type.layout = std::move(layout);
  }
  return true;
}

}  // namespace bitloom::vm::text
