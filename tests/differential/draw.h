// Draws programs at random from the instruction table.
//
// Every row of the groups that compute on register tiles is tried with values at hand; the verifier
// says what is legal, so a new row is drawn without a change here unless its result has a type of
// its own. Around them stand drawn loads (clipped at the edge of the tensor, of every element type
// and every code), stores, tiles in shared memory, gathers, loops and branches, products of small
// integers, whose sums are exact, and approximate instructions, whose results go straight to
// memory: so every result but theirs is exact to the bit.
//
// Every third program is an idiom instead (idioms.h): what a random line of instructions would
// never hit upon, such as a ring of stages between a producer and its consumers.
#pragma once

#include "tests/differential/program.h"

namespace bitloom::test {

struct DrawOptions {
  int instructions = 16;  // about; what loads, stores and control take comes besides
  int sm = 80;            // of the target: what it lacks is not drawn
};

// Equal seeds give equal programs.
TestProgram draw_program(std::uint64_t seed, const DrawOptions& options = {});

}  // namespace bitloom::test
