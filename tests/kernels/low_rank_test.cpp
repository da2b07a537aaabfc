// kernels/lqer/low_rank.h against its definition: no other product of the rank is nearer.
#include "kernels/lqer/low_rank.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

using kernels::ActivationScale;
using kernels::low_rank_correction;
using kernels::LowRank;

struct Problem {
  std::int64_t k, n;
  std::vector<float> w, quantized;
  double error(std::int64_t i, std::int64_t j) const {
    const auto at = static_cast<std::size_t>(i * n + j);
    return static_cast<double>(w[at]) - static_cast<double>(quantized[at]);
  }
};

Problem random_problem(std::int64_t k, std::int64_t n, std::mt19937_64& random) {
  Problem p{.k = k, .n = n, .w = {}, .quantized = {}};
  std::normal_distribution<float> draw;
  for (std::int64_t i = 0; i < k * n; ++i) {
    p.w.push_back(draw(random));
    p.quantized.push_back(std::round(p.w.back() * 2) / 2);
  }
  return p;
}

std::vector<float> random_scale(std::int64_t k, std::mt19937_64& random) {
  std::vector<float> scale;
  std::lognormal_distribution<float> draw(0, 2);
  for (std::int64_t i = 0; i < k; ++i) scale.push_back(draw(random) + 1e-3F);
  return scale;
}

// ‖S (E − A·B)‖
double left_over(const Problem& p, const LowRank& c, const std::vector<float>& scale) {
  double sum = 0;
  for (std::int64_t i = 0; i < p.k; ++i) {
    const double s = scale.empty() ? 1 : static_cast<double>(scale[static_cast<std::size_t>(i)]);
    for (std::int64_t j = 0; j < p.n; ++j) {
      double left = p.error(i, j);
      for (std::int64_t r = 0; r < c.rank; ++r)
        left -= static_cast<double>(c.a[static_cast<std::size_t>(i * c.rank + r)]) *
                static_cast<double>(c.b[static_cast<std::size_t>(r * p.n + j)]);
      sum += s * s * left * left;
    }
  }
  return std::sqrt(sum);
}

TEST(LowRank, LeavesTheTailOfTheSingularValues) {
  std::mt19937_64 random(test_seed());
  for (const bool weighted : {false, true}) {
    for (int draw = 0; draw < 4; ++draw) {
      const std::int64_t k = pick(random, 1, 70), n = pick(random, 1, 90),
                         rank = pick(random, 1, std::min(k, n));
      SCOPED_TRACE(fmt::format("k={} n={} rank={} weighted={}", k, n, rank, weighted));
      const Problem p = random_problem(k, n, random);
      const std::vector<float> scale = weighted ? random_scale(k, random) : std::vector<float>{};
      const auto c = low_rank_correction(p.w, p.quantized, k, n, rank, scale);
      ASSERT_TRUE(c) << c.error().message;
      ASSERT_EQ(c->a.size(), static_cast<std::size_t>(k * rank));
      ASSERT_EQ(c->b.size(), static_cast<std::size_t>(rank * n));
      EXPECT_NEAR(left_over(p, *c, scale), c->left_over, 1e-5 * c->error);
      const double whole =
          left_over(p, {.k = k, .n = n, .rank = 0, .a = {}, .b = {}, .singular_values = {}}, scale);
      EXPECT_NEAR(whole, c->error, 1e-9 * whole);
      double tail = 0;
      ASSERT_EQ(c->singular_values.size(), static_cast<std::size_t>(std::min(k, n)));
      for (std::size_t i = static_cast<std::size_t>(rank); i < c->singular_values.size(); ++i)
        tail += c->singular_values[i] * c->singular_values[i];
      EXPECT_NEAR(std::sqrt(tail), c->left_over, 1e-9 * whole);
    }
  }
}

