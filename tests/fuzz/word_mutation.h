// Changes a text word by word: what a fuzzer of a language does to get behind the parser.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bitloom::test {

// One to three changes: a word or sign becomes another (of the text, or of the language), goes, or
// comes twice; a number becomes another; two lines change places, one goes or comes again.
std::string mutate_words(std::string_view text, std::uint64_t seed);

}  // namespace bitloom::test
