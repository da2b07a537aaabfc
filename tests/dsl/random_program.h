// Programs that no person would write: every construct of the grammar, nested at random, with
// blanks, line ends and comments wherever they may stand. All of them parse; few of them mean
// anything.
#pragma once

#include <cstdint>
#include <string>

namespace bitloom::tests {

std::string random_program(std::uint32_t seed);

}  // namespace bitloom::tests
