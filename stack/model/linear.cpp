#include "stack/model/linear.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "runtime/host/dense_bits.h"
#include "vm/numerics.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;

namespace {

// Sizes of tiles by engine, types and number of rows. A GPU wants every thread's part in registers;
// the interpreter wants few threads, because what several of them hold it holds several times.
struct Tiles {
  int bm, bn, bk, threads;
};

Tiles tiles_of(const Executor& executor, vm::ElementType x, std::int64_t m) {
  const bool few = m <= 16;
  if (x != vm::kF32) return {few ? 16 : 64, 64, 32, 128};
  if (m == 1) return {1, 64, 64, 64};
  if (executor.on_gpu()) return {few ? 16 : 64, 64, 16, few ? 128 : 256};
  return {few ? 16 : 128, 64, 16, 32};
}

Operand operand(const std::optional<Array>& array) {
  return array ? Operand(*array) : Operand(std::nullopt);
}

std::set<std::string> present(std::initializer_list<std::pair<const char*, bool>> list) {
  std::set<std::string> names;
  for (const auto& [name, given] : list)
    if (given) names.insert(name);
  return names;
}

// y = x · wᵀ (+ residual), w [n, k].
Result<void> multiply(Executor& executor, const Array& x, const Array& w, const Array& y,
                      const std::optional<Array>& residual) {
  // One row is read by as many blocks as there is room for; sums in f32 in another order.
  if (executor.on_gpu() && x.shape[0] == 1 && x.shape[1] % 8 == 0) {
    const auto k = static_cast<std::uint64_t>(std::clamp<std::int64_t>(x.shape[1], 256, 1024));
    const Operator gemv{"gemv/gemv.bl",
                        "gemv",
                        {{"X", to_string(x.element)},
                         {"W", to_string(w.element)},
                         {"Y", to_string(y.element)},
                         {"BK", fmt::to_string(std::bit_ceil(k))},
                         {"T", fmt::to_string(std::bit_ceil(k) / 8)}},
                        present({{"residual", residual.has_value()}})};
    return executor.launch(gemv, {x, w, operand(residual), y});
  }
  const Tiles t = tiles_of(executor, x.element, x.shape[0]);
  const Operator op{"llama/linear.bl",
                    "linear",
                    {{"X", to_string(x.element)},
                     {"W", to_string(w.element)},
                     {"Y", to_string(y.element)},
                     {"BM", fmt::to_string(t.bm)},
                     {"BN", fmt::to_string(t.bn)},
                     {"BK", fmt::to_string(t.bk)},
                     {"T", fmt::to_string(t.threads)}},
                    present({{"residual", residual.has_value()}})};
  return executor.launch(op, {x, w, operand(residual), y});
}

// As many rows of a type as there ever were.
Result<Array> grown(Executor& executor, Array& array, vm::ElementType element, std::int64_t rows,
                    std::int64_t columns) {
  if (array.shape.empty() || array.shape[0] < rows || array.element != element) {
    auto larger = executor.allocate(element, {rows, columns});
    if (!larger) return larger;
    array = std::move(*larger);
  }
  return array.rows(0, rows);
}

Result<void> check_finite(const HostArray& array, const std::string& name) {
  for (std::size_t i = 0; i < array.size(); ++i)
    if (!std::isfinite(vm::decode(array.type(), array.code(i))))
      return failure("BL0639", fmt::format("'{}': number {} is not finite", name, i),
                     "the checkpoint is damaged, or was quantised from one that was");
  return {};
}

}  // namespace

Result<Linear> Linear::load(Executor& executor, const Checkpoint& checkpoint,
                            const std::string& weight, Compute compute) {
  Linear linear;
  linear.name_ = weight;
  for (const ExpectedTensor& expected : expected_tensors(checkpoint.config())) {
    if (expected.name != weight) continue;
    linear.n_ = expected.shape[0];
    linear.k_ = expected.shape[1];
  }
  if (const QuantizedTensor* quantized = checkpoint.quantized(weight)) {
    linear.quantized_ = *quantized;
    if (auto done = linear.load_quantized(executor, checkpoint, compute); !done)
      return tl::make_unexpected(done.error());
    return linear;
  }
  const auto host = checkpoint.read(weight);
  if (!host) return tl::make_unexpected(host.error());
  auto array = executor.upload(*host);
  if (!array) return tl::make_unexpected(array.error());
  linear.weight_ = std::move(*array);
  return linear;
}

