#include "dsl/sema/layout_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/arguments.h"
#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "layouts/fragments.h"

namespace bitloom::dsl::sema {
namespace {

using layouts::LayoutResult;
using layouts::RegisterLayout;
using vm::Shape;

Value layout_value(Context& c, LayoutResult<RegisterLayout> result, Place place) {
  if (result) return std::move(*result);
  return c.error("BL0231", place) << result.error().message;
}

std::optional<Shape> integers(Context& c, const std::vector<Argument>& arguments,
                              std::string_view what) {
  Shape numbers;
  for (const Argument& argument : arguments) {
    if (!argument.name.empty())
      return c.error("BL0113", argument.name_place)
             << what << " takes integers by position, and no '" << argument.name << "'";
    const auto number = constant_integer(c, *argument.value, fmt::format("{}: an argument", what));
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

constexpr std::string_view kConstructors[] = {"local", "spatial", "column_local", "column_spatial",
                                              "replicated"};

Value construct(Context& c, const BuiltinCall& call) {
  Shape extents;
  for (std::size_t i = 0; i < call.arguments.size() && call.has(i); ++i)
    extents.push_back(call.integer(i));
  return layout_value(c, layouts::construct(call.builtin->name, extents), call.place);
}

}  // namespace

const std::vector<Builtin>& layout_builtins() {
  static const std::vector<Builtin> table = [] {
    std::vector<Builtin> rows;
    for (const std::string_view name : kConstructors)
      rows.emplace_back(
          name, 0, 0,
          name == "replicated"
              ? "threads: integer"
              : "x: integer, y?: integer, z?: integer, u?: integer, v?: integer, w?: integer",
          construct);
    return rows;
  }();
  return table;
}

Value combine_layouts(Context& c, BinaryOp op, const Value& a, const Value& b, Place place) {
  const auto *x = a.as<RegisterLayout>(), *y = b.as<RegisterLayout>();
  if (!x || !y)
    return c.error("BL0231", place)
           << "a fragment has no shape before it meets its tile, so it cannot be combined";
  if (op == BinaryOp::Mul) return layout_value(c, layouts::multiply(*x, *y), place);
  if (op == BinaryOp::Div) return layout_value(c, layouts::divide(*x, *y), place);
  if (op == BinaryOp::Eq || op == BinaryOp::Ne) return (*x == *y) == (op == BinaryOp::Eq);
  return c.error("BL0231", place) << "layouts are joined by * and /, not by '" << spelling(op)
                                  << "'";
}

Value layout_method(Context& c, const RegisterLayout& layout, const Call& node,
                    const Member& callee, Place place) {
  static const std::vector<std::string_view> kMethods = {"permute", "reshape", "reduce", "squeeze",
                                                         "expand_dims"};
  if (std::ranges::find(kMethods, callee.name) == kMethods.end()) {
    auto report = c.error("BL0231", callee.name_place);
    report << "a layout has no method '" << callee.name << "'";
    report.suggest(callee.name, kMethods);
    return report;
  }
  const auto numbers = integers(c, node.arguments, callee.name);
  return numbers ? layout_value(c, layouts::apply_method(layout, callee.name, *numbers), place)
                 : Value(Poison{});
}

Value fragment(Context& c, bool warpgroup, const Call& node, const Member& callee, Place place) {
  Fragment result;
  result.warpgroup = warpgroup;
  const std::string_view allowed = warpgroup ? "ac" : "abc";
  const std::string_view family = warpgroup ? "wgmma" : "mma";
  if (callee.name.size() != 1 || allowed.find(callee.name[0]) == std::string_view::npos)
    return c.error("BL0231", callee.name_place)
           << family << " has no fragment '" << callee.name << "'";
  result.operand = callee.name[0];
  const bool named = node.arguments.size() == 1 &&
                     (node.arguments[0].name == "warps" || node.arguments[0].name.empty());
  if (!named)
    return c.error("BL0111", place)
           << family << "." << callee.name << " takes one argument, warps = (rows, columns)";
  const Value warps = evaluate(c, *node.arguments[0].value);
  if (warps.poisoned()) return warps;
  const auto* tuple = warps.as<TupleValue>();
  const auto* m = tuple && tuple->items.size() == 2 ? tuple->items[0].as<std::int64_t>() : nullptr;
  const auto* n = tuple && tuple->items.size() == 2 ? tuple->items[1].as<std::int64_t>() : nullptr;
  if (!m || !n || *m < 1 || *n < 1 || *m > 32 || *n > 32)
    return c.error("BL0206", node.arguments[0].value->place)
           << "warps are two positive integers, such as (2, 4), and this is " << c.describe(warps);
  result.warps_m = *m;
  result.warps_n = *n;
  return result;
}

namespace {

// Depth and element width of the matrix instruction that consumes a tile of this type. Narrow types
// are operands after their conversion to 16 bits; those of 8 bits may be operands themselves.
struct Instruction {
  int k, bits;
};
Instruction instruction_for(vm::ElementType element) {
  if (element.bits == 8) return {32, 8};
  if (element.bits == 32) return {8, 32};
  return {16, 16};
}

LayoutResult<RegisterLayout> mma_fragment(const Fragment& fragment, vm::ElementType element,
                                          const Shape& shape) {
  layouts::MmaBlock block;
  block.warps_m = static_cast<int>(fragment.warps_m);
  block.warps_n = static_cast<int>(fragment.warps_n);
  if (fragment.operand != 'c') {
    const Instruction instruction = instruction_for(element);
    block.instruction_k = instruction.k;
    block.bits = instruction.bits;
  }
  block.k = block.instruction_k;
  block.m = 16 * fragment.warps_m;
  block.n = 8 * fragment.warps_n;
  if (fragment.operand != 'b') block.m = shape[0];
  if (fragment.operand != 'a') block.n = shape[1];
  if (fragment.operand == 'a') block.k = shape[1];
  if (fragment.operand == 'b') block.k = shape[0];
  const auto made = layouts::mma_block(block);
  if (!made) return tl::unexpected(made.error());
  return fragment.operand == 'a' ? made->a : fragment.operand == 'b' ? made->b : made->c;
}

LayoutResult<RegisterLayout> wgmma_fragment(const Fragment& fragment, vm::ElementType element,
                                            const Shape& shape) {
  if (fragment.warps_m % 4 != 0)
    return tl::unexpected(layouts::LayoutError{
        "a warpgroup has four warps one below the other: warps = (4, 1), (8, 1), …"});
  layouts::WgmmaBlock block;
  block.groups_m = static_cast<int>(fragment.warps_m / 4);
  block.groups_n = static_cast<int>(fragment.warps_n);
  block.m = shape[0];
  if (fragment.operand == 'a') {
    const Instruction instruction = instruction_for(element);
    block.instruction_k = instruction.k;
    block.bits = instruction.bits;
    block.k = shape[1];
    block.n = 8 * fragment.warps_n;
  } else {
    block.n = shape[1];
    // One instruction for all columns of a group, or as few as there can be.
    const std::int64_t columns = shape[1] / fragment.warps_n;
    for (int width = 8; width <= 256; width += 8)
      if (columns % width == 0) block.instruction_n = width;
  }
  const auto made = layouts::wgmma_block(block);
  if (!made) return tl::unexpected(made.error());
  return fragment.operand == 'a' ? made->a : made->c;
}

bool over_the_strand(Context& c, const RegisterLayout& layout, Place place) {
  if (layout.threads() == c.strand_threads) return true;
  c.error("BL0230", place) << "the layout has "
                           << counted(static_cast<std::size_t>(layout.threads()), "thread")
                           << " where the "
                           << (c.in_warps ? "warp"
                               : c.role   ? "role"
                                          : "block")
                           << " has " << c.strand_threads;
  return false;
}

}  // namespace

std::optional<RegisterLayout> layout_of(Context& c, const Value& value, vm::ElementType element,
                                        const Shape& shape, Place place) {
  if (value.poisoned()) return std::nullopt;
  const auto* part = value.as<Fragment>();
  if (!part) {
    const auto layout = whole_layout(c, value, place);
    if (!layout || layout->shape() == shape) return layout;
    return c.error("BL0230", place)
           << "the layout is one of " << layouts::to_string(layout->shape()) << ", and the tile is "
           << describe(vm::register_type(element, shape));
  }
  if (shape.size() != 2)
    return c.error("BL0230", place)
           << "a fragment of a matrix product has two dimensions, and the tile is "
           << describe(vm::register_type(element, shape));
  const auto layout =
      part->warpgroup ? wgmma_fragment(*part, element, shape) : mma_fragment(*part, element, shape);
  if (!layout) return c.error("BL0230", place) << layout.error().message;
  return over_the_strand(c, *layout, place) ? std::optional(*layout) : std::nullopt;
}

std::optional<RegisterLayout> whole_layout(Context& c, const Value& value, Place place) {
  if (value.poisoned()) return std::nullopt;
  if (value.is<Fragment>())
    return c.error("BL0231", place)
           << "a fragment takes its shape from a declared tile, and here is none";
  const auto* layout = value.as<RegisterLayout>();
  if (!layout)
    return c.error("BL0126", place)
           << "a layout is expected here, and this is " << c.describe(value);
  return over_the_strand(c, *layout, place) ? std::optional(*layout) : std::nullopt;
}

}  // namespace bitloom::dsl::sema
