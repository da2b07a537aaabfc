// Plans of products on a GPU: every kernel against float64 on random problems, the same bits from
// run to run, packing that nothing changes, and what is refused.
#include <gmock/gmock.h>

#include <cmath>

#include "kernels/gemm/tuner.h"
#include "kernels/measure/cublas_lt.h"
#include "kernels/measure/random_weights.h"
#include "tests/kernels/arrays.h"

namespace bitloom::kernels {
namespace {

using runtime::Device;
using runtime::HostArray;
using runtime::Stream;
using runtime::Tensor;

class GemmPlans : public testing::Test {
 protected:
  Device device = *Device::open();
  Stream stream = *Stream::create(device);
  std::mt19937_64 random{test::test_seed() + 20};
};

double error_of(const GemmProblem& p, const RandomWeights& weights, const HostArray& x,
                const HostArray& y, std::int64_t rows) {
  double wrong = 0, whole = 0;
  for (std::int64_t column = 0; column < p.n; column += std::max<std::int64_t>(p.n / 16, 1)) {
    const auto w = weights.column(column);
    for (std::int64_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k)
        sum += test::at(x, row * p.k + k) * w[static_cast<std::size_t>(k)];
      const double got = test::at(y, row * p.n + column);
      wrong += (got - sum) * (got - sum);
      whole += sum * sum;
    }
  }
  return std::sqrt(wrong / whole);
}

TEST_F(GemmPlans, EveryCandidateAgreesWithFloat64) {
  for (int draw = 0; draw < 12; ++draw) {
    GemmProblem p{.m = test::pick(random, 1, draw % 3 == 0 ? 200 : 32),
                  .n = 8 * test::pick(random, 1, 200),
                  .k = 128 * test::pick(random, 1, 12)};
    if (draw % 2 == 0) p.n = 256 * test::pick(random, 1, 6);
    p.weight = draw % 4 == 3   ? vm::float_type(3, 2)
               : draw % 4 == 2 ? vm::signed_type(static_cast<int>(test::pick(random, 2, 8)))
                               : vm::unsigned_type(static_cast<int>(test::pick(random, 1, 8)));
    p.group = 64 << test::pick(random, 0, 1);
    if (p.weight.type_class == vm::TypeClass::Unsigned && draw % 3 == 1) p.zero = vm::kU8;
    if (p.m <= 32 && p.weight.is_integer() && draw % 2 == 1) p.activation_codes = vm::kI8;
    const RandomWeights weights(p, 5);
    const auto packed = weights.on(stream);
    ASSERT_TRUE(packed) << packed.error().message;
    const HostArray host = test::normal(p.activation, {p.m, p.k}, random);
    const Tensor x = *Tensor::from_host(host, stream),
                 y = *Tensor::allocate(device, p.activation, {p.m, p.n});
    const auto configs = gemm_candidates(p, device.target());
    ASSERT_FALSE(configs.empty()) << to_string(p);
    auto plans = GemmPlan::make_all(p, configs, device);
    for (std::size_t i = 0; i < plans.size(); ++i) {
      SCOPED_TRACE(to_string(p) + " by " + to_string(configs[i]));
      ASSERT_TRUE(plans[i]) << plans[i].error().message;
      const auto launched = plans[i]->launch(stream, x, *packed, y);
      ASSERT_TRUE(launched) << launched.error().message;
      const HostArray first = *y.to_host(stream);
      // Rounding a Gaussian row to 127 steps each way costs about 1%.
      EXPECT_LT(error_of(p, weights, host, first, p.m), p.activation_codes ? 2e-2 : 2e-3);
      for (int again = 0; again < 3; ++again) {
        ASSERT_TRUE(plans[i]->launch(stream, x, *packed, y));
        EXPECT_TRUE(std::ranges::equal(y.to_host(stream)->bytes(), first.bytes()))
            << "other bits in another run";
      }
    }
  }
}

TEST_F(GemmPlans, PackingIsTheSameWhateverIsTuned) {
  const GemmProblem p{.m = 4, .n = 512, .k = 512};
  const GemmSource source{test::codes(p.weight, {p.k, p.n}, random),
                          test::normal(vm::kF16, {p.k / p.group, p.n}, random, 0.01, 0.1)};
  const auto bytes = [&](const Tensor& tensor) {
    std::vector<std::byte> copy(tensor.bytes());
    EXPECT_TRUE(tensor.buffer().download(copy, stream));
    return copy;
  };
  Tuner tuner(stream, {.cold_bytes = 1 << 20});
  ASSERT_TRUE(tuner.open());
  ASSERT_TRUE(tuner.tune(p));
  const auto packed = GemmWeights::pack(p, source, stream);
  ASSERT_TRUE(packed) << packed.error().message;
  const auto before = bytes(packed->codes());
  EXPECT_EQ(before.size(), static_cast<std::size_t>(p.n * p.k * 4 / 8));
  GemmProblem other = p;
  other.m = 32;
  const auto best = tuner.tune(other);
  ASSERT_TRUE(best) << best.error().message;
  EXPECT_EQ(bytes(GemmWeights::pack(p, source, stream)->codes()), before);
  const auto unpacked = packed->unpack(stream);
  ASSERT_TRUE(unpacked) << unpacked.error().message;
  EXPECT_TRUE(std::ranges::equal(unpacked->codes.bytes(), source.codes.bytes()));
  EXPECT_TRUE(std::ranges::equal(unpacked->scale.bytes(), source.scale.bytes()));
}

TEST_F(GemmPlans, RefuseWhatIsNotTheirs) {
  const GemmProblem p{.m = 4, .n = 256, .k = 256};
  const RandomWeights weights(p, 1);
  const auto packed = *weights.on(stream);
  const auto plan = GemmPlan::make(p, device);
  ASSERT_TRUE(plan) << plan.error().message;
  const Tensor x = *Tensor::zeros(stream, vm::kF16, {5, 256}),
               y = *Tensor::zeros(stream, vm::kF16, {5, 256});
  const auto many = plan->launch(stream, x, packed, y);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, "BL1122");
  const auto biased = plan->launch(stream, x, packed, y, &y);
  ASSERT_FALSE(biased);
  EXPECT_EQ(biased.error().code, "BL1122");
  const auto wrong = GemmWeights::pack(
      p, {test::zeros(vm::kU8, {256, 255}), test::zeros(vm::kF16, {2, 256})}, stream);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "BL1122");
  const Tensor none = *Tensor::allocate(device, vm::kF16, {0, 256});
  EXPECT_TRUE(plan->launch(stream, none, packed, none));
}

// The baseline is there or says that it is not; nothing else depends on it.
TEST_F(GemmPlans, TheBaselineIsThereOrSaysSo) {
  const auto baseline = CublasLt::load(stream);
  EXPECT_EQ(baseline ? "BL1124" : baseline.error().code, "BL1124");
}

}  // namespace
}  // namespace bitloom::kernels
