// Compiles many kernels at once, each in a process of its own.
//
//   std::vector<CompileJob> jobs = …;
//   std::vector<CompileOutcome> outcomes = compile_many(jobs, {.workers = 8});
//
// Processes, because NVRTC makes the threads of one process wait for one another. A worker is the
// `bitloom` program, started anew with a hidden command: a mere fork of this process would hold
// copies of locks that NVRTC, the driver and threads of the caller own here. A worker lowers, asks
// the cache, compiles, and sends back what it has; one that dies is an error of its kernel alone,
// and another takes its place.
//
// Where there is no such program, kernels are compiled in this process, one after another.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/cache/cache.h"
#include "runtime/compile.h"

namespace bitloom::runtime {

struct CompileJob {
  const vm::Function* checked = nullptr;
  CompileOptions options = {};
};

struct CompileOutcome {
  std::optional<CompiledKernel> kernel;  // its parameters have the ids of the job's function
  vm::Diagnostics diagnostics;
  CompileTrace trace = {};
};

struct CompileManyOptions {
  int workers = 0;           // processes; 0: one a processor
  std::string program = {};  // that is started; empty: BITLOOM_WORKER, or `bitloom` beside this one
  Cache::Options cache = {};
};

// One outcome a job, in their order.
std::vector<CompileOutcome> compile_many(std::span<const CompileJob> jobs,
                                         const CompileManyOptions& options);

// The name of the hidden command, and what it does: jobs from standard input, outcomes to standard
// output, until there are no more.
inline constexpr const char* kWorkerCommand = "compile-worker";
int run_compile_worker();

}  // namespace bitloom::runtime
