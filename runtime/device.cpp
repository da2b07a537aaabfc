#include "runtime/device.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include "runtime/device_state.h"

namespace bitloom::runtime {
namespace {

using cuda::Driver;

// Devices of this process that somebody holds.
struct Registry {
  std::mutex mutex;
  std::map<int, std::weak_ptr<DeviceState>> open;

  static Registry& instance() {
    static Registry registry;
    return registry;
  }
};

Result<std::shared_ptr<DeviceState>> open_state(const Driver& driver, int ordinal) {
  auto state = std::make_shared<DeviceState>();
  state->driver = &driver;
  state->ordinal = ordinal;
  if (auto done = state->check(driver.cuDeviceGet(&state->device, ordinal), "cuDeviceGet"); !done)
    return tl::make_unexpected(done.error());
  char name[256] = {};
  driver.cuDeviceGetName(name, sizeof name, state->device);
  state->name = name;
  const std::pair<cuda::CUdevice_attribute, int*> attributes[] = {
      {cuda::kComputeCapabilityMajor, &state->major},
      {cuda::kComputeCapabilityMinor, &state->minor},
      {cuda::kMultiprocessorCount, &state->sms},
      {cuda::kMaxSharedMemoryPerBlockOptin, &state->shared_limit},
      {cuda::kL2CacheSize, &state->l2_bytes},
  };
  for (const auto& [attribute, value] : attributes) {
    if (auto done = state->check(driver.cuDeviceGetAttribute(value, attribute, state->device),
                                 "cuDeviceGetAttribute");
        !done) {
      return tl::make_unexpected(done.error());
    }
  }
  driver.cuDeviceTotalMem(&state->memory, state->device);
  if (auto done = state->check(driver.cuDevicePrimaryCtxRetain(&state->context, state->device),
                               "cuDevicePrimaryCtxRetain");
      !done) {
    return tl::make_unexpected(done.error());
  }
  return state;
}

}  // namespace

DeviceState::~DeviceState() {
  if (context) driver->cuDevicePrimaryCtxRelease(device);
}

Result<void> DeviceState::check(cuda::CUresult result, std::string_view call) const {
  if (!cuda::is_kernel_fault(result)) return cuda::check(*driver, result, call);
  const std::vector<std::string> launches = log.describe();
  std::string what = "a kernel";
  if (launches.size() == 1) what = launches.front();
  if (launches.size() > 1) what = fmt::format("one of {} kernels", launches.size());
  auto error = failure(
      "BL0803", fmt::format("{} faulted on {}: {}", what, name, cuda::error_text(*driver, result)),
      "the interpreter shows the place: run it with the same arguments and --on interpreter");
  if (launches.size() > 1) {
    constexpr std::size_t kMost = 8;
    for (std::size_t i = 0; i < std::min(launches.size(), kMost); ++i)
      error.value().note({}, fmt::format("launched and not waited for: {}", launches[i]));
    error.value().hint("wait behind every launch to see which it is");
  }
  return error;
}

Result<int> Device::count() {
  const Result<const Driver*> driver = Driver::find();
  if (!driver) return tl::make_unexpected(driver.error());
  int count = 0;
  if (auto done = cuda::check(**driver, (*driver)->cuDeviceGetCount(&count), "cuDeviceGetCount");
      !done) {
    return tl::make_unexpected(done.error());
  }
  return count;
}

Result<Device> Device::open(int ordinal) {
  const Result<int> number = count();
  if (!number) return tl::make_unexpected(number.error());
  if (*number == 0) {
    return failure("BL0416", "this machine has a CUDA driver and no GPU",
                   "--on interpreter runs on every machine; CUDA_VISIBLE_DEVICES may hide GPUs");
  }
  if (ordinal < 0 || ordinal >= *number) {
    return failure("BL0416", fmt::format("there is no GPU {}: this machine has {}, counted from 0",
                                         ordinal, *number));
  }
  Registry& registry = Registry::instance();
  const std::scoped_lock lock(registry.mutex);
  std::weak_ptr<DeviceState>& known = registry.open[ordinal];
  if (std::shared_ptr<DeviceState> state = known.lock()) return Device(std::move(state));
  auto state = open_state(**Driver::find(), ordinal);
  if (!state) return tl::make_unexpected(state.error());
  known = *state;
  return Device(std::move(*state));
}

int Device::ordinal() const {
  return state_->ordinal;
}
const std::string& Device::name() const {
  return state_->name;
}
int Device::sms() const {
  return state_->sms;
}
std::size_t Device::memory() const {
  return state_->memory;
}
std::size_t Device::l2_bytes() const {
  return static_cast<std::size_t>(state_->l2_bytes);
}

vm::Target Device::target() const {
  const int sm = state_->major * 10 + state_->minor;
  if (sm == 90) return {90, true};
  // The latest target that the GPU is not older than; what comes after it is a superset, but for
  // the `a` variants.
  vm::Target best{80, false};
  for (const std::string& name : vm::target_names()) {
    const vm::Target target = *vm::Target::parse(name);
    if (!target.a_variant && target.sm <= sm && target.sm > best.sm) best = target;
  }
  return best;
}

Result<std::string> Device::architecture(const vm::Target& target) const {
  const int sm = state_->major * 10 + state_->minor;
  if (sm == target.sm) return vm::to_string(target);
  if (sm < target.sm || target.a_variant) {
    return failure("BL0804",
                   fmt::format("GPU {}, {}, is an sm_{} and cannot run what is lowered for {}",
                               state_->ordinal, state_->name, sm, vm::to_string(target)),
                   fmt::format("--target {}", vm::to_string(this->target())));
  }
  return fmt::format("sm_{}", sm);
}

Result<void> Device::synchronize() const {
  const CurrentContext current(*state_);
  auto done = state_->check((*state_)->cuCtxSynchronize(), "cuCtxSynchronize");
  if (done) state_->log.all_done();
  return done;
}

}  // namespace bitloom::runtime
