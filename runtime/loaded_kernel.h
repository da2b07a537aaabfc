// A kernel in the memory of one GPU, ready to be launched.
//
//   auto kernel = LoadedKernel::load(device, plan, image);
//   kernel->launch(stream, arguments, {});
//
// Loading is done whole (the driver would else load at the first launch, which cannot be captured).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "runtime/cache/compiled_kernel.h"
#include "runtime/device.h"
#include "runtime/launch_plan.h"
#include "runtime/stream.h"

namespace bitloom::runtime {

struct LaunchSettings {
  // Sizes that do not follow from the arguments.
  std::span<const std::pair<std::string, std::int64_t>> sizes = {};
  int sms = 0;  // the value of device.sms; 0: of the GPU
};

class LoadedKernel {
 public:
  static Result<LoadedKernel> load(const Device& device, std::shared_ptr<const LaunchPlan> plan,
                                   const CompiledKernel& image);

  // Puts the kernel into the stream and does not wait. Safe under graph capture, and from several
  // threads at once.
  Result<void> launch(const Stream& stream, std::span<const LaunchArgument> arguments,
                      const LaunchSettings& settings = {}) const;

  const Device& device() const { return device_; }
  const LaunchPlan& plan() const { return *plan_; }
  cuda::CUfunction handle() const { return function_; }
  int registers() const { return registers_; }      // of a thread
  int local_bytes() const { return local_bytes_; }  // of a thread: spills

 private:
  LoadedKernel(Device device, std::shared_ptr<const LaunchPlan> plan)
      : device_(std::move(device)), plan_(std::move(plan)) {}
  Result<void> prepare_function(const CompiledKernel& image);
  Result<void> check_resident(const BoundLaunch& bound) const;

  Device device_;
  std::shared_ptr<const LaunchPlan> plan_;
  std::shared_ptr<CUmod_st> module_;
  cuda::CUfunction function_ = nullptr;
  int registers_ = 0, local_bytes_ = 0;
  std::uint64_t resident_blocks_ = 0;  // that fit the GPU at once; of `resident` kernels
};

}  // namespace bitloom::runtime
