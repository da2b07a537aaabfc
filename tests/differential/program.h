// One program of the differential tests: a checked function, and what it is launched with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vm/interpreter/interpreter.h"
#include "vm/ir.h"

namespace bitloom::test {

// How far a result of the GPU may be from the interpreter's: nothing, but for approximate
// instructions. Results are f32 then.
struct Tolerance {
  double ulps = 0, absolute = 0;
  bool exact() const { return ulps == 0 && absolute == 0; }
};

struct ProgramTensor {
  vm::ElementType element;
  vm::Shape extents;
  std::vector<std::byte> bytes;
  bool output = false;
  Tolerance tolerance = {};
};

struct TestProgram {
  std::uint64_t seed = 0;
  vm::Function function;
  std::map<std::string, std::int64_t> sizes;
  std::vector<ProgramTensor> tensors;  // one a parameter

  TestProgram clone() const { return {seed, function.clone(), sizes, tensors}; }
};

}  // namespace bitloom::test
