// Result<T>: what a function of the runtime gives back, the thing itself or the Diagnostic that
// says why not.
//
// Nothing in the runtime throws for a fault that a user can cause. A failure carries a code of
// vm/diagnostics.def, one sentence with the values that matter, and usually a hint:
//
//   if (size > limit) return failure("BL0603", fmt::format("{}: the header has {} bytes", path,
//   size), "…");
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "vm/diagnostics.h"

namespace bitloom::runtime {

template <class T>
using Result = tl::expected<T, vm::Diagnostic>;

inline tl::unexpected<vm::Diagnostic> failure(std::string_view code, std::string message,
                                              std::string hint = {}) {
  vm::Diagnostic diagnostic{vm::Severity::Error, std::string(code), {}, std::move(message), {}, {}};
  if (!hint.empty()) diagnostic.hint(std::move(hint));
  return tl::make_unexpected(std::move(diagnostic));
}

}  // namespace bitloom::runtime
