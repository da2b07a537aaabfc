// Makes a program that fails small.
#pragma once

#include <functional>

#include "tests/differential/program.h"

namespace bitloom::test {

// Whether a program still shows what is looked for. It must hold of the program to begin with.
using StillFails = std::function<bool(const TestProgram&)>;

// Drops instructions, takes branches and loops apart, puts constants in the place of results, and
// launches fewer blocks, as long as the program fails; until nothing more goes. What it tries may
// not verify: `still_fails` says no then.
TestProgram reduced(const TestProgram& program, const StillFails& still_fails);

// The program as a file: the function, its sizes and the seed it was drawn from.
std::string to_text(const TestProgram& program, const std::string& why);

}  // namespace bitloom::test
