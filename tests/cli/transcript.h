// Sessions with the `bitloom` program, as text: what a user types, what comes back, what is left.
//
//   # What this shows.
//   == file k.bl                              the lines up to the next mark are its text
//   kernel k(x: global f32[n]) grid(1) threads(32) { … }
//   == npy a.npy f32 [2, 2]: 1 2 3 4          also `random SEED` or `zeros`; narrow types as codes
//   == safetensors m.safetensors w f32 [2, 2]: 1 2 3 4
//   == resize a.npy 100                       shorter, or longer by zeros
//   == replace a.npy '<f4' '<c8'              the first such bytes by others (\xe9)
//   == folder out
//   $ bitloom run k.bl --arg x=a.npy
//   > a line on standard output
//   ! a line on standard error
//   + c.npy                                   a file or folder that is new, changed or (-) gone
//   = 1                                       the exit status
//
// `…` in an expected line stands for any text, and alone in a line for any lines. All runs in a
// folder of its own in which `kernels` leads to the kernels of the house. With BITLOOM_UPDATE=1 in
// the environment what does not fit is written anew; read the difference before you commit it.
#pragma once

#include <string>
#include <vector>

namespace bitloom::tests {

// The files of tests/cli/golden, in alphabetical order.
std::vector<std::string> transcripts();

// Plays the session in the file and returns what differs; empty when all is as it says.
std::string play(const std::string& path);

}  // namespace bitloom::tests
