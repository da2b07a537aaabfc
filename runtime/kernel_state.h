// What stands behind a Kernel: how it is specialised, and what was prepared for each GPU.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "runtime/kernel.h"
#include "runtime/module_state.h"

namespace bitloom::runtime {

struct Kernel::Prepared {
  vm::Function function;
  LoadedKernel loaded;
};

struct KernelState {
  static constexpr std::size_t kDevices = 64;  // GPUs of one machine, at most

  std::shared_ptr<ModuleState> module;
  std::string name;
  dsl::Specialization specialization;

  // A launch only reads `ready`; preparing takes the mutex. What is ready stays.
  std::mutex mutex;
  std::array<std::atomic<const Kernel::Prepared*>, kDevices> ready = {};
  std::vector<std::unique_ptr<const Kernel::Prepared>> prepared;
};

}  // namespace bitloom::runtime
