// Passes, and the manager that runs them.
//
// A pass is one free function with the name of its flag:
//
//   PassResult eliminate_dead_code(Function& function, PassContext& context);
//
//   const Pass kCleanUp[] = {{"canonicalize", canonicalize},
//                            {"eliminate-dead-code", eliminate_dead_code}};
//   run_passes(function, kCleanUp, context, {.print_after = "all", .out = &std::cerr});
//
// It says honestly whether it changed anything. A pass that cannot go on for a reason that the user
// can mend reports a diagnostic and returns Failed; run_passes stops there. The manager prints the
// IR after any pass (`// after canonicalize`, or `(unchanged)`), times each, and verifies after
// each: IR that does not verify behind a pass is our own bug, reported as internal error BL0902
// with the name of the pass and what the verifier said.
#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vm/diagnostics.h"
#include "vm/ir.h"
#include "vm/verify.h"

namespace bitloom::vm {

// The machine that IR is lowered for. `a_variant` allows what exists on one architecture only:
// sm_90a has warpgroup matrix instructions and register budgets, sm_90 has not.
struct Target {
  int sm = 80;
  bool a_variant = false;

  static std::optional<Target> parse(std::string_view text);  // "sm_80", "sm_90a"; nothing else
  bool has_warpgroup_dot() const { return sm == 90 && a_variant; }
  bool operator==(const Target&) const = default;
};
std::string to_string(const Target& target);
// Every name that Target::parse knows, for messages.
const std::vector<std::string>& target_names();

// What a pass wants the user to know although nothing is wrong: a layout conversion that costs
// shared memory traffic, a load that could not be made 16 bytes wide.
struct Remark {
  std::string pass;
  Span span;
  std::string text;
};

struct PassTiming {
  std::string pass;
  double milliseconds = 0;
  bool changed = false;
};

struct PassContext {
  Target target;
  Diagnostics& diagnostics;
  std::vector<Remark> remarks = {};
  std::vector<PassTiming> timings = {};  // filled by run_passes with PassOptions::time
};

enum class PassResult { Changed, Unchanged, Failed };

struct Pass {
  const char* name;
  PassResult (*run)(Function&, PassContext&);
  // What holds behind the pass.
  VerifyStage after = VerifyStage::Checked;
};

struct PassOptions {
  std::string print_after = {};  // "": nothing, the name of a pass, or "all"
  std::ostream* out = nullptr;   // where to
  bool verify_between = true;
  bool time = false;
};

// Runs the passes in order; false when one failed or left IR that does not verify.
bool run_passes(Function& function, std::span<const Pass> passes, PassContext& context,
                const PassOptions& options);

// The timings as a table whose last line is their sum.
std::string timing_table(std::span<const PassTiming> timings);

}  // namespace bitloom::vm
