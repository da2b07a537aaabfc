// Memory as the CUDA text names it: roots, and views of them.
//
// A root is a tensor parameter, a shared tile, mbarriers, or the bytes of a shared tile under
// another type. A view is an origin in its root and a list of the root's dimensions, as in the
// interpreter. Origins keep what is known at compile time apart from what is not: `text` is an
// integer expression (empty: nothing), `constant` a number, `multiple` divides the text's value at
// every launch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vm/ir.h"

namespace bitloom::codegen {

struct MemoryRoot {
  vm::ValueId value = vm::kNoValue;
  vm::Space space = vm::Space::Global;
  vm::ElementType element;
  vm::Shape shape;                   // shared tiles and mbarriers
  std::string base;                  // global: a pointer's value, u64; shared: a 32-bit address
  std::vector<std::string> extents;  // global: s64 expressions, one a dimension
  std::vector<std::string> strides;  // global, plain: s64 expressions, in elements; the last is "1"
  std::string atoms_k;               // packed: s64 or int expression
  std::optional<layouts::SharedLayout> layout;  // shared tiles that are not packed
  std::optional<layouts::PackedAtom> packed;
  bool cluster = false;  // shared memory of another block

  bool global() const { return space == vm::Space::Global; }
  int bits() const { return element.bits; }
  std::size_t rank() const { return global() ? extents.size() : shape.size(); }
};

struct Offset {
  std::string text = {};
  std::int64_t constant = 0;
  std::int64_t multiple = 0;  // of the text; 0 when there is none

  bool fixed() const { return text.empty(); }
  // The whole as an expression.
  std::string whole() const;
};

struct MemoryView {
  std::shared_ptr<const MemoryRoot> root;
  std::vector<Offset> origin;  // one a dimension of the root
  std::vector<int> dims;       // of the view: which dimension of the root
  vm::Shape extents;           // of the view; -1 where it is a size
};

}  // namespace bitloom::codegen
