// What the measurements on a GPU share: the first failure ends the program, and kernels lie below
// one folder.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "runtime/result.h"

namespace bitloom::bench {

template <class T>
T must(runtime::Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "error[{}]: {}\n", result.error().code, result.error().message);
  std::exit(1);
}
inline void must(runtime::Result<void> result) {
  if (result) return;
  fmt::print(stderr, "error[{}]: {}\n", result.error().code, result.error().message);
  std::exit(1);
}

// The checkout, or where the variable of the same name says that it was moved to.
inline std::string root() {
  const char* moved = std::getenv("BITLOOM_SOURCE_DIR");
  return moved ? moved : BITLOOM_SOURCE_DIR;
}

}  // namespace bitloom::bench
