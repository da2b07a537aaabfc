// The `bitloom` program: one subcommand a file of this folder.
#include <fmt/format.h>

#include <cctype>
#include <cstdio>
#include <exception>
#include <iostream>

#include "cli/command.h"
#include "cli/version.h"
#include "runtime/compile_many.h"
#include "vm/suggest.h"

namespace {

constexpr const char* kExamples = R"(
Examples:
  bitloom check kernels/gemm/gemm.bl
  bitloom run kernels/vector_add/vector_add.bl --arg a=random --arg b=random --shape n=1000 --print c
  bitloom run kernels/gemm/gemm.bl --set W=u4 --arg a=a.npy --arg w=codes.npy --arg scale=s.npy --out c=c.npy
  bitloom layout 'spatial(8, 4) * local(1, 2)'
  bitloom explain BL0203

Exit codes: 0 done; 1 the input is wrong; 2 the command line is wrong; 3 the kernel faulted while it ran;
4 the machine lacks something; 70 a fault of Bitloom itself; 130 interrupted.)";

// The command that was being read when the error came, as a user writes it: "bitloom run".
std::string command_of(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? "bitloom" : "bitloom " + chosen.back()->get_name();
}

// What CLI11 says, as a diagnostic.
int report_usage(const CLI::ParseError& error, const CLI::App& app,
                 const bitloom::cli::Context& context) {
  using namespace bitloom;
  const bool is_value = dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ||
                        dynamic_cast<const CLI::ValidationError*>(&error) != nullptr;
  std::string message = error.what();
  // "A subcommand is required", but "FILE is required" and "--seed: …".
  if (message.size() > 1 && std::islower(static_cast<unsigned char>(message[1])) != 0)
    message[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(message[0])));
  else if (message.starts_with("A "))
    message[0] = 'a';
  constexpr std::string_view kConversion = "could not convert: ";
  if (message.starts_with(kConversion))
    message = message.substr(kConversion.size()) + ": not a value that the option takes";
  // CLI11 misses a command; the user sees one, and it is none of ours.
  const std::vector<std::string> left = app.remaining();
  if (app.get_subcommands().empty() && !left.empty())
    message = fmt::format("there is no command '{}'", left.front());
  vm::Diagnostics diagnostics;
  vm::Diagnostic& diagnostic = diagnostics.error(is_value ? "BL0703" : "BL0701", {}, message);
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  if (!left.empty())
    if (const auto near = vm::did_you_mean(left.front(), names))
      diagnostic.hint(fmt::format("did you mean '{}'?", *near));
  diagnostic.hint(command_of(app) + " --help");
  return cli::report(diagnostics, dsl::SourceManager(), context);
}

int run(int argc, char** argv) {
  using namespace bitloom::cli;
  // Before any option is looked at: a worker has none, and its standard input and output are taken.
  if (argc == 2 && std::string_view(argv[1]) == bitloom::runtime::kWorkerCommand)
    return bitloom::runtime::run_compile_worker();
  CLI::App app{"Bitloom: kernels for numbers of any width.", "bitloom"};
  app.set_version_flag("--version", bitloom::cli::version());
  app.footer(kExamples);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "the help of every command");

  Context context;
  context.stdlib = find_stdlib();
  add_check(app, context);
  add_fmt(app, context);
  add_run(app, context);
  add_bench(app, context);
  add_layout(app, context);
  add_explain(app, context);
  add_doctor(app, context);
  add_build(app, context);
  add_dis(app, context);
  add_cache(app, context);
  add_demo(app, context);
  add_quantize(app, context);
  add_lqer(app, context);
  add_perplexity(app, context);
  add_generate(app, context);
  add_patterns(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error, std::cout, std::cerr);  // --help
    return report_usage(error, app, context);
  }
  return context.exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error[BL0903]: there is not enough memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "internal error[BL0901]: {}\n", error.what());
  }
  return bitloom::cli::kInternal;
}
