// A GPU of this machine.
//
//   Result<Device> device = Device::open();          // the first one; BL0416 when there is none
//   fmt::print("{}, {} SMs\n", device->name(), device->sms());
//
// A Device is a handle: copies are the same GPU, and opening it again gives the same one. It uses
// the primary context, the one that the CUDA runtime and libraries on top of it use too, and leaves
// the caller's current context as it was. All functions may be called from several threads.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "runtime/result.h"
#include "vm/passes/pass.h"

namespace bitloom::runtime {

struct DeviceState;

class Device {
 public:
  static Result<int> count();
  static Result<Device> open(int ordinal = 0);

  int ordinal() const;
  const std::string& name() const;  // "NVIDIA H100 80GB HBM3"
  int sms() const;
  std::size_t memory() const;  // bytes
  std::size_t l2_bytes() const;
  // What kernels are lowered for on this GPU when nothing else is said: sm_90a on an H100.
  vm::Target target() const;
  // The architecture to compile for, of a kernel that is lowered for `target`; BL0804 when this GPU
  // cannot run it.
  Result<std::string> architecture(const vm::Target& target) const;

  // Waits for everything that was launched. A kernel that faulted is reported here (BL0803), with
  // its arguments.
  Result<void> synchronize() const;

  const std::shared_ptr<DeviceState>& state() const { return state_; }
  bool operator==(const Device& other) const { return state_ == other.state_; }

 private:
  explicit Device(std::shared_ptr<DeviceState> state) : state_(std::move(state)) {}
  std::shared_ptr<DeviceState> state_;
};

}  // namespace bitloom::runtime
