// bitloom dis FILE: what becomes of a kernel's lines, as CUDA text, PTX and machine code.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/compile_command.h"
#include "codegen/cuda.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/listing.h"

namespace bitloom::cli {
namespace {

struct DisOptions : CompileCommand {
  std::vector<std::string> show;
};

bool wants(const DisOptions& options, std::string_view what) {
  return options.show.empty() || std::ranges::find(options.show, what) != options.show.end();
}

void print_compiled(const DisOptions& options, const CompileUnit& unit,
                    const codegen::CudaText& cuda, const dsl::SourceManager& sources,
                    vm::Diagnostics& diagnostics) {
  const auto nvrtc = cuda::Nvrtc::find();
  if (!nvrtc) return add(diagnostics, nvrtc.error());
  const auto compiled =
      (*nvrtc)->compile(cuda.text, cuda.kernel + ".cu", runtime::nvrtc_options(unit.options), true);
  if (!compiled) return add(diagnostics, compiled.error());
  if (!compiled->done) {
    diagnostics.error("BL0901", unit.checked.span,
                      "internal error: NVRTC refuses the generated text: " + compiled->log);
    return;
  }
  if (wants(options, "ptx"))
    fmt::print("// ---- PTX, {}\n{}", vm::to_string(unit.target),
               runtime::ptx_listing(compiled->ptx, sources));
  if (!wants(options, "sass")) return;
  const auto program = runtime::find_disassembler(runtime::disassembler_folders());
  if (!program) {
    // Asked for it is an error, else a remark.
    vm::Diagnostic missing = program.error();
    if (options.show.empty()) missing.severity = vm::Severity::Warning;
    return add(diagnostics, missing);
  }
  const auto text = runtime::disassemble(*program, std::as_bytes(std::span(compiled->cubin)));
  if (!text) return add(diagnostics, text.error());
  fmt::print("// ---- machine code, {}\n{}", vm::to_string(unit.target),
             runtime::sass_listing(*text, sources));
}

void dis(const DisOptions& options, const Context& context, dsl::SourceManager& sources,
         vm::Diagnostics& diagnostics) {
  auto units = load_units(options, sources, context, diagnostics);
  if (!units) return;
  for (CompileUnit& unit : *units) {
    unit.options.line_info = true;
    std::vector<vm::PassTiming> timings;
    const auto lowered = lower_unit(unit, diagnostics, &timings);
    if (options.time_passes) fmt::print(stderr, "{}", vm::timing_table(timings));
    if (!lowered) return;
    const auto cuda =
        codegen::print_cuda(*lowered, {unit.target, unit.options.files, {}}, diagnostics);
    if (!cuda) return;
    if (wants(options, "cuda"))
      fmt::print("// ---- CUDA C++, {}\n{}", vm::to_string(unit.target),
                 runtime::cuda_listing(cuda->text, sources));
    if (wants(options, "ptx") || wants(options, "sass"))
      print_compiled(options, unit, *cuda, sources, diagnostics);
    if (!options.save_temps.empty() && !save_temps(options.save_temps, unit, diagnostics)) return;
    if (diagnostics.has_errors()) return;
  }
}

}  // namespace

void add_dis(CLI::App& app, Context& context) {
  auto options = std::make_shared<DisOptions>();
  CLI::App* command = app.add_subcommand(
      "dis", "shows CUDA text, PTX and machine code of a kernel, with its own lines between them");
  declare_compile_options(*command, *options);
  command->add_option("--show", options->show, "cuda, ptx or sass; all of them unless said")
      ->check(CLI::IsMember({"cuda", "ptx", "sass"}));
  command->add_flag("--json", context.json, "diagnostics as JSON");
  command->footer(R"(
Example:
  bitloom dis kernels/gemm/gemm.bl --set W=u4 --arch sm_90a --show ptx)");
  command->callback([options, &context] {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    dis(*options, context, sources, diagnostics);
    context.exit_code = report(diagnostics, sources, context);
  });
}

}  // namespace bitloom::cli
