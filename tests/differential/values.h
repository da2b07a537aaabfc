// The numbers that drawn programs are fed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "vm/element_type.h"

namespace bitloom::test {

enum class Fill : std::uint8_t {
  Zero,
  Small,  // whole numbers from -4 to 4 (0 to 4): sums of their products are exact
  Plain,  // numbers as computations have them, none infinite
  Any,    // any code, and often those at the ends: zeros, subnormals, infinities, NaNs
};

// Dense codes, little-endian.
std::vector<std::byte> fill_codes(vm::ElementType element, std::int64_t count, Fill fill,
                                  std::uint64_t seed);
// The code of element i.
std::uint64_t code_at(const std::vector<std::byte>& bytes, vm::ElementType element, std::size_t i);

}  // namespace bitloom::test
