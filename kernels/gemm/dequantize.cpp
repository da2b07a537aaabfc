#include "kernels/gemm/dequantize.h"

#include "kernels/kernels_folder.h"
#include "runtime/kernel.h"
#include "runtime/module.h"

namespace bitloom::kernels {

using runtime::LaunchArgument;
using runtime::Result;
using runtime::Tensor;

Result<Tensor> dequantize(const GemmWeights& weights, vm::ElementType type,
                          const runtime::Stream& stream, const std::string& kernels) {
  const GemmProblem& p = weights.problem();
  const std::string folder = kernels.empty() ? kernels_folder() : kernels;
  auto module = runtime::Module::from_file(folder + "/gemm/dequantize.bl");
  if (!module) return tl::make_unexpected(module.error());
  runtime::KernelOptions options{.generics = {{"W", vm::to_string(p.weight)},
                                              {"A", vm::to_string(type)},
                                              {"S", vm::to_string(p.scale)},
                                              {"G", std::to_string(p.group)}}};
  if (p.zero) {
    options.generics["Z"] = vm::to_string(*p.zero);
    options.present = {"zero"};
  }
  auto kernel = module->specialize("dequantize", options);
  if (!kernel) return tl::make_unexpected(kernel.error());
  auto out = Tensor::allocate(stream.device(), type, {p.n, p.k});
  if (!out) return out;
  const auto& zero = weights.zero_of_lanes();
  auto done = kernel->launch(stream, weights.codes(), weights.scale_of_lanes(),
                             zero ? zero->argument() : LaunchArgument{}, *out);
  if (!done) return tl::make_unexpected(done.error());
  return out;
}

}  // namespace bitloom::kernels
