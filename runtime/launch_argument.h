// One argument of a launch, as a plan reads it: a view, which owns nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "layouts/packed_atom.h"
#include "vm/element_type.h"

namespace bitloom::runtime {

struct LaunchArgument {
  enum class Kind : std::uint8_t { Absent, Tensor, Integer, Real };
  Kind kind = Kind::Absent;

  // Tensor: dense and row-major, or packed in atoms.
  std::uint64_t address = 0;
  std::size_t bytes = 0;
  std::span<const std::int64_t> extents = {};  // logical
  vm::ElementType element = vm::kU8;
  const layouts::PackedAtom* packed = nullptr;
  bool dense = true;
  const void* device = nullptr;  // the DeviceState it lies on; null: not known

  std::int64_t integer = 0;
  double real = 0;
};

}  // namespace bitloom::runtime
