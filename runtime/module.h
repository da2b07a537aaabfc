// A kernel file, loaded: what a C++ program begins with.
//
//   Result<Module> module = Module::from_file("kernels/gemm/gemm.bl");
//   Result<Kernel> gemm = module->specialize("gemm", {.generics = {{"W", "u4"}}});
//   gemm->prepare(device);
//   gemm->launch(stream, a, w, scale, std::nullopt, c);
//
// A text with errors gives the first of them; the others are its notes.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "runtime/kernel.h"
#include "runtime/result.h"

namespace bitloom::runtime {

struct ModuleState;

struct ModuleOptions {
  // Where `import std.x` is looked up; empty: BITLOOM_STDLIB, else beside the program.
  std::string stdlib = {};
  bool cache = true;  // compiled kernels are kept in the cache (BITLOOM_CACHE_DIR) and found there
};

struct KernelOptions {
  std::map<std::string, std::string> generics = {};  // "W" -> "u4"
  std::set<std::string> present = {};                // optional parameters that launches give
};

class Module {
 public:
  static Result<Module> from_file(const std::string& path, const ModuleOptions& options = {});
  // `name` is what messages call the text.
  static Result<Module> from_text(const std::string& name, std::string text,
                                  const ModuleOptions& options = {});

  std::vector<dsl::KernelSignature> kernels() const;
  // The kernel for given types and numbers. What depends on the GPU (targets, layouts) is found out
  // by Kernel::prepare.
  Result<Kernel> specialize(const std::string& kernel, const KernelOptions& options = {}) const;

 private:
  explicit Module(std::shared_ptr<ModuleState> state) : state_(std::move(state)) {}
  std::shared_ptr<ModuleState> state_;
};

}  // namespace bitloom::runtime
