// Attention in float64, over whichever columns of a row a test says.
#pragma once

#include "tests/kernels/arrays.h"

namespace bitloom::test {

struct AttentionReference {
  std::vector<double> o, lse;  // [heads, rows, D], [heads, rows]; 0 and −inf where nothing is seen
};

// visible(head, row) calls its argument with every column that the row sees; score(head, row,
// column) is added to scale · q · k.
template <class Columns, class Bias>
AttentionReference reference_attention(const HostArray& q, const HostArray& k, const HostArray& v,
                                       double scale, Columns columns_of, Bias bias) {
  const std::int64_t heads = q.shape()[0], rows = q.shape()[1], size = q.shape()[2],
                     columns = k.shape()[1];
  const std::int64_t shared_by = heads / k.shape()[0];
  AttentionReference result{std::vector<double>(q.size(), 0.0),
                            std::vector<double>(static_cast<std::size_t>(heads * rows), -INFINITY)};
  for (std::int64_t head = 0; head < heads; ++head) {
    const std::int64_t kv = head / shared_by;
    for (std::int64_t row = 0; row < rows; ++row) {
      std::vector<std::pair<std::int64_t, double>> scores;
      double top = -INFINITY;
      for (const std::int64_t column : columns_of(head, row)) {
        double s = 0;
        for (std::int64_t d = 0; d < size; ++d)
          s += at(q, (head * rows + row) * size + d) * at(k, (kv * columns + column) * size + d);
        scores.emplace_back(column, s * scale + bias(head, row, column));
        top = std::max(top, scores.back().second);
      }
      double total = 0;
      double* out = &result.o[static_cast<std::size_t>((head * rows + row) * size)];
      for (const auto& [column, s] : scores) {
        const double p = std::exp(s - top);
        total += p;
        for (std::int64_t d = 0; d < size; ++d)
          out[d] += p * at(v, (kv * columns + column) * size + d);
      }
      if (scores.empty()) continue;
      for (std::int64_t d = 0; d < size; ++d) out[d] /= total;
      result.lse[static_cast<std::size_t>(head * rows + row)] = top + std::log(total);
    }
  }
  return result;
}

inline void expect_attention(const HostArray& o, const HostArray& lse,
                             const AttentionReference& expected, double tolerance) {
  EXPECT_LT(relative_error(o, expected.o), tolerance);
  ASSERT_EQ(lse.size(), expected.lse.size());
  for (std::size_t i = 0; i < lse.size(); ++i) {
    const double got = at(lse, static_cast<std::int64_t>(i));
    if (std::isinf(expected.lse[i])) {
      ASSERT_EQ(got, expected.lse[i]) << "row " << i;
    } else {
      ASSERT_NEAR(got, expected.lse[i], 2e-3 + 1e-4 * std::abs(expected.lse[i])) << "row " << i;
    }
  }
}

}  // namespace bitloom::test
