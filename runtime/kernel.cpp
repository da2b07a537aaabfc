#include "runtime/kernel.h"

#include <fmt/format.h>

#include "runtime/compile.h"
#include "runtime/compile_many.h"
#include "runtime/device_state.h"
#include "runtime/kernel_state.h"

namespace bitloom::runtime {
namespace {

// A kernel checked for a GPU, and how to compile it.
struct Checked {
  vm::Function function;
  CompileOptions options;
};

Result<Checked> checked(KernelState& state, const Device& device) {
  ModuleState& module = *state.module;
  vm::Diagnostics diagnostics;
  dsl::Specialization specialization = state.specialization;
  const vm::Target target = device.target();
  specialization.target_sm = target.sm;
  CompileOptions options{target, {}, {}};
  const Result<std::string> architecture = device.architecture(target);
  if (!architecture) return tl::make_unexpected(architecture.error());
  options.architecture = *architecture;
  const std::scoped_lock program(module.mutex);
  std::optional<vm::Function> function =
      module.program.specialize(state.name, specialization, diagnostics);
  if (!function) return tl::make_unexpected(module.summary(diagnostics));
  for (dsl::FileId file = 0; file < module.sources.size(); ++file)
    options.files.push_back(module.sources.path(file));
  return Checked{std::move(*function), std::move(options)};
}

std::size_t place_of(const Device& device) {
  return static_cast<std::size_t>(device.ordinal()) % KernelState::kDevices;
}

}  // namespace

const std::string& Kernel::name() const {
  return state_->name;
}

bool Kernel::is_prepared(const Device& device) const {
  return state_->ready[place_of(device)].load(std::memory_order_acquire) != nullptr;
}

// With the state's mutex held.
Result<const Kernel::Prepared*> Kernel::load(const Device& device, vm::Function function,
                                             const CompiledKernel& image) const {
  Result<LaunchPlan> plan = LaunchPlan::make(function, image);
  if (!plan) return tl::make_unexpected(plan.error());
  Result<LoadedKernel> loaded =
      LoadedKernel::load(device, std::make_shared<const LaunchPlan>(std::move(*plan)), image);
  if (!loaded) return tl::make_unexpected(loaded.error());
  state_->prepared.push_back(
      std::make_unique<const Prepared>(Prepared{std::move(function), std::move(*loaded)}));
  state_->ready[place_of(device)].store(state_->prepared.back().get(), std::memory_order_release);
  return state_->prepared.back().get();
}

Result<const Kernel::Prepared*> Kernel::prepared(const Device& device) const {
  auto& ready = state_->ready[place_of(device)];
  if (const Prepared* known = ready.load(std::memory_order_acquire)) return known;
  const std::scoped_lock lock(state_->mutex);
  if (const Prepared* known = ready.load(std::memory_order_acquire)) return known;
  Result<Checked> kernel = checked(*state_, device);
  if (!kernel) return tl::make_unexpected(kernel.error());
  vm::Diagnostics diagnostics;
  ModuleState& module = *state_->module;
  const std::optional<CompiledKernel> image =
      compile_kernel(kernel->function, kernel->options, module.cache.get(), diagnostics);
  if (!image) return tl::make_unexpected(module.summary(diagnostics));
  return load(device, std::move(kernel->function), *image);
}

std::vector<Result<void>> Kernel::prepare_all(std::span<const Kernel> kernels, const Device& device,
                                              int workers) {
  std::vector<Result<void>> results(kernels.size());
  std::vector<std::optional<Checked>> functions(kernels.size());
  std::vector<CompileJob> jobs;
  std::vector<std::size_t> places;
  CompileManyOptions options{.workers = workers};
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    if (kernels[i].is_prepared(device)) continue;
    Result<Checked> kernel = checked(*kernels[i].state_, device);
    if (!kernel) {
      results[i] = tl::make_unexpected(kernel.error());
      continue;
    }
    functions[i] = std::move(*kernel);
    jobs.push_back({&functions[i]->function, functions[i]->options});
    places.push_back(i);
    if (const auto& cache = kernels[i].state_->module->cache)
      options.cache = {cache->folder(), cache->limit()};
  }
  const std::vector<CompileOutcome> outcomes = compile_many(jobs, options);
  for (std::size_t j = 0; j < outcomes.size(); ++j) {
    const std::size_t i = places[j];
    KernelState& state = *kernels[i].state_;
    if (!outcomes[j].kernel) {
      results[i] = tl::make_unexpected(state.module->summary(outcomes[j].diagnostics));
      continue;
    }
    const std::scoped_lock lock(state.mutex);
    if (kernels[i].is_prepared(device)) continue;
    const auto done =
        kernels[i].load(device, std::move(functions[i]->function), *outcomes[j].kernel);
    if (!done) results[i] = tl::make_unexpected(done.error());
  }
  return results;
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
