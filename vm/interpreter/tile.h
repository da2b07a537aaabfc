// Register tiles in a strand's frame.
//
// The registers of one thread are a dense little-endian bit string: element i (local index) begins
// at bit i * bits, and word w holds bits 32 w to 32 w + 31. Words of all threads lie side by side:
//
//   word w of thread t stands at frame[offset + w * threads + t]
//
// so that every loop over a tile is a loop over consecutive threads. Elements of 64 bits take two
// words, bool a byte of 0 or 1. A scalar (rank 0) is a tile of one thread and two words.
//
// Much code wants one number an element. "Lanes" are that: lane reg * threads + thread, the order
// of RegisterLayout::table(), 32 or 64 bits each.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "layouts/register_layout.h"
#include "vm/element_type.h"

namespace bitloom::vm::interpreter {

// Which element stands in which lane, both ways. Built once a layout.
struct LaneTable {
  std::vector<std::int32_t> element_of_lane;  // row-major number of the element
  std::vector<std::int32_t> lane_of_element;  // of the first holder: the least register, thread
  std::vector<std::uint8_t> is_first;         // of a lane: it is that first holder
  bool unique = true;                         // every element has one holder
};

// A register operand, decoded.
struct Tile {
  ElementType element;
  std::int32_t bits = 32;  // of an element in a register
  std::uint32_t offset = 0;
  std::int32_t threads = 1;
  std::int32_t registers = 1;  // elements a thread holds
  std::int32_t words = 2;      // words a thread holds
  bool scalar = true;
  bool imported = false;  // a copy of another strand's value
  layouts::Shape shape;
  std::shared_ptr<const LaneTable> table;  // never null

  std::size_t lanes() const { return static_cast<std::size_t>(threads) * registers; }
  std::size_t frame_words() const { return static_cast<std::size_t>(threads) * words; }
  // Same places for the same elements: operands may be combined word by word.
  bool same_places(const Tile& other) const { return table == other.table && bits == other.bits; }
};

int storage_bits(ElementType element);

// Codes of all elements, zero-extended. `unpack` is for elements of 32 bits or fewer.
void unpack(const std::uint32_t* words, const Tile& tile, std::uint32_t* lanes);
void unpack64(const std::uint32_t* words, const Tile& tile, std::uint64_t* lanes);
// The inverse; bits of a lane above the element's are ignored.
void pack(const std::uint32_t* lanes, const Tile& tile, std::uint32_t* words);
void pack64(const std::uint64_t* lanes, const Tile& tile, std::uint32_t* words);

// to[i] = from[source[i]] in lanes, for two tiles of one element type.
void permute(const std::uint32_t* from, const Tile& from_tile, std::span<const std::int32_t> source,
             const Tile& to_tile, std::uint32_t* to);

}  // namespace bitloom::vm::interpreter
