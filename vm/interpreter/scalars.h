// Scalars of a strand as numbers.
#pragma once

#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {

// The value of an integer (or bool) scalar, by the sign of its type.
inline std::int64_t get_integer(Strand& strand, const Tile& tile) {
  const std::uint32_t* words = strand.words(tile);
  if (tile.bits == 64) return static_cast<std::int64_t>(words[0] | std::uint64_t{words[1]} << 32);
  const int unused = 32 - tile.bits;
  return tile.element.type_class == TypeClass::Signed
             ? static_cast<std::int64_t>(static_cast<std::int32_t>(words[0] << unused) >> unused)
             : static_cast<std::int64_t>(words[0] << unused >> unused);
}

// The code of a scalar's only element; bits above the element's are 0.
inline std::uint64_t get_code(Strand& strand, const Tile& tile) {
  const std::uint32_t* words = strand.words(tile);
  if (tile.bits == 64) return words[0] | std::uint64_t{words[1]} << 32;
  const int unused = 32 - tile.bits;
  return words[0] << unused >> unused;
}

inline void set_code(Strand& strand, const Tile& tile, std::uint64_t code) {
  std::uint32_t* words = strand.words(tile);
  words[0] = static_cast<std::uint32_t>(code);
  if (tile.bits == 64) {
    words[1] = static_cast<std::uint32_t>(code >> 32);
  } else if (tile.bits < 32) {
    words[0] &= (std::uint32_t{1} << tile.bits) - 1;
  }
}

inline void set_integer(Strand& strand, const Tile& tile, std::int64_t number) {
  set_code(strand, tile, static_cast<std::uint64_t>(number));
}

}  // namespace bitloom::vm::interpreter