Result<void> Linear::load_quantized(Executor& executor, const Checkpoint& checkpoint,
                                    Compute compute) {
  const QuantizedTensor& q = *quantized_;
  const auto bits = checkpoint.read(part_name(name_, "codes"));
  if (!bits) return tl::make_unexpected(bits.error());
  auto codes = HostArray::zeros(q.type, {k_, n_});
  if (!codes) return tl::make_unexpected(codes.error());
  runtime::from_dense_bits(bits->bytes(), *codes);
  auto packed = executor.pack(*codes);
  if (!packed) return tl::make_unexpected(packed.error());
  codes_ = std::move(*packed);

  const auto part = [&](const char* what, auto&& change) -> Result<Array> {
    const std::string name = part_name(name_, what);
    auto host = checkpoint.read(name);
    if (!host) return tl::make_unexpected(host.error());
    if (auto done = check_finite(*host, name); !done) return tl::make_unexpected(done.error());
    return change(std::move(*host));
  };
  const auto as_it_is = [&](HostArray host) { return executor.upload(host); };
  // Kernels take zero points as f16, in which small whole numbers are exact.
  const auto as_f16 = [&](const HostArray& host) -> Result<Array> {
    auto wide = HostArray::zeros(vm::kF16, host.shape());
    if (!wide) return tl::make_unexpected(wide.error());
    for (std::size_t i = 0; i < host.size(); ++i)
      wide->set_code(i, vm::encode(vm::kF16, static_cast<double>(host.code(i))));
    return executor.upload(*wide);
  };
  const auto take = [](Result<Array> from, auto& to) -> Result<void> {
    if (!from) return tl::make_unexpected(from.error());
    to = std::move(*from);
    return {};
  };
  if (auto done = take(part("scale", as_it_is), scale_); !done) return done;
  if (q.zero)
    if (auto done = take(part("zero", as_f16), zero_); !done) return done;
  if (q.table)
    if (auto done = take(part("table", as_it_is), table_); !done) return done;
  if (compute == Compute::BF16) {
    const auto scale = checkpoint.read(part_name(name_, "scale"));
    if (!scale) return tl::make_unexpected(scale.error());
    std::optional<HostArray> zero;
    if (q.zero) {
      auto points = checkpoint.read(part_name(name_, "zero"));
      if (!points) return tl::make_unexpected(points.error());
      zero = std::move(*points);
    }
    auto product = executor.product({codes_, &*scale, zero ? &*zero : nullptr, q.group});
    if (!product) return tl::make_unexpected(product.error());
    product_ = std::move(*product);
  }
  if (q.rank == 0) return {};
  if (auto done = take(part("left", as_it_is), left_); !done) return done;
  return take(part("right", as_it_is), right_);
}

// By the plain kernel, or by the one for few rows.
Result<void> Linear::multiply_quantized(Executor& executor, const Array& x, const Array& y,
                                        const std::optional<Array>& residual) {
  const std::int64_t m = x.shape[0];
  if (product_ && x.element == vm::kBF16 && m <= product_->most_rows()) {
    if (y.element == x.element && !residual) return product_->launch(x, y);
    if (residual) {
      const auto wide = grown(executor, wide_, x.element, m, n_);
      if (!wide) return tl::make_unexpected(wide.error());
      if (auto done = product_->launch(x, *wide); !done) return done;
      const Operator add{
          "llama/add.bl", "add", {{"X", to_string(x.element)}, {"Y", to_string(y.element)}}};
      return executor.launch(add, {*wide, *residual, y});
    }
  }
  const Tiles t = tiles_of(executor, x.element, m);
  const Operator op{"llama/quantized_linear.bl",
                    "quantized_linear",
                    {{"W", to_string(quantized_->type)},
                     {"X", to_string(x.element)},
                     {"Y", to_string(y.element)},
                     {"G", fmt::to_string(quantized_->group)},
                     {"BM", fmt::to_string(t.bm)},
                     {"BN", fmt::to_string(t.bn)},
                     {"C", fmt::to_string(std::min(t.bk, 32))},
                     {"T", fmt::to_string(t.threads)}},
                    present({{"zero", zero_.has_value()},
                             {"table", table_.has_value()},
                             {"residual", residual.has_value()}})};
  return executor.launch(
      op, {x, codes_, scale_, operand(zero_), operand(table_), operand(residual), y});
}

Result<void> Linear::apply(Executor& executor, const Array& x, const Array& y,
                           const std::optional<Array>& residual) {
  if (!quantized_) return multiply(executor, x, weight_, y, residual);
  if (auto done = multiply_quantized(executor, x, y, residual); !done || !left_) return done;
  const auto low = grown(executor, low_, x.element, x.shape[0], quantized_->rank);
  if (!low) return tl::make_unexpected(low.error());
  if (auto done = multiply(executor, x, *left_, *low, std::nullopt); !done) return done;
  return multiply(executor, *low, *right_, y, y);
}

}  // namespace bitloom::stack