// The singular values themselves, from a matrix that is made of known ones: two planted directions
// and a small rest.
TEST(LowRank, FindsPlantedDirections) {
  std::mt19937_64 random(test_seed() + 1);
  const std::int64_t k = 48, n = 64;
  Problem p{.k = k,
            .n = n,
            .w = {},
            .quantized = std::vector<float>(static_cast<std::size_t>(k * n), 0.F)};
  // columns of the Hadamard matrix are orthogonal
  const auto hadamard = [](std::int64_t i, std::int64_t j) {
    return __builtin_popcountll(static_cast<unsigned long long>(i & j)) % 2 == 0 ? 1.0 : -1.0;
  };
  for (std::int64_t i = 0; i < k; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      p.w.push_back(
          static_cast<float>((i < 16 ? 7 * hadamard(i, 1) * hadamard(j, 5) : 0) +
                             (i >= 16 && i < 32 ? 3 * hadamard(i, 2) * hadamard(j, 9) : 0) +
                             (i >= 32 ? hadamard(i, 3) * hadamard(j, 17) : 0)));
  // Each is a product of vectors of norm √16 and √64: σ = 7·32, 3·32, 32.
  const double expected[] = {std::sqrt(3.0 * 3 + 1) * 32, 32, 0};
  for (std::int64_t rank = 1; rank <= 3; ++rank) {
    const auto c = low_rank_correction(p.w, p.quantized, k, n, rank);
    ASSERT_TRUE(c);
    EXPECT_NEAR(c->error, std::sqrt(59.0) * 32, 1e-9);
    EXPECT_NEAR(c->left_over, expected[rank - 1], 1e-9);
  }
}

TEST(LowRank, NoOtherProductOfTheRankIsNearer) {
  std::mt19937_64 random(test_seed() + 2);
  const std::int64_t k = 20, n = 30, rank = 4;
  const Problem p = random_problem(k, n, random);
  const std::vector<float> scale = random_scale(k, random);
  const auto best = low_rank_correction(p.w, p.quantized, k, n, rank, scale);
  ASSERT_TRUE(best);
  // The unweighted one is worse where inputs count, as is every neighbour.
  const auto plain = low_rank_correction(p.w, p.quantized, k, n, rank);
  ASSERT_TRUE(plain);
  EXPECT_GT(left_over(p, *plain, scale), best->left_over);
  std::normal_distribution<float> draw(0, 0.01F);
  for (int i = 0; i < 20; ++i) {
    LowRank other = *best;
    for (float& x : other.a) x += draw(random);
    for (float& x : other.b) x += draw(random);
    EXPECT_GT(left_over(p, other, scale), best->left_over);
  }
}

TEST(LowRank, RefusesWhatItCannotDecompose) {
  const std::vector<float> w(12, 1.0F), q(12, 0.5F);
  const auto code = [](const auto& result) { return result ? std::string() : result.error().code; };
  EXPECT_EQ(code(low_rank_correction(w, q, 3, 4, 0)), "BL1101");
  EXPECT_EQ(code(low_rank_correction(w, q, 3, 4, 4)), "BL1101");
  EXPECT_EQ(code(low_rank_correction(w, q, 3, 5, 1)), "BL0612");
  EXPECT_EQ(code(low_rank_correction(w, q, 3, 4, 1, std::vector<float>{1, 1})), "BL0612");
  std::vector<float> bad = w;
  bad[5] = std::numeric_limits<float>::quiet_NaN();
  const auto nan = low_rank_correction(bad, q, 3, 4, 1);
  EXPECT_EQ(code(nan), "BL1102");
  EXPECT_NE(nan.error().message.find("W[1, 1] is nan"), std::string::npos) << nan.error().message;
  EXPECT_EQ(code(low_rank_correction(w, bad, 3, 4, 1)), "BL1102");
  EXPECT_EQ(code(low_rank_correction(w, q, 3, 4, 1, std::vector<float>{1, 0, 1})), "BL1102");
}

TEST(ActivationScale, IsTheLargestMeanMagnitudeOfASampleOverTheMiddle) {
  ActivationScale scale(3);
  scale.add(std::vector<float>{1, -2, 0, /**/ 3, 2, 0});  // means 2, 2, 0
  scale.add(std::vector<float>{-8, 0.5, 0});              // means 8, 0.5, 0
  const std::vector<float> s = scale.values();
  // largest 8, 2, 0 -> the last counts as 8e-4; the middle is √(8 · 8e-4) = 0.08
  EXPECT_NEAR(s[0], 100, 1e-3);
  EXPECT_NEAR(s[1], 25, 1e-3);
  EXPECT_NEAR(s[2], 0.01, 1e-6);
  EXPECT_EQ(ActivationScale(2).values(), (std::vector<float>{1, 1}));
}

}  // namespace
}  // namespace bitloom::test
