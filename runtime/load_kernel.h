// From a file to the checked IR of one of its kernels.
//
//   KernelChoice choice{.file = "gemm.bl", .generics = {{"W", "u4"}}, .target_sm = 80};
//   std::optional<vm::Function> function = load_kernel(choice, sources, stdlib, diagnostics);
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "dsl/compile.h"
#include "dsl/source.h"
#include "vm/diagnostics.h"
#include "vm/ir.h"

namespace bitloom::runtime {

struct KernelChoice {
  std::string file;
  std::string kernel = {};  // may be empty when the file has one kernel
  std::map<std::string, std::string> generics = {};
  std::set<std::string> present = {};  // optional parameters that launches give
  int target_sm = 80;
};

std::optional<vm::Function> load_kernel(const KernelChoice& choice, dsl::SourceManager& sources,
                                        const std::string& stdlib, vm::Diagnostics& diagnostics);

// The kernel of this name, or the only one; nullopt, reported (BL0419), when that is not clear.
std::optional<dsl::KernelSignature> choose_kernel(const dsl::Program& program,
                                                  const std::string& file,
                                                  const std::string& kernel,
                                                  vm::Diagnostics& diagnostics);

}  // namespace bitloom::runtime
