// The files of a program: each parsed once, its declarations by name, its imports resolved.
//
//   import std.quant                 the library of modules that comes with Bitloom
//   import tools.pack                tools/pack.bl beside the importing file
//   import "../helpers.bl" as h      a path, relative to the importing file
//
// A module is known by the file it was read from, so two ways to one file are one module. Circles
// are found while loading: a module is complete before another uses it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ast.h"
#include "dsl/source.h"
#include "vm/diagnostics.h"

namespace bitloom::dsl::sema {

struct Module {
  std::string name;  // "std.quant", or the file's name without folder and ending
  File file;
  std::map<std::string, const Decl*, std::less<>> declarations;  // functions, constants, kernels
  std::map<std::string, const Module*, std::less<>> imports;     // by the name they are used under
};

class Modules {
 public:
  Modules(SourceManager& sources, std::string stdlib)
      : sources_(sources), stdlib_(std::move(stdlib)) {}

  // nullptr when the file could not be read at all. Errors are reported; what could be read is
  // kept.
  const Module* load(const std::string& path, vm::Diagnostics& diagnostics);
  const Module* load_text(const std::string& name, std::string text, vm::Diagnostics& diagnostics);

  const SourceManager& sources() const { return sources_; }

 private:
  struct Loading {
    FileId file;
    vm::Span import;  // of the module that this one is importing
  };

  const Module* parse_file(FileId file, std::string name, vm::Diagnostics& diagnostics);
  void declare(Module& module, vm::Diagnostics& diagnostics);
  void import(Module& module, const ImportDecl& decl, vm::Diagnostics& diagnostics);
  const Module* find(const Module& from, const ImportDecl& decl, vm::Diagnostics& diagnostics);
  bool is_circle(FileId file, vm::Span at, vm::Diagnostics& diagnostics);

  SourceManager& sources_;
  std::string stdlib_;
  std::map<FileId, std::unique_ptr<Module>> modules_;
  std::vector<Loading> loading_;
};

vm::Span span_of(const SourceManager& sources, const Module& module, Place place);
// The name that a declaration gives, and where it stands; imports give the name they are used
// under.
std::string_view declared_name(const Decl& decl);
Place declared_place(const Decl& decl);

}  // namespace bitloom::dsl::sema
