#include "vm/passes/shared_access.h"

#include <algorithm>

namespace bitloom::vm {

bool SharedPart::overlaps(const SharedPart& other) const {
  if (root != other.root) return false;
  for (std::size_t d = 0; d < low.size(); ++d) {
    if (high[d] <= other.low[d] || other.high[d] <= low[d]) return false;
  }
  return true;
}

// Only windows taken directly from the root are placed; any other view counts as the whole tile.
SharedPart SharedAccesses::part(ValueId view) const {
  SharedPart result;
  result.root = root(view);
  const Type& type = function_.type(result.root);
  const auto rank = static_cast<std::size_t>(type.rank());
  result.low = Shape(rank, 0);
  result.high = type.space == Space::Global ? Shape(rank, kWhole) : type.shape;
  const Instruction* window = definitions_[view];
  if (!window || window->opcode != Opcode::Window || window->inputs[0] != result.root) {
    return result;
  }
  const Shape& keep = window->shape("keep");
  std::size_t kept = 0;
  for (std::size_t d = 0; d < rank; ++d) {
    const bool stays = d >= keep.size() || keep[d] != 0;
    const std::int64_t extent = stays ? function_.type(view).shape[kept++] : 1;
    const ValueId place = window->inputs[1 + d];
    const Instruction* offset = place < definitions_.size() ? definitions_[place] : nullptr;
    if (!offset || offset->opcode != Opcode::Constant || extent < 0) continue;
    result.low[d] = offset->integer("integer");
    result.high[d] = result.low[d] + extent;
  }
  return result;
}

std::vector<SharedAccess> SharedAccesses::of(const Instruction& instruction) const {
  std::vector<SharedAccess> result;
  const auto add = [&](AccessKind kind, ValueId view) {
    const Space space = function_.type(view).space;
    if (space == Space::Shared) result.push_back({kind, part(view)});
    if (space == Space::Global && with_global_)
      result.push_back({kind, part(view), kind == AccessKind::Write ? &instruction : nullptr});
  };
  switch (instruction.opcode) {
    case Opcode::Load:
    case Opcode::Gather:
    case Opcode::LoadAcquire:
      add(AccessKind::Read, instruction.inputs[0]);
      break;
    case Opcode::Store:
    case Opcode::Scatter:
    case Opcode::Compact:
    case Opcode::StoreRelease:
      add(AccessKind::Write, instruction.inputs[0]);
      break;
    case Opcode::Copy:
    case Opcode::CopyAsync:
    case Opcode::CopyBulk:
    case Opcode::CopyTensor:
    case Opcode::StoreTensor:
    case Opcode::StoreBulk:
      add(AccessKind::Write, instruction.inputs[0]);
      add(AccessKind::Read, instruction.inputs[1]);
      break;
    case Opcode::DotAsync:
      for (std::size_t i = 1; i < 3; ++i) add(AccessKind::Read, instruction.inputs[i]);
      break;
    case Opcode::Atomic:
    case Opcode::AtomicFetch:
      add(AccessKind::Atomic, instruction.inputs[0]);
      break;
    default:
      break;
  }
  return result;
}

}  // namespace bitloom::vm
