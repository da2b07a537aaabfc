// The low-rank correction of a quantised matrix: what lqer_decode.bl and lqer_gemm.bl add to it.
//
//   y = x · W ≈ x · Wq + (x · A) · B         W, Wq [k, n], A [k, R], B [R, n]
//
// LQER: with E = W − Wq = U Σ Vᵀ, A = U_R and B = Σ_R V_Rᵀ. No product of rank R is nearer to E:
// what is left has the Frobenius norm (Σ_{i > R} σ_i²)^½ (Eckart and Young, 1936). L²QER: inputs
// are not alike, so errors of rows that meet large ones count more. With S = diag(s), the
// decomposition is that of S·E, A = S⁻¹ U_R and B = Σ_R V_Rᵀ: S·(E − A·B) is as small as it can be.
// Both: Zhang, Cheng, Constantinides, Zhao, "LQER: Low-Rank Quantization Error Reconstruction for
// LLMs", arXiv:2402.02446.
//
//   ActivationScale scale(k);
//   for (each sample of the calibration text) scale.add(x);                         // x [tokens,
//   k] Result<LowRank> c = low_rank_correction(w, quantized, k, n, 32, scale.values());  // {} for
//   LQER
//
// Matrices are dense and row-major; sums are made in double. A checkpoint that stores W as [n, k]
// is transposed first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/result.h"

namespace bitloom::kernels {

struct LowRank {
  std::int64_t k = 0, n = 0, rank = 0;
  std::vector<float> a;                 // [k, rank]
  std::vector<float> b;                 // [rank, n]
  std::vector<double> singular_values;  // of S·E, falling, min(k, n) of them
  double error = 0;                     // ‖S·E‖, Frobenius
  double left_over = 0;                 // ‖S·(E − A·B)‖ before A and B are rounded to float
};

// BL1101 for a rank that is less than 1 or more than min(k, n); BL1102 for numbers that are not
// finite, and scales that are not greater than 0. `input_scale` has k elements, or none (LQER).
// Takes in the order of k·n·min(k, n) operations.
runtime::Result<LowRank> low_rank_correction(std::span<const float> weights,
                                             std::span<const float> quantized, std::int64_t k,
                                             std::int64_t n, std::int64_t rank,
                                             std::span<const float> input_scale = {});

// How large the inputs of a layer are, from samples: s_i = max over samples of the mean of |x_i|,
// divided by √(min s · max s) (section 4.2 of the paper).
class ActivationScale {
 public:
  explicit ActivationScale(std::int64_t k) : largest_(static_cast<std::size_t>(k), 0.0) {}

  // One sample: its rows [tokens, k]. A sample without rows counts nothing.
  void add(std::span<const float> rows);

  // [k], all greater than 0: an input that is never (or hardly ever) used counts as 10⁻⁴ of the
  // largest, so that A stays in the range of f16. All 1 when no sample was given or all inputs were
  // 0.
  std::vector<float> values() const;

 private:
  std::vector<double> largest_;
};

}  // namespace bitloom::kernels
