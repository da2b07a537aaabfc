// UTF-8 as the language sees it: code points, where a text breaks the rules, and how wide a
// character stands on paper.
//
// A source text is UTF-8 without NUL bytes (dsl/source.h refuses anything else), columns count code
// points, and carets count terminal cells. A terminal gives two cells to East Asian wide characters
// and emoji and none to combining marks; display_width() follows the East Asian Width classes W and
// F of Unicode 15 in ranges coarse enough to fit a screen.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace bitloom::dsl {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // bytes it occupies; 1 where the text is not UTF-8
  bool valid = false;     // false: not UTF-8 here, value is U+FFFD
};

// The code point that begins at `offset`, which must lie inside the text. Refuses overlong forms,
// surrogates, and anything above U+10FFFF.
CodePoint decode_utf8(std::string_view text, std::size_t offset);

// Where the text first stops being UTF-8.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);

// Code points of a text that is UTF-8: bytes that do not continue another.
std::size_t count_code_points(std::string_view text);

// Terminal cells of a printable character: 0, 1 or 2.
int display_width(char32_t c);

// True for what may not reach a terminal as it is: control characters, and the marks that reorder
// text (a source could otherwise show a reader something else than the compiler reads).
bool is_unprintable(char32_t c);

// The text with every unprintable character as `\x1b` or `\u{202e}`, and bytes that are not UTF-8
// as `\xff`.
std::string escape_unprintable(std::string_view text);

}  // namespace bitloom::dsl
