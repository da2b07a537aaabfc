// The whole way of a kernel, from a file to results: load, specialise, bind, lower, run in the
// interpreter or on a GPU.
//
//   Job job{.file = "kernels/vector_add/vector_add.bl"};
//   job.request.arguments["a"] = {array, "a.npy"};
//   job.request.outputs = {"c"};
//   Outcome outcome;
//   if (execute(job, sources, stdlib, outcome, diagnostics)) use(outcome.logical("c"));
//
// On a GPU: `job.use(*Device::open())` sets the target and what `device.sms` is.
#pragma once

#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/source.h"
#include "runtime/bind.h"
#include "runtime/device.h"
#include "runtime/gpu_run.h"
#include "vm/passes/pass.h"

namespace bitloom::runtime {

struct Job {
  std::string file;
  std::string kernel = {};  // may be empty when the file has one kernel
  std::map<std::string, std::string> generics = {};
  vm::Target target = {};
  Request request = {};
  vm::PassOptions passes = {};
  vm::LaunchOptions launch = {};
  std::optional<Device> device = {};  // none: the interpreter

  void use(Device gpu) {
    target = gpu.target();
    request.device_sms = gpu.sms();
    device = std::move(gpu);
  }
};

struct Outcome {
  vm::Function function;
  Binding binding;
  vm::LaunchReport report;  // of the interpreter
  GpuReport gpu;
  std::vector<vm::PassTiming> timings;
  std::vector<vm::Remark> remarks;

  HostArray logical(std::string_view parameter) const {
    return binding.logical(function, parameter);
  }
};

// False when anything was reported; `outcome` then holds what was done until there.
bool execute(const Job& job, dsl::SourceManager& sources, const std::string& stdlib,
             Outcome& outcome, vm::Diagnostics& diagnostics);

}  // namespace bitloom::runtime
