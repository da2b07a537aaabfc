#include "vm/passes/copy_granule.h"

#include <algorithm>

namespace bitloom::vm {
namespace {

using layouts::SharedLayout;

// Does the tile keep granules of this many elements together, at aligned places?
bool shared_keeps(const SharedLayout& layout, int contiguous, std::int64_t elements) {
  if (!layout.swizzle().is_none() &&
      elements * layout.element_bits() > (8LL << layout.swizzle().base)) {
    return false;
  }
  for (int d = 0; d < layout.rank(); ++d) {
    for (const SharedLayout::Mode& mode : layout.dims()[static_cast<std::size_t>(d)]) {
      if (mode.extent == 1) continue;
      if (d == contiguous && mode.stride == 1) {
        if (mode.extent % elements != 0) return false;
      } else if (mode.stride % elements != 0) {
        return false;
      }
    }
  }
  return true;
}

bool has_unit_stride(const SharedLayout& layout, int dim) {
  const auto& modes = layout.dims()[static_cast<std::size_t>(dim)];
  return !modes.empty() && modes.back().stride == 1;
}

// Reinterpreted bytes begin where the tile does when nothing was cut off in front.
bool begins_aligned(const ScalarFacts& facts, const Function& function, ValueId root) {
  const Instruction* definition = facts.definition(root);
  if (!definition || definition->opcode != Opcode::MemoryView) return true;
  const ValueId below = definition->inputs[0];
  const Instruction* source = facts.definition(below);
  if (!source || source->opcode != Opcode::SharedAlloc) return false;
  const auto& layout = function.type(below).shared;
  return !layout || layout->swizzle().is_none();
}

struct Candidate {
  const Function& function;
  const ScalarFacts& facts;
  const ViewPlace& place;
  const Type& root;
  int contiguous;  // dimension of the root
  const Type& view;
  bool clipped;
};

// A window with `:` on a dimension of any size (the rows of a gather) has its extents as
// expressions.
bool extent_holds(const Candidate& c, std::int64_t elements) {
  if (c.view.shape.back() >= 0) return c.view.shape.back() % elements == 0;
  return !c.view.extents.empty() && c.facts.multiple(c.view.extents.back(), elements);
}

bool fits(const Candidate& c, std::int64_t elements) {
  const auto& offset = c.place.offsets[static_cast<std::size_t>(c.contiguous)];
  if (!extent_holds(c, elements) || !c.facts.multiple(offset, elements)) return false;
  if (c.root.space == Space::Shared && c.root.shared) {
    return shared_keeps(*c.root.shared, c.contiguous, elements);
  }
  const auto row = extent_of(c.root, c.contiguous);
  return (c.root.rank() == 1 && !c.clipped) || c.facts.multiple(row, elements);
}

}  // namespace

int aligned_bytes(const Function& function, const ScalarFacts& facts, ValueId view,
                  const Shape& clip, int limit) {
  const ViewPlace place = place_of(function, facts, view);
  const Type& root = function.type(place.root);
  if (root.packed) return limit;
  const int bits = root.element.bits;
  if (place.dims.empty()) return bits % 8 == 0 ? bits / 8 : 0;
  const int contiguous = place.dims.back();
  const bool unit = root.space == Space::Shared && root.shared
                        ? has_unit_stride(*root.shared, contiguous)
                        : contiguous == root.rank() - 1;
  if (!unit || !begins_aligned(facts, function, place.root)) limit = std::max(bits / 8, 1);
  const Candidate candidate{function,
                            facts,
                            place,
                            root,
                            contiguous,
                            function.type(view),
                            !clip.empty() && clip.back() != 0};
  for (int bytes = limit; bytes >= 1; bytes /= 2) {
    const int granule = bytes * 8;
    if (granule % bits != 0) continue;
    if (granule == bits || fits(candidate, granule / bits)) return bytes;
  }
  return 0;
}

int copy_granule(const Function& function, const ScalarFacts& facts, const Instruction& copy) {
  const int target = aligned_bytes(function, facts, copy.inputs[0], {});
  const int source = aligned_bytes(function, facts, copy.inputs[1], copy.shape("clip"));
  const int bytes = std::min(target, source);
  return bytes >= 4 ? bytes : 0;
}

}  // namespace bitloom::vm
