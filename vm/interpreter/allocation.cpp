// Shared tiles, mbarriers, and views of memory.
#include <algorithm>
#include <numeric>

#include "vm/interpreter/compiler.h"
#include "vm/interpreter/hazards.h"
#include "vm/interpreter/report.h"
#include "vm/interpreter/scalars.h"

namespace bitloom::vm::interpreter {
namespace {

std::shared_ptr<Root> shared_root(Compiler& compiler, ValueId value) {
  const Type& type = compiler.type(value);
  auto root = std::make_shared<Root>();
  root->space = Space::Shared;
  root->element = type.element;
  root->bits = type.element.bits;
  root->extents = type.shape;
  root->name = compiler.function().value(value).name;
  root->span = compiler.function().value(value).span;
  root->value = value;
  if (type.packed && type.shape.size() >= 2) {
    root->place_packed(*type.packed);
  } else if (type.shared) {
    root->place_by(*type.shared);
  } else {
    root->place_dense();
  }
  compiler.program().roots.push_back(root);
  // Sub-byte elements share bytes; those of packed tensors come in words.
  const int bytes = root->order == Root::Order::Packed ? 4 : std::max(1, root->bits / 8);
  std::int64_t& granule = compiler.program().shared_granule;
  granule = std::gcd(granule, root->bits % 8 == 0 || bytes == 4 ? bytes : 1);
  return root;
}

std::vector<int> all_dims(std::size_t rank) {
  std::vector<int> dims(rank);
  for (std::size_t d = 0; d < rank; ++d) dims[d] = static_cast<int>(d);
  return dims;
}

}  // namespace

void compile(const SharedAllocOp& op, Compiler& compiler) {
  const Type& type = compiler.type(op.d());
  if (type.shared && type.shared->shape() != type.shape)
    return compiler.fail(*op, "the shared layout is of another shape");
  const auto root = shared_root(compiler, op.d());
  Program& program = compiler.program();
  std::int64_t offset = op->integer("offset", -1);
  if (offset < 0) {
    // Not planned: each tile has bytes of its own.
    const std::int64_t align =
        std::max<std::int64_t>(128, type.shared ? type.shared->alignment() : 128);
    offset = (program.shared_bytes + align - 1) / align * align;
  }
  program.shared_bytes = std::max(program.shared_bytes, offset + root->bytes);
  ViewInfo info;
  info.root = root;
  info.dims = all_dims(root->extents.size());
  info.extents = root->extents;
  const std::uint32_t slot = compiler.define_view(op.d(), std::move(info)).slot;
  compiler.step(*op, [=](Strand& strand, const Step&) {
    View view;
    view.base = offset;
    view.block = strand.block;
    strand.views[slot] = view;
    return Flow::Next;
  });
}

void compile(const BarrierAllocOp& op, Compiler& compiler) {
  const Type& type = compiler.type(op.d());
  auto root = std::make_shared<Root>();
  root->space = Space::Barrier;
  root->extents = type.shape;
  root->strides = layouts::row_major_strides(type.shape);
  root->name = compiler.function().value(op.d()).name;
  root->span = op->span;
  root->value = op.d();
  Program& program = compiler.program();
  BarrierGroup group;
  group.count = op->integer("count", 1);
  group.first = program.barrier_count;
  group.number = layouts::size(type.shape);
  group.span = op->span;
  if (group.count <= 0) return compiler.fail(*op, "an mbarrier waits for at least one arrival");
  program.barrier_count += group.number;
  program.barriers.push_back(group);
  program.roots.push_back(root);
  ViewInfo info;
  info.root = root;
  info.dims = all_dims(root->extents.size());
  info.extents = root->extents;
  const std::uint32_t slot = compiler.define_view(op.d(), std::move(info)).slot;
  compiler.step(*op, [=, first = group.first](Strand& strand, const Step&) {
    View view;
    view.base = first;
    view.block = strand.block;
    strand.views[slot] = view;
    return Flow::Next;
  });
}

void compile(const WindowOp& op, Compiler& compiler) {
  const ViewInfo x = compiler.view(op.x());
  const Shape &extents = op->shape("extents"), &keep = op->shape("keep");
  const auto offsets = op.offsets();
  if (offsets.size() != x.dims.size() || extents.size() != x.dims.size() ||
      (!keep.empty() && keep.size() != x.dims.size()))
    return compiler.fail(*op, "one offset and one extent a dimension are needed");
  ViewInfo info;
  info.root = x.root;
  struct Move {
    int dim;
    Tile by;
  };
  std::vector<Move> moves;
  for (std::size_t d = 0; d < x.dims.size(); ++d) {
    moves.push_back({x.dims[d], compiler.tile(offsets[d])});
    if (!keep.empty() && keep[d] == 0) {
      if (extents[d] != 1) return compiler.fail(*op, "a dropped dimension has extent 1");
      continue;
    }
    info.dims.push_back(x.dims[d]);
    // -1: the whole of a dimension that is known only at launch.
    info.extents.push_back(extents[d] < 0 ? x.extents[d] : extents[d]);
  }
  const std::uint32_t from = x.slot, slot = compiler.define_view(op.d(), std::move(info)).slot;
  compiler.step(*op, [=](Strand& strand, const Step&) {
    View view = strand.views[from];
    for (const Move& move : moves)
      view.origin[static_cast<std::size_t>(move.dim)] += get_integer(strand, move.by);
    strand.views[slot] = view;
    return Flow::Next;
  });
}

void compile(const PermuteViewOp& op, Compiler& compiler) {
  const ViewInfo x = compiler.view(op.x());
  const Shape& permutation = op->shape("permutation");
  if (permutation.size() != x.dims.size()) return compiler.fail(*op, "one number a dimension");
  ViewInfo info;
  info.root = x.root;
  for (std::int64_t d : permutation) {
    if (d < 0 || d >= static_cast<std::int64_t>(x.dims.size()))
      return compiler.fail(*op, "no such dimension");
    info.dims.push_back(x.dims[static_cast<std::size_t>(d)]);
    info.extents.push_back(x.extents[static_cast<std::size_t>(d)]);
  }
  const std::uint32_t from = x.slot, slot = compiler.define_view(op.d(), std::move(info)).slot;
  compiler.step(*op, [=](Strand& strand, const Step&) {
    strand.views[slot] = strand.views[from];
    return Flow::Next;
  });
}

void compile(const MemoryViewOp& op, Compiler& compiler) {
  const ViewInfo x = compiler.view(op.x());
  if (x.root->space != Space::Shared) return compiler.fail(*op, "the operand is not shared memory");
  const auto root = shared_root(compiler, op.d());
  ViewInfo info;
  info.root = root;
  info.dims = all_dims(root->extents.size());
  info.extents = root->extents;
  const std::uint32_t from = x.slot, slot = compiler.define_view(op.d(), std::move(info)).slot;
  compiler.step(*op, [=, old = x.root](Strand& strand, const Step& step) {
    View view = strand.views[from];
    std::int64_t number = 0;
    for (std::size_t d = 0; d < old->extents.size(); ++d)
      number += view.origin[d] * old->strides[d];
    const bool inside =
        number >= 0 && number < std::max<std::int64_t>(1, layouts::size(old->extents));
    const std::int64_t first = !inside                             ? -1
                               : old->order == Root::Order::Packed ? old->run_word(number, 0)
                                                                   : old->bit_of(number) / 8;
    view.origin = {};
    view.base += first;
    const auto end = static_cast<std::int64_t>(strand.block->shared.size());
    if (first < 0 || view.base + root->bytes > end) {
      report_and_end(strand, step, "BL0502",
                     fmt::format("the view of {} bytes leaves the {} bytes of shared memory",
                                 root->bytes, end));
      return Flow::Finished;
    }
    strand.views[slot] = view;
    return Flow::Next;
  });
}

void compile(const MapSharedOp& op, Compiler& compiler) {
  ViewInfo info = compiler.view(op.x());
  const Tile rank = compiler.tile(op.rank());
  const std::uint32_t from = info.slot, slot = compiler.define_view(op.d(), info).slot;
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    View view = strand.views[from];
    auto& blocks = strand.cluster->blocks;
    const std::int64_t other = get_integer(strand, rank);
    if (other < 0 || other >= static_cast<std::int64_t>(blocks.size())) {
      report_and_end(strand, step, "BL0502",
                     fmt::format("block {} of a cluster of {}", other, blocks.size()));
      return Flow::Finished;
    }
    view.block = &blocks[static_cast<std::size_t>(other)];
    strand.views[slot] = view;
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
