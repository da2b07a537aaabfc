// What a product with low-bit weights is, before anything is chosen for it.
//
//   y[m, n] = x[m, k] · W[k, n] (+ bias[n]) (+ residual[m, n])
//   W[k, n] = (code − zero[k / group, n]) · scale[k / group, n]
//
// Activations, bias, residual and y are f16 or bf16; sums are f32, or whole numbers where
// activations are quantised on the way: with activation_codes = i8 each row of x becomes codes, the
// largest magnitude of the row 127, and codes are multiplied with codes. Signed integers and floats
// count as their value; unsigned integers as value minus zero point, 0 when there is none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/result.h"
#include "vm/element_type.h"

namespace bitloom::kernels {

struct GemmProblem {
  std::int64_t m = 0, n = 0, k = 0;
  vm::ElementType weight = vm::signed_type(4);  // integers of 1 to 8 bits, floats of 3 to 8
  vm::ElementType activation = vm::kF16;        // f16 or bf16
  std::optional<vm::ElementType> activation_codes = {};  // i8: for integer weights, m up to 32
  vm::ElementType scale = vm::kF16;                      // f16, bf16, e8m0 or e4m3
  std::optional<vm::ElementType> zero = {};              // unsigned of 1 to 8 bits, or f16
  std::int64_t group = 128;  // rows of k with one scale a column: 32, 64, 128, … or k
  bool bias = false, residual = false;
};

// BL1120, with the numbers that are wrong: n is a multiple of 8, k one of 64 and of the group, the
// group of 32; no operand has 2^31 rows or columns and more.
runtime::Result<void> check(const GemmProblem& problem);

// "i4 g128 f16 m=8 n=4096 k=4096"
std::string to_string(const GemmProblem& problem);

// The type of the activations, and what they are quantised to: "f16", "bf16", "i8" (of f16),
// "bf16:i8".
std::string activation_text(const GemmProblem& problem);
// False for text that is none.
bool parse_activation(const std::string& text, GemmProblem& problem);

// Bytes that a call must read and write at least once: packed codes, scales, zero points, x and y,
// bias and residual.
std::int64_t operator_bytes(const GemmProblem& problem);

}  // namespace bitloom::kernels
