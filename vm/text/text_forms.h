// How single things are written in IR text: strings, words, floats, spans. Printer and parser share
// this file, so that what one writes the other reads.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vm/source.h"

namespace bitloom::vm::text {

// A string between double quotes: \" \\ \n \r \t, and \xNN for other control characters.
std::string quote(std::string_view text);
// The inverse, of a text that begins and ends with a quote; nullopt for an unknown escape.
std::optional<std::string> unquote(std::string_view quoted);

bool is_identifier_start(char c);
bool is_identifier_part(char c);
bool is_identifier(std::string_view text);
// The word itself when it is an identifier, else quoted.
std::string word_or_quoted(std::string_view text);

// The shortest decimal that reads back as the same number, always with a point, an exponent or a
// name: 1.0, -0.0, 1e+20, inf, nan. A NaN of other bits than the usual one is nan(0x7ff8…).
std::string real_text(double number);

std::string span_text(Span span);  // "@21:17-21:30", "@2/21:17-21:30"

}  // namespace bitloom::vm::text
