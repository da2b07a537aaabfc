#include "runtime/kernel.h"

#include <fmt/format.h>

#include "runtime/compile.h"
#include "runtime/device_state.h"
#include "runtime/kernel_state.h"

namespace bitloom::runtime {

const std::string& Kernel::name() const {
  return state_->name;
}

bool Kernel::is_prepared(const Device& device) const {
  return state_->ready[static_cast<std::size_t>(device.ordinal()) % KernelState::kDevices].load(
             std::memory_order_acquire) != nullptr;
}

Result<const Kernel::Prepared*> Kernel::prepared(const Device& device) const {
  KernelState& state = *state_;
  auto& ready = state.ready[static_cast<std::size_t>(device.ordinal()) % KernelState::kDevices];
  if (const Prepared* known = ready.load(std::memory_order_acquire)) return known;
  const std::scoped_lock lock(state.mutex);
  if (const Prepared* known = ready.load(std::memory_order_acquire)) return known;

  ModuleState& module = *state.module;
  vm::Diagnostics diagnostics;
  dsl::Specialization specialization = state.specialization;
  const vm::Target target = device.target();
  specialization.target_sm = target.sm;
  std::optional<vm::Function> function;
  CompileOptions options{target, {}, {}};
  {
    const std::scoped_lock program(module.mutex);
    function = module.program.specialize(state.name, specialization, diagnostics);
    for (dsl::FileId file = 0; file < module.sources.size(); ++file)
      options.files.push_back(module.sources.path(file));
  }
  if (!function) return tl::make_unexpected(module.summary(diagnostics));
  const Result<std::string> architecture = device.architecture(target);
  if (!architecture) return tl::make_unexpected(architecture.error());
  options.architecture = *architecture;
  const std::optional<CompiledKernel> image =
      compile_kernel(*function, options, module.cache.get(), diagnostics);
  if (!image) return tl::make_unexpected(module.summary(diagnostics));
  Result<LaunchPlan> plan = LaunchPlan::make(*function, *image);
  if (!plan) return tl::make_unexpected(plan.error());
  Result<LoadedKernel> loaded =
      LoadedKernel::load(device, std::make_shared<const LaunchPlan>(std::move(*plan)), *image);
  if (!loaded) return tl::make_unexpected(loaded.error());
  state.prepared.push_back(
      std::make_unique<const Prepared>(Prepared{std::move(*function), std::move(*loaded)}));
  ready.store(state.prepared.back().get(), std::memory_order_release);
  return state.prepared.back().get();
}

Result<void> Kernel::prepare(const Device& device) const {
  const auto kernel = prepared(device);
  if (!kernel) return tl::make_unexpected(kernel.error());
  return {};
}

Result<KernelResources> Kernel::resources(const Device& device) const {
  const auto kernel = prepared(device);
  if (!kernel) return tl::make_unexpected(kernel.error());
  const LoadedKernel& loaded = (*kernel)->loaded;
  return KernelResources{loaded.registers(), loaded.local_bytes(),
                         static_cast<int>(loaded.plan().shared_bytes()), loaded.plan().threads()};
}

Result<const vm::Function*> Kernel::function(const Device& device) const {
  const auto kernel = prepared(device);
  if (!kernel) return tl::make_unexpected(kernel.error());
  return &(*kernel)->function;
}

Result<const LoadedKernel*> Kernel::loaded(const Device& device) const {
  const auto kernel = prepared(device);
  if (!kernel) return tl::make_unexpected(kernel.error());
  return &(*kernel)->loaded;
}

Result<void> Kernel::launch_with(const Stream& stream, std::span<const LaunchArgument> arguments,
                                 const LaunchSettings& settings) const {
  const Device& device = stream.device();
  if (!is_prepared(device)) {
    const Result<bool> capturing = stream.is_capturing();
    if (!capturing) return tl::make_unexpected(capturing.error());
    if (*capturing) {
      return failure(
          "BL0805",
          fmt::format("kernel '{}' is launched into a graph capture and not prepared for "
                      "GPU {}; compiling and loading cannot be captured",
                      state_->name, device.ordinal()),
          "call prepare() before the capture begins");
    }
  }
  const auto kernel = prepared(device);
  if (!kernel) return tl::make_unexpected(kernel.error());
  return (*kernel)->loaded.launch(stream, arguments, settings);
}

}  // namespace bitloom::runtime
