// Allocations and views: sizes that fit the machine, views that stay inside what they view.
#include <algorithm>

#include "vm/builder.h"
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

constexpr std::int64_t kMostShared = 232448;           // bytes a block may have on sm_90
constexpr std::int64_t kMostArrivals = (1 << 20) - 1;  // the counter of an mbarrier has 20 bits
constexpr std::int64_t kBarrierBytes = 8;
constexpr std::int64_t kLeastAlignment = 16;
constexpr std::int64_t kWhole = -1;  // an extent of a window

std::int64_t bytes_of(const Type& type) {
  if (type.shared) return type.shared->byte_size();
  return (rules::tile_bits(type) + 7) / 8;
}

// BL0265: after lowering there is an offset, and what lies there fits.
void placed(VerifyContext& context, std::int64_t bytes, std::int64_t alignment) {
  const Instruction& instruction = *context.instruction;
  const bool planned = instruction.find("offset") && instruction.integer("offset") >= 0;
  if (!planned) {
    if (context.lowered()) context.fail("BL0265") << "has no place in shared memory";
    return;
  }
  const std::int64_t offset = instruction.integer("offset");
  if (offset % alignment != 0) {
    context.fail("BL0265") << "lies at byte " << offset << ", which is no multiple of "
                           << alignment;
  }
  const std::int64_t end =
      context.function.shared_bytes >= 0 ? context.function.shared_bytes : kMostShared;
  if (offset > end - bytes) {
    context.fail("BL0265") << "takes bytes " << offset << " to " << offset + bytes
                           << " of shared memory, which has " << end;
  }
}

// BL0217: windows of packed tensors consist of whole atoms along the last two dimensions, (k, n).
void whole_atoms(VerifyContext& context, const WindowOp& op, std::size_t dim, std::int64_t atom) {
  const std::int64_t extent = op->shape("extents")[dim];
  const auto offset = context.constant(op.offsets()[dim]);
  if (extent == kWhole || (extent % atom == 0 && (!offset || *offset % atom == 0))) return;
  context.fail("BL0217", {op.x()})
      << "along dimension " << dim << " the window begins at "
      << (offset ? fmt::to_string(*offset) : "a place of run time") << " and takes " << extent
      << " elements; atoms of a packed tensor have " << atom;
}

// BL0208: what is certain to lie outside. Global windows may leave their tensor: accesses clip.
void inside(VerifyContext& context, const WindowOp& op, std::size_t dim) {
  const auto whole = context.extent(op.x(), static_cast<int>(dim));
  if (!whole || context.type(op.x()).space == Space::Global) return;
  const std::int64_t extent = op->shape("extents")[dim];
  const auto offset = context.constant(op.offsets()[dim]);
  const std::int64_t begin = offset.value_or(0);
  if (begin >= 0 && extent <= *whole && begin <= *whole - extent) return;
  context.fail("BL0208", {op.x()}) << "elements " << begin << " to " << begin + extent
                                   << " of dimension " << dim << ", which has " << *whole;
}

// An extent of -1 is a whole dimension whose extent is known only at launch.
bool whole_dimension(const VerifyContext& context, const WindowOp& op, std::size_t dim) {
  if (op->shape("extents")[dim] != kWhole || op->shape("keep")[dim] != 1) return false;
  return !context.extent(op.x(), static_cast<int>(dim)) &&
         context.constant(op.offsets()[dim]) == std::int64_t{0};
}

// BL0261: a window with whole dimensions keeps their expressions beside its constant extents.
void has_extents(VerifyContext& context, const WindowOp& op) {
  const Type &from = context.type(op.x()), &to = context.type(op.d());
  const Shape &extents = op->shape("extents"), &keep = op->shape("keep");
  std::vector<layouts::SizeExpr> expected;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (keep[i] == 0) continue;
    expected.push_back(extents[i] == kWhole ? from.extents[i] : layouts::SizeExpr(extents[i]));
  }
  if (to.extents == expected) return;
  context.fail("BL0261", {op.x(), op.d()})
      << "the window is " << to_string(to) << " where its extents make "
      << to_string(global_type(to.element, std::move(expected)));
}

bool window_lists(VerifyContext& context, const WindowOp& op) {
  const auto rank = static_cast<std::size_t>(context.type(op.x()).rank());
  const Shape &extents = op->shape("extents"), &keep = op->shape("keep");
  if (op.offsets().size() != rank || extents.size() != rank || keep.size() != rank) {
    context.fail("BL0213", {op.x()})
        << context.name(op.x()) << " has " << rank << " dimensions where there are "
        << op.offsets().size() << " offsets, " << extents.size() << " extents and " << keep.size()
        << " entries of keep";
    return false;
  }
  for (std::size_t i = 0; i < rank; ++i) {
    const bool dropped_whole = keep[i] == 0 && extents[i] != 1;
    if (extents[i] >= 1 && (keep[i] == 0 || keep[i] == 1) && !dropped_whole) continue;
    if (whole_dimension(context, op, i)) continue;
    context.fail("BL0261") << "dimension " << i << " has extent " << extents[i] << " and keep "
                           << keep[i] << "; keep is 0 or 1, what is dropped has extent 1, and -1 is"
                           << " a whole dimension, from 0, whose extent the launch knows";
    return false;
  }
  return true;
}

