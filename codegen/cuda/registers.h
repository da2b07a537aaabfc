// Register values as the CUDA text names them, and their elements as expressions.
//
// The registers of one thread are a dense bit string of 32-bit words, element i at bit i * bits, as
// the interpreter holds them (vm/interpreter/tile.h). In the text a value is one of
//
//   Array    a variable a word: u32 namew0, namew1 …
//   Bools    a variable an element: bool namew0, namew1 …
//   Scalar   a variable of its own: bool, int (i32), s64 (i64), u64 (u64, f64), else u32 holding
//   the code Splat    no variable: every element is one expression (a constant, a scalar that was
//   broadcast)
//
// Not C++ arrays, and no loops over them: NVRTC would first have to unroll the loops and take the
// arrays apart, which costs it a good part of its time (docs/compiling.md).
//
// An element is read as its *code*, a u32 expression whose upper bits are 0 (u64 for 64-bit types,
// bool for bool), and written the same way. Bits behind the last element are never looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vm/element_type.h"

namespace bitloom::codegen {

struct Register {
  enum class Kind : std::uint8_t { Array, Bools, Scalar, Splat };

  Kind kind = Kind::Array;
  std::string name;  // Splat: the code of every element
  vm::ElementType element;
  std::int64_t count = 1;                      // elements a thread
  std::optional<std::uint64_t> constant = {};  // Splat: the code, when it is known

  int bits() const { return element.bits; }
  bool is_bool() const { return element.is_bool(); }
  std::int64_t words() const { return (count * bits() + 31) / 32; }
  // A word of the bit string.
  std::string word(std::int64_t w) const;
  // The code of an element.
  std::string code(std::int64_t i) const;
  // Array and Bools: "u32 namew0, namew1;"
  std::string declaration() const;
};

// One of the variables of an array.
std::string element_name(const std::string& array, std::int64_t i);

// The C++ type of a scalar.
std::string scalar_type(vm::ElementType element);
// A code as the initialiser of such a scalar.
std::string scalar_of_code(vm::ElementType element, const std::string& code);
// A scalar variable as its code.
std::string code_of_scalar(vm::ElementType element, const std::string& name);

// "7u", "0x3f800000u", "5ull", "true"
std::string literal(vm::ElementType element, std::uint64_t code);
std::string literal(std::uint32_t word);

// How many elements fill whole words: 2 of 16 bits, 32 of 3 bits, 1 of 32 and more.
std::int64_t period_of(int bits);

// A code as a number of the element's type: `int` and `s64` for signed types, `float` and `double`
// for f32 and f64. Signed codes of fewer than 32 bits are sign-extended.
std::string signed_of(vm::ElementType element, const std::string& code);
std::string mask_code(vm::ElementType element, const std::string& expression);

// (x), unless x is a name, a literal or a call already.
std::string parenthesized(const std::string& expression);

}  // namespace bitloom::codegen
