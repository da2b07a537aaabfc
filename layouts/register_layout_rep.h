// What a RegisterLayout holds; only the register_layout*.cpp files include this.
#pragma once

#include "layouts/register_layout.h"

namespace bitloom::layouts {

struct RegisterLayout::Rep {
  Shape shape;
  std::vector<Digit> thread_digits;    // canonical
  std::vector<Digit> register_digits;  // canonical
  std::int64_t threads = 1;
  std::int64_t registers = 1;
  std::int64_t replication = 1;
};

}  // namespace bitloom::layouts
