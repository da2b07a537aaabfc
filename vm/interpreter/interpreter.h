// Runs a kernel on the CPU, tile by tile, as its target would.
//
//   Diagnostics diagnostics;
//   launch(function, {{"n", 1000}}, {TensorArgument{x, 4000, {1000}}, …}, {}, diagnostics);
//
// The function is the lowered program, the one that codegen prints: every register tile has its
// layout, conversions are word programs, shared memory is bytes. So its results are what the GPU
// gives (docs/numerics.md names the three exceptions), and what is wrong with it on the GPU is
// wrong here, and is reported: see vm/interpreter/hazards.h for what `checks` finds.
//
// A block begins as one strand: a set of threads with one instruction stream. Every instruction is
// evaluated for all threads of its strand at once. A strand that waits (for an mbarrier, a named
// barrier, its children) is set aside and taken up again; so is a block whose strands all wait, or
// read a flag again and again that does not change. When nothing in the grid can go on, that is a
// deadlock, and the message names every strand and its place.
//
// Asynchronous work happens as late as the program allows: bytes of a copy arrive at the wait for
// them, an asynchronous dot runs when its group is waited for. A program that needs a wait and has
// none computes nonsense here, even with the checks off.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "vm/diagnostics.h"
#include "vm/ir.h"

namespace bitloom::vm {

struct TensorArgument {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  Shape extents;  // logical; the bytes lie row-major and dense, or packed as the parameter says
  bool writable = true;
};
struct ScalarArgument {
  std::int64_t integer = 0;  // for parameters of integer types and bool
  double real = 0;           // for parameters of float types
};
// In the order of the parameters; monostate for an optional one that is absent.
using Argument = std::variant<std::monostate, TensorArgument, ScalarArgument>;

struct LaunchOptions {
  bool checks = true;                         // report hazards and races
  int workers = 0;                            // host threads; 0: one a core
  std::uint64_t step_limit = 10'000'000'000;  // instructions of all strands together
  const std::atomic<bool>* stop = nullptr;    // set by someone else: end soon
  std::ostream* print = nullptr;              // where `print` goes; nullptr: nowhere
  int device_sms = 132;                       // the value of device.sms in grids
  std::int64_t max_diagnostics = 20;          // after so many the run ends
  std::uint64_t schedule_seed = 0;  // not 0: strands take turns in random order, for testing
};

struct ProfileEntry {
  std::string name;  // the mnemonic
  Span span;         // of by_line: the line; of by_opcode: nothing
  std::uint64_t count = 0;
  double seconds = 0;
};
struct LaunchReport {
  std::uint64_t steps = 0;
  double seconds = 0;
  std::vector<ProfileEntry> by_opcode;  // the slowest first
  std::vector<ProfileEntry> by_line;
};

// True when the kernel ran to its end and nothing was reported. Sizes and arguments are checked
// before anything runs; hazards do not end a run, faults do.
bool launch(const Function& function, const std::map<std::string, std::int64_t>& sizes,
            std::span<const Argument> arguments, const LaunchOptions& options,
            Diagnostics& diagnostics, LaunchReport* report = nullptr);

}  // namespace bitloom::vm
