#include "vm/interpreter/indexed.h"

#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/report.h"

namespace bitloom::vm::interpreter {

std::optional<IndexedPlan> IndexedPlan::make(const Instruction& op, Compiler& compiler,
                                             const ViewInfo& view, const Tile& tile,
                                             std::optional<Tile> index, std::optional<Tile> mask) {
  const auto fail = [&](const char* text) {
    compiler.fail(op, text);
    return std::nullopt;
  };
  if (view.root->space != Space::Shared && view.root->space != Space::Global)
    return fail("the memory operand is not memory");
  if (view.root->bits != tile.bits) return fail("window and tile have different element types");
  IndexedPlan plan;
  plan.tile_ = tile;
  plan.index_ = index;
  plan.mask_ = mask;
  if (mask && mask->table != tile.table) return fail("mask and tile have different layouts");
  LaneShape lanes = LaneShape::of(tile);
  if (!index && layouts::size(view.extents) != layouts::size(tile.shape))
    return fail("window and tile have different shapes");
  if (index) {
    const auto dim = static_cast<std::size_t>(op.integer("dim"));
    // A window of rank 1 is a table, which an index of any shape looks things up in.
    const bool table = view.extents.size() == 1;
    if (dim >= view.extents.size() || (!table && tile.shape.size() != view.extents.size()))
      return fail("window and tile have different ranks");
    for (std::size_t d = 0; !table && d < view.extents.size(); ++d)
      if (d != dim && tile.shape[d] > view.extents[d])
        return fail("the tile is larger than the window");
    const bool rows = !table && index->shape.size() == 1 && index->shape[0] == tile.shape[dim];
    if (!rows && index->shape != tile.shape) return fail("the index does not fit the tile");
    plan.extent_ = view.extents[dim];
    plan.root_dim_ = view.dims[dim];
    const Shape& clip = op.shape("clip");
    plan.clipped_ = dim < clip.size() && clip[dim];
    plan.index_lane_.resize(tile.lanes());
    for (std::size_t lane = 0; lane < tile.lanes(); ++lane) {
      layouts::Index at = layouts::unlinear(tile.table->element_of_lane[lane], tile.shape);
      const std::int64_t entry = rows ? at[dim] : tile.table->element_of_lane[lane];
      plan.index_lane_[lane] = index->table->lane_of_element[static_cast<std::size_t>(entry)];
      lanes.element_of_lane[lane] = 0;  // the index is added at run time
      if (table) continue;
      at[dim] = 0;
      lanes.element_of_lane[lane] = layouts::linear(at, view.extents);
    }
  }
  plan.access_ = std::make_shared<const AccessPlan>(view, lanes, op.shape("clip"), 0);
  return plan;
}

std::unique_ptr<std::int64_t[]> IndexedPlan::numbers(Strand& strand, const Step& step,
                                                     const View& view) const {
  const std::size_t n = tile_.lanes();
  std::unique_ptr<std::uint32_t[]> mask;
  if (mask_) {
    mask = buffer<std::uint32_t>(n);
    unpack(strand.words(*mask_), *mask_, mask.get());
  }
  auto elements = access_->elements_at(view, mask.get());
  if (elements.fault) report_outside(strand, step, *access_, view, *elements.fault);
  if (!index_) return std::move(elements.number);
  const auto codes = buffer<std::uint64_t>(index_->lanes());
  unpack64(strand.words(*index_), *index_, codes.get());
  const Root& root = access_->root();
  const auto dim = static_cast<std::size_t>(root_dim_);
  const std::int64_t limit = std::min(extent_, root.extents[dim] - view.origin[dim]);
  bool told = false;
  for (std::size_t lane = 0; lane < n; ++lane) {
    if (elements.number[lane] == kInactive) continue;
    const std::int64_t at = decode_integer(index_->element, codes[index_lane_[lane]]);
    if (at >= 0 && at < limit && view.origin[dim] + at >= 0) {
      elements.number[lane] += at * root.strides[dim];
      continue;
    }
    elements.number[lane] = kInactive;
    if (clipped_ || told) continue;
    told = true;
    Diagnostic diagnostic{Severity::Error, "BL0521", step.instruction->span, {}, {}, {}};
    diagnostic << info(step.instruction->opcode).mnemonic << ": the index is " << at << ", and "
               << (root.name.empty() ? std::string("the window") : root.name) << " has " << limit
               << " rows from where the window begins" << element_text(tile_, lane) << " in "
               << thread_text(strand, tile_, lane);
    diagnostic.hint("mask what may lie outside, or clip the access");
    report(strand, step, 0, std::move(diagnostic));
  }
  return std::move(elements.number);
}

void keep_first_holders(const Tile& tile, std::int64_t* number) {
  if (tile.table->unique) return;
  for (std::size_t lane = 0; lane < tile.lanes(); ++lane)
    if (!tile.table->is_first[lane]) number[lane] = kInactive;
}

}  // namespace bitloom::vm::interpreter
