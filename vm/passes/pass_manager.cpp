#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ostream>

#include "vm/passes/pass.h"
#include "vm/text/printer.h"

namespace bitloom::vm {
namespace {

// `again`: the text although nothing changed, because nothing before has shown it.
void print_result(const Function& function, const Pass& pass, bool changed, bool again,
                  std::ostream& out) {
  fmt::print(out, "// after {}{}\n", pass.name, changed ? "" : " (unchanged)");
  if (changed || again) fmt::print(out, "{}\n", print(function));
}

// Verifies what the pass left, and turns every complaint into a note of one internal error.
bool verify_result(const Function& function, const Pass& pass, Diagnostics& diagnostics) {
  Diagnostics found;
  if (verify(function, found, pass.after)) return true;
  Diagnostic& error = diagnostics.error("BL0902", function.span);
  error << "internal error: pass '" << pass.name << "' left IR of kernel '" << function.name
        << "' that does not verify";
  constexpr std::size_t kShown = 8;
  for (std::size_t i = 0; i < std::min(found.all().size(), kShown); ++i) {
    const Diagnostic& complaint = found.all()[i];
    error.note(complaint.span, fmt::format("{}: {}", complaint.code, complaint.message));
  }
  error.hint(fmt::format("print the IR after '{}' and report it with this message", pass.name));
  return false;
}

}  // namespace

const std::vector<std::string>& target_names() {
  static const std::vector<std::string> names = {"sm_70", "sm_75", "sm_80", "sm_86",
                                                 "sm_87", "sm_89", "sm_90", "sm_90a"};
  return names;
}

std::optional<Target> Target::parse(std::string_view text) {
  const auto& names = target_names();
  if (std::find(names.begin(), names.end(), text) == names.end()) return std::nullopt;
  Target target;
  target.a_variant = text.ends_with('a');
  std::from_chars(text.data() + 3, text.data() + text.size(), target.sm);
  return target;
}

std::string to_string(const Target& target) {
  return fmt::format("sm_{}{}", target.sm, target.a_variant ? "a" : "");
}

bool run_passes(Function& function, std::span<const Pass> passes, PassContext& context,
                const PassOptions& options) {
  using Clock = std::chrono::steady_clock;
  for (const Pass& pass : passes) {
    const auto start = Clock::now();
    const PassResult result = pass.run(function, context);
    const std::chrono::duration<double, std::milli> elapsed = Clock::now() - start;
    if (options.time) {
      context.timings.push_back({pass.name, elapsed.count(), result == PassResult::Changed});
    }
    const bool named = options.print_after == pass.name;
    if ((named || options.print_after == "all") && options.out) {
      print_result(function, pass, result != PassResult::Unchanged, named, *options.out);
    }
    if (result == PassResult::Failed) return false;
    if (options.verify_between && !verify_result(function, pass, context.diagnostics)) return false;
  }
  return true;
}

std::string timing_table(std::span<const PassTiming> timings) {
  std::string table;
  double sum = 0;
  for (const PassTiming& timing : timings) {
    table += fmt::format("{:>10.3f} ms  {}{}\n", timing.milliseconds, timing.pass,
                         timing.changed ? "" : " (unchanged)");
    sum += timing.milliseconds;
  }
  return table + fmt::format("{:>10.3f} ms  all passes\n", sum);
}

}  // namespace bitloom::vm
