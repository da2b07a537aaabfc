// Runs drawn programs in both ways and compares.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/differential/program.h"
#include "vm/passes/pass.h"

namespace bitloom::test {

enum class Fate : std::uint8_t {
  Same,       // both gave the same, or (compile only) it compiled
  Different,  // a result differs
  Unlowered,  // no layout, too much shared memory, …: said to the user, nothing to compare
  Faulted,    // the interpreter found a fault, such as an overflow of an index
  Unprinted,  // lowered, and codegen says that it has no text for it (BL0905)
  Rejected,   // NVRTC refuses the text
  Failed,     // the GPU run failed
};
std::string_view to_string(Fate fate);
inline bool is_finding(Fate fate) {
  return fate == Fate::Different || fate == Fate::Rejected || fate == Fate::Failed;
}

struct Outcome {
  Fate fate = Fate::Same;
  std::string detail = {};
  std::map<std::string, std::uint64_t> lowered = {};  // instructions that it became, when it ran
};

// The program as the target runs it; nullopt when lowering reported something.
std::optional<vm::Function> lowered(const TestProgram& program, const vm::Target& target,
                                    std::string& complaint);

// The tensors after a run of the lowered function in the interpreter, with the checks on; and what
// it printed.
std::optional<std::vector<ProgramTensor>> interpret(const TestProgram& program,
                                                    const vm::Function& function,
                                                    std::string& complaint,
                                                    std::string* printed = nullptr);

// Where the outputs differ by more than their tolerance; empty when they agree. Two NaNs of f64 are
// equal, whatever their bits (docs/numerics.md).
std::string difference(const std::vector<ProgramTensor>& expected,
                       const std::vector<ProgramTensor>& found);

struct RunOptions {
  vm::Target target = {};
  bool compile_only = false;
};

// Lowers, interprets, compiles, and runs on the first GPU. The texts of all programs are compiled
// as one module, which costs NVRTC less than one each. `begins` is told before a program runs, and
// `ends` what became of it: after a crash it is known which program it was.
struct RunObserver {
  std::function<void(std::size_t)> begins = [](std::size_t) {};
  std::function<void(std::size_t, const Outcome&)> ends = [](std::size_t, const Outcome&) {};
};
std::vector<Outcome> run_programs(std::span<const TestProgram> programs, const RunOptions& options,
                                  const RunObserver& observer = {});
Outcome run_program(const TestProgram& program, const RunOptions& options);

}  // namespace bitloom::test
