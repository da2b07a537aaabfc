// What stands behind a Module: its texts and the cache. For the runtime's own files.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "dsl/compile.h"
#include "dsl/source.h"
#include "runtime/cache/cache.h"
#include "runtime/result.h"
#include "vm/diagnostics.h"

namespace bitloom::runtime {

struct ModuleState {
  explicit ModuleState(const std::string& stdlib) : program(sources, stdlib) {}

  dsl::SourceManager sources;
  dsl::Program program;
  std::mutex mutex;  // of `program`: one specialisation at a time
  std::unique_ptr<Cache> cache;

  // The first error with its place in words, the others as its notes.
  vm::Diagnostic summary(const vm::Diagnostics& diagnostics) const;
};

}  // namespace bitloom::runtime
