// From a kernel's text to CUDA text, in one call.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <set>
#include <string>

#include "codegen/cuda.h"
#include "dsl/compile.h"
#include "tests/support/places.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {

using Generics = std::map<std::string, std::string>;

struct Lowered {
  std::optional<vm::Function> function;
  std::optional<codegen::CudaText> cuda;
  std::string complaints;  // what was reported, empty when all went well
};

inline std::string complaints_of(const vm::Diagnostics& diagnostics) {
  std::string text;
  for (const vm::Diagnostic& diagnostic : diagnostics.all()) {
    text += diagnostic.code + " " + std::to_string(diagnostic.span.line) + ": " +
            diagnostic.message + "\n";
    for (const vm::Note& note : diagnostic.notes) text += "  note: " + note.text + "\n";
  }
  return text;
}

// `file` is a path below the project's root; names of files in #line are as given. `present`: the
// optional parameters that launches give.
inline Lowered lower_kernel(const std::string& file, const std::string& kernel,
                            const Generics& generics, const std::string& target, bool lines = false,
                            const std::set<std::string>& present = {}) {
  Lowered result;
  vm::Diagnostics diagnostics;
  dsl::SourceManager sources;
  dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
  const vm::Target machine = vm::Target::parse(target).value();
  if (program.load(std::string(BITLOOM_SOURCE_DIR "/") + file, diagnostics)) {
    dsl::Specialization specialization;
    specialization.generics = generics;
    specialization.target_sm = machine.sm;
    for (const auto& signature : program.kernels()) {
      if (signature.name != kernel) continue;
      for (const auto& parameter : signature.parameters) {
        if (parameter.optional && !present.contains(parameter.name))
          specialization.absent.insert(parameter.name);
      }
    }
    result.function = program.specialize(kernel, specialization, diagnostics);
  }
  vm::PassContext context{machine, diagnostics};
  if (result.function && vm::lower_all(*result.function, context)) {
    codegen::CudaOptions options{machine, {}};
    if (lines) {
      for (dsl::FileId id = 0; id < sources.size(); ++id) {
        std::string name = sources.path(id);
        const std::string root = BITLOOM_SOURCE_DIR "/";
        if (name.starts_with(root)) name = name.substr(root.size());
        options.files.push_back(name);
      }
    }
    result.cuda = codegen::print_cuda(*result.function, options, diagnostics);
  }
  result.complaints = complaints_of(diagnostics);
  return result;
}

}  // namespace bitloom::test
