// Products of kernels/gemm for the model stack: few rows of bf16, weights straight to registers.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "kernels/gemm/plan.h"
#include "stack/engine/executor.h"

namespace bitloom::stack {

// Plans by problem, with their workspaces: layers of one shape share them, since all launches go
// into one stream.
using ProductPlans = std::map<std::string, kernels::GemmPlan>;

// Null for weights that kernels/gemm does not take. `codes` is the tensor of weights.codes.
runtime::Result<std::shared_ptr<Product>> make_gpu_product(const ProductWeights& weights,
                                                           const runtime::Tensor& codes,
                                                           const runtime::Stream& stream,
                                                           const std::string& kernels,
                                                           std::shared_ptr<ProductPlans> plans);

}  // namespace bitloom::stack
