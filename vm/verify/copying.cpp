// Copies between global and shared memory. Both sides are windows of one shape and element type;
// what moves in one go has the bytes that the hardware moves in one go.
#include <algorithm>

#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

constexpr std::int64_t kBulkBits = 16 * 8;  // bulk and tensor copies move whole 16 bytes
constexpr std::int64_t kMostBox = 256;      // elements of a tensor map's box along a dimension
constexpr int kMostTensorRank = 5;
constexpr std::int64_t kMostGroups = 63;

bool sides(VerifyContext& context, ValueId target, ValueId source) {
  if (!rules::constant_window(context, source) || !rules::constant_window(context, target)) {
    return false;
  }
  if (!rules::same_shape(context, target, source)) return false;
  if (!rules::same_element(context, target, source)) return false;
  if (context.type(target).packed == context.type(source).packed) return true;
  context.fail("BL0201", {target, source}) << "the two sides are packed differently";
  return false;
}

// BL0263: the bits of a whole window, or of its rows, in multiples of `bits`.
bool whole_pieces(VerifyContext& context, ValueId window, std::int64_t moved, std::int64_t bits,
                  std::string_view what) {
  if (moved % bits == 0) return true;
  context.fail("BL0263", {window}) << what << " of " << context.name(window) << " has " << moved
                                   << " bits, which is no multiple of " << bits / 8 << " bytes";
  return false;
}

std::int64_t row_bits(const Type& type) {
  return type.shape.empty() ? type.element.bits : type.shape.back() * type.element.bits;
}

// BL0263: rows of a plain global window are contiguous only along the last dimension, unless the
// window takes whole rows of constant length.
void contiguous(VerifyContext& context, ValueId window) {
  const Instruction* definition = context.definitions[window];
  const Type& type = context.type(window);
  if (type.packed || !definition || definition->opcode != Opcode::Window) return;
  const WindowOp view(*definition);
  const Shape& extents = view->shape("extents");
  bool partial = false;  // something further in is not whole
  for (std::size_t i = extents.size(); i-- > 0;) {
    if (partial && extents[i] > 1) {
      context.fail("BL0263", {window})
          << context.name(window) << " does not lie in one piece: it takes " << extents[i]
          << " rows along dimension " << i << " and only a part of each";
      context.diagnostics.last().hint("copy row by row, or use copy_tensor");
      return;
    }
    partial = partial || context.extent(view.x(), static_cast<int>(i)) != extents[i];
  }
}

void bulk(VerifyContext& context, ValueId global) {
  const Type& type = context.type(global);
  whole_pieces(context, global, rules::tile_bits(type), kBulkBits, "the window");
  contiguous(context, global);
}

// What a tensor map can say: 1 to 5 dimensions, boxes of at most 256, rows of whole 16 bytes,
// elements of whole bytes, one of the four swizzles.
void tensor(VerifyContext& context, ValueId shared, ValueId global) {
  const Type& type = context.type(global);
  const Type& root = context.type(context.root(global));
  if (root.rank() < 1 || root.rank() > kMostTensorRank || root.extents.empty()) {
    context.fail("BL0261", {global})
        << "a tensor map describes a parameter of 1 to " << kMostTensorRank << " dimensions, and "
        << context.name(context.root(global)) << " is " << to_string(root);
    return;
  }
  if (type.packed || type.element.bits < 8) {
    context.fail("BL0204", {global}) << "a tensor map knows plain elements of whole bytes, and "
                                     << context.name(global) << " is " << to_string(type);
    return;
  }
  for (const std::int64_t extent : type.shape) {
    if (extent <= kMostBox) continue;
    context.fail("BL0263", {global})
        << "a box has " << extent << " elements along one dimension; at most " << kMostBox;
  }
  whole_pieces(context, global, row_bits(type), kBulkBits, "a row");
  const auto& layout = context.type(context.root(shared)).shared;
  if (!layout) return;
  using namespace layouts;
  const Swizzle& swizzle = layout->swizzle();
  if (swizzle == kNoSwizzle || swizzle == kSwizzle32 || swizzle == kSwizzle64 ||
      swizzle == kSwizzle128) {
    return;
  }
  context.fail("BL0265", {shared}) << "a tensor map has the swizzles 32, 64 and 128, and "
                                   << context.name(shared) << " has " << swizzle.to_string();
}

void cache_of(VerifyContext& context) {
  rules::word_in(context, "cache", {"default", "evict_first", "evict_last", "no_allocate"});
}

}  // namespace

// Comfortable; any windows of one shape and element type.
void verify(const CopyOp& op, VerifyContext& context) {
  if (!sides(context, op.target(), op.source())) return;
  rules::clip_of(context, op.source());
  cache_of(context);
}

// cp.async moves 4, 8 or 16 bytes: rows are whole multiples of that. 0 is not chosen yet.
void verify(const CopyAsyncOp& op, VerifyContext& context) {
  if (!sides(context, op.target(), op.source())) return;
  rules::clip_of(context, op.source());
  cache_of(context);
  const std::int64_t vector = op->integer("vector");
  if (vector != 4 && vector != 8 && vector != 16 && (vector != 0 || context.lowered())) {
    context.fail("BL0242") << "vector is " << vector << "; cp.async moves 4, 8 or 16 bytes";
    return;
  }
  const std::int64_t bytes = std::max<std::int64_t>(vector, 4);
  const Type& type = context.type(op.source());
  const std::int64_t bits = type.packed ? rules::tile_bits(type) : row_bits(type);
  whole_pieces(context, op.source(), bits, bytes * 8, "a row");
}

void verify(const CopyCommitOp&, VerifyContext&) {}

void verify(const CopyWaitOp&, VerifyContext& context) {
  rules::number_in(context, "pending", 0, kMostGroups);
}

// One piece of whole 16 bytes, and one mbarrier.
void verify(const CopyBulkOp& op, VerifyContext& context) {
  rules::single_element(context, op.barrier());
  cache_of(context);
  if (sides(context, op.target(), op.source())) bulk(context, op.source());
}

// What a tensor map can say; a multicast mask has a bit for each of at most 16 blocks of a cluster.
void verify(const CopyTensorOp& op, VerifyContext& context) {
  rules::single_element(context, op.barrier());
  cache_of(context);
  const int cluster = std::clamp(context.function.cluster, 1, 16);
  const std::int64_t mask = op->integer("multicast");
  if (mask < 0 || (mask >> cluster) != 0) {
    context.fail("BL0242") << "the multicast mask " << mask << " names blocks beyond the "
                           << cluster << " of the cluster";
  }
  if (sides(context, op.target(), op.source())) tensor(context, op.target(), op.source());
}

void verify(const StoreTensorOp& op, VerifyContext& context) {
  if (sides(context, op.target(), op.source())) tensor(context, op.source(), op.target());
}

void verify(const StoreBulkOp& op, VerifyContext& context) {
  if (sides(context, op.target(), op.source())) bulk(context, op.target());
}

void verify(const StoreCommitOp&, VerifyContext&) {}

void verify(const StoreWaitOp&, VerifyContext& context) {
  rules::number_in(context, "pending", 0, kMostGroups);
}

}  // namespace bitloom::vm
