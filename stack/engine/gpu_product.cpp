#include "stack/engine/gpu_product.h"

#include <fmt/format.h>

namespace bitloom::stack {

using kernels::GemmOptions;
using kernels::GemmPlan;
using kernels::GemmProblem;
using kernels::GemmWeights;
using runtime::Result;
using runtime::Tensor;

namespace {

class GpuProduct : public Product {
 public:
  GpuProduct(GemmProblem problem, GemmWeights weights, runtime::Stream stream, std::string kernels,
             std::shared_ptr<ProductPlans> plans)
      : problem_(problem),
        weights_(std::move(weights)),
        stream_(std::move(stream)),
        kernels_(std::move(kernels)),
        plans_(std::move(plans)) {}

  std::int64_t most_rows() const override { return 32; }

  Result<void> launch(const Array& x, const Array& y) override {
    const auto plan = plan_for(x.shape[0]);
    if (!plan) return tl::make_unexpected(plan.error());
    const auto from = tensor_of(x), to = tensor_of(y);
    if (!from) return tl::make_unexpected(from.error());
    if (!to) return tl::make_unexpected(to.error());
    return (*plan)->launch(stream_, *from, weights_, *to);
  }

  // A plan of 8, 16 or 32 rows; made when it is first asked for.
  Result<const GemmPlan*> plan_for(std::int64_t rows) {
    GemmProblem problem = problem_;
    problem.m = rows <= 8 ? 8 : rows <= 16 ? 16 : 32;
    const std::string name = fmt::format("{} {}", kernels::to_string(problem),
                                         vm::to_string(problem.zero.value_or(vm::kF32)));
    const auto found = plans_->find(name);
    if (found != plans_->end()) return &found->second;
    auto plan = GemmPlan::make(problem, stream_.device(), GemmOptions{.kernels = kernels_});
    if (!plan) return tl::make_unexpected(plan.error());
    return &plans_->emplace(name, std::move(*plan)).first->second;
  }

 private:
  Result<Tensor> tensor_of(const Array& array) const {
    return Tensor::wrap(
        runtime::Buffer::borrow(stream_.device(), array.address, array.bytes, array.memory),
        array.element, array.shape);
  }

  GemmProblem problem_;
  GemmWeights weights_;
  runtime::Stream stream_;
  std::string kernels_;
  std::shared_ptr<ProductPlans> plans_;
};

}  // namespace

Result<std::shared_ptr<Product>> make_gpu_product(const ProductWeights& weights,
                                                  const Tensor& codes,
                                                  const runtime::Stream& stream,
                                                  const std::string& kernels,
                                                  std::shared_ptr<ProductPlans> plans) {
  const vm::ElementType type = codes.element();
  if (type.type_class == vm::TypeClass::Codebook) return std::shared_ptr<Product>();
  GemmProblem problem{.m = 8, .n = codes.shape()[1], .k = codes.shape()[0], .weight = type};
  problem.activation = vm::kBF16;
  problem.group = weights.group;
  if (weights.zero) problem.zero = vm::kU8;
  const auto is_refused = [](const vm::Diagnostic& error) {
    return error.code == "BL1120" || error.code == "BL1121";
  };
  if (!kernels::check(problem)) return std::shared_ptr<Product>();
  std::optional<runtime::HostArray> zero;
  if (weights.zero) zero = *weights.zero;
  auto packed = GemmWeights::from_packed(problem, codes, *weights.scale, zero, stream);
  if (!packed) return tl::make_unexpected(packed.error());
  auto product =
      std::make_shared<GpuProduct>(problem, std::move(*packed), stream, kernels, std::move(plans));
  // Compiles now, not in the first launch; a shape that no configuration fits is left to others.
  if (auto plan = product->plan_for(1); !plan) {
    if (is_refused(plan.error())) return std::shared_ptr<Product>();
    return tl::make_unexpected(plan.error());
  }
  return product;
}

}  // namespace bitloom::stack
