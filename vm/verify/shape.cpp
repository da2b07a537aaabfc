// Shape: nothing is computed, so the element type stays (but for `view`), and after lowering the
// layout of the result is that of the operand, moved.
#include <algorithm>

#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

// BL0252: after lowering, the result lies as `expected` says. An operation that the algebra cannot
// do would have to move data, which these instructions never do.
void layout_follows(VerifyContext& context, ValueId d,
                    const layouts::LayoutResult<layouts::RegisterLayout>& expected) {
  const auto& found = context.type(d).layout;
  if (!context.lowered() || !found) return;
  if (!expected) {
    context.fail("BL0252", {d}) << "no data moves, and without that the result has no layout: "
                                << expected.error().message;
  } else if (*found != *expected) {
    context.fail("BL0252", {d}) << "the result lies as " << found->to_string()
                                << " where the operand, moved, lies as " << expected->to_string();
  }
}

}  // namespace

// From the last dimension: each extent of x is that of d, or 1. d may have more dimensions.
void verify(const BroadcastOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.x(), op.d())) return;
  const Shape& from = context.shape(op.x());
  const Shape& to = context.shape(op.d());
  bool fits = from.size() <= to.size();
  for (std::size_t i = 0; fits && i < from.size(); ++i) {
    fits = from[from.size() - 1 - i] == 1 || from[from.size() - 1 - i] == to[to.size() - 1 - i];
  }
  if (fits) return;
  context.fail("BL0202", {op.x()})
      << layouts::to_string(from) << " does not repeat into " << layouts::to_string(to);
}

// `permutation` is one of the dimensions of x; extents follow it.
void verify(const TransposeOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.x(), op.d())) return;
  if (!rules::permutation_of(context, op.x())) return;
  const Shape& permutation = op->shape("permutation");
  Shape expected;
  for (const std::int64_t dim : permutation) {
    expected.push_back(context.shape(op.x())[static_cast<std::size_t>(dim)]);
  }
  if (!rules::has_shape(context, op.d(), expected, "the permutation")) return;
  if (const auto& layout = context.type(op.x()).layout) {
    const std::vector<int> dims(permutation.begin(), permutation.end());
    layout_follows(context, op.d(), layout->permute(dims));
  }
}

// As many elements before and after.
void verify(const ReshapeOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.x(), op.d())) return;
  const std::int64_t from = layouts::size(context.shape(op.x()));
  const std::int64_t to = layouts::size(context.shape(op.d()));
  if (from != to) {
    context.fail("BL0256", {op.x(), op.d()})
        << layouts::to_string(context.shape(op.x())) << " has " << from << " elements where "
        << layouts::to_string(context.shape(op.d())) << " has " << to;
    return;
  }
  if (const auto& layout = context.type(op.x()).layout) {
    layout_follows(context, op.d(), layout->reshape(context.shape(op.d())));
  }
}

// One offset a dimension; the part lies within x.
void verify(const SliceOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.x(), op.d())) return;
  const Shape& whole = context.shape(op.x());
  const Shape& part = context.shape(op.d());
  const Shape& offsets = op->shape("offsets");
  if (offsets.size() != whole.size() || part.size() != whole.size()) {
    context.fail("BL0213", {op.x(), op.d()})
        << "x has " << whole.size() << " dimensions, the result " << part.size()
        << ", and there are " << offsets.size() << " offsets";
    return;
  }
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (offsets[i] >= 0 && offsets[i] <= whole[i] - part[i]) continue;
    context.fail("BL0208", {op.x()}) << "elements " << offsets[i] << " to " << offsets[i] + part[i]
                                     << " of dimension " << i << ", which has " << whole[i];
  }
}

// Operands differ in extent along `dim` only; the result's extent is their sum.
void verify(const ConcatOp& op, VerifyContext& context) {
  if (op.x().empty()) {
    context.fail("BL0244") << "has no operands; at least one belongs";
    return;
  }
  if (!rules::dim_of(context, op.d())) return;
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  std::int64_t sum = 0;
  for (const ValueId x : op.x()) {
    if (!rules::same_element(context, x, op.d())) return;
    Shape expected = context.shape(op.d());
    const Shape& found = context.shape(x);
    if (found.size() == expected.size()) expected[dim] = found[dim];
    if (!rules::has_shape(context, x, expected, "the result")) return;
    sum += found[dim];
  }
  if (sum == context.shape(op.d())[dim]) return;
  context.fail("BL0240", {op.d()}) << "the operands have " << sum << " elements along dimension "
                                   << dim << " where the result has " << context.shape(op.d())[dim];
}

// bool is no bits that could be viewed. With both layouts known, threads and bits per thread agree;
// while the result has none, it takes that of x: same shape, same width of elements.
void verify(const ViewOp& op, VerifyContext& context) {
  const Type& from = context.type(op.x());
  const Type& to = context.type(op.d());
  for (const ValueId id : {op.x(), op.d()}) {
    if (!context.element(id).is_bool()) continue;
    context.fail("BL0204", {id}) << context.name(id) << " is bool, which has no bits to view";
    return;
  }
  if (!to.layout) {
    if (from.shape == to.shape && from.element.bits == to.element.bits) return;
    context.fail("BL0216", {op.x(), op.d()})
        << to_string(from) << " as " << to_string(to)
        << ": another shape or width of elements needs a layout that says where the bits go";
    return;
  }
  if (!from.layout) return;
  const std::int64_t bits_from = from.layout->registers() * from.element.bits;
  const std::int64_t bits_to = to.layout->registers() * to.element.bits;
  if (from.layout->threads() == to.layout->threads() && bits_from == bits_to) return;
  context.fail("BL0216", {op.x(), op.d()})
      << context.name(op.x()) << " has " << bits_from << " bits in each of "
      << from.layout->threads() << " threads where the result has " << bits_to << " in each of "
      << to.layout->threads();
}

// The same tile: shape and element type stay.
void verify(const ConvertLayoutOp& op, VerifyContext& context) {
  if (rules::same_element(context, op.x(), op.d())) rules::same_shape(context, op.x(), op.d());
}

}  // namespace bitloom::vm
