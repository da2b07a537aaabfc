#include "vm/passes/memory_view.h"

namespace bitloom::vm {

using layouts::SizeExpr;

SizeExpr extent_of(const Type& type, int dim) {
  const std::size_t d = static_cast<std::size_t>(dim);
  if (type.space == Space::Global && !type.extents.empty()) return type.extents[d];
  return type.shape[d];
}

ViewPlace place_of(const Function& function, const ScalarFacts& facts, ValueId view) {
  const Instruction* definition = facts.definition(view);
  const Opcode opcode = definition ? definition->opcode : Opcode::SharedAlloc;
  if (opcode == Opcode::Window) {
    ViewPlace place = place_of(function, facts, definition->inputs[0]);
    const Shape& keep = definition->shape("keep");
    std::vector<int> dims;
    for (std::size_t d = 0; d < place.dims.size(); ++d) {
      SizeExpr& offset = place.offsets[static_cast<std::size_t>(place.dims[d])];
      offset = offset + facts.expression(definition->inputs[1 + d]);
      if (d >= keep.size() || keep[d] != 0) dims.push_back(place.dims[d]);
    }
    place.dims = std::move(dims);
    return place;
  }
  if (opcode == Opcode::PermuteView) {
    ViewPlace place = place_of(function, facts, definition->inputs[0]);
    std::vector<int> dims;
    for (std::int64_t from : definition->shape("permutation")) {
      dims.push_back(place.dims[static_cast<std::size_t>(from)]);
    }
    place.dims = std::move(dims);
    return place;
  }
  if (opcode == Opcode::MapShared) return place_of(function, facts, definition->inputs[0]);
  ViewPlace place;
  place.root = view;
  for (int d = 0; d < function.type(view).rank(); ++d) {
    place.offsets.emplace_back(0);
    place.dims.push_back(d);
  }
  return place;
}

}  // namespace bitloom::vm
