// A product ready to be launched: the kernel that a configuration names, compiled for a GPU, with
// its workspace.
//
//   GemmProblem problem{.m = 16, .n = 28672, .k = 8192, .weight = *vm::parse_element_type("i4")};
//   Result<GemmWeights> w = GemmWeights::pack(problem, {codes, scale}, stream);
//   Result<GemmPlan> plan = GemmPlan::make(problem, device);       // the configuration from the
//   tuning tables plan->launch(stream, x, *w, y);
//
// Everything is refused by make(), by name, before anything is launched. A plan of m rows takes x
// with m rows or fewer. launch() is safe under graph capture. The workspace is the plan's own:
// launches of one plan go into one stream, or wait for one another. Results are the same bits from
// run to run, on the same GPU with the same configuration.
#pragma once

#include <memory>
#include <optional>

#include "kernels/gemm/config.h"
#include "kernels/gemm/weights.h"
#include "runtime/kernel.h"

namespace bitloom::kernels {

struct GemmOptions {
  std::optional<GemmConfig> config = {};  // empty: the tuning tables choose
  std::string kernels = {};               // the folder of shipped kernels; empty: kernels_folder()
  bool cache = true;
};

class GemmPlan {
 public:
  // BL1120 for a problem that no kernel takes, BL1121 for a configuration that cannot compute it,
  // else what compiling says.
  static runtime::Result<GemmPlan> make(const GemmProblem& problem, const runtime::Device& device,
                                        const GemmOptions& options = {});

  // One plan a configuration, in their order; kernels are compiled in worker processes (0: one a
  // processor).
  static std::vector<runtime::Result<GemmPlan>> make_all(const GemmProblem& problem,
                                                         std::span<const GemmConfig> configs,
                                                         const runtime::Device& device,
                                                         const GemmOptions& options = {},
                                                         int workers = 0);

  // x[m, k], y[m, n] and residual[m, n] of the problem's activation type, bias[n]. Does not wait. m
  // = 0 launches nothing.
  runtime::Result<void> launch(const runtime::Stream& stream, const runtime::Tensor& x,
                               const GemmWeights& weights, const runtime::Tensor& y,
                               const runtime::Tensor* bias = nullptr,
                               const runtime::Tensor* residual = nullptr) const;

  const GemmProblem& problem() const;
  const GemmConfig& config() const;
  std::size_t workspace_bytes() const;
  runtime::Result<runtime::KernelResources> resources() const;  // of the kernel that multiplies

 private:
  struct State;
  explicit GemmPlan(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace bitloom::kernels
