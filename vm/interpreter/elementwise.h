// What the files of elementwise instructions share.
//
// Operands and result of such an instruction stand in the same places, so that it never looks at a
// layout: f32 and 32-bit integers are loops over words, f16 and bf16 over packed halves, and the
// rest goes element by element through vm/numerics/arithmetic.h, which is the definition of all of
// it.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>

#include "vm/interpreter/compiler.h"
#include "vm/numerics.h"
#include "vm/numerics/half.h"

namespace bitloom::vm::interpreter {

inline constexpr std::uint32_t kNan32 = 0x7fffffffu;

// The code of an f32 result: NaN is canonical.
inline std::uint32_t f32_code(float number) {
  return number != number ? kNan32 : std::bit_cast<std::uint32_t>(number);
}
inline float f32(std::uint32_t code) {
  return std::bit_cast<float>(code);
}

inline bool is_half(ElementType element) {
  return element == kF16 || element == kBF16;
}
inline bool is_word_integer(ElementType element) {
  return element.is_integer() && element.bits == 32;
}

template <class T>
std::unique_ptr<T[]> buffer(std::size_t size) {
  return std::make_unique_for_overwrite<T[]>(size);
}

// All halves of a tile, padding included, as f32.
inline void halves_to_f32(ElementType element, const std::uint32_t* words, std::size_t count,
                          float* out) {
  const std::span<const std::uint16_t> codes(reinterpret_cast<const std::uint16_t*>(words),
                                             2 * count);
  element == kF16 ? f16_to_f32(codes, {out, 2 * count}) : bf16_to_f32(codes, {out, 2 * count});
}
inline void f32_to_halves(ElementType element, const float* in, std::size_t count,
                          std::uint32_t* words) {
  const std::span<std::uint16_t> codes(reinterpret_cast<std::uint16_t*>(words), 2 * count);
  element == kF16 ? f32_to_f16({in, 2 * count}, codes) : f32_to_bf16({in, 2 * count}, codes);
}

// Whether the operands of an elementwise instruction stand in the same places; fails otherwise.
template <class... Tiles>
bool aligned(const Instruction& instruction, Compiler& compiler, const Tile& d,
             const Tiles&... operands) {
  if (((operands.table == d.table) && ...)) return true;
  compiler.fail(instruction, "operands and result have different layouts");
  return false;
}

}  // namespace bitloom::vm::interpreter
