#include "vm/passes/layout_transfer.h"

#include <numeric>

#include "vm/passes/layout_tools.h"

namespace bitloom::vm {
namespace {

using Implied = std::optional<RegisterLayout>;

constexpr Slot out(std::size_t index) {
  return {true, index};
}
constexpr Slot in(std::size_t index) {
  return {false, index};
}

Implied checked(layouts::LayoutResult<RegisterLayout> result) {
  return result ? Implied(*result) : std::nullopt;
}

const Shape& shape_at(const Function& function, const Instruction& instruction, Slot slot) {
  return function.type(value_at(instruction, slot)).shape;
}

Implied through_transpose(const Instruction& instruction, Slot known,
                          const RegisterLayout& layout) {
  const Shape& permutation = instruction.shape("permutation");
  std::vector<int> order(permutation.begin(), permutation.end());
  if (known.output) {
    for (std::size_t i = 0; i < permutation.size(); ++i) {
      order[static_cast<std::size_t>(permutation[i])] = static_cast<int>(i);
    }
  }
  return checked(layout.permute(order));
}

Implied through_slice(const Function& function, const Instruction& instruction, Slot known,
                      const RegisterLayout& layout) {
  const Shape& whole = shape_at(function, instruction, in(0));
  const Shape& part = shape_at(function, instruction, out(0));
  const Shape& offsets = instruction.shape("offsets");
  Implied result = layout;
  for (std::size_t d = 0; d < whole.size() && result; ++d) {
    const int dim = static_cast<int>(d);
    if (part[d] == whole[d]) continue;
    if (!known.output) {
      result = slice_layout(*result, dim, offsets[d], part[d]);
    } else {
      result = offsets[d] % part[d] == 0 ? unslice_layout(*result, dim, whole[d]) : std::nullopt;
    }
  }
  return result;
}

Implied through_concat(const Function& function, const Instruction& instruction, Slot known,
                       const RegisterLayout& layout, Slot wanted) {
  const int dim = static_cast<int>(instruction.integer("dim"));
  const std::size_t d = static_cast<std::size_t>(dim);
  const std::int64_t part = shape_at(function, instruction, in(0))[d];
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    if (shape_at(function, instruction, in(i))[d] != part) return std::nullopt;
  }
  if (known.output && !wanted.output) return slice_layout(layout, dim, 0, part);
  if (!known.output && !wanted.output) return layout;
  return unslice_layout(layout, dim, part * static_cast<std::int64_t>(instruction.inputs.size()));
}

Implied through_view(const Function& function, const Instruction& instruction,
                     const RegisterLayout& layout) {
  const Type& from = function.type(instruction.inputs[0]);
  const Type& to = function.type(instruction.outputs[0]);
  if (from.shape != to.shape || from.element.bits != to.element.bits) return std::nullopt;
  return layout;
}

// The layout of a result that keeps `dim` with another extent: every thread along it has them all.
Implied through_search(const Function& function, const Instruction& instruction, Slot known,
                       const RegisterLayout& layout, Slot wanted) {
  if (known.output) return wanted.output ? Implied(layout) : std::nullopt;
  const int dim = static_cast<int>(instruction.integer("dim"));
  const auto flat = layout.reduce(dim);
  if (!flat) return std::nullopt;
  const std::size_t d = static_cast<std::size_t>(dim);
  Shape repeat(layout.shape().size(), 1);
  repeat[d] = shape_at(function, instruction, out(0))[d];
  return *flat * layouts::local(repeat);
}

// An index of rank 1 runs along `dim` of the data: a thread knows the index of every row it has.
Implied index_of(const Function& function, const Instruction& instruction, Slot index,
                 const RegisterLayout& data) {
  const Shape& shape = shape_at(function, instruction, index);
  if (shape == data.shape()) return data;
  if (shape.size() != 1) return std::nullopt;
  const int dim = static_cast<int>(instruction.integer("dim"));
  std::vector<int> others;
  for (int d = 0; d < data.rank(); ++d) {
    if (d != dim) others.push_back(d);
  }
  return checked(data.reduce(others, /*keep_dims=*/false));
}

// Data, index and mask of gather, scatter and atomic.
Implied through_index(const Function& function, const Instruction& instruction, Slot known,
                      const RegisterLayout& layout, Slot wanted, Slot index) {
  if (wanted == index) {
    return index_of(function, instruction, index, layout);
  }
  const bool same = shape_at(function, instruction, wanted) == layout.shape();
  if (known == index && !same) return std::nullopt;
  return same ? Implied(layout) : std::nullopt;
}

}  // namespace

