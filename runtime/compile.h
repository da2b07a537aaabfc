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

#include "runtime/cache/cache.h"
#include "runtime/cuda/nvrtc.h"
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

// Of a function that is lowered for options.target already.
std::optional<CompiledKernel> compile_image(const vm::Function& lowered,
                                            const CompileOptions& options,
                                            vm::Diagnostics& diagnostics);

// Of a checked function. `cache` may be null; what it has to complain about is a warning.
// NVRTC is loaded only when the cache cannot tell its version (runtime/cuda/nvrtc_version.h) or
// does not have the image. `lowered`: the same function, when somebody has lowered it already. The
// parameters of the result have the ids of `checked`. `trace` is told what became of it.
struct CompileTrace {
  bool cached = false;
  std::vector<vm::PassTiming> passes = {};  // empty when nothing was lowered
  double nvrtc_milliseconds = 0;            // printing included
  double finding_milliseconds = 0;          // of looking NVRTC up, where it had to be loaded
};
std::optional<CompiledKernel> compile_kernel(const vm::Function& checked,
                                             const CompileOptions& options, Cache* cache,
                                             vm::Diagnostics& diagnostics,
                                             const vm::Function* lowered = nullptr,
                                             CompileTrace* trace = nullptr);

// Everything that the image of a checked function depends on. `nvrtc`: its version.
CacheKey cache_key(const vm::Function& checked, const CompileOptions& options,
                   const std::string& nvrtc);

// The options of NVRTC for an architecture.
std::vector<std::string> nvrtc_options(const CompileOptions& options);

}  // namespace bitloom::runtime
