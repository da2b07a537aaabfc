// The shipped checkpoint in tests, and copies of it that a test may damage.
#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "stack/model/model.h"
#include "tests/support/source_path.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::stack {

inline std::string model_folder() {
  return test::source_path("tests/data/kjv-7m");
}

inline ExecutorOptions executor_options(bool checks = false) {
  return {.kernels = test::source_path("kernels"),
          .stdlib = test::source_path("stdlib"),
          .checks = checks};
}

// Fails the test by an exception that says why.
template <class T>
T value_of(runtime::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
  return std::move(*result);
}
inline void require(const runtime::Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().code + ": " + result.error().message);
}

}  // namespace bitloom::stack
