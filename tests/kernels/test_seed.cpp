#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "tests/kernels/kernel_runner.h"

namespace bitloom::test {

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("BITLOOM_SEED");
    const std::uint64_t value = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    fmt::print("BITLOOM_SEED={}\n", value);
    return value;
  }();
  return seed;
}

}  // namespace bitloom::test
