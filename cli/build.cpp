// bitloom build FILE: compiles a kernel ahead of time, and reports on it without running it.
#include <fmt/format.h>

#include <cctype>
#include <memory>

#include "cli/compile_command.h"
#include "codegen/report.h"
#include "runtime/ahead/bundle.h"

namespace bitloom::cli {
namespace {

struct BuildOptions : CompileCommand {
  std::string output, name, report, gpu;
};

bool is_identifier(const std::string& name) {
  return !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
         std::ranges::all_of(name,
                             [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// nullptr: the usual one of the target.
const codegen::Gpu* gpu_of(const BuildOptions& options, vm::Diagnostics& diagnostics) {
  if (options.gpu.empty()) return nullptr;
  const codegen::Gpu* gpu = codegen::find_gpu(options.gpu);
  if (gpu) return gpu;
  std::string names;
  for (const codegen::Gpu& known : codegen::all_gpus())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  diagnostics.error("BL0703", {}, fmt::format("there are no rates of a GPU '{}'", options.gpu))
      .hint(fmt::format("--gpu {}", names));
  return nullptr;
}

void print_reports(const BuildOptions& options, const std::vector<CompileUnit>& units,
                   const std::vector<runtime::CompiledKernel>& kernels,
                   const std::map<std::string, std::int64_t>& sizes, const codegen::Gpu* gpu,
                   vm::Diagnostics& diagnostics) {
  std::string text;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto lowered = lower_unit(units[i], diagnostics);
    if (!lowered) return;
    auto report = codegen::make_report(*lowered, {units[i].target, sizes, gpu}, diagnostics);
    if (!report) return;
    if (i < kernels.size()) {
      const auto image = codegen::read_cubin(kernels[i].cubin);
      const auto* resources = image ? image->find(kernels[i].kernel) : nullptr;
      if (!resources) {
        diagnostics.error(
            "BL0901", units[i].checked.span,
            fmt::format("internal error: the image of '{}' is not understood: {}",
                        kernels[i].kernel, image ? "it has no such kernel" : image.error()));
        return;
      }
      codegen::add_resources(*report, *resources);
    }
    text += options.report == "json" ? codegen::report_json(*report) + "\n"
                                     : codegen::report_text(*report);
  }
  fmt::print("{}", text);
}

void build(const BuildOptions& options, const Context& context, dsl::SourceManager& sources,
           vm::Diagnostics& diagnostics) {
  if (options.output.empty() && options.report.empty() && options.save_temps.empty()) {
    diagnostics.error("BL0701", {}, "build needs to know what to make: files, or a report")
        .hint("-o FOLDER, --report, or both");
    return;
  }
  const auto sizes = sizes_of(options, diagnostics);
  const codegen::Gpu* gpu = gpu_of(options, diagnostics);
  const auto units = load_units(options, sources, context, diagnostics);
  if (!units || diagnostics.has_errors()) return;
  const std::string name = options.name.empty() ? units->front().checked.name : options.name;
  if (!is_identifier(name)) {
    diagnostics.error("BL0703", {}, fmt::format("'{}' is no name that C can have", name));
    return;
  }
  std::vector<runtime::CompiledKernel> kernels;
  vm::Diagnostics compiling;
  const bool compiled = compile_units(options, *units, kernels, compiling);
  // A report needs no compiler, only less is known without.
  const bool lacking = !compiled && options.output.empty() && !compiling.all().empty() &&
                       compiling.all().front().code == "BL0416";
  for (const vm::Diagnostic& diagnostic : compiling.all()) {
    vm::Diagnostic copy = diagnostic;
    if (lacking) copy.severity = vm::Severity::Warning;
    add(diagnostics, copy);
    if (lacking) break;
  }
  if (!compiled && !lacking) return;
  if (!options.save_temps.empty()) {
    for (const CompileUnit& unit : *units) {
      if (!save_temps(options.save_temps, unit, diagnostics)) return;
    }
  }
  if (!options.report.empty()) print_reports(options, *units, kernels, *sizes, gpu, diagnostics);
  if (options.output.empty() || diagnostics.has_errors()) return;
  const auto files = runtime::make_bundle(name, units->front().checked, kernels);
  if (const auto done = runtime::write_bundle(options.output, files); !done)
    add(diagnostics, done.error());
}

}  // namespace

void add_build(CLI::App& app, Context& context) {
  auto options = std::make_shared<BuildOptions>();
  CLI::App* command = app.add_subcommand(
      "build", "compiles a kernel ahead of time, and reports on it without a GPU");
  declare_compile_options(*command, *options);
  command->add_option("-o,--output", options->output,
                      "a folder for the images, a C header and a C source that holds them");
  command->add_option("--name", options->name, "of the files and functions; else the kernel's");
  command
      ->add_option("--report", options->report,
                   "registers, spills, shared memory, occupancy, memory accesses by line, loops, "
                   "roofline; =json: one object an architecture and line")
      ->expected(0, 1)
      ->default_str("text")
      ->check(CLI::IsMember({"text", "json"}));
  command->add_option("--shape", options->shape,
                      "NAME=NUMBER[,NAME=NUMBER…] of sizes that the report counts with");
  command->add_option("--gpu", options->gpu, "whose rates the report's roofline has");
  command->add_flag("--json", context.json, "diagnostics as JSON");
  command->footer(R"(
Examples:
  bitloom build kernels/gemm/gemm.bl --set W=u4 --arch sm_80,sm_90a -o out
  bitloom build kernels/gemm/gemm.bl --set W=u4 --arch sm_90a --report --shape m=16,n=4096,k=4096 --gpu H100)");
  command->callback([options, &context] {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    build(*options, context, sources, diagnostics);
    context.exit_code = report(diagnostics, sources, context);
  });
}

}  // namespace bitloom::cli
