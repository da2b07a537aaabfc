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

constexpr std::int64_t kMostQuantizedRows = 32;

runtime::Result<void> check_codes(const GemmProblem& p) {
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    return failure("BL1120", fmt::format("no kernel multiplies {}: {}", to_string(p), why), hint);
  };
  if (!p.activation_codes) return {};
  if (*p.activation_codes != vm::kI8)
    return refuse(
        fmt::format("activations are quantised to i8, not {}", vm::to_string(*p.activation_codes)),
        "f16 and bf16 activations need not be quantised");
  if (!p.weight.is_integer())
    return refuse(fmt::format("i8 activations are multiplied with integer weights, not {}",
                              vm::to_string(p.weight)),
                  "leave the activations f16 or bf16");
  if (p.m > kMostQuantizedRows)
    return refuse(fmt::format("with i8 activations x has {} rows at most", kMostQuantizedRows),
                  "leave the activations of more rows f16 or bf16");
  return {};
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
  if (auto good = check_codes(p); !good) return good;
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
                     activation_text(p), p.m, p.n, p.k);
}

std::string activation_text(const GemmProblem& p) {
  const std::string type = vm::to_string(p.activation);
  if (!p.activation_codes) return type;
  const std::string codes = vm::to_string(*p.activation_codes);
  return p.activation == vm::kF16 ? codes : type + ":" + codes;
}

bool parse_activation(const std::string& text, GemmProblem& p) {
  const std::size_t colon = text.find(':');
  const auto first = vm::parse_element_type(text.substr(0, colon));
  if (!first) return false;
  if (colon != std::string::npos) {
    const auto codes = vm::parse_element_type(text.substr(colon + 1));
    if (!codes) return false;
    p.activation = *first;
    p.activation_codes = *codes;
    return true;
  }
  const bool codes = first->bits <= 8;
  p.activation = codes ? vm::kF16 : *first;
  p.activation_codes = codes ? std::optional(*first) : std::nullopt;
  return true;
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
