// Where the elements of a tensor lie: what a chain of memory views ends in.
//
// Elements have numbers, row-major over the root's extents, and a view's element has the number of
// its place in the root. From the number follows the place:
//
//   dense    number * bits: global tensors, and shared tiles without strides of their own
//   table    looked up: shared tiles with padding, boxes or a swizzle
//   packed   in atoms (layouts/packed_atom.h): global tensors of weights, and shared stages of them
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "layouts/packed_atom.h"
#include "layouts/shape.h"
#include "layouts/shared_layout.h"
#include "vm/element_type.h"
#include "vm/ir.h"

namespace bitloom::vm::interpreter {

inline constexpr int kMaxRank = 8;

struct Root {
  enum class Order : std::uint8_t { Dense, Table, Packed };

  Space space = Space::Shared;
  Order order = Order::Dense;
  ElementType element;
  int bits = 32;  // of an element in memory
  layouts::Shape extents, strides;
  std::string name;
  Span span;
  ValueId value = kNoValue;
  std::int64_t bytes = 0;

  // Global memory.
  int parameter = -1;
  std::byte* data = nullptr;
  bool written = false;  // the function may write it

  // Order::Table.
  std::vector<std::int32_t> place;  // bit of each element, relative to the root
  std::int64_t chunk = 1;           // so many aligned, consecutive elements always lie side by side

  // Order::Packed. The last two dimensions are (k, n); those before are tensors of their own.
  std::optional<layouts::PackedTensorLayout> packed;
  std::vector<layouts::Owner> owners;  // of (n, k) in an atom, row-major

  // Gives a root its order; `layout` is that of a shared tile.
  void place_dense();
  void place_by(const layouts::SharedLayout& layout);
  void place_packed(const layouts::PackedAtom& atom);

  // The bit at which an element begins, dense or by table.
  std::int64_t bit_of(std::int64_t number) const {
    return order == Order::Table ? place[static_cast<std::size_t>(number)] : number * bits;
  }
  // The byte of word `word` of the run that an element of a packed tensor belongs to.
  std::int64_t run_word(std::int64_t number, int word) const;
  // Where that element stands in its run.
  int place_in_run(std::int64_t number) const;

  // The code of an element, and its change. `base` is where the root begins.
  std::uint64_t read(const std::byte* base, std::int64_t number) const;
  void write(std::byte* base, std::int64_t number, std::uint64_t code) const;
  // The bytes that hold an element: first, and how many.
  std::pair<std::int64_t, int> bytes_of(std::int64_t number) const;
};

}  // namespace bitloom::vm::interpreter
