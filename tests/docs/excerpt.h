// Whether a text says what a page shows of it.
#pragma once

#include <string>

namespace bitloom::test {

// Empty when `shown` is `actual` with parts left out as tests/docs/page.h says; otherwise the first
// lines of `shown` that are not found. `anchored`: it must begin where `actual` begins and end
// where it ends, unless it begins or ends with `…`.
std::string difference(const std::string& shown, const std::string& actual, bool anchored);

// %x.17 and %17 without their numbers.
std::string without_value_numbers(const std::string& ir);
// v_17 and x3_, as codegen calls its variables, likewise.
std::string without_variable_numbers(const std::string& cuda);

}  // namespace bitloom::test
