// The options of `bitloom run`, as written and as understood.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/bind.h"
#include "vm/passes/pass.h"

namespace bitloom::cli {

// NAME=VALUE, with commas between several when `list` is set; what is not so is reported (BL0702).
struct Assignment {
  std::string name, value;
};
std::vector<Assignment> assignments(const std::vector<std::string>& texts, std::string_view option,
                                    bool list, vm::Diagnostics& diagnostics);

struct RunOptions {
  std::string file, kernel;
  std::vector<std::string> set, shape, arguments, outputs, print;
  std::string engine = "interpreter";
  std::string target;  // empty: sm_80 in the interpreter, that of the GPU on a GPU
  std::string print_after;
  bool fast = false, time_passes = false, remarks = false, profile = false, verbose = false;
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;
  int workers = 0;
  int device = 0;
};

struct ParsedRun {
  std::map<std::string, std::string> generics;
  std::vector<std::pair<std::string, std::string>> outputs;  // parameter, path
  runtime::Request request;
  vm::Target target;
};

// NAME=VALUE of compile-time parameters, each said once.
std::map<std::string, std::string> parse_generics(const std::vector<std::string>& texts,
                                                  vm::Diagnostics& diagnostics);
void declare_run_options(CLI::App& command, RunOptions& options);
// Reads NAME=VALUE lists and the arrays that the arguments name.
std::optional<ParsedRun> parse_run_options(const RunOptions& options, vm::Diagnostics& diagnostics);

}  // namespace bitloom::cli
