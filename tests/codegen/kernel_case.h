// A kernel that has to compile: one row of the lists in kernels_test.cpp and operators_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/codegen/lowered_kernel.h"

namespace bitloom::test {

struct Case {
  std::string file, kernel, target;
  Generics generics = {};
  std::vector<std::string> holds = {};  // parts of the text
  std::set<std::string> present = {};   // optional parameters
};

inline std::string name_of(const Case& test) {
  std::string name = test.kernel + "_" + test.target;
  for (const auto& [generic, value] : test.generics) name += "_" + generic + "_" + value;
  if (!test.present.empty()) name += "_with_" + *test.present.rbegin();
  return name;
}

// Its test is in kernels_test.cpp: compiled by NVRTC, without spills, local memory and warnings.
class Kernel : public testing::TestWithParam<Case> {};

// The rows of kernels_test.cpp.
std::vector<Case> listed_kernels();

}  // namespace bitloom::test
