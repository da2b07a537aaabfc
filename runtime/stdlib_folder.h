// Where the modules that `import std.x` names lie.
#pragma once

#include <string>

namespace bitloom::runtime {

// BITLOOM_STDLIB; else beside the program: ../share/bitloom/stdlib of an installed one,
// ../../stdlib of one in a build folder; else that of the tree it was built from.
std::string stdlib_folder();

}  // namespace bitloom::runtime
