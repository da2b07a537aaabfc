// bitloom run FILE: binds arrays to a kernel, lowers it for a target, runs it, writes what came out.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <iostream>
#include <memory>

#include "cli/command.h"
#include "cli/run_options.h"
#include "dsl/compile.h"
#include "runtime/bind.h"
#include "runtime/host/npy.h"
#include "vm/numerics.h"
#include "vm/passes/pipeline.h"
#include "vm/suggest.h"

namespace bitloom::cli {
namespace {

std::string element_text(const runtime::HostArray& array, std::size_t index) {
  const std::uint64_t code = array.code(index);
  const vm::ElementType type = array.type();
  if (type == vm::kI64) return fmt::to_string(static_cast<std::int64_t>(code));
  if (type == vm::kU64) return fmt::to_string(code);
  return fmt::format("{:.6g}", vm::decode(type, code));
}

// One run, from options to files; each step reports into `diagnostics` and says whether the next may follow.
class Run {
 public:
  Run(const RunOptions& options, const Context& context, dsl::SourceManager& sources, vm::Diagnostics& diagnostics)
      : options_(options), context_(context), diagnostics_(diagnostics), program_(sources, context.stdlib) {}

  bool all() {
    return engine() && read_options() && load() && compile() && execute() && write();
  }

 private:
  bool engine();
  bool read_options();
  bool load();
  bool choose_kernel();
  bool compile();
  bool execute();
  bool write();
  void print_array(const std::string& name, const runtime::HostArray& array) const;

  const RunOptions& options_;
  const Context& context_;
  vm::Diagnostics& diagnostics_;
  dsl::Program program_;
  ParsedRun parsed_;
  dsl::KernelSignature signature_;
  std::optional<vm::Function> function_;
  std::optional<runtime::Binding> binding_;
};

bool Run::engine() {
  if (options_.engine == "interpreter") return true;
  diagnostics_.error("BL0416", {}, fmt::format("engine '{}' is not part of this build; kernels run in the interpreter", options_.engine))
      .hint("--on interpreter");
  return false;
}

bool Run::read_options() {
  std::optional<ParsedRun> parsed = parse_run_options(options_, diagnostics_);
  if (!parsed) return false;
  parsed_ = std::move(*parsed);
  return true;
}

bool Run::load() { return program_.load(options_.file, diagnostics_) && choose_kernel(); }

bool Run::choose_kernel() {
  const std::vector<dsl::KernelSignature> kernels = program_.kernels();
  std::vector<std::string> names;
  for (const dsl::KernelSignature& kernel : kernels) {
    names.push_back(kernel.name);
    if (kernel.name == options_.kernel || (options_.kernel.empty() && kernels.size() == 1)) {
      signature_ = kernel;
      return true;
    }
  }
  vm::Diagnostic& error =
      kernels.empty() ? diagnostics_.error("BL0419", {}, fmt::format("'{}' has no kernel", options_.file))
      : options_.kernel.empty()
          ? diagnostics_.error("BL0419", {}, fmt::format("'{}' has {} kernels", options_.file, kernels.size()))
          : diagnostics_.error("BL0419", {}, fmt::format("'{}' has no kernel '{}'", options_.file, options_.kernel));
  if (const auto near = vm::did_you_mean(options_.kernel, names)) error.hint(fmt::format("did you mean '{}'?", *near));
  if (!names.empty()) error.hint(fmt::format("--kernel {}", fmt::join(names, ", --kernel ")));
  return false;
}

bool Run::compile() {
  dsl::Specialization specialization;
  specialization.generics = parsed_.generics;
  specialization.target_sm = parsed_.target.sm;
  for (const auto& parameter : signature_.parameters) {
    if (parameter.optional && !parsed_.request.arguments.contains(parameter.name) &&
        !parsed_.request.outputs.contains(parameter.name)) {
      specialization.absent.insert(parameter.name);
    }
  }
  runtime::infer_generics(signature_, parsed_.request, specialization);
  function_ = program_.specialize(signature_.name, specialization, diagnostics_);
  if (!function_) return false;
  binding_ = runtime::bind(*function_, parsed_.request, diagnostics_);
  if (!binding_) return false;

  vm::PassContext passes{parsed_.target, diagnostics_};
  const bool lowered = vm::lower_all(*function_, passes,
                                     {.print_after = options_.print_after, .out = &std::cout, .time = options_.time_passes});
  if (options_.time_passes) fmt::print(stderr, "{}", vm::timing_table(passes.timings));
  if (options_.remarks) {
    for (const vm::Remark& remark : passes.remarks) {
      fmt::print(stderr, "{}:{}:{}: {}: {}\n", options_.file, remark.span.line, remark.span.column, remark.pass, remark.text);
    }
  }
  return lowered;
}

bool Run::execute() {
  watch_for_interrupt();
  vm::LaunchOptions launch;
  launch.checks = !options_.fast;
  launch.workers = options_.workers;
  if (options_.steps > 0) launch.step_limit = options_.steps;
  launch.stop = &interrupted();
  launch.print = &std::cout;
  vm::LaunchReport report;
  const bool done = vm::launch(*function_, binding_->sizes, binding_->arguments(), launch, diagnostics_, &report);
  if (done && options_.verbose) {
    fmt::print(stderr, "{} ran in the interpreter ({}{}) in {:.3f} s, {} instructions\n", function_->name,
               vm::to_string(parsed_.target), options_.fast ? ", without checks" : "", report.seconds, report.steps);
  }
  if (options_.profile) {
    fmt::print(stderr, "{:>10} {:>12}  instruction\n", "ms", "count");
    for (const vm::ProfileEntry& entry : report.by_opcode) {
      fmt::print(stderr, "{:10.3f} {:12}  {}\n", entry.seconds * 1e3, entry.count, entry.name);
    }
  }
  return done;
}

void Run::print_array(const std::string& name, const runtime::HostArray& array) const {
  constexpr std::size_t kMost = 64;
  fmt::print("{}: {}{}\n ", name, to_string(array.type()), runtime::to_string(array.shape()));
  for (std::size_t i = 0; i < std::min(array.size(), kMost); ++i) fmt::print(" {}", element_text(array, i));
  fmt::print("{}\n", array.size() > kMost ? " …" : "");
}

bool Run::write() {
  for (const std::string& name : options_.print) print_array(name, binding_->logical(*function_, name));
  for (const auto& [name, path] : parsed_.outputs) {
    const auto written = runtime::write_npy(path, binding_->logical(*function_, name));
    if (!written) {
      diagnostics_.error(written.error().code, {}, written.error().message);
      for (const std::string& hint : written.error().hints) diagnostics_.last().hint(hint);
    }
  }
  return !diagnostics_.has_errors();
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
    Run(*options, context, sources, diagnostics).all();
    context.exit_code = report(diagnostics, sources, context);
  });
}

}  // namespace bitloom::cli
