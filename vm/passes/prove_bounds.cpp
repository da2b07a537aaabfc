#include "vm/passes/prove_bounds.h"

#include <algorithm>

#include "vm/passes/memory_view.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

// The view that the clip of an instruction speaks of; kNoValue when it has none.
ValueId clipped_view(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::Load:
    case Opcode::Store:
    case Opcode::Prefetch:
      return instruction.inputs[0];
    case Opcode::Copy:
    case Opcode::CopyAsync:
      return instruction.inputs[1];
    case Opcode::Atomic:
      return instruction.inputs[2] == kNoValue ? instruction.inputs[0] : kNoValue;
    default:
      return kNoValue;  // gather and scatter: where an index points is known only at run time
  }
}

bool inside(const Function& function, const ScalarFacts& facts, const ViewPlace& place,
            std::int64_t extent, int dim) {
  const layouts::SizeExpr& offset = place.offsets[static_cast<std::size_t>(dim)];
  const layouts::SizeExpr end = extent_of(function.type(place.root), dim);
  return facts.at_most(offset + extent, end) && facts.at_most(0, offset);
}

}  // namespace

PassResult prove_bounds(Function& function, PassContext&) {
  const ScalarFacts facts(function);
  bool changed = false;
  walk(function.body, [&](Instruction& instruction) {
    const ValueId view = clipped_view(instruction);
    Shape clip = instruction.shape("clip");
    if (view == kNoValue || clip.empty()) return;
    const ViewPlace place = place_of(function, facts, view);
    const Shape& shape = function.type(view).shape;
    if (shape.size() != clip.size() || place.dims.size() != clip.size()) return;
    const Shape before = clip;
    for (std::size_t d = 0; d < clip.size(); ++d) {
      if (clip[d] != 0 && inside(function, facts, place, shape[d], place.dims[d])) clip[d] = 0;
    }
    if (clip == before) return;
    changed = true;
    if (std::all_of(clip.begin(), clip.end(), [](std::int64_t c) { return c == 0; })) {
      instruction.erase("clip");
    } else {
      instruction.set("clip", clip);
    }
  });
  return changed ? PassResult::Changed : PassResult::Unchanged;
}

}  // namespace bitloom::vm
