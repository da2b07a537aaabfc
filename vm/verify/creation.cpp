// Creation: values out of nothing, and variables.
#include <cmath>

#include "vm/numerics.h"
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

// BL0205: the least and the greatest integer of a type that `integer` can say.
bool integer_fits(ElementType type, std::int64_t number) {
  if (type.is_bool()) return number == 0 || number == 1;
  if (type.bits == 64) return true;  // u64 beyond 2^63 is written as its negative twin
  const bool has_sign = type.type_class == TypeClass::Signed;
  const int magnitude = type.bits - (has_sign ? 1 : 0);
  const std::int64_t least = has_sign ? -(std::int64_t{1} << magnitude) : 0;
  return number >= least && number < (std::int64_t{1} << magnitude);
}

void axis_of_grid(ValueId d, VerifyContext& context) {
  const auto axes = static_cast<std::int64_t>(context.function.grid.size());
  if (!rules::element_in(context, d, rules::kIndices)) return;
  rules::number_in(context, "axis", 0, axes - 1);
}

}  // namespace

// Floats and e8m0 take `value`, every other type takes `integer`; never both. The number is one of
// the type: whole numbers within its range, and floats that the type can hold exactly (infinity
// and NaN where it has them).
void verify(const ConstantOp& op, VerifyContext& context) {
  const ElementType element = context.element(op.d());
  const bool real = element.is_float() || element.type_class == TypeClass::Scale;
  if ((real && op->find("integer")) || (!real && op->find("value"))) {
    context.fail("BL0243") << "a constant of type " << to_string(element) << " is given by '"
                           << (real ? "value" : "integer") << "'";
    return;
  }
  if (!real) {
    const std::int64_t number = op->integer("integer");
    if (!integer_fits(element, number)) {
      context.fail("BL0205") << number << " is no number of type " << to_string(element);
    }
    return;
  }
  const double number = op->real("value");
  if (std::isnan(number) && !has_nan(element)) {
    context.fail("BL0205") << to_string(element) << " has no NaN";
  } else if (std::isinf(number) && !has_infinity(element)) {
    context.fail("BL0205") << to_string(element) << " has no infinity";
  }
}

// `dim` is a dimension of the result, whose element type is an integer that holds its last index.
void verify(const IotaOp& op, VerifyContext& context) {
  if (!rules::element_in(context, op.d(), rules::kIntegers)) return;
  if (!rules::dim_of(context, op.d())) return;
  const ElementType element = context.element(op.d());
  const std::int64_t last = context.shape(op.d())[static_cast<std::size_t>(op->integer("dim"))] - 1;
  if (!integer_fits(element, last)) {
    context.fail("BL0205", {op.d()})
        << "the last index " << last << " is no number of type " << to_string(element);
  }
}

// The variable has the type of its first value.
void verify(const VarOp& op, VerifyContext& context) {
  rules::same_tile(context, op.d(), op.init());
}

// What is assigned has the type of the variable.
void verify(const AssignOp& op, VerifyContext& context) {
  rules::same_tile(context, op.variable(), op.x());
}

// An axis of the grid; an integer of 32 or 64 bits.
void verify(const BlockIndexOp& op, VerifyContext& context) {
  axis_of_grid(op.d(), context);
}

void verify(const BlockCountOp& op, VerifyContext& context) {
  axis_of_grid(op.d(), context);
}

void verify(const ClusterRankOp& op, VerifyContext& context) {
  rules::element_in(context, op.d(), rules::kIndices);
}

}  // namespace bitloom::vm
