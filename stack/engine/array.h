// A tensor in the memory of an engine. A handle: copies and views are the same memory, which lives
// as long as one of them.
#pragma once

#include <cstddef>
#include <memory>

#include "layouts/packed_atom.h"
#include "runtime/host/array.h"

namespace bitloom::stack {

struct Array {
  vm::ElementType element = vm::kU8;
  runtime::Shape shape = {};  // dense and row-major; of packed ones [k, n]
  std::byte* address = nullptr;
  std::size_t bytes = 0;
  std::shared_ptr<const layouts::PackedAtom> atom = {};  // of packed ones
  std::shared_ptr<void> memory = {};

  // Rows begin … begin + count of the first dimension. Of types of whole bytes that are not packed.
  Array rows(std::int64_t begin, std::int64_t count) const {
    Array view = *this;
    const std::size_t row = shape[0] == 0 ? 0 : bytes / static_cast<std::size_t>(shape[0]);
    view.shape[0] = count;
    view.address += static_cast<std::size_t>(begin) * row;
    view.bytes = static_cast<std::size_t>(count) * row;
    return view;
  }
  // The same elements under another shape with as many.
  Array with_shape(runtime::Shape other) const {
    Array view = *this;
    view.shape = std::move(other);
    return view;
  }
};

}  // namespace bitloom::stack