ValueId value_at(const Instruction& instruction, Slot slot) {
  return slot.output ? instruction.outputs[slot.index] : instruction.inputs[slot.index];
}

std::vector<Slot> tile_slots(const Function& function, const Instruction& instruction) {
  std::vector<Slot> slots;
  const auto add = [&](ValueId value, Slot slot) {
    if (value == kNoValue) return;
    const Type& type = function.type(value);
    if (type.is_register() && !type.is_scalar()) slots.push_back(slot);
  };
  for (std::size_t i = 0; i < instruction.outputs.size(); ++i) {
    add(instruction.outputs[i], out(i));
  }
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) add(instruction.inputs[i], in(i));
  return slots;
}

Implied implied_layout(const Function& function, const Instruction& instruction, Slot known,
                       const RegisterLayout& layout, Slot wanted) {
  if (known == wanted) return layout;
  switch (instruction.opcode) {
    case Opcode::Broadcast: {
      if (!known.output) {
        const bool same = shape_at(function, instruction, out(0)) == layout.shape();
        return same ? Implied(layout) : std::nullopt;
      }
      return unbroadcast_layout(layout, shape_at(function, instruction, wanted));
    }
    case Opcode::Transpose:
      return through_transpose(instruction, known, layout);
    case Opcode::Reshape:
      return checked(layout.reshape(shape_at(function, instruction, wanted)));
    case Opcode::Slice:
      return through_slice(function, instruction, known, layout);
    case Opcode::Concat:
      return through_concat(function, instruction, known, layout, wanted);
    case Opcode::View:
      return through_view(function, instruction, layout);
    case Opcode::Reduce:
      if (known.output) return std::nullopt;
      return checked(layout.reduce(static_cast<int>(instruction.integer("dim"))));
    case Opcode::CastScaled:
      // d and x lie alike, and so do unit and scale.
      if (known == out(1) || known == out(2))
        return wanted == out(1) || wanted == out(2) ? Implied(layout) : std::nullopt;
      return wanted == out(1) || wanted == out(2) ? checked(layout.reduce(0)) : Implied(layout);
    case Opcode::ArgReduce:
    case Opcode::TopK:
      return through_search(function, instruction, known, layout, wanted);
    case Opcode::Dot:
      // d and c lie alike; a and b are the business of vm/passes/dot_layouts.h.
      if (known == in(0) || known == in(1) || wanted == in(0) || wanted == in(1)) {
        return std::nullopt;
      }
      return layout;
    case Opcode::SparseDot:
      if ((known == out(0) || known == in(3)) && (wanted == out(0) || wanted == in(3))) {
        return layout;
      }
      return std::nullopt;
    case Opcode::Gather:
      return through_index(function, instruction, known, layout, wanted, in(1));
    case Opcode::Scatter:
      return through_index(function, instruction, known, layout, wanted, in(1));
    case Opcode::Atomic:
      return through_index(function, instruction, known, layout, wanted, in(2));
    case Opcode::DotAsync:
    case Opcode::ConvertLayout:
    case Opcode::Vote:
    case Opcode::ScalarOf:
    case Opcode::Print:
    case Opcode::Assert:
      return std::nullopt;
    default: {
      const bool same = shape_at(function, instruction, wanted) == layout.shape();
      return same ? Implied(layout) : std::nullopt;
    }
  }
}

std::optional<Slot> anchor_of(const Function& function, const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::Reduce:
    case Opcode::ArgReduce:
    case Opcode::TopK:
      return in(0);
    case Opcode::Store:
    case Opcode::Assign:
    case Opcode::Atomic:
      return instruction.opcode == Opcode::Assign ? in(0) : in(1);
    case Opcode::Scatter:
    case Opcode::Compact:
      return in(2);
    case Opcode::Vote:
    case Opcode::ScalarOf:
    case Opcode::Print:
    case Opcode::Assert:
    case Opcode::DotAsync:
    case Opcode::ConvertLayout:
      return std::nullopt;
    default:
      break;
  }
  for (const Slot slot : tile_slots(function, instruction)) {
    if (slot.output) return slot;
  }
  return std::nullopt;
}

}  // namespace bitloom::vm
