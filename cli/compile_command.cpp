#include "cli/compile_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "cli/run_options.h"
#include "codegen/cuda.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/host/file.h"
#include "vm/passes/pipeline.h"
#include "vm/text/printer.h"

namespace bitloom::cli {

void declare_compile_options(CLI::App& command, CompileCommand& options) {
  command.add_option("FILE", options.file, "a kernel file (.bl)")->required();
  command.add_option("--kernel", options.kernel, "which kernel, when the file has several");
  command.add_option("--set", options.set, "NAME=VALUE of a compile-time parameter");
  command.add_option("--with", options.with, "NAME of an optional parameter that launches give");
  command
      .add_option("--arch", options.architectures,
                  "the architectures to compile for, joined with commas")
      ->capture_default_str();
  command.add_flag("--line-info", options.line_info,
                   "keep the kernel's lines in the image, for profilers");
  command.add_flag("--no-cache", options.no_cache, "compile anew");
  command.add_flag("--time-passes", options.time_passes, "how long each pass and NVRTC took");
  command.add_option("--save-temps", options.save_temps,
                     "a folder for the IR, the CUDA text, PTX and the image");
}

void add(vm::Diagnostics& diagnostics, const vm::Diagnostic& diagnostic) {
  vm::Diagnostic& copy =
      diagnostic.severity == vm::Severity::Error
          ? diagnostics.error(diagnostic.code, diagnostic.span, diagnostic.message)
          : diagnostics.warning(diagnostic.code, diagnostic.span, diagnostic.message);
  copy.notes = diagnostic.notes;
  copy.hints = diagnostic.hints;
}

namespace {

std::vector<vm::Target> targets_of(const std::string& list, vm::Diagnostics& diagnostics) {
  std::vector<vm::Target> targets;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    begin = end + 1;
    const auto target = vm::Target::parse(name);
    if (!target) {
      diagnostics.error("BL0414", {}, fmt::format("target '{}' is unknown", name))
          .hint(fmt::format("--arch {}", fmt::join(vm::target_names(), ", ")));
    } else if (std::ranges::find(targets, *target) == targets.end()) {
      targets.push_back(*target);
    }
  }
  return targets;
}

runtime::Cache::Options cache_of(const CompileCommand& command, vm::Diagnostics& diagnostics) {
  return command.no_cache ? runtime::Cache::Options{} : runtime::Cache::defaults(diagnostics);
}

}  // namespace

std::optional<std::vector<CompileUnit>> load_units(const CompileCommand& command,
                                                   dsl::SourceManager& sources,
                                                   const Context& context,
                                                   vm::Diagnostics& diagnostics) {
  runtime::KernelChoice choice{command.file, command.kernel, {}, {}, 80};
  choice.present.insert(command.with.begin(), command.with.end());
  choice.generics = parse_generics(command.set, diagnostics);
  std::vector<CompileUnit> units;
  for (const vm::Target& target : targets_of(command.architectures, diagnostics)) {
    if (diagnostics.has_errors()) break;
    choice.target_sm = target.sm;
    auto function = runtime::load_kernel(choice, sources, context.stdlib, diagnostics);
    if (function) units.push_back({target, std::move(*function), {}});
  }
  if (diagnostics.has_errors()) return std::nullopt;
  for (CompileUnit& unit : units) {
    unit.options.target = unit.target;
    unit.options.line_info = command.line_info;
    for (dsl::FileId file = 0; file < sources.size(); ++file)
      unit.options.files.push_back(sources.path(file));
  }
  return units;
}

std::optional<std::map<std::string, std::int64_t>> sizes_of(const CompileCommand& command,
                                                            vm::Diagnostics& diagnostics) {
  std::map<std::string, std::int64_t> sizes;
  for (const Assignment& item : assignments(command.shape, "--shape", true, diagnostics)) {
    char* end = nullptr;
    const long long size = std::strtoll(item.value.c_str(), &end, 10);
    if (*end != '\0' || size < 0) {
      diagnostics.error(
          "BL0703", {},
          fmt::format("--shape {} needs a whole number and was given '{}'", item.name, item.value));
    } else if (!sizes.emplace(item.name, size).second) {
      diagnostics.error("BL0706", {}, fmt::format("--shape {} is given twice", item.name));
    }
  }
  if (diagnostics.has_errors()) return std::nullopt;
  return sizes;
}

