// bitloom doctor: what this machine has, what is missing, and what that costs.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/command.h"
#include "cli/version.h"
#include "runtime/probe.h"

namespace bitloom::cli {
namespace {

struct Finding {
  std::string what;
  bool found = false;
  std::string detail;  // where it is and its version, or what its absence costs
};

std::vector<Finding> examine(const Context& context) {
  const runtime::Probe probe = runtime::probe();
  std::vector<Finding> findings;
  findings.push_back(
      {"processor", true,
       fmt::format("{} threads for the interpreter", std::thread::hardware_concurrency())});
  findings.push_back({"standard library", runtime::is_folder(context.stdlib), context.stdlib});
  findings.push_back({"NVRTC", probe.nvrtc.found,
                      probe.nvrtc.found ? probe.nvrtc.detail
                                        : "not found: kernels cannot be compiled for a GPU; the "
                                          "interpreter needs nothing of it"});
  findings.push_back({"CUDA driver", probe.driver.found,
                      probe.driver.found ? probe.driver.detail
                                         : "not found: kernels run in the interpreter only"});
  for (const std::string& gpu : probe.gpus) findings.push_back({"GPU", true, gpu});
  if (probe.gpus.empty()) findings.push_back({"GPU", false, "none: `--on gpu` is refused"});
  return findings;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand(
      "doctor", "says what was found on this machine, what is missing and what that costs");
  command->add_flag("--json", *json, "as JSON");
  command->footer("\nExample:\n  bitloom doctor");
  command->callback([json, &context] {
    const std::vector<Finding> findings = examine(context);
    if (*json) {
      nlohmann::json out = {{"version", version()}, {"findings", nlohmann::json::array()}};
      for (const Finding& f : findings)
        out["findings"].push_back({{"what", f.what}, {"found", f.found}, {"detail", f.detail}});
      fmt::print("{}\n", out.dump(2));
      return;
    }
    fmt::print("{}\n", version());
    for (const Finding& f : findings)
      fmt::print("  {:3} {:<17} {}\n", f.found ? "ok" : "-", f.what, f.detail);
  });
}

}  // namespace bitloom::cli
