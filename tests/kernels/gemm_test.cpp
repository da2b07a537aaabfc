// gemm.bl against float64: every narrow type, random shapes and group sizes, with and without zero
// points.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "tests/kernels/kernel_runner.h"
#include "vm/numerics.h"

namespace bitloom::test {
namespace {

using runtime::HostArray;
using vm::ElementType;

struct Problem {
  ElementType type;
  std::int64_t m, n, k, group;
  bool zero;
  std::string target;

  std::string text() const {
    return fmt::format("W={} m={} n={} k={} G={} zero={} {}", to_string(type), m, n, k, group, zero,
                       target);
  }
};

HostArray make(ElementType type, runtime::Shape shape) {
  return *HostArray::zeros(type, std::move(shape));
}

void fill_normal(HostArray& array, std::mt19937_64& random, double mean, double deviation) {
  std::normal_distribution<double> normal(mean, deviation);
  for (std::size_t i = 0; i < array.size(); ++i)
    array.set_code(i, vm::encode(array.type(), normal(random)));
}

double at(const HostArray& array, std::int64_t i) {
  return vm::decode(array.type(), array.code(static_cast<std::size_t>(i)));
}

// Codes that stand for finite numbers, all alike.
void fill_codes(HostArray& codes, std::mt19937_64& random) {
  std::uniform_int_distribution<std::uint64_t> draw(0, vm::code_mask(codes.type()));
  for (std::size_t i = 0; i < codes.size(); ++i) {
    std::uint64_t code = draw(random);
    while (!std::isfinite(vm::decode(codes.type(), code))) code = draw(random);
    codes.set_code(i, code);
  }
}

// ‖c − reference‖ / ‖reference‖, the reference in float64.
double error_of(const Problem& p, const HostArray& a, const HostArray& w, const HostArray& scale,
                const HostArray* zero, const HostArray& c) {
  double difference = 0, norm = 0;
  for (std::int64_t i = 0; i < p.m; ++i) {
    std::vector<double> row(static_cast<std::size_t>(p.n), 0.0);
    for (std::int64_t kk = 0; kk < p.k; ++kk) {
      const double x = at(a, i * p.k + kk);
      for (std::int64_t j = 0; j < p.n; ++j) {
        const std::int64_t g = kk / p.group * p.n + j;
        const double z = zero ? at(*zero, g) : 0.0;
        row[static_cast<std::size_t>(j)] += x * (at(w, kk * p.n + j) - z) * at(scale, g);
      }
    }
    for (std::int64_t j = 0; j < p.n; ++j) {
      const double d = at(c, i * p.n + j) - row[static_cast<std::size_t>(j)];
      difference += d * d;
      norm += row[static_cast<std::size_t>(j)] * row[static_cast<std::size_t>(j)];
    }
  }
  return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

void check(const Problem& p, std::mt19937_64& random) {
  SCOPED_TRACE(p.text());
  HostArray a = make(vm::kF16, {p.m, p.k}), w = make(p.type, {p.k, p.n});
  HostArray scale = make(vm::kF16, {p.k / p.group, p.n}),
            zero = make(vm::kF16, {p.k / p.group, p.n});
  fill_normal(a, random, 0, 1);
  fill_codes(w, random);
  // Scales that keep the result well inside f16.
  const double largest = vm::decode(
      p.type, p.type.is_float() ? vm::float_format(p.type).max_magnitude
                                : (std::uint64_t{1} << (p.type.bits - 1)) - (p.type.is_signed()));
  fill_normal(scale, random, 1.0 / (std::abs(largest) + 1), 0.1 / (std::abs(largest) + 1));
  std::uniform_int_distribution<std::uint64_t> draw(0, vm::code_mask(p.type));
  for (std::size_t i = 0; i < zero.size(); ++i)
    zero.set_code(i, vm::encode(vm::kF16, static_cast<double>(draw(random))));

  KernelRun run;
  run.file = "gemm/gemm.bl";
  run.generics = {{"W", to_string(p.type)}, {"G", fmt::to_string(p.group)}};
  run.target = p.target;
  run.request.arguments = {{"a", {a, "a"}}, {"w", {w, "w"}}, {"scale", {scale, "scale"}}};
  if (p.zero) run.request.arguments["zero"] = {zero, "zero"};
  run.request.outputs = {"c"};
  std::string report;
  const auto results = run_kernel(run, report);
  ASSERT_TRUE(results.has_value()) << report;
  EXPECT_EQ(report, "");
  EXPECT_LT(error_of(p, a, w, scale, p.zero ? &zero : nullptr, results->at("c")), 2e-3);
}

std::vector<ElementType> narrow_types() {
  std::vector<ElementType> types;
  for (const ElementType type : vm::all_element_types()) {
    if (type.is_narrow() && type.type_class != vm::TypeClass::Scale) types.push_back(type);
  }
  return types;
}

TEST(Gemm, EveryNarrowTypeAgreesWithFloat64) {
  std::mt19937_64 random(test_seed());
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  int turn = 0;
  for (const ElementType type : narrow_types()) {
    for (const char* target : {"sm_80", "sm_90a"}) {
      static constexpr std::int64_t kGroups[] = {32, 64, 128, 0};  // 0: k
      Problem p{type, pick(1, 40), 8 * pick(1, 30), 0, kGroups[turn++ % 4], false, target};
      if (p.group == 0) {
        p.k = p.group = pick(1, 300);
      } else {
        p.k = p.group * pick(1, 4);
      }
      p.zero = type.type_class == vm::TypeClass::Unsigned && pick(0, 1) == 1;
      check(p, random);
    }
  }
}

TEST(Gemm, EveryGroupSizeWithZeroPoints) {
  std::mt19937_64 random(test_seed() + 1);
  for (const std::int64_t group : {32, 64, 128, 256}) {
    check({vm::unsigned_type(4), 5, 136, 512, group, true, "sm_80"}, random);
    check({vm::signed_type(3), 17, 72, 256, group, false, "sm_90a"}, random);
  }
  check({vm::unsigned_type(4), 3, 8, 40, 40, true, "sm_80"}, random);
  check({vm::float_type(3, 2), 1, 8, 1, 1, false, "sm_80"}, random);
}

}  // namespace
}  // namespace bitloom::test
