// The names in the extents of a kernel's parameters that nothing else explains: its sizes.
#pragma once

#include <string>
#include <vector>

#include "dsl/sema/context.h"

namespace bitloom::dsl::sema {

struct SizeName {
  std::string name;
  Place place;                                 // where it stands first
  const ParameterSyntax* parameter = nullptr;  // a parameter of that name: then it cannot be a size
};

// In the order of the text. Generics must be declared already.
std::vector<SizeName> size_names(Context& c, const KernelDecl& kernel);

}  // namespace bitloom::dsl::sema
