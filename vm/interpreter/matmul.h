// Products of dense matrices, the inside of dot.
//
// Every element of the result is summed over k from 0 up, beginning with c:
//
//   d[i][j] = fma(a[i][k-1], b[k-1][j], … fma(a[i][0], b[0][j], c[i][j]))
//
// in f32, f64 or 32-bit integers (which wrap). Products of f16, bf16, tf32 and narrower numbers are
// exact in f32, so for them this is one rounding an addition. Tensor cores sum in blocks with fewer
// bits; how far that may lie apart is in docs/numerics.md.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bitloom::vm::interpreter {

struct MatmulShape {
  std::size_t m = 0, n = 0, k = 0;
};

// a is m x k, b is k x n, c is m x n and becomes the result; all row-major.
void matmul(const MatmulShape& shape, const float* a, const float* b, float* c);
void matmul(const MatmulShape& shape, const double* a, const double* b, double* c);
void matmul(const MatmulShape& shape, const std::int32_t* a, const std::int32_t* b,
            std::int32_t* c);

}  // namespace bitloom::vm::interpreter
