// bitloom explain CODE: the page of a diagnostic.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "vm/diagnostics_table.h"
#include "vm/suggest.h"

namespace bitloom::cli {
namespace {

int explain(std::string code, const Context& context) {
  std::transform(code.begin(), code.end(), code.begin(),
                 [](unsigned char c) { return std::toupper(c); });
  if (const vm::DiagnosticEntry* entry = vm::diagnostic_table::lookup(code)) {
    fmt::print("{}", vm::diagnostic_table::explain(*entry));
    return kDone;
  }
  vm::Diagnostics diagnostics;
  diagnostics.error("BL0705", {}, fmt::format("there is no diagnostic '{}'", code))
      .hint("bitloom explain --list prints every code");
  return report(diagnostics, dsl::SourceManager(), context);
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto code = std::make_shared<std::string>();
  auto list = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("explain", "says what a diagnostic means and how to put it right");
  CLI::Option* operand = command->add_option("CODE", *code, "a code such as BL0203");
  command->add_flag("--list", *list, "every code with its summary")->excludes(operand);
  command->footer("\nExample:\n  bitloom explain BL0203");
  command->callback([code, list, operand, &context] {
    if (*list) {
      for (const vm::DiagnosticEntry& entry : vm::diagnostic_table::all()) {
        fmt::print("{}  {}\n", entry.code, entry.summary);
      }
    } else if (operand->count() == 0) {
      vm::Diagnostics diagnostics;
      diagnostics.error("BL0701", {}, "explain needs a code")
          .hint("bitloom explain BL0203, or --list for all of them");
      context.exit_code = report(diagnostics, dsl::SourceManager(), context);
    } else {
      context.exit_code = explain(*code, context);
    }
  });
}

}  // namespace bitloom::cli
