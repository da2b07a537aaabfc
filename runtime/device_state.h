// What stands behind a Device: the driver, the context, the numbers of the GPU, and the launches
// that nobody has waited for yet. For the runtime's own files.
#pragma once

#include <cstddef>
#include <string>

#include "runtime/cuda/driver.h"
#include "runtime/launch_log.h"

namespace bitloom::runtime {

struct DeviceState {
  const cuda::Driver* driver = nullptr;
  cuda::CUcontext context = nullptr;
  cuda::CUdevice device = 0;
  int ordinal = 0;
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int sms = 0;
  int shared_limit = 0;  // bytes of a block, opted in
  int l2_bytes = 0;
  std::size_t memory = 0;
  LaunchLog log;

  DeviceState() = default;
  DeviceState(const DeviceState&) = delete;
  DeviceState& operator=(const DeviceState&) = delete;
  ~DeviceState();

  const cuda::Driver* operator->() const { return driver; }

  // Nothing, or what the call answered. A fault of a kernel becomes BL0803, which names the
  // launches that may have caused it.
  Result<void> check(cuda::CUresult result, std::string_view call) const;
};

// Makes the device's context current for a scope, and leaves the caller's as it was.
class CurrentContext {
 public:
  explicit CurrentContext(const DeviceState& state) : driver_(*state.driver) {
    cuda::CUcontext current = nullptr;
    if (driver_.cuCtxGetCurrent(&current) == cuda::kSuccess && current == state.context) return;
    pushed_ = driver_.cuCtxPushCurrent(state.context) == cuda::kSuccess;
  }
  ~CurrentContext() {
    cuda::CUcontext popped = nullptr;
    if (pushed_) driver_.cuCtxPopCurrent(&popped);
  }
  CurrentContext(const CurrentContext&) = delete;
  CurrentContext& operator=(const CurrentContext&) = delete;

 private:
  const cuda::Driver& driver_;
  bool pushed_ = false;
};

}  // namespace bitloom::runtime
