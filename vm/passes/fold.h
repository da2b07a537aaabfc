// Evaluates integer scalar instructions whose operands are known.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "vm/ir.h"

namespace bitloom::vm {

// The value as an element of an integer type (or bool) holds it: cut to its width, then sign- or
// zero-extended.
std::int64_t wrap_integer(ElementType type, std::int64_t value);

// The result of an elementwise instruction on constant integers (or bools). `operand` is the type
// of the operands, which for compare, select and cast is not the result's. Nothing for what is not
// integer arithmetic, and for a division by zero.
std::optional<std::int64_t> fold_integer(const Instruction& instruction, ElementType result,
                                         ElementType operand, std::span<const std::int64_t> x);

}  // namespace bitloom::vm
