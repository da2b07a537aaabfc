#include "vm/verify/rules.h"

#include <algorithm>

namespace bitloom::vm::rules {

bool is_arithmetic_integer(ElementType type) {
  return type.is_integer() && type.bits >= 8;
}

bool is_arithmetic_float(ElementType type) {
  return type == vm::kF16 || type == kBF16 || type == vm::kF32 || type == kF64;
}

bool is_arithmetic(ElementType type) {
  return is_arithmetic_integer(type) || is_arithmetic_float(type);
}

bool is_index(ElementType type) {
  return type.is_integer() && type.bits >= 32;
}

bool is_bitwise(ElementType type) {
  return type.is_integer() || type.is_bool();
}

bool element_in(VerifyContext& context, ValueId id, const TypeSet& set) {
  const ElementType element = context.element(id);
  if (set.contains(element)) return true;
  context.fail("BL0204", {id}) << context.name(id) << " has element type " << to_string(element)
                               << "; allowed are " << set.text;
  return false;
}

bool same_element(VerifyContext& context, ValueId a, ValueId b) {
  const ElementType left = context.element(a), right = context.element(b);
  if (left == right) return true;
  context.fail("BL0201", {a, b}) << context.name(a) << " has element type " << to_string(left)
                                 << " where " << context.name(b) << " has " << to_string(right);
  context.diagnostics.last().hint("nothing is converted by itself: cast one of them");
  return false;
}

bool same_shape(VerifyContext& context, ValueId a, ValueId b) {
  if (context.shape(a) == context.shape(b)) return true;
  context.fail("BL0240", {a, b}) << context.name(a) << " has shape "
                                 << layouts::to_string(context.shape(a)) << " where "
                                 << context.name(b) << " has "
                                 << layouts::to_string(context.shape(b));
  return false;
}

bool has_shape(VerifyContext& context, ValueId id, const Shape& shape, std::string_view why) {
  if (context.shape(id) == shape) return true;
  context.fail("BL0240", {id}) << context.name(id) << " has shape "
                               << layouts::to_string(context.shape(id)) << " where " << why
                               << " makes it " << layouts::to_string(shape);
  return false;
}

bool same_layout(VerifyContext& context, ValueId a, ValueId b) {
  const auto& left = context.type(a).layout;
  const auto& right = context.type(b).layout;
  if (!context.lowered() || !left || !right || *left == *right) return true;
  context.fail("BL0252", {a, b}) << context.name(a) << " lies as " << left->to_string() << " where "
                                 << context.name(b) << " lies as " << right->to_string();
  return false;
}

bool same_tile(VerifyContext& context, ValueId a, ValueId b) {
  return same_shape(context, a, b) && same_element(context, a, b) && same_layout(context, a, b);
}

bool index_scalar(VerifyContext& context, ValueId id) {
  return element_in(context, id, kIndices);
}

bool require(VerifyContext& context, std::string_view attribute) {
  if (context.instruction->find(attribute)) return true;
  context.fail("BL0243") << "lacks the attribute '" << attribute << "'";
  return false;
}

bool word_in(VerifyContext& context, std::string_view attribute,
             std::initializer_list<std::string_view> names) {
  if (!context.instruction->find(attribute)) return true;
  const std::string_view word = context.instruction->word(attribute);
  if (std::find(names.begin(), names.end(), word) != names.end()) return true;
  context.fail("BL0220") << attribute << " is '" << word << "'; it may be " << joined(names);
  return false;
}

bool number_in(VerifyContext& context, std::string_view attribute, std::int64_t least,
               std::int64_t most) {
  const std::int64_t number = context.instruction->integer(attribute);
  if (number >= least && number <= most) return true;
  context.fail("BL0242") << attribute << " is " << number << "; it may be " << least << " to "
                         << most;
  return false;
}

bool dim_of(VerifyContext& context, ValueId id) {
  const std::int64_t dim = context.instruction->integer("dim");
  const int rank = context.type(id).rank();
  if (dim >= 0 && dim < rank) return true;
  context.fail("BL0213", {id}) << "dim is " << dim << " where " << context.name(id) << " has "
                               << rank << " dimensions";
  return false;
}

bool permutation_of(VerifyContext& context, ValueId id) {
  Shape sorted = context.instruction->shape("permutation");
  std::sort(sorted.begin(), sorted.end());
  bool right = sorted.size() == static_cast<std::size_t>(context.type(id).rank());
  for (std::size_t i = 0; right && i < sorted.size(); ++i) {
    right = sorted[i] == static_cast<std::int64_t>(i);
  }
  if (right) return true;
  context.fail("BL0213", {id}) << layouts::to_string(context.instruction->shape("permutation"))
                               << " is no permutation of the " << context.type(id).rank()
                               << " dimensions of " << context.name(id);
  return false;
}

bool clip_of(VerifyContext& context, ValueId window) {
  const Shape& clip = context.instruction->shape("clip");
  if (clip.empty()) return true;
  // A window that has dropped every dimension says with one entry whether they are clipped.
  const int rank = std::max(1, context.type(window).rank());
  if (static_cast<int>(clip.size()) != rank) {
    context.fail("BL0260", {window}) << "clip has " << clip.size() << " entries where "
                                     << context.name(window) << " has " << rank << " dimensions";
    return false;
  }
  for (const std::int64_t entry : clip) {
    if (entry == 0 || entry == 1) continue;
    context.fail("BL0260") << "clip is " << layouts::to_string(clip) << "; its entries are 0 or 1";
    return false;
  }
  return true;
}

bool mask_of(VerifyContext& context, ValueId mask, ValueId tile) {
  if (mask == kNoValue) return true;
  if (context.element(mask).is_bool() && context.shape(mask) == context.shape(tile)) {
    return same_layout(context, mask, tile);
  }
  context.fail("BL0258", {mask, tile})
      << "the mask is " << to_string(context.type(mask)) << " where the tile has shape "
      << layouts::to_string(context.shape(tile)) << "; a mask is a bool tile of the same shape";
  return false;
}

bool constant_window(VerifyContext& context, ValueId window) {
  if (context.type(window).extents.empty()) return true;
  context.fail("BL0210", {window})
      << context.name(window) << " has extents that are known only at launch ("
      << to_string(context.type(window)) << "); an access needs a window of constant extents";
  return false;
}

bool tile_fits_window(VerifyContext& context, ValueId tile, ValueId window) {
  if (!constant_window(context, window)) return false;
  if (context.shape(tile) != context.shape(window)) {
    context.fail("BL0261", {tile, window})
        << "the register tile has shape " << layouts::to_string(context.shape(tile))
        << " where the window has " << layouts::to_string(context.shape(window));
    return false;
  }
  return same_element(context, tile, window);
}

bool single_element(VerifyContext& context, ValueId window) {
  const Type& type = context.type(window);
  if (constant_window(context, window) && layouts::size(type.shape) == 1) return true;
  if (type.extents.empty()) {
    context.fail("BL0262", {window}) << context.name(window) << " has " << layouts::size(type.shape)
                                     << " elements where exactly one is meant";
  }
  return false;
}

std::int64_t tile_bits(const Type& type) {
  return layouts::size(type.shape) * type.element.bits;
}

}  // namespace bitloom::vm::rules
