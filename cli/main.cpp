// The `bitloom` program: one subcommand a file of this folder.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <iostream>

#include "cli/command.h"
#include "cli/version.h"

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

int run(int argc, char** argv) {
  using namespace bitloom::cli;
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
  add_layout(app, context);
  add_explain(app, context);
  add_doctor(app, context);
  add_cache(app, context);
  add_demo(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? kDone : kWrongUsage;
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
