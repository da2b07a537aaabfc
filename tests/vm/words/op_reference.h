// What every word operation means, one word at a time and in the plainest way: through
// vm/numerics.h, 64-bit integers and loops over bits. The tests hold vm/words/run.cpp to it.
#pragma once

#include <cstdint>

#include "vm/words/word_program.h"

namespace bitloom::vm {

std::uint32_t reference(WordOpcode opcode, std::uint32_t a, std::uint32_t b, std::uint32_t c,
                        std::uint32_t imm);

}  // namespace bitloom::vm
