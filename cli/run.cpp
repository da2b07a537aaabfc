// bitloom run FILE: binds arrays to a kernel, lowers it for a target, runs it, writes what came
// out.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/run_options.h"
#include "runtime/execute.h"
#include "runtime/host/npy.h"
#include "runtime/host/safetensors.h"
#include "vm/numerics.h"

namespace bitloom::cli {
namespace {

std::string element_text(const runtime::HostArray& array, std::size_t index) {
  const std::uint64_t code = array.code(index);
  const vm::ElementType type = array.type();
  if (type == vm::kI64) return fmt::to_string(static_cast<std::int64_t>(code));
  if (type == vm::kU64) return fmt::to_string(code);
  return fmt::format("{:.6g}", vm::decode(type, code));
}

void print_array(const std::string& name, const runtime::HostArray& array) {
  constexpr std::size_t kMost = 64;
  fmt::print("{}: {}{}\n ", name, to_string(array.type()), runtime::to_string(array.shape()));
  for (std::size_t i = 0; i < std::min(array.size(), kMost); ++i)
    fmt::print(" {}", element_text(array, i));
  fmt::print("{}\n", array.size() > kMost ? " …" : "");
}

runtime::Job job_of(const RunOptions& options, ParsedRun& parsed) {
  runtime::Job job{.file = options.file, .kernel = options.kernel};
  job.generics = parsed.generics;
  job.target = parsed.target;
  job.request = std::move(parsed.request);
  job.passes = {.print_after = options.print_after, .out = &std::cout, .time = options.time_passes};
  job.launch.checks = !options.fast;
  job.launch.workers = options.workers;
  if (options.steps > 0) job.launch.step_limit = options.steps;
  job.launch.stop = &interrupted();
  job.launch.print = &std::cout;
  return job;
}

void tell(const RunOptions& options, const runtime::Job& job, const runtime::Outcome& outcome,
          bool done) {
  if (options.time_passes) fmt::print(stderr, "{}", vm::timing_table(outcome.timings));
  if (options.remarks) {
    for (const vm::Remark& remark : outcome.remarks) {
      fmt::print(stderr, "{}:{}:{}: {}: {}\n", options.file, remark.span.line, remark.span.column,
                 remark.pass, remark.text);
    }
  }
  if (done && options.verbose && job.device) {
    const runtime::GpuReport& gpu = outcome.gpu;
    fmt::print(
        stderr,
        "{} ran on {} ({}, compiled for {}) in {:.3f} ms; compiled in {:.0f} ms, {} registers, "
        "{} bytes of shared and {} of local memory\n",
        outcome.function.name, gpu.device, vm::to_string(job.target), gpu.architecture,
        gpu.kernel_milliseconds, gpu.compile_seconds * 1e3, gpu.registers, gpu.shared_bytes,
        gpu.local_bytes);
  } else if (done && options.verbose) {
    fmt::print(stderr, "{} ran in the interpreter ({}{}) in {:.3f} s, {} instructions\n",
               outcome.function.name, vm::to_string(job.target),
               options.fast ? ", without checks" : "", outcome.report.seconds,
               outcome.report.steps);
  }
  if (options.profile) {
    fmt::print(stderr, "{:>10} {:>12}  instruction\n", "ms", "count");
    for (const vm::ProfileEntry& entry : outcome.report.by_opcode) {
      fmt::print(stderr, "{:10.3f} {:12}  {}\n", entry.seconds * 1e3, entry.count, entry.name);
    }
  }
}

void fail(const runtime::Result<void>& result, vm::Diagnostics& diagnostics) {
  if (result) return;
  diagnostics.error(result.error().code, {}, result.error().message);
  diagnostics.last().hints = result.error().hints;
}

// What the run was asked to write: a .npy file holds one array, a .safetensors file all that are
// written to it, each under the name of its parameter.
void write_outputs(const ParsedRun& parsed, const runtime::Outcome& outcome,
                   vm::Diagnostics& diagnostics) {
  std::map<std::string, std::map<std::string, runtime::HostArray>> checkpoints;
  for (const auto& [name, path] : parsed.outputs) {
    if (path.ends_with(".safetensors")) {
      checkpoints[path].emplace(name, outcome.logical(name));
    } else {
      fail(runtime::write_npy(path, outcome.logical(name)), diagnostics);
    }
  }
  for (const auto& [path, arrays] : checkpoints) {
    std::vector<runtime::NamedArray> named;
    for (const auto& [name, array] : arrays) named.push_back({name, &array});
    fail(runtime::write_safetensors(path, named), diagnostics);
  }
}

void run(const RunOptions& options, const Context& context, dsl::SourceManager& sources,
         vm::Diagnostics& diagnostics) {
  std::optional<ParsedRun> parsed = parse_run_options(options, diagnostics);
  if (!parsed) return;
  // Ctrl-C ends a run on a GPU at once: there is no next step to stop at.
  if (options.engine != "gpu") watch_for_interrupt();
  runtime::Job job = job_of(options, *parsed);
  if (options.engine == "gpu") {
    runtime::Result<runtime::Device> device = runtime::Device::open(options.device);
    if (!device) {
      diagnostics.error(device.error().code, {}, device.error().message);
      diagnostics.last().hints = device.error().hints;
      return;
    }
    const vm::Target asked = job.target;
    job.use(std::move(*device));
    if (!options.target.empty()) job.target = asked;
  }
  runtime::Outcome outcome;
  const bool done = runtime::execute(job, sources, context.stdlib, outcome, diagnostics);
  tell(options, job, outcome, done);
  if (!done) return;
  for (const std::string& name : options.print) print_array(name, outcome.logical(name));
  write_outputs(*parsed, outcome, diagnostics);
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "runs a kernel on arrays");
  declare_run_options(*command, *options);
  command->add_flag("--json", context.json, "diagnostics as JSON");
  command->callback([options, &context] {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    run(*options, context, sources, diagnostics);
    context.exit_code = report(diagnostics, sources, context);
  });
}

}  // namespace bitloom::cli
