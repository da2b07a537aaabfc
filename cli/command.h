// What the commands of the `bitloom` program share: where they are declared, how they report, how
// they end.
//
// One file a command (cli/check.cpp, cli/run.cpp, …). A command adds a CLI11 subcommand and stores
// into `exit_code` what the process returns. Commands never throw across this border and print
// diagnostics through report().
//
// Exit codes (docs of `bitloom --help`):
//   0  done                                    3  the kernel faulted while it ran
//   1  the input is wrong (a diagnostic)       4  something that the machine lacks (a GPU, a
//   toolkit) 2  the command line is wrong              70  a fault of Bitloom itself    130
//   interrupted
#pragma once

#include <CLI/CLI.hpp>
#include <atomic>
#include <string>

#include "dsl/source.h"
#include "vm/diagnostics.h"

namespace bitloom::cli {

enum ExitCode : int {
  kDone = 0,
  kWrongInput = 1,
  kWrongUsage = 2,
  kFault = 3,
  kLacking = 4,
  kInternal = 70,
  kInterrupted = 130
};

struct Context {
  int exit_code = kDone;
  bool json = false;   // diagnostics as JSON on standard error
  std::string stdlib;  // folder of std.* modules
};

// Prints all diagnostics on standard error (colours on a terminal) and gives the exit code that
// they mean.
int report(const vm::Diagnostics& diagnostics, const dsl::SourceManager& sources,
           const Context& context);
// The folder of the standard library: beside the program, or where BITLOOM_STDLIB says.
std::string find_stdlib();
// Set by Ctrl-C; kernels stop at the next step. A second Ctrl-C ends the process.
const std::atomic<bool>& interrupted();
void watch_for_interrupt();

void add_check(CLI::App& app, Context& context);
void add_fmt(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_layout(CLI::App& app, Context& context);
void add_build(CLI::App& app, Context& context);
void add_dis(CLI::App& app, Context& context);
void add_cache(CLI::App& app, Context& context);
void add_demo(CLI::App& app, Context& context);
void add_run(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_perplexity(CLI::App& app, Context& context);
void add_generate(CLI::App& app, Context& context);
void add_quantize(CLI::App& app, Context& context);
void add_lqer(CLI::App& app, Context& context);
void add_patterns(CLI::App& app, Context& context);

}  // namespace bitloom::cli
