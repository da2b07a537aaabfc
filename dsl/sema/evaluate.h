// Expressions: from the tree to a Value, emitting what has to be computed when the kernel runs.
//
// `evaluate` leaves windows of memory as they are; `value_of` loads them. What must be known at
// compile time is asked for by the `constant_…` functions, which report BL0125 with what was found
// instead.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

Value evaluate(Context& c, const Expr& expr);
Value value_of(Context& c, const Expr& expr);
// An optional parameter is used where this specialisation has none.
Value not_given(Context& c, const Expr& expr);

// The value behind a name: of this block or one around it, of the module, of the language. Poison
// without a word when there is none, so that the caller says what was looked for.
std::optional<Value> lookup(Context& c, std::string_view name, Place place);
// Everything that `lookup` would find, for "did you mean".
std::vector<std::string_view> names_in_reach(const Context& c);
Value constant_of_module(Context& c, const Module& module, const ConstDecl& decl);

// `what` is the subject of the message: "the number of stages".
std::optional<std::int64_t> constant_integer(Context& c, const Expr& expr, std::string_view what);
std::optional<std::int64_t> constant_integer(Context& c, const Value& value, Place place,
                                             std::string_view what);
std::optional<bool> constant_bool(Context& c, const Value& value, Place place,
                                  std::string_view what);
std::optional<vm::ElementType> element_type(Context& c, const Expr& expr);
// Positive constants; a tile of at most 2^20 elements.
std::optional<vm::Shape> constant_shape(Context& c, const std::vector<ExprPtr>& extents,
                                        Place place);
bool valid_shape(Context& c, const vm::Shape& shape, Place place);

// A scalar of an integer type; numbers become i32 (or i64, if they need it).
std::optional<Register> integer_scalar(Context& c, const Value& value, Place place,
                                       std::string_view what);
// A bool scalar.
std::optional<Register> condition_scalar(Context& c, const Value& value, Place place,
                                         std::string_view what);

// What TypeSyntax says of a value in registers: element type and shape. -1 stands for `_`.
struct TileType {
  vm::ElementType element;
  vm::Shape shape;
};
std::optional<TileType> tile_type(Context& c, const TypeSyntax& syntax);

}  // namespace bitloom::dsl::sema
