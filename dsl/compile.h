// From tree to IR: names, types, compile-time evaluation and lowering, in one walk a
// specialisation.
//
//   Program program(sources, stdlib);
//   program.load("kernels/gemm/gemm.bl", diagnostics);   // and what it imports
//   Specialization set{{{"W", "u4"}, {"G", "128"}}};
//   auto function = program.specialize("gemm", set, diagnostics);   // IR, ready for vm/passes
//
// A kernel is analysed once for each specialisation, with every type and compile-time integer
// known; so an error names the specialisation it arose in. `check` analyses every kernel with its
// defaults (and representative types for type parameters without one), which is what `bitloom
// check` does.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"
#include "vm/diagnostics.h"
#include "vm/ir.h"

namespace bitloom::dsl {

struct Specialization {
  std::map<std::string, std::string> generics;  // "W" -> "u4", "G" -> "128", "FAST" -> "true"
  std::set<std::string> absent;                 // optional parameters that are not given
  int target_sm = 80;                           // what target() says
};

// What a kernel takes, before it is specialised: for the command line and for messages.
struct KernelSignature {
  struct Generic {
    std::string name, kind, otherwise;  // kind: type int bool layout
  };
  struct Parameter {
    std::string name, element, extents;  // as written
    bool global, packed, optional;
  };
  std::string name, documentation;
  std::vector<Generic> generics;
  std::vector<Parameter> parameters;
  bool is_explicit = false;
  vm::Span span;
};

class Program {
 public:
  // `stdlib`: where `import std.x` is looked up.
  Program(SourceManager& sources, std::string stdlib);
  ~Program();

  // Loads a file and what it imports. False when there were errors; what could be read is kept.
  bool load(const std::string& path, vm::Diagnostics& diagnostics);
  bool load_text(const std::string& name, std::string text, vm::Diagnostics& diagnostics);

  // The kernels of the files that were loaded by load(), in the order of the text.
  std::vector<KernelSignature> kernels() const;

  std::optional<vm::Function> specialize(std::string_view kernel,
                                         const Specialization& specialization,
                                         vm::Diagnostics& diagnostics) const;
  // `given`: values of compile-time parameters, for the kernels that have them.
  bool check(vm::Diagnostics& diagnostics,
             const std::map<std::string, std::string>& given = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitloom::dsl
