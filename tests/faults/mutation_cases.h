// The shipped kernels as the mutation test runs them: small shapes that have every edge, several
// blocks and more pipeline turns than stages.
#pragma once

#include <string>
#include <vector>

#include "runtime/execute.h"

namespace bitloom::test {

// A kernel and the launches that it is tried on, in the words of RUN lines
// (tests/faults/fault_file.h). Launches of specialisations that differ have the same mutants.
struct MutationCase {
  std::string kernel;                 // below kernels/
  std::string options;                // generics and target
  std::vector<std::string> launches;  // shapes and arguments, and generics that differ
  // Arrays that words cannot say: indexes and lists.
  std::map<std::string, runtime::Source> arrays = {};
};

std::vector<MutationCase> mutation_cases();

// Why a mutant that the interpreter does not report is no hole in it.
struct Survivor {
  enum class Because : std::uint8_t {
    Redundant,  // the results are the same: something else does what the instruction would do
    Semantic,   // every access is legal and ordered, and the results differ: the mask says what
                // the kernel computes, and its test against float64 finds it
  };
  std::string kernel;  // below kernels/
  std::string mutant;  // Mutant::text()
  std::string line;    // a part of the line of the text that it comes from
  Because because = Because::Redundant;
  std::string reason;
};

const std::vector<Survivor>& survivors();

}  // namespace bitloom::test
