#include "vm/interpreter/matmul.h"

#include <algorithm>
#include <cmath>

#include "vm/numerics/processor.h"

namespace bitloom::vm::interpreter {
namespace {

// The columns of c that are summed at once: enough for all vector registers of a row.
constexpr std::size_t kColumns = 64;

// One row of c, `width` columns from `j` on. Inlined into functions of several instruction sets.
template <class T, class Add>
[[gnu::always_inline]] inline void row_block(const MatmulShape& shape, const T* a, const T* b, T* c,
                                             std::size_t width, Add add) {
  T sums[kColumns];
  for (std::size_t j = 0; j < width; ++j) sums[j] = c[j];
  for (std::size_t k = 0; k < shape.k; ++k) {
    const T x = a[k];
    const T* row = b + k * shape.n;
    for (std::size_t j = 0; j < width; ++j) sums[j] = add(x, row[j], sums[j]);
  }
  for (std::size_t j = 0; j < width; ++j) c[j] = sums[j];
}

template <class T, class Add>
[[gnu::always_inline]] inline void product(const MatmulShape& shape, const T* a, const T* b, T* c,
                                           Add add) {
  for (std::size_t i = 0; i < shape.m; ++i) {
    for (std::size_t j = 0; j < shape.n; j += kColumns) {
      const std::size_t width = std::min(kColumns, shape.n - j);
      T* out = c + i * shape.n + j;
      // Constant widths become unrolled vector code.
      if (width == kColumns) {
        row_block(shape, a + i * shape.k, b + j, out, kColumns, add);
      } else if (width == 16) {
        row_block(shape, a + i * shape.k, b + j, out, 16, add);
      } else {
        row_block(shape, a + i * shape.k, b + j, out, width, add);
      }
    }
  }
}

#if BITLOOM_HAVE_AVX2
BITLOOM_AVX2 void product_avx2(const MatmulShape& shape, const float* a, const float* b, float* c) {
  product(
      shape, a, b, c, [](float x, float y, float z) __attribute__((always_inline)) {
        return __builtin_fmaf(x, y, z);
      });
}
BITLOOM_AVX2 void product_avx2(const MatmulShape& shape, const double* a, const double* b,
                               double* c) {
  product(
      shape, a, b, c, [](double x, double y, double z) __attribute__((always_inline)) {
        return __builtin_fma(x, y, z);
      });
}
#endif

}  // namespace

void matmul(const MatmulShape& shape, const float* a, const float* b, float* c) {
#if BITLOOM_HAVE_AVX2
  if (has_avx2()) return product_avx2(shape, a, b, c);
#endif
  product(shape, a, b, c, [](float x, float y, float z) { return std::fma(x, y, z); });
}

void matmul(const MatmulShape& shape, const double* a, const double* b, double* c) {
#if BITLOOM_HAVE_AVX2
  if (has_avx2()) return product_avx2(shape, a, b, c);
#endif
  product(shape, a, b, c, [](double x, double y, double z) { return std::fma(x, y, z); });
}

void matmul(const MatmulShape& shape, const std::int32_t* a, const std::int32_t* b,
            std::int32_t* c) {
  product(shape, a, b, c, [](std::int32_t x, std::int32_t y, std::int32_t z) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(x) * static_cast<std::uint32_t>(y) +
                                     static_cast<std::uint32_t>(z));
  });
}

}  // namespace bitloom::vm::interpreter
