// From lowered IR to machine code: codegen's text, compiled by NVRTC.
//
//   vm::lower_all(function, passes);
//   std::optional<CompiledKernel> image = compile_image(function, {.target = passes.target},
//   diagnostics);
//
// The text is ours, so a text that NVRTC refuses is an internal error (BL0901): it names the line
// of the kernel that the refused line was generated for, and the file in which the text was saved.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/cache/compiled_kernel.h"
#include "vm/diagnostics.h"
#include "vm/passes/pass.h"

namespace bitloom::runtime {

struct CompileOptions {
  vm::Target target = {};         // that the function is lowered for
  std::string architecture = {};  // that the image is for; empty: the target
  // The names of the files that spans refer to; they appear in messages and profiles.
  std::vector<std::string> files = {};
  bool line_info = true;  // the kernel's lines in profiles and in compute-sanitizer
};

std::optional<CompiledKernel> compile_image(const vm::Function& lowered,
                                            const CompileOptions& options,
                                            vm::Diagnostics& diagnostics);

// The options of NVRTC for an architecture; they are part of what an image is known by.
std::vector<std::string> nvrtc_options(const CompileOptions& options);

}  // namespace bitloom::runtime
