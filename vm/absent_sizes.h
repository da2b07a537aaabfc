// Sizes that only optional parameters name which are not given: nothing says what they are, and
// nothing needs them. They are 0 at launch where nobody says otherwise.
#pragma once

#include <string>
#include <vector>

#include "vm/ir.h"

namespace bitloom::vm {

std::vector<std::string> absent_sizes(const Function& function);

}  // namespace bitloom::vm
