// A kernel that can be launched on any GPU of the machine.
//
//   if (auto done = kernel.prepare(device); !done) show(done.error());   // compiles and loads
//   kernel.launch(stream, x, y, 0.5);                                     // only launches
//
// prepare() compiles, or finds the compiled kernel in the cache, and loads it; what it did once it
// does not do again. launch() prepares when nobody did, except inside of a graph capture, where
// compiling is not possible: there it fails with BL0805. Arguments come in the order of the
// kernel's parameters, std::nullopt for an optional one that the specialisation has not. A launch
// does not wait; faults show where somebody waits (Stream::synchronize).
//
// A Kernel is a handle, and all its functions may be called from several threads at once.
#pragma once

#include <array>
#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/loaded_kernel.h"
#include "runtime/stream.h"
#include "runtime/tensor.h"

namespace bitloom::runtime {

struct KernelState;

struct KernelResources {
  int registers = 0;    // of a thread
  int local_bytes = 0;  // of a thread: what did not fit registers
  int shared_bytes = 0;
  int threads = 0;
};

inline LaunchArgument to_argument(const Tensor& tensor) {
  return tensor.argument();
}
inline LaunchArgument to_argument(std::nullopt_t) {
  return {};
}
inline LaunchArgument to_argument(const LaunchArgument& argument) {
  return argument;
}
template <std::integral T>
LaunchArgument to_argument(T number) {
  LaunchArgument argument;
  argument.kind = LaunchArgument::Kind::Integer;
  argument.integer = static_cast<std::int64_t>(number);
  return argument;
}
template <std::floating_point T>
LaunchArgument to_argument(T number) {
  LaunchArgument argument;
  argument.kind = LaunchArgument::Kind::Real;
  argument.real = static_cast<double>(number);
  return argument;
}

class Kernel {
 public:
  const std::string& name() const;

  Result<void> prepare(const Device& device) const;
  // Many at once, in worker processes (runtime/compile_many.h); 0 workers: one a processor. One
  // result a kernel, in their order.
  static std::vector<Result<void>> prepare_all(std::span<const Kernel> kernels,
                                               const Device& device, int workers = 0);
  bool is_prepared(const Device& device) const;
  // Prepares, when nobody did.
  Result<KernelResources> resources(const Device& device) const;
  // The specialised kernel for the GPU's target: types of parameters, sizes, grid. Prepares.
  Result<const vm::Function*> function(const Device& device) const;
  // The driver's handle and the launch plan, for measurements and tools. Prepares.
  Result<const LoadedKernel*> loaded(const Device& device) const;

  template <class... Arguments>
  Result<void> launch(const Stream& stream, const Arguments&... arguments) const {
    const std::array<LaunchArgument, sizeof...(Arguments)> list = {to_argument(arguments)...};
    return launch_with(stream, list);
  }
  Result<void> launch_with(const Stream& stream, std::span<const LaunchArgument> arguments,
                           const LaunchSettings& settings = {}) const;

 private:
  friend class Module;
  friend struct KernelState;
  struct Prepared;
  explicit Kernel(std::shared_ptr<KernelState> state) : state_(std::move(state)) {}
  Result<const Prepared*> prepared(const Device& device) const;
  Result<const Prepared*> load(const Device& device, vm::Function function,
                               const CompiledKernel& image) const;
  std::shared_ptr<KernelState> state_;
};

}  // namespace bitloom::runtime
