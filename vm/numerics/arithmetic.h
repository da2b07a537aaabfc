// Arithmetic on codes, one element at a time: the reference for the interpreter, the constant
// folder and the tests.
//
// Floats (f16, bf16, f32, f64): correctly rounded to nearest even or as asked; subnormals are never
// flushed; a result that is NaN is the canonical NaN of the type. min and max are IEEE 754-2019
// minimumNumber and maximumNumber: NaN gives the other operand, and -0 is less than +0. Negation
// and absolute value only touch the sign bit, NaN included.
//
// Integers of any width wrap modulo 2^bits. Shifts by the width or more give 0 (or the sign, for an
// arithmetic shift to the right); the amount is unsigned. Division truncates towards zero; by zero
// it has no value, and the least integer divided by -1 wraps.
#pragma once

#include <cstdint>
#include <optional>

#include "vm/element_type.h"
#include "vm/numerics.h"

namespace bitloom::vm {

// f64 takes Rounding::NearestEven only.
std::uint64_t float_add(ElementType type, std::uint64_t a, std::uint64_t b,
                        Rounding rounding = Rounding::NearestEven);
std::uint64_t float_sub(ElementType type, std::uint64_t a, std::uint64_t b,
                        Rounding rounding = Rounding::NearestEven);
std::uint64_t float_mul(ElementType type, std::uint64_t a, std::uint64_t b,
                        Rounding rounding = Rounding::NearestEven);
std::uint64_t float_fma(ElementType type, std::uint64_t a, std::uint64_t b, std::uint64_t c,
                        Rounding rounding = Rounding::NearestEven);
std::uint64_t float_div(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t float_sqrt(ElementType type, std::uint64_t a);
std::uint64_t float_min(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t float_max(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t float_neg(ElementType type, std::uint64_t a);
std::uint64_t float_abs(ElementType type, std::uint64_t a);

std::uint64_t integer_add(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t integer_sub(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t integer_mul(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t integer_mul_high(ElementType type, std::uint64_t a, std::uint64_t b);
std::optional<std::uint64_t> integer_div(ElementType type, std::uint64_t a, std::uint64_t b);
std::optional<std::uint64_t> integer_rem(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t integer_shl(ElementType type, std::uint64_t a, std::uint64_t amount);
std::uint64_t integer_shr(ElementType type, std::uint64_t a, std::uint64_t amount);
std::uint64_t integer_min(ElementType type, std::uint64_t a, std::uint64_t b);
std::uint64_t integer_max(ElementType type, std::uint64_t a, std::uint64_t b);

}  // namespace bitloom::vm
