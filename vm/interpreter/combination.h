// The operations of reductions, scans and atomics, on codes.
#pragma once

#include <cstdint>
#include <string_view>

#include "vm/element_type.h"

namespace bitloom::vm::interpreter {

using Combination = std::uint64_t (*)(ElementType, std::uint64_t, std::uint64_t);

// add mul min max and or xor, and exchange (the second operand); null when the type has none.
Combination combination(std::string_view op, ElementType type);

}  // namespace bitloom::vm::interpreter
