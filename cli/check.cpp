// bitloom check FILE…: reads kernels and says what is wrong with them; prints nothing when nothing
// is.
#include <fmt/format.h>

#include <memory>

#include "cli/command.h"
#include "cli/run_options.h"
#include "dsl/compile.h"

namespace bitloom::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> files, set;
};

int check(const CheckOptions& options, const Context& context) {
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  const std::map<std::string, std::string> given = parse_generics(options.set, diagnostics);
  for (const std::string& file : options.files) {
    dsl::Program program(sources, context.stdlib);
    if (program.load(file, diagnostics)) program.check(diagnostics, given);
  }
  return report(diagnostics, sources, context);
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command =
      app.add_subcommand("check", "reads kernel files and reports what is wrong with them");
  command->add_option("FILE", options->files, "kernel files (.bl)")->required();
  command->add_option("--set", options->set,
                      "NAME=VALUE of a compile-time parameter; without it kernels are checked "
                      "with their defaults, and with several types where a type has none");
  command->add_flag("--json", context.json, "diagnostics as JSON");
  command->footer(
      "\nExamples:\n  bitloom check kernels/gemm/gemm.bl\n"
      "  bitloom check kernels/gemm/gemm.bl --set W=u3 --set G=64");
  command->callback([options, &context] { context.exit_code = check(*options, context); });
}

}  // namespace bitloom::cli
