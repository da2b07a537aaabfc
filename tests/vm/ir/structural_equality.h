// Are two functions the same, part by part? Independent of the printer, so that it can judge it.
#pragma once

#include <string>

#include "vm/ir.h"

namespace bitloom::vm::testing {

// The first difference in words; empty when there is none. Values that nothing defines are not
// compared: they are numbers that passes left behind.
std::string difference(const Function& a, const Function& b, bool spans);

}  // namespace bitloom::vm::testing
