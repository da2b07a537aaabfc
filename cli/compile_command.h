// What `bitloom build` and `bitloom dis` share: which kernel, compiled for which architectures.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/command.h"
#include "runtime/compile_many.h"
#include "runtime/load_kernel.h"
#include "vm/passes/pass.h"

namespace bitloom::cli {

struct CompileCommand {
  std::string file, kernel;
  std::vector<std::string> set, with, shape;
  std::string architectures = "sm_80";
  std::string save_temps;
  bool time_passes = false, no_cache = false, line_info = false;
};

void declare_compile_options(CLI::App& command, CompileCommand& options);

// One architecture: the kernel as checked IR, and how it is compiled.
struct CompileUnit {
  vm::Target target;
  vm::Function checked;
  runtime::CompileOptions options;
};

// nullopt when something was reported.
std::optional<std::vector<CompileUnit>> load_units(const CompileCommand& command,
                                                   dsl::SourceManager& sources,
                                                   const Context& context,
                                                   vm::Diagnostics& diagnostics);
// --shape.
std::optional<std::map<std::string, std::int64_t>> sizes_of(const CompileCommand& command,
                                                            vm::Diagnostics& diagnostics);
// The unit as the passes leave it.
std::optional<vm::Function> lower_unit(const CompileUnit& unit, vm::Diagnostics& diagnostics,
                                       std::vector<vm::PassTiming>* timings = nullptr);
// All units, side by side; false when something was reported.
bool compile_units(const CompileCommand& command, const std::vector<CompileUnit>& units,
                   std::vector<runtime::CompiledKernel>& kernels, vm::Diagnostics& diagnostics);
// --save-temps: the IR before and after lowering, the CUDA text, PTX and the image of a unit.
bool save_temps(const std::string& folder, const CompileUnit& unit, vm::Diagnostics& diagnostics);

void add(vm::Diagnostics& diagnostics, const vm::Diagnostic& diagnostic);

}  // namespace bitloom::cli
