// std.math against the mathematical library in double, within the bounds that math.bl states.
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tests/language/program.h"

namespace bitloom::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Function {
  const char* name;
  std::function<double(double)> exact;
  std::function<double(double x, double exact)> bound;  // on the absolute error
  double low, high;
};

// One unit in the last place of an f32 of this size.
double ulp(double value) {
  const int exponent = std::max(-126, std::ilogb(value == 0 ? 1e-45 : value));
  return std::ldexp(1.0, exponent - 23);
}

double power(int exponent) {
  return std::ldexp(1.0, exponent);
}

double gelu_form(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// Below the least normal number an error is counted in its units.
double relative(double exact, double bound) {
  return std::max(std::abs(exact), power(-126)) * bound;
}

const std::vector<Function>& functions() {
  static const std::vector<Function> all = {
      {"exp", [](double x) { return std::exp(x); },
       [](double x, double y) { return relative(y, power(-22) + std::abs(x) * 5 * power(-26)); },
       -100, 88.7},
      {"exp2", [](double x) { return std::exp2(x); }, [](double, double y) { return 2 * ulp(y); },
       -140, 127.9},
      {"log", [](double x) { return std::log(x); },
       [](double x, double y) { return x >= 0.5 && x <= 2 ? std::exp2(-22.5) : 3 * ulp(y); }, 1e-3,
       1e6},
      {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); },
       [](double x, double y) { return relative(y, power(-20) + std::abs(x) * 5 * power(-26)); },
       -87, 30},
      {"silu", [](double x) { return x / (1 + std::exp(-x)); },
       [](double x, double y) { return relative(y, power(-20) + std::abs(x) * 5 * power(-26)); },
       -80, 80},
      {"tanh", [](double x) { return std::tanh(x); },
       [](double, double y) { return std::abs(y) * power(-11); }, -12, 12},
      {"gelu", gelu_form, [](double x, double) { return std::abs(x) * power(-12); }, -8, 8},
      {"softplus", [](double x) { return std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0); },
       [](double x, double y) { return x > 4 ? y * power(-22) : power(-21); }, -60, 200},
  };
  return all;
}

HostArray values_of(const std::string& name, const HostArray& x) {
  const std::string text = fmt::format(R"(
import std.math
kernel apply(x: global f32[n], y: global f32[n]) grid(ceildiv(n, 256)) threads(64)
{{
    y[block.x * 256 +: 256] <- math.{}(x[block.x * 256 +: 256])
}}
)",
                                       name);
  const Arrays results = run({.text = text, .arguments = {{"x", x}}, .outputs = {"y"}});
  return results.contains("y") ? results.at("y") : zeros(vm::kF32, {0});
}

TEST(Math, FunctionsKeepTheirBounds) {
  std::mt19937_64 random(test_seed());
  for (const Function& function : functions()) {
    SCOPED_TRACE(function.name);
    std::uniform_real_distribution<double> wide(function.low, function.high), near(-1, 2);
    HostArray x = zeros(vm::kF32, {4000});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double drawn = i % 4 == 0 ? near(random) : wide(random);
      x.set_code(i, vm::encode(vm::kF32, std::clamp(drawn, function.low, function.high)));
    }
    const HostArray y = values_of(function.name, x);
    ASSERT_EQ(y.size(), x.size());
    for (std::int64_t i = 0; i < 4000; ++i) {
      const double exact = function.exact(at(x, i));
      ASSERT_LE(std::abs(at(y, i) - exact), function.bound(at(x, i), exact))
          << "of " << at(x, i) << ": " << at(y, i) << " where " << exact << " is right";
    }
  }
}

// The tanh form of GELU is near to the function that it stands for.
TEST(Math, GeluIsNearTheErrorFunction) {
  HostArray x = zeros(vm::kF32, {1600});
  for (std::size_t i = 0; i < x.size(); ++i)
    x.set_code(i, vm::encode(vm::kF32, static_cast<double>(i) / 100 - 8));
  const HostArray y = values_of("gelu", x);
  ASSERT_EQ(y.size(), x.size());
  for (std::int64_t i = 0; i < 1600; ++i) {
    const double exact = at(x, i) * 0.5 * std::erfc(-at(x, i) / std::sqrt(2.0));
    ASSERT_LE(std::abs(at(y, i) - exact), 5e-4 + std::abs(at(x, i)) * power(-12)) << at(x, i);
  }
}

struct Edge {
  const char* name;
  double x, expected;  // NaN: a NaN
};

// Where math.bl says what becomes of infinities, of overflow and of arguments without a value.
TEST(Math, EdgesAreAsTheySay) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Edge edges[] = {
      {"exp", 88.74, kInfinity},
      {"exp", -103.98, 0},
      {"exp", -kInfinity, 0},
      {"exp", kInfinity, kInfinity},
      {"exp", 0, 1},
      {"exp2", 128, kInfinity},
      {"exp2", -151, 0},
      {"exp2", 10, 1024},
      {"log", 0, -kInfinity},
      {"log", -1, nan},
      {"log", 1, 0},
      {"log", kInfinity, kInfinity},
      {"sigmoid", -89.5, 0},
      {"sigmoid", 17.5, 1},
      {"sigmoid", 0, 0.5},
      {"sigmoid", -kInfinity, 0},
      {"sigmoid", kInfinity, 1},
      {"silu", 0, 0},
      {"silu", -kInfinity, nan},
      {"silu", 100, 100},
      {"tanh", 0, 0},
      {"tanh", kInfinity, 1},
      {"tanh", -kInfinity, -1},
      {"gelu", 0, 0},
      {"softplus", 1000, 1000},
      {"softplus", -kInfinity, 0},
      {"softplus", kInfinity, kInfinity},
  };
  for (const Edge& edge : edges) {
    HostArray x = zeros(vm::kF32, {1});
    x.set_code(0, vm::encode(vm::kF32, edge.x));
    const HostArray y = values_of(edge.name, x);
    ASSERT_EQ(y.size(), 1u);
    if (std::isnan(edge.expected)) {
      EXPECT_TRUE(std::isnan(at(y, 0))) << edge.name << " of " << edge.x << " is " << at(y, 0);
    } else {
      EXPECT_EQ(at(y, 0), edge.expected) << edge.name << " of " << edge.x;
    }
  }
}

// math.LOG2E, math.LN2
TEST(Math, Constants) {
  const Arrays results = run({.text = R"(
import std.math
kernel constants(y: global f64[2]) grid(1) threads(32)
{
    y[0] <- cast<f64>(math.LOG2E)
    y[1] <- cast<f64>(math.LN2)
}
)",
                              .outputs = {"y"}});
  ASSERT_TRUE(results.contains("y"));
  EXPECT_EQ(at(results.at("y"), 0), M_LOG2E);
  EXPECT_EQ(at(results.at("y"), 1), M_LN2);
}

// Called by the tests above under their names: math.exp math.exp2 math.log math.sigmoid math.silu
// math.tanh math.gelu math.softplus
TEST(Math, EveryFunctionIsInTheTable) {
  EXPECT_EQ(functions().size(), 8u);
}

}  // namespace
}  // namespace bitloom::test
