// Kernels: the header (generics, sizes, parameters, grid, conditions), then the body.
//
// Sizes are not declared: every name in the extents of a global parameter that means nothing else
// is a size. How they follow from the arrays is the launch's business; here they are symbols in the
// header and i32 scalars in the body.
#pragma once

#include <optional>

#include "dsl/compile.h"
#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

// Checked IR, or nullopt when there were errors.
std::optional<vm::Function> analyze(const Modules& modules, const Module& module,
                                    const KernelDecl& kernel, const Specialization& settings,
                                    vm::Diagnostics& diagnostics);

}  // namespace bitloom::dsl::sema
