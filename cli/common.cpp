#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/command.h"
#include "cli/version.h"
#include "dsl/render.h"
#include "runtime/stdlib_folder.h"

namespace bitloom::cli {
namespace {

std::atomic<bool> stop_requested{false};

extern "C" void on_interrupt(int signal_number) {
  stop_requested.store(true);
  std::signal(signal_number, SIG_DFL);  // the second one ends the process
}

}  // namespace

std::string version() {
#ifdef NDEBUG
  return fmt::format("bitloom {} (release)", BITLOOM_VERSION);
#else
  return fmt::format("bitloom {} (debug)", BITLOOM_VERSION);
#endif
}

int report(const vm::Diagnostics& diagnostics, const dsl::SourceManager& sources,
           const Context& context) {
  if (context.json) {
    fmt::print(stderr, "{}", dsl::render_json(diagnostics, sources));
  } else {
    const bool color = isatty(STDERR_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
    fmt::print(stderr, "{}", dsl::render(diagnostics, sources, {.color = color}));
  }
  int code = kDone;
  for (const vm::Diagnostic& diagnostic : diagnostics.all()) {
    if (diagnostic.severity != vm::Severity::Error) continue;
    const std::string_view range = std::string_view(diagnostic.code).substr(0, 4);
    if (diagnostic.code == "BL0515") return kInterrupted;
    if (range == "BL09") return kInternal;
    if (diagnostic.code == "BL0416" || diagnostic.code == "BL0710") {
      code = kLacking;
    } else if (range == "BL05" || diagnostic.code == "BL0803") {
      code = kFault;
    } else if (range == "BL07" && diagnostic.code != "BL0708") {  // the file, not the command
      code = kWrongUsage;
    } else if (code == kDone) {
      code = kWrongInput;
    }
  }
  return code;
}

std::string find_stdlib() {
  return runtime::stdlib_folder();
}

const std::atomic<bool>& interrupted() {
  return stop_requested;
}

void watch_for_interrupt() {
  std::signal(SIGINT, on_interrupt);
}

}  // namespace bitloom::cli
