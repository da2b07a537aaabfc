// Runs a shipped kernel from a test: text, specialisation, lowering, interpreter, as `bitloom run`
// does.
//
// There are two of it: kernel_runner.cpp runs in the interpreter, tests/gpu/kernel_runner.cpp on
// the GPU and in the interpreter, and compares. The same tests are linked with either.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "runtime/bind.h"

namespace bitloom::test {

struct KernelRun {
  std::string file;         // below kernels/
  std::string kernel = {};  // may be empty when the file has one
  std::map<std::string, std::string> generics = {};
  std::string target = "sm_80";
  bool checks = true;
  runtime::Request request = {};
};

// The parameters that `request.outputs` names, or nullopt with everything that was reported in
// `report`.
std::optional<std::map<std::string, runtime::HostArray>> run_kernel(const KernelRun& run,
                                                                    std::string& report);

// BITLOOM_SEED, or a fresh one; printed once, so that a failure can be replayed.
std::uint64_t test_seed();

}  // namespace bitloom::test
