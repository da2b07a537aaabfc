#include "kernels/lqer/low_rank.h"

#include <fmt/format.h>

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <optional>

namespace bitloom::kernels {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic>;

std::optional<std::string> fault_of(std::span<const float> matrix, const char* name,
                                    std::int64_t n) {
  for (std::size_t i = 0; i < matrix.size(); ++i) {
    if (!std::isfinite(matrix[i])) {
      const auto at = static_cast<std::int64_t>(i);
      return fmt::format("{}[{}, {}] is {}", name, at / n, at % n, matrix[i]);
    }
  }
  return std::nullopt;
}

std::optional<std::string> fault_of_scale(std::span<const float> scale) {
  for (std::size_t i = 0; i < scale.size(); ++i) {
    if (!(std::isfinite(scale[i]) && scale[i] > 0))
      return fmt::format("the scale of input {} is {}; it must be finite and greater than 0", i,
                         scale[i]);
  }
  return std::nullopt;
}

Matrix scaled_error(std::span<const float> weights, std::span<const float> quantized,
                    std::int64_t k, std::int64_t n, std::span<const float> scale) {
  Matrix error(k, n);
  for (std::int64_t i = 0; i < k; ++i) {
    const double s = scale.empty() ? 1.0 : static_cast<double>(scale[static_cast<std::size_t>(i)]);
    for (std::int64_t j = 0; j < n; ++j) {
      const auto at = static_cast<std::size_t>(i * n + j);
      error(i, j) = s * (static_cast<double>(weights[at]) - static_cast<double>(quantized[at]));
    }
  }
  return error;
}

}  // namespace

runtime::Result<LowRank> low_rank_correction(std::span<const float> weights,
                                             std::span<const float> quantized, std::int64_t k,
                                             std::int64_t n, std::int64_t rank,
                                             std::span<const float> input_scale) {
  using runtime::failure;
  const auto size = static_cast<std::size_t>(k * n);
  if (weights.size() != size || quantized.size() != size)
    return failure(
        "BL0612",
        fmt::format(
            "W has {} numbers and its quantised value {}, where k = {} and n = {} ask for {}",
            weights.size(), quantized.size(), k, n, k * n));
  if (!input_scale.empty() && input_scale.size() != static_cast<std::size_t>(k))
    return failure(
        "BL0612", fmt::format("there are {} scales of inputs where k = {}", input_scale.size(), k));
  if (rank < 1 || rank > std::min(k, n))
    return failure("BL1101",
                   fmt::format("rank {} of a correction to a matrix [{}, {}]", rank, k, n),
                   fmt::format("choose a rank from 1 to {}", std::min(k, n)));
  if (auto fault = fault_of(weights, "W", n)) return failure("BL1102", *fault);
  if (auto fault = fault_of(quantized, "the quantised W", n)) return failure("BL1102", *fault);
  if (auto fault = fault_of_scale(input_scale))
    return failure("BL1102", *fault,
                   "use a small number for an input that the calibration text never uses");

  const Eigen::BDCSVD<Matrix> svd(scaled_error(weights, quantized, k, n, input_scale),
                                  Eigen::ComputeThinU | Eigen::ComputeThinV);
  const auto& sigma = svd.singularValues();
  LowRank result{.k = k,
                 .n = n,
                 .rank = rank,
                 .a = {},
                 .b = {},
                 .singular_values = {sigma.begin(), sigma.end()},
                 .error = sigma.norm(),
                 .left_over = sigma.tail(sigma.size() - rank).norm()};
  result.a.resize(static_cast<std::size_t>(k * rank));
  result.b.resize(static_cast<std::size_t>(rank * n));
  for (std::int64_t r = 0; r < rank; ++r) {
    for (std::int64_t i = 0; i < k; ++i) {
      const double s =
          input_scale.empty() ? 1.0 : static_cast<double>(input_scale[static_cast<std::size_t>(i)]);
      result.a[static_cast<std::size_t>(i * rank + r)] =
          static_cast<float>(svd.matrixU()(i, r) / s);
    }
    for (std::int64_t j = 0; j < n; ++j)
      result.b[static_cast<std::size_t>(r * n + j)] =
          static_cast<float>(sigma(r) * svd.matrixV()(j, r));
  }
  return result;
}

void ActivationScale::add(std::span<const float> rows) {
  const std::size_t k = largest_.size();
  if (k == 0 || rows.size() < k) return;
  const std::size_t tokens = rows.size() / k;
  for (std::size_t i = 0; i < k; ++i) {
    double sum = 0;
    for (std::size_t t = 0; t < tokens; ++t) sum += std::abs(static_cast<double>(rows[t * k + i]));
    largest_[i] = std::max(largest_[i], sum / static_cast<double>(tokens));
  }
}

std::vector<float> ActivationScale::values() const {
  std::vector<float> values(largest_.size(), 1.0F);
  const double top = largest_.empty() ? 0 : *std::max_element(largest_.begin(), largest_.end());
  if (!(top > 0)) return values;
  constexpr double kLeast = 1e-4;
  double least = top;
  for (const double s : largest_) least = std::min(least, std::max(s, kLeast * top));
  const double middle = std::sqrt(least * top);
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(std::max(largest_[i], kLeast * top) / middle);
  return values;
}

}  // namespace bitloom::kernels
