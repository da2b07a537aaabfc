// Rules that many instructions share. Each reports and returns false, or returns true.
#pragma once

#include <span>

#include "vm/verify/context.h"

namespace bitloom::vm::rules {

// ---- Sets of element types ----

bool is_arithmetic_integer(ElementType type);  // integers of 8, 16, 32 and 64 bits
bool is_arithmetic_float(ElementType type);    // f16 bf16 f32 f64
bool is_arithmetic(ElementType type);
bool is_index(ElementType type);    // i32 u32 i64 u64
bool is_bitwise(ElementType type);  // integers of any width, bool

struct TypeSet {
  bool (*contains)(ElementType);
  std::string_view text;  // "f16, bf16, f32 and f64"
};
inline constexpr TypeSet kArithmetic = {
    is_arithmetic, "f16, bf16, f32, f64 and integers of 8, 16, 32 and 64 bits"};
inline constexpr TypeSet kFloats = {is_arithmetic_float, "f16, bf16, f32 and f64"};
inline constexpr TypeSet kIntegers = {is_arithmetic_integer, "integers of 8, 16, 32 and 64 bits"};
inline constexpr TypeSet kIndices = {is_index, "i32, u32, i64 and u64"};
inline constexpr TypeSet kBitwise = {is_bitwise, "bool and integers"};
inline constexpr TypeSet kF32 = {[](ElementType t) { return t == vm::kF32; }, "f32"};
inline constexpr TypeSet kF32F64 = {[](ElementType t) { return t == vm::kF32 || t == vm::kF64; },
                                    "f32 and f64"};
inline constexpr TypeSet kU32 = {[](ElementType t) { return t == vm::kU32; }, "u32"};
inline constexpr TypeSet kI32 = {[](ElementType t) { return t == vm::kI32; }, "i32"};
inline constexpr TypeSet kInt32 = {[](ElementType t) { return t == vm::kI32 || t == vm::kU32; },
                                   "i32 and u32"};
inline constexpr TypeSet kBool = {[](ElementType t) { return t.is_bool(); }, "bool"};

// BL0204
bool element_in(VerifyContext& context, ValueId id, const TypeSet& set);
// BL0201: all of one element type.
bool same_element(VerifyContext& context, ValueId a, ValueId b);
// BL0240: of one shape.
bool same_shape(VerifyContext& context, ValueId a, ValueId b);
bool has_shape(VerifyContext& context, ValueId id, const Shape& shape, std::string_view why);
// After lowering, BL0252: of one layout.
bool same_layout(VerifyContext& context, ValueId a, ValueId b);
// All three.
bool same_tile(VerifyContext& context, ValueId a, ValueId b);
// BL0204: of an integer type with 32 or 64 bits.
bool index_scalar(VerifyContext& context, ValueId id);

// ---- Attributes ----

// BL0243: the attribute is there.
bool require(VerifyContext& context, std::string_view attribute);
// BL0220: one of the names (or absent).
bool word_in(VerifyContext& context, std::string_view attribute,
             std::initializer_list<std::string_view> names);
// BL0242: within [least, most].
bool number_in(VerifyContext& context, std::string_view attribute, std::int64_t least,
               std::int64_t most);
// BL0213: `dim` names a dimension of the value.
bool dim_of(VerifyContext& context, ValueId id);
// BL0213: `permutation` is one of the value's rank.
bool permutation_of(VerifyContext& context, ValueId id);

// ---- Memory ----

// BL0260: absent, or 0 or 1 for each dimension of the window (one entry where it has none left).
bool clip_of(VerifyContext& context, ValueId window);
// BL0258: absent, or a bool tile of this shape.
bool mask_of(VerifyContext& context, ValueId mask, ValueId tile);
// BL0210: the window has constant extents.
bool constant_window(VerifyContext& context, ValueId window);
// BL0261 and BL0201: register tile and window agree.
bool tile_fits_window(VerifyContext& context, ValueId tile, ValueId window);
// BL0262: a memory operand of exactly one element.
bool single_element(VerifyContext& context, ValueId window);
// Bits of a memory tile with constant extents.
std::int64_t tile_bits(const Type& type);

template <class List>
std::string joined(const List& list, std::string_view separator = ", ") {
  return fmt::format("{}", fmt::join(list, separator));
}

}  // namespace bitloom::vm::rules
