#include "kernels/gemm/problem.h"

#include <fmt/format.h>

#include <limits>

namespace bitloom::kernels {
namespace {

using runtime::failure;

bool is_weight(vm::ElementType type) {
  return type.bits <= 8 &&
         ((type.is_integer() && type.bits >= 1) || (type.is_float() && type.bits >= 3));
}

}  // namespace

runtime::Result<void> check(const GemmProblem& p) {
  const auto refuse = [&](const std::string& why, const std::string& hint = {}) {
    return failure("BL1120", fmt::format("no kernel multiplies {}: {}", to_string(p), why), hint);
  };
  if (!is_weight(p.weight))
    return refuse(fmt::format("weights are u1 to u8, i1 to i8 or floats of 3 to 8 bits, not {}",
                              vm::to_string(p.weight)));
  if (p.activation != vm::kF16 && p.activation != vm::kBF16)
    return refuse(fmt::format("activations are f16 or bf16, not {}", vm::to_string(p.activation)));
  if (!p.scale.is_float() || p.scale.bits > 16)
    return refuse(
        fmt::format("scales are f16, bf16, e8m0 or e4m3, not {}", vm::to_string(p.scale)));
  if (p.zero && !(p.weight.is_integer() && p.weight.type_class == vm::TypeClass::Unsigned))
    return refuse("only unsigned weights have zero points",
                  "signed integers and floats are symmetric");
  const std::int64_t most = std::numeric_limits<std::int32_t>::max();
  if (p.m < 0 || p.n < 1 || p.k < 1 || p.m > most || p.n > most || p.k > most)
    return refuse("m is at least 0, n and k at least 1, and all are less than 2^31");
  if (p.n % 8 != 0)
    return refuse(fmt::format("n = {} is not a multiple of 8", p.n),
                  "pad the weights with columns of zeros");
  if (p.group < 1 || p.k % p.group != 0)
    return refuse(fmt::format("k = {} is not a multiple of the group size {}", p.k, p.group));
  if (p.group % 32 != 0)
    return refuse(fmt::format("the group size {} is not a multiple of 32", p.group));
  if (p.k % 64 != 0)
    return refuse(fmt::format("k = {} is not a multiple of 64", p.k), "pad k with zeros");
  return {};
}

std::string to_string(const GemmProblem& p) {
  return fmt::format("{}{}{} g{} {} m={} n={} k={}", vm::to_string(p.weight),
                     p.zero ? " zero " : "", p.zero ? vm::to_string(*p.zero) : "", p.group,
                     vm::to_string(p.activation), p.m, p.n, p.k);
}

std::int64_t operator_bytes(const GemmProblem& p) {
  const auto bytes = [](std::int64_t elements, vm::ElementType type) {
    return (elements * type.bits + 7) / 8;
  };
  const std::int64_t wide_n = (p.n + 63) / 64 * 64, wide_k = (p.k + 63) / 64 * 64,
                     groups = p.k / p.group;
  std::int64_t sum = bytes(wide_n * wide_k, p.weight) + bytes(groups * p.n, p.scale) +
                     bytes(p.m * (p.k + p.n), p.activation);
  if (p.zero) sum += bytes(groups * p.n, *p.zero);
  if (p.bias) sum += bytes(p.n, p.activation);
  if (p.residual) sum += bytes(p.m * p.n, p.activation);
  return sum;
}

}  // namespace bitloom::kernels
