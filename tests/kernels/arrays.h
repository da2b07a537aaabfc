// Arrays for tests of kernels, and their elements as float64.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/kernels/kernel_runner.h"
#include "vm/numerics.h"

namespace bitloom::test {

using runtime::HostArray;

inline double at(const HostArray& array, std::int64_t i) {
  return vm::decode(array.type(), array.code(static_cast<std::size_t>(i)));
}

inline std::int64_t pick(std::mt19937_64& random, std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random);
}

inline HostArray normal(vm::ElementType type, runtime::Shape shape, std::mt19937_64& random,
                        double deviation = 1, double mean = 0) {
  HostArray array = *HostArray::zeros(type, std::move(shape));
  std::normal_distribution<double> draw(mean, deviation);
  for (std::size_t i = 0; i < array.size(); ++i) {
    array.set_code(i, vm::encode(type, draw(random)));
  }
  return array;
}

inline HostArray zeros(vm::ElementType type, runtime::Shape shape) {
  return *HostArray::zeros(type, std::move(shape));
}

inline HostArray integers(runtime::Shape shape, const std::vector<int>& values) {
  HostArray array = zeros(vm::kI32, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    array.set_code(i, static_cast<std::uint32_t>(values[i]));
  }
  return array;
}

// Codes that stand for finite numbers, all alike.
inline HostArray codes(vm::ElementType type, runtime::Shape shape, std::mt19937_64& random) {
  HostArray array = zeros(type, std::move(shape));
  std::uniform_int_distribution<std::uint64_t> draw(0, vm::code_mask(type));
  for (std::size_t i = 0; i < array.size(); ++i) {
    std::uint64_t code = draw(random);
    while (!std::isfinite(vm::decode(type, code))) code = draw(random);
    array.set_code(i, code);
  }
  return array;
}

// Runs the kernel; a failure of it is one of the test, and gives no results.
inline std::map<std::string, HostArray> must_run(const KernelRun& run) {
  std::string report;
  auto results = run_kernel(run, report);
  EXPECT_TRUE(results.has_value()) << report;
  return results.value_or(std::map<std::string, HostArray>{});
}

// ‖result − expected‖ / ‖expected‖
inline double relative_error(const HostArray& result, const std::vector<double>& expected) {
  EXPECT_EQ(result.size(), expected.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size() && i < result.size(); ++i) {
    const double d = at(result, static_cast<std::int64_t>(i)) - expected[i];
    difference += d * d;
    norm += expected[i] * expected[i];
  }
  return norm == 0 ? std::sqrt(difference) : std::sqrt(difference / norm);
}

// x[m, k] · w[k, n] with one scale a column and group, in float64.
inline std::vector<double> product(const HostArray& x, const HostArray& w, const HostArray& scale,
                                   std::int64_t m, std::int64_t k, std::int64_t n,
                                   std::int64_t group) {
  std::vector<double> c(static_cast<std::size_t>(m * n), 0.0);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t kk = 0; kk < k; ++kk) {
      for (std::int64_t j = 0; j < n; ++j) {
        c[static_cast<std::size_t>(i * n + j)] +=
            at(x, i * k + kk) * at(w, kk * n + j) * at(scale, kk / group * n + j);
      }
    }
  }
  return c;
}

// Of such a product: activations, codes and scales.
struct Operands {
  HostArray a, w, scale;
  Operands(vm::ElementType type, std::int64_t m, std::int64_t k, std::int64_t n, std::int64_t group,
           std::mt19937_64& random)
      : a(normal(vm::kF16, {m, k}, random)),
        w(codes(type, {k, n}, random)),
        scale(normal(vm::kF16, {k / group, n}, random, 0.01, 0.1)) {}
};

inline std::vector<float> floats(const HostArray& array) {
  std::vector<float> result;
  for (std::size_t i = 0; i < array.size(); ++i)
    result.push_back(static_cast<float>(at(array, static_cast<std::int64_t>(i))));
  return result;
}

}  // namespace bitloom::test
