// One run of a kernel on a GPU with arrays of the host: what vm::launch is for the interpreter.
//
// Compiles (or finds it in the cache), loads, copies the arrays to the GPU, launches, waits, and
// copies back what the kernel may have written. A program that launches often uses
// runtime/kernel.h, which does the first steps once.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/cache/cache.h"
#include "runtime/device.h"
#include "vm/diagnostics.h"
#include "vm/interpreter/interpreter.h"

namespace bitloom::runtime {

struct GpuReport {
  std::string device;              // "NVIDIA H100 80GB HBM3"
  std::string architecture;        // that was compiled for
  double compile_seconds = 0;      // text, NVRTC, loading
  double kernel_milliseconds = 0;  // of the launch alone, by the GPU's clock
  int registers = 0, local_bytes = 0;
  std::int64_t shared_bytes = 0;
};

struct GpuRunOptions {
  vm::Target target = {};                 // that `lowered` is lowered for
  const vm::Function* lowered = nullptr;  // the function, when it is lowered already
  Cache* cache = nullptr;
  int device_sms = 0;                     // the value of device.sms; 0: of the GPU
  std::vector<std::string> files = {};    // names of the files that spans refer to
  const CompiledKernel* image = nullptr;  // of `lowered`, when it is compiled already
};

// `arguments` as for vm::launch. False when something was reported.
bool run_on_gpu(const Device& device, const vm::Function& checked,
                const std::map<std::string, std::int64_t>& sizes,
                std::span<const vm::Argument> arguments, const GpuRunOptions& options,
                vm::Diagnostics& diagnostics, GpuReport* report = nullptr);

}  // namespace bitloom::runtime