// BL0245: a view lives where what it views lives.
bool same_space(VerifyContext& context, ValueId d, ValueId x) {
  if (context.type(d).space == context.type(x).space) return true;
  context.fail("BL0245", {x}) << "the view is " << to_string(context.type(d)) << " of "
                              << to_string(context.type(x));
  return false;
}

// BL0201: of one element type and equally packed.
bool same_elements(VerifyContext& context, ValueId d, ValueId x) {
  if (!same_space(context, d, x) || !rules::same_element(context, d, x)) return false;
  if (context.type(d).packed == context.type(x).packed) return true;
  context.fail("BL0201", {d, x}) << "the view and what it views are packed differently";
  return false;
}

}  // namespace

// Fits into the shared memory of a block. Its shared layout gives every element a place of its own.
// After lowering it lies at a multiple of 16 bytes, or of the period of its swizzle.
void verify(const SharedAllocOp& op, VerifyContext& context) {
  const Type& type = context.type(op.d());
  const std::int64_t bytes = bytes_of(type);
  if (bytes > kMostShared) {
    context.fail("BL0265", {op.d()})
        << to_string(type) << " takes " << bytes << " bytes of shared memory; a block has at most "
        << kMostShared;
    return;
  }
  if (type.shared && !type.shared->is_bijective()) {
    context.fail("BL0265", {op.d()})
        << "two elements share a place in the layout " << type.shared->to_string();
    return;
  }
  placed(context, bytes, type.shared ? type.shared->alignment() : kLeastAlignment);
}

// 1 to 2^20 - 1 arrivals; 8 bytes each.
void verify(const BarrierAllocOp& op, VerifyContext& context) {
  const std::int64_t count = op->integer("count");
  if (count < 1 || count > kMostArrivals) {
    context.fail("BL0264") << "an mbarrier counts 1 to " << kMostArrivals
                           << " arrivals a phase, and is asked to count " << count;
  }
  const std::int64_t bytes = kBarrierBytes * layouts::size(context.shape(op.d()));
  if (bytes > kMostShared) {
    context.fail("BL0265", {op.d()})
        << bytes << " bytes of mbarriers; a block has at most " << kMostShared;
    return;
  }
  placed(context, bytes, kBarrierBytes);
}

// One offset (an integer scalar of 32 or 64 bits), extent and keep a dimension of x. The result has
// the extents that are kept. An extent of -1 takes a whole dimension of a global tensor that only
// the launch knows; the result then has `extents`, as a parameter has, and serves accesses with an
// index along that dimension. Shared tiles and barriers are never left; windows of packed tensors
// consist of whole atoms.
void verify(const WindowOp& op, VerifyContext& context) {
  if (!same_elements(context, op.d(), op.x()) || !window_lists(context, op)) return;
  for (const ValueId offset : op.offsets()) {
    if (!rules::index_scalar(context, offset)) return;
  }
  const Shape &extents = op->shape("extents"), &keep = op->shape("keep");
  Shape expected;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    if (keep[i] == 1) expected.push_back(extents[i]);
    inside(context, op, i);
  }
  if (std::ranges::find(extents, kWhole) != extents.end()) {
    has_extents(context, op);
  } else {
    if (!rules::constant_window(context, op.d())) return;
    rules::has_shape(context, op.d(), expected, "the window");
  }
  const auto& packed = context.type(op.x()).packed;
  if (!packed || extents.size() < 2) return;
  whole_atoms(context, op, extents.size() - 2, packed->columns());
  whole_atoms(context, op, extents.size() - 1, packed->rows());
}

// The extents of x in another order. Packed tensors have one order only.
void verify(const PermuteViewOp& op, VerifyContext& context) {
  if (!same_elements(context, op.d(), op.x())) return;
  if (!rules::permutation_of(context, op.x())) return;
  const Type &from = context.type(op.x()), &to = context.type(op.d());
  if (from.packed) {
    context.fail("BL0217", {op.x()})
        << context.name(op.x()) << " is packed: the order of its atoms cannot be changed";
    return;
  }
  bool good = from.extents.size() == to.extents.size() && from.shape.size() == to.shape.size();
  const Shape& permutation = op->shape("permutation");
  for (std::size_t i = 0; good && i < permutation.size(); ++i) {
    const auto dim = static_cast<std::size_t>(permutation[i]);
    good = to.extents.empty() ? to.shape[i] == from.shape[dim] : to.extents[i] == from.extents[dim];
  }
  if (good) return;
  context.fail("BL0240", {op.x(), op.d()})
      << to_string(from) << " with its dimensions as " << layouts::to_string(permutation)
      << " is not " << to_string(to);
}

// As many bits before and after; whole bytes.
void verify(const MemoryViewOp& op, VerifyContext& context) {
  const Type &from = context.type(op.x()), &to = context.type(op.d());
  const std::int64_t bits_from = rules::tile_bits(from), bits_to = rules::tile_bits(to);
  if (bits_from == bits_to && bits_from % 8 == 0) return;
  context.fail("BL0266", {op.x(), op.d()}) << to_string(from) << " has " << bits_from
                                           << " bits where " << to_string(to) << " has " << bits_to;
}

// The same tile; the rank is an integer scalar.
void verify(const MapSharedOp& op, VerifyContext& context) {
  if (!same_elements(context, op.d(), op.x())) return;
  if (rules::same_shape(context, op.d(), op.x())) rules::index_scalar(context, op.rank());
}

}  // namespace bitloom::vm
