#include "kernels/gemm/weights.h"

#include <fmt/format.h>

#include "runtime/pack.h"
#include "vm/packed_type.h"

namespace bitloom::kernels {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;
using runtime::Shape;
using runtime::Tensor;

namespace {

Result<void> expect(const HostArray& array, vm::ElementType type, const Shape& shape,
                    const char* name) {
  if (array.type() == type && array.shape() == shape) return {};
  return failure("BL1122",
                 fmt::format("{} is {}{}, and the product has {}{}", name,
                             vm::to_string(array.type()), runtime::to_string(array.shape()),
                             vm::to_string(type), runtime::to_string(shape)));
}

}  // namespace

Result<HostArray> order_columns(const HostArray& numbers) {
  const std::int64_t groups = numbers.shape()[0], n = numbers.shape()[1], places = (n + 63) / 64;
  Result<HostArray> ordered = HostArray::zeros(numbers.type(), {groups, places, 64});
  if (!ordered) return ordered;
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t column = 0; column < n; ++column) {
      const std::int64_t in = column % 64, at = in % 8 * 8 + in / 8;
      ordered->set_code(static_cast<std::size_t>((g * places + column / 64) * 64 + at),
                        numbers.code(static_cast<std::size_t>(g * n + column)));
    }
  }
  return ordered;
}

Result<GemmWeights> GemmWeights::from_packed(const GemmProblem& problem, Tensor codes,
                                             const HostArray& scale,
                                             const std::optional<HostArray>& zero,
                                             const runtime::Stream& stream) {
  if (auto good = check(problem); !good) return tl::make_unexpected(good.error());
  const Shape groups = {problem.k / problem.group, problem.n};
  if (auto good = expect(scale, problem.scale, groups, "scale"); !good)
    return tl::make_unexpected(good.error());
  if (problem.zero.has_value() != zero.has_value())
    return failure("BL1122",
                   fmt::format("the product {} zero points, and the weights {}",
                               problem.zero ? "has" : "has no", zero ? "have" : "have none"));
  if (codes.shape() != Shape{problem.k, problem.n} || codes.element() != problem.weight ||
      codes.packed() != vm::packed_atom(problem.weight))
    return failure("BL1122",
                   fmt::format("codes are {}{} in the order '{}', and the product has {}[{}, {}]",
                               vm::to_string(codes.element()), runtime::to_string(codes.shape()),
                               codes.tag(), vm::to_string(problem.weight), problem.k, problem.n));
  const auto device_copy = [&](const HostArray& array) { return Tensor::from_host(array, stream); };
  Result<Tensor> plain = device_copy(scale), lanes = order_columns(scale).and_then(device_copy);
  if (!plain) return tl::make_unexpected(plain.error());
  if (!lanes) return tl::make_unexpected(lanes.error());
  GemmWeights weights(problem, std::move(codes), std::move(*plain), std::move(*lanes));
  if (!zero) return weights;
  if (auto good = expect(*zero, *problem.zero, groups, "zero"); !good)
    return tl::make_unexpected(good.error());
  plain = device_copy(*zero);
  lanes = order_columns(*zero).and_then(device_copy);
  if (!plain) return tl::make_unexpected(plain.error());
  if (!lanes) return tl::make_unexpected(lanes.error());
  weights.zero_ = std::move(*plain);
  weights.zero_of_lanes_ = std::move(*lanes);
  return weights;
}

Result<GemmWeights> GemmWeights::pack(const GemmProblem& problem, const GemmSource& source,
                                      const runtime::Stream& stream) {
  if (auto good = check(problem); !good) return tl::make_unexpected(good.error());
  if (source.codes.shape() != Shape{problem.k, problem.n})
    return failure("BL1122",
                   fmt::format("codes are {}, and the product has [{}, {}]",
                               runtime::to_string(source.codes.shape()), problem.k, problem.n));
  Result<Tensor> codes =
      runtime::pack(vm::packed_atom(problem.weight), problem.weight, source.codes, stream);
  if (!codes) return tl::make_unexpected(codes.error());
  return from_packed(problem, std::move(*codes), source.scale, source.zero, stream);
}

Result<GemmSource> GemmWeights::unpack(const runtime::Stream& stream) const {
  GemmSource source;
  Result<HostArray> codes = runtime::unpack(codes_, stream), scale = scale_.to_host(stream);
  if (!codes) return tl::make_unexpected(codes.error());
  if (!scale) return tl::make_unexpected(scale.error());
  source.codes = std::move(*codes);
  source.scale = std::move(*scale);
  if (zero_) {
    Result<HostArray> zero = zero_->to_host(stream);
    if (!zero) return tl::make_unexpected(zero.error());
    source.zero = std::move(*zero);
  }
  return source;
}

}  // namespace bitloom::kernels
