// A file of the tree, also where the tree was moved to another machine behind the build:
// BITLOOM_SOURCE_DIR says where to.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/places.h"

namespace bitloom::test {

inline std::string source_path(std::string_view below) {
  const char* moved = std::getenv("BITLOOM_SOURCE_DIR");
  return std::string(moved ? moved : BITLOOM_SOURCE_DIR) + "/" + std::string(below);
}

}  // namespace bitloom::test
