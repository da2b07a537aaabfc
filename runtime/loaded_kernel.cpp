#include "runtime/loaded_kernel.h"

#include <fmt/format.h>

#include "runtime/device_state.h"

namespace bitloom::runtime {

Result<LoadedKernel> LoadedKernel::load(const Device& device,
                                        std::shared_ptr<const LaunchPlan> plan,
                                        const CompiledKernel& image) {
  const std::shared_ptr<DeviceState>& state = device.state();
  const CurrentContext current(*state);
  LoadedKernel kernel(device, std::move(plan));
  cuda::CUmodule module = nullptr;
  if (auto done = state->check((*state)->cuModuleLoadData(&module, image.cubin.data()),
                               fmt::format("cuModuleLoadData of {} for {} on {}",
                                           kernel.plan().name(), image.target, state->name));
      !done) {
    return tl::make_unexpected(done.error());
  }
  const auto unload = [state](cuda::CUmodule handle) {
    const CurrentContext scope(*state);
    (*state)->cuModuleUnload(handle);
  };
  kernel.module_ = std::shared_ptr<CUmod_st>(module, unload);
  if (auto done = kernel.prepare_function(image); !done) return tl::make_unexpected(done.error());
  return kernel;
}

Result<void> LoadedKernel::prepare_function(const CompiledKernel& image) {
  const DeviceState& state = *device_.state();
  if (auto done =
          state.check(state->cuModuleGetFunction(&function_, module_.get(), image.kernel.c_str()),
                      "cuModuleGetFunction");
      !done) {
    return done;
  }
  if (state->cuFuncLoad) {
    if (auto done = state.check(state->cuFuncLoad(function_), "cuFuncLoad"); !done) return done;
  }
  for (const auto& [attribute, value] :
       {std::pair{cuda::kNumRegs, &registers_}, std::pair{cuda::kLocalSizeBytes, &local_bytes_}}) {
    if (auto done = state.check(state->cuFuncGetAttribute(value, attribute, function_),
                                "cuFuncGetAttribute");
        !done) {
      return done;
    }
  }
  const auto shared = static_cast<int>(plan_->shared_bytes());
  if (shared > state.shared_limit) {
    return failure("BL0412",
                   fmt::format("kernel '{}' needs {} bytes of shared memory, where {} has "
                               "{} for a block",
                               plan_->name(), shared, state.name, state.shared_limit),
                   "fewer pipeline stages or smaller tiles need less");
  }
  constexpr int kWithoutAsking = 48 * 1024;
  if (shared > kWithoutAsking) {
    if (auto done = state.check(
            state->cuFuncSetAttribute(function_, cuda::kMaxDynamicSharedSizeBytes, shared),
            "cuFuncSetAttribute(MAX_DYNAMIC_SHARED_SIZE_BYTES)");
        !done) {
      return done;
    }
  }
  constexpr int kPortableCluster = 8;
  if (plan_->cluster() > kPortableCluster) {
    if (auto done = state.check(
            state->cuFuncSetAttribute(function_, cuda::kNonPortableClusterSizeAllowed, 1),
            "cuFuncSetAttribute(NON_PORTABLE_CLUSTER_SIZE_ALLOWED)");
        !done) {
      return done;
    }
  }
  if (!plan_->resident()) return {};
  int blocks = 0;
  if (auto done = state.check(state->cuOccupancyMaxActiveBlocksPerMultiprocessor(
                                  &blocks, function_, plan_->threads(), plan_->shared_bytes()),
                              "cuOccupancyMaxActiveBlocksPerMultiprocessor");
      !done) {
    return done;
  }
  resident_blocks_ = static_cast<std::uint64_t>(blocks) * static_cast<std::uint64_t>(state.sms);
  return {};
}

Result<void> LoadedKernel::check_resident(const BoundLaunch& bound) const {
  if (!plan_->resident() || bound.blocks() <= resident_blocks_) return {};
  return failure(
      "BL0415",
      fmt::format("the {} blocks of kernel '{}' cannot all be resident on {}, which holds "
                  "{} of them",
                  bound.blocks(), plan_->name(), device_.name(), resident_blocks_),
      "size the grid from device.sms");
}

Result<void> LoadedKernel::launch(const Stream& stream, std::span<const LaunchArgument> arguments,
                                  const LaunchSettings& settings) const {
  DeviceState& state = *device_.state();
  if (!(stream.device() == device_)) {
    return failure("BL0808",
                   fmt::format("kernel '{}' is loaded on GPU {} and launched into a stream "
                               "of GPU {}",
                               plan_->name(), device_.ordinal(), stream.device().ordinal()));
  }
  const CurrentContext current(state);
  BoundLaunch bound;
  const BindOptions options{settings.sms > 0 ? settings.sms : state.sms, state.driver,
                            settings.sizes, &state};
  if (auto done = plan_->bind(arguments, options, bound); !done) return done;
  if (bound.is_empty()) return {};
  if (auto done = check_resident(bound); !done) return done;

  cuda::CUlaunchAttribute attributes[2];
  unsigned count = 0;
  const auto set = [&](cuda::CUlaunchAttributeID id) {
    attributes[count].id = id;
    attributes[count++].value.number = 1;
  };
  // Cooperative: two grids whose blocks wait for one another must not share the GPU half and half.
  if (plan_->resident()) set(cuda::kAttributeCooperative);
  if (plan_->dependent()) set(cuda::kAttributeProgrammaticStreamSerialization);
  const cuda::CUlaunchConfig config{bound.grid[0],
                                    bound.grid[1],
                                    bound.grid[2],
                                    static_cast<unsigned>(plan_->threads()),
                                    1,
                                    1,
                                    plan_->shared_bytes(),
                                    stream.handle(),
                                    attributes,
                                    count};
  const cuda::CUresult result =
      state->cuLaunchKernelEx(&config, function_, bound.pointers.data(), nullptr);
  if (result == cuda::kSuccess) {
    state.log.add(plan_, stream.handle(), bound.grid, bound.words.data(), plan_->word_count());
    return {};
  }
  return state.check(result, fmt::format("cuLaunchKernelEx of {}", plan_->name()));
}

}  // namespace bitloom::runtime
