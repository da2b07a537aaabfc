// Reductions: `dim` is a dimension of x and stays in the result, with another extent.
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

// Extents of x, but `extent` along dim.
Shape reduced(const VerifyContext& context, ValueId x, std::int64_t extent) {
  Shape shape = context.shape(x);
  shape[static_cast<std::size_t>(context.instruction->integer("dim"))] = extent;
  return shape;
}

// The two results of a search: values of x's type and i32 indices.
void value_and_index(VerifyContext& context, ValueId value, ValueId index, ValueId x,
                     std::int64_t extent) {
  if (!rules::same_element(context, value, x)) return;
  if (!rules::has_shape(context, value, reduced(context, x, extent), "the reduction")) return;
  if (rules::element_in(context, index, rules::kI32) && rules::same_shape(context, index, value)) {
    rules::same_layout(context, index, value);
  }
}

}  // namespace

// add mul min max of arithmetic types; and or xor of bool and integers. d: extent 1 along dim.
void verify(const ReduceOp& op, VerifyContext& context) {
  if (!rules::require(context, "op")) return;
  if (!rules::word_in(context, "op", {"add", "mul", "min", "max", "and", "or", "xor"})) return;
  const std::string_view word = op->word("op");
  const bool bitwise = word == "and" || word == "or" || word == "xor";
  const rules::TypeSet& set = bitwise ? rules::kBitwise : rules::kArithmetic;
  if (!rules::element_in(context, op.x(), set)) return;
  if (!rules::dim_of(context, op.x())) return;
  if (!rules::same_element(context, op.x(), op.d())) return;
  rules::has_shape(context, op.d(), reduced(context, op.x(), 1), "the reduction");
}

// add mul min max of arithmetic types; d is like x.
void verify(const ScanOp& op, VerifyContext& context) {
  if (!rules::require(context, "op")) return;
  rules::word_in(context, "op", {"add", "mul", "min", "max"});
  if (!rules::element_in(context, op.x(), rules::kArithmetic)) return;
  if (rules::dim_of(context, op.x())) rules::same_tile(context, op.x(), op.d());
}

// min or max of arithmetic types; value and index have extent 1 along dim.
void verify(const ArgReduceOp& op, VerifyContext& context) {
  if (!rules::require(context, "op")) return;
  rules::word_in(context, "op", {"min", "max"});
  if (!rules::element_in(context, op.x(), rules::kArithmetic)) return;
  if (rules::dim_of(context, op.x())) {
    value_and_index(context, op.value(), op.index(), op.x(), 1);
  }
}

// k is 1 to the extent along dim; value and index have extent k there.
void verify(const TopKOp& op, VerifyContext& context) {
  if (!rules::element_in(context, op.x(), rules::kArithmetic)) return;
  if (!rules::dim_of(context, op.x())) return;
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  if (!rules::number_in(context, "k", 1, context.shape(op.x())[dim])) return;
  value_and_index(context, op.value(), op.index(), op.x(), op->integer("k"));
}

// any or all of bool.
void verify(const VoteOp& op, VerifyContext& context) {
  if (!rules::require(context, "op")) return;
  rules::word_in(context, "op", {"any", "all"});
  rules::element_in(context, op.x(), rules::kBool);
  rules::element_in(context, op.d(), rules::kBool);
}

// count is i32; the target a shared list (rank 1) of x's type, whole bytes an element; the mask a
// bool tile like x.
void verify(const CompactOp& op, VerifyContext& context) {
  rules::element_in(context, op.count(), rules::kI32);
  if (!rules::mask_of(context, op.mask(), op.x())) return;
  if (!rules::same_element(context, op.target(), op.x())) return;
  if (context.shape(op.target()).size() != 1) {
    context.fail("BL0261", {op.target()})
        << "the target has " << context.shape(op.target()).size() << " dimensions; a list has one";
  }
  const ElementType element = context.element(op.x());
  if (element.bits < 8 || element.is_bool()) {
    context.fail("BL0204", {op.x()})
        << "elements of type " << to_string(element) << "; a list has elements of whole bytes";
  }
}

// x has one element.
void verify(const ScalarOfOp& op, VerifyContext& context) {
  if (!rules::same_element(context, op.x(), op.d())) return;
  const std::int64_t size = layouts::size(context.shape(op.x()));
  if (size == 1) return;
  context.fail("BL0262", {op.x()})
      << context.name(op.x()) << " has " << size << " elements where exactly one is meant";
}

}  // namespace bitloom::vm
