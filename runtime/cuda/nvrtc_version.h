// Which version of NVRTC this machine has, without loading it: to load it takes longer than all
// else that a start from a warm cache does.
//
//   if (auto version = remembered_nvrtc(folder)) …       // "13.0"
//   remember_nvrtc(folder, *nvrtc);                      // when it had to be loaded after all
//
// A small file of the cache's folder says what was found, and everything that decided it: the names
// that were looked for, the variables that name or search for libraries, the loader's cache, the
// folders that it searches, and the library's own file, each with inode, size and time of its last
// change. Where any of that is not as it was, nothing is remembered. (A program with a search path
// of its own, a RUNPATH, takes what the others found: an image of theirs is as good.)
#pragma once

#include <optional>
#include <string>

#include "runtime/cuda/nvrtc.h"

namespace bitloom::cuda {

std::optional<std::string> remembered_nvrtc(const std::string& folder);
// Failures are silent: the next process loads it again.
void remember_nvrtc(const std::string& folder, const Nvrtc& nvrtc);

}  // namespace bitloom::cuda
