// Printing one expression an element.
//
// `map` takes the elements of several tiles of one layout in step and gives every element of the
// result an expression, in groups that fill whole words of the result.
#pragma once

#include <functional>

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

using Codes = std::vector<std::string>;
// The code of an element of the result from those of the operands.
using ElementFunction = std::function<std::string(const Codes&)>;
// The same for words: two halves at once.
using WordFunction = std::function<std::string(const Codes&)>;

// Defines d: a scalar, an array, or a splat where all operands are.
void map(KernelWriter& out, vm::ValueId d, const std::vector<Register>& operands,
         const ElementFunction& f);
void map_words(KernelWriter& out, vm::ValueId d, const std::vector<Register>& operands,
               const WordFunction& f);

// Writes the codes of consecutive elements, the first of which begins a word.
void write_elements(KernelWriter& out, const Register& d, std::int64_t first, const Codes& codes);
void copy_register(KernelWriter& out, const Register& to, const Register& from);

// A code as another type's; nullopt when that has no text.
std::optional<std::string> cast_code(KernelWriter& out, const std::string& code,
                                     vm::ElementType from, vm::ElementType to,
                                     std::string_view rounding);
// Halves as f32 and back, rounded to nearest; f32 stays.
std::string to_f32(KernelWriter& out, vm::ElementType from, const std::string& code);
std::string from_f32(KernelWriter& out, vm::ElementType to, const std::string& code);

// Prints a wrapper and gives its result.
using WrapperCall = std::function<std::string(std::string_view, const Codes&)>;

// Any function of three bits; operands that are one text count once. Where one register stands
// twice in a lop3, ptxas (13.0) merges it wrongly with what follows.
std::string lop3_text(std::int64_t lut, Codes operands, const WrapperCall& call);

// a `op` b for the operations of reductions and atomics: add mul min max and or xor. Empty: there
// is none.
std::string combine(KernelWriter& out, std::string_view op, vm::ElementType element,
                    const std::string& a, const std::string& b);

}  // namespace bitloom::codegen