std::optional<vm::Function> lower_unit(const CompileUnit& unit, vm::Diagnostics& diagnostics,
                                       std::vector<vm::PassTiming>* timings) {
  vm::Function lowered = unit.checked.clone();
  vm::PassContext passes{unit.target, diagnostics};
  vm::PassOptions options;
  options.time = timings != nullptr;
  const bool done = vm::lower_all(lowered, passes, options);
  if (timings) *timings = std::move(passes.timings);
  if (!done) return std::nullopt;
  return lowered;
}

bool compile_units(const CompileCommand& command, const std::vector<CompileUnit>& units,
                   std::vector<runtime::CompiledKernel>& kernels, vm::Diagnostics& diagnostics) {
  const runtime::Cache::Options cache_options = cache_of(command, diagnostics);
  std::vector<runtime::CompileOutcome> outcomes;
  if (units.size() > 1) {
    std::vector<runtime::CompileJob> jobs;
    for (const CompileUnit& unit : units) jobs.push_back({&unit.checked, unit.options});
    runtime::CompileManyOptions many;
    many.cache = cache_options;
    outcomes = runtime::compile_many(jobs, many);
  } else {
    runtime::Cache cache(cache_options);
    for (const CompileUnit& unit : units) {
      runtime::CompileOutcome& outcome = outcomes.emplace_back();
      outcome.kernel = runtime::compile_kernel(unit.checked, unit.options, &cache,
                                               outcome.diagnostics, nullptr, &outcome.trace);
    }
  }
  for (std::size_t i = 0; i < units.size(); ++i) {
    for (const vm::Diagnostic& diagnostic : outcomes[i].diagnostics.all())
      add(diagnostics, diagnostic);
    if (command.time_passes) {
      const runtime::CompileTrace& trace = outcomes[i].trace;
      fmt::print(stderr, "{}{}\n", vm::to_string(units[i].target),
                 trace.cached ? ": from the cache" : "");
      if (!trace.passes.empty()) {
        fmt::print(stderr, "{}{:>10.3f} ms  printing and NVRTC\n", vm::timing_table(trace.passes),
                   trace.nvrtc_milliseconds);
      }
    }
    if (!outcomes[i].kernel) return false;
    kernels.push_back(std::move(*outcomes[i].kernel));
  }
  return !diagnostics.has_errors();
}

bool save_temps(const std::string& folder, const CompileUnit& unit, vm::Diagnostics& diagnostics) {
  const std::string stem = (std::filesystem::path(folder) /
                            fmt::format("{}.{}", unit.checked.name, vm::to_string(unit.target)))
                               .string();
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const auto save = [&](const std::string& ending, std::string_view text) {
    const std::span<const std::byte> bytes = runtime::bytes_of(text);
    if (const auto done = runtime::write_file(stem + ending, {&bytes, 1}); !done)
      add(diagnostics, done.error());
  };
  save(".checked.ir", vm::print(unit.checked));
  const auto lowered = lower_unit(unit, diagnostics);
  if (!lowered) return false;
  save(".lowered.ir", vm::print(*lowered));
  const auto cuda = codegen::print_cuda(*lowered, {unit.target, unit.options.files}, diagnostics);
  if (!cuda) return false;
  save(".cu", cuda->text);
  const auto nvrtc = cuda::Nvrtc::find();
  if (!nvrtc) return !diagnostics.has_errors();
  const auto compiled = (*nvrtc)->compile(cuda->text, cuda->kernel + ".cu",
                                          runtime::nvrtc_options(unit.options), true);
  if (!compiled) {
    add(diagnostics, compiled.error());
    return false;
  }
  save(".ptx", compiled->ptx);
  save(".cubin", compiled->cubin);
  return !diagnostics.has_errors();
}

}  // namespace bitloom::cli
