// One weight: rounded, read back, corrected.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/lqer/low_rank.h"
#include "runtime/host/dense_bits.h"
#include "stack/quantize/quantize.h"
#include "vm/numerics.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;

namespace {

// NormalFloat4: the quantiles of a normal distribution, scaled to [-1, 1], with a zero (appendix E
// of the paper).
constexpr std::array<float, 16> kNormalFloat4 = {
    -1.0f,        -0.69619280f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f,
    -0.09105004f, 0.0f,         0.07958030f,  0.16093020f,  0.24611230f,  0.33791524f,
    0.44070983f,  0.56261700f,  0.72295684f,  1.0f};

// A checkpoint stores [n, k]; kernels want [k, n].
Result<HostArray> transposed(const HostArray& weight) {
  const std::int64_t n = weight.shape()[0], k = weight.shape()[1];
  auto result = HostArray::zeros(weight.type(), {k, n});
  if (!result) return result;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      result->set_code(static_cast<std::size_t>(j * n + i),
                       weight.code(static_cast<std::size_t>(i * k + j)));
  return result;
}

Result<HostArray> f16_array(std::span<const float> numbers, runtime::Shape shape) {
  auto result = HostArray::zeros(vm::kF16, std::move(shape));
  if (!result) return result;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    result->set_code(i, vm::encode(vm::kF16, static_cast<double>(numbers[i])));
  return result;
}

Result<void> check_weight(const HostArray& weight, const std::string& name) {
  for (std::size_t i = 0; i < weight.size(); ++i)
    if (!std::isfinite(vm::decode(weight.type(), weight.code(i))))
      return failure("BL0639", fmt::format("'{}': number {} is not finite", name, i),
                     "a checkpoint with such a weight cannot be quantised");
  return {};
}

}  // namespace

Result<QuantizedWeight> quantize_weight(Executor& executor, const std::string& name,
                                        const HostArray& weight, vm::ElementType type,
                                        std::int64_t group) {
  const std::int64_t n = weight.shape()[0], k = weight.shape()[1];
  if (!group_fits(group, k))
    return failure("BL0638",
                   fmt::format("groups of {} do not fit '{}', whose k is {}", group, name, k),
                   "a group divides k, and divides 64 or is a multiple of it");
  if (auto done = check_weight(weight, name); !done) return tl::make_unexpected(done.error());
  QuantizedWeight result;
  const bool table = type.type_class == vm::TypeClass::Codebook;
  const bool zero = type.type_class == vm::TypeClass::Unsigned;
  result.info = {.type = type, .group = group, .zero = zero, .table = table};

  const auto host = transposed(weight);
  if (!host) return tl::make_unexpected(host.error());
  const auto x = executor.upload(*host);
  auto blank = HostArray::zeros(type, {k, n});
  if (!x || !blank) return tl::make_unexpected(x ? blank.error() : x.error());
  const auto codes = executor.pack(*blank);
  const auto scale = executor.allocate(vm::kF16, {k / group, n});
  const auto zeros = executor.allocate(vm::kF16, {k / group, n});
  for (const auto* array : {&codes, &scale, &zeros})
    if (!*array) return tl::make_unexpected(array->error());
  const std::string from = to_string(weight.type()), size = fmt::to_string(group);
  Result<void> done;
  if (table) {
    auto numbers = f16_array(kNormalFloat4, {16});
    if (!numbers) return tl::make_unexpected(numbers.error());
    const auto entries = executor.upload(*numbers);
    if (!entries) return tl::make_unexpected(entries.error());
    const Operator op{"quantize/quantize_codebook.bl",
                      "quantize_codebook",
                      {{"B", "4"}, {"T", from}, {"G", size}}};
    done = executor.launch(op, {*x, *entries, *codes, *scale});
    result.parts["table"] = std::move(*numbers);
  } else {
    Operator op{
        "quantize/quantize.bl", "quantize", {{"W", to_string(type)}, {"T", from}, {"G", size}}};
    if (zero) op.present.insert("zero");
    done =
        executor.launch(op, {*x, *codes, *scale, zero ? Operand(*zeros) : Operand(std::nullopt)});
  }
  if (!done) return tl::make_unexpected(done.error());

  auto read = executor.read(*codes);
  auto scales = executor.read(*scale);
  if (!read || !scales) return tl::make_unexpected(read ? scales.error() : read.error());
  result.codes = std::move(*read);
  result.parts["scale"] = std::move(*scales);
  const std::vector<std::byte> bits = runtime::to_dense_bits(result.codes);
  auto stored = HostArray::zeros(vm::kU8, {static_cast<std::int64_t>(bits.size())});
  if (!stored) return tl::make_unexpected(stored.error());
  std::ranges::copy(bits, stored->bytes().begin());
  result.parts["codes"] = std::move(*stored);
  if (!zero) return result;
  const auto wide = executor.read(*zeros);
  auto points = HostArray::zeros(vm::kU8, {k / group, n});
  if (!wide || !points) return tl::make_unexpected(wide ? points.error() : wide.error());
  for (std::size_t i = 0; i < points->size(); ++i)
    points->set_code(i, static_cast<std::uint64_t>(vm::decode(vm::kF16, wide->code(i))));
  result.parts["zero"] = std::move(*points);
  return result;
}

std::vector<float> dequantize(const QuantizedWeight& weight) {
  const HostArray& codes = weight.codes;
  const HostArray& scale = weight.parts.at("scale");
  const auto n = static_cast<std::size_t>(codes.shape()[1]);
  std::vector<float> numbers(codes.size());
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const std::size_t at = i / n / static_cast<std::size_t>(weight.info.group) * n + i % n;
    double value = 0;
    if (weight.info.table) {
      value = vm::decode(vm::kF16, weight.parts.at("table").code(codes.code(i)));
    } else {
      value = vm::decode(codes.type(), codes.code(i));
    }
    if (weight.info.zero) value -= static_cast<double>(weight.parts.at("zero").code(at));
    numbers[i] = static_cast<float>(value * vm::decode(vm::kF16, scale.code(at)));
  }
  return numbers;
}

Result<void> correct(QuantizedWeight& quantized, const HostArray& weight, std::int64_t rank,
                     std::span<const float> input_scale) {
  const std::int64_t n = weight.shape()[0], k = weight.shape()[1];
  std::vector<float> numbers(weight.size());
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < k; ++j)
      numbers[static_cast<std::size_t>(j * n + i)] = static_cast<float>(
          vm::decode(weight.type(), weight.code(static_cast<std::size_t>(i * k + j))));
  const auto low =
      kernels::low_rank_correction(numbers, dequantize(quantized), k, n, rank, input_scale);
  if (!low) return tl::make_unexpected(low.error());
  std::vector<float> left(low->a.size()), right(low->b.size());
  for (std::int64_t r = 0; r < rank; ++r) {
    for (std::int64_t i = 0; i < k; ++i)
      left[static_cast<std::size_t>(r * k + i)] = low->a[static_cast<std::size_t>(i * rank + r)];
    for (std::int64_t j = 0; j < n; ++j)
      right[static_cast<std::size_t>(j * rank + r)] = low->b[static_cast<std::size_t>(r * n + j)];
  }
  auto a = f16_array(left, {rank, k}), b = f16_array(right, {n, rank});
  if (!a || !b) return tl::make_unexpected(a ? b.error() : a.error());
  quantized.parts["left"] = std::move(*a);
  quantized.parts["right"] = std::move(*b);
  quantized.info.rank = rank;
  quantized.info.method = input_scale.empty() ? "lqer" : "l2qer";
  return {};
}

}  // namespace bitloom::stack
