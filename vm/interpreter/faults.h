// Where faults go: from many host threads into one list, once a place, and in one order at the end.
//
// The same fault shows in thousands of blocks and turns; it is reported for the first only. `first`
// is by the order of blocks, not of host threads, so that the same run prints the same messages.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "vm/diagnostics.h"

namespace bitloom::vm::interpreter {

class Faults {
 public:
  explicit Faults(std::int64_t limit) : limit_(limit) {}

  // `other`: the second place that tells this fault from others (0: none).
  void add(std::int64_t block, std::uint32_t step, std::uint32_t other, Diagnostic diagnostic);
  bool full() const { return full_.load(std::memory_order_relaxed); }
  bool any() const { return any_.load(std::memory_order_relaxed); }
  // Into the caller's list, by block and step.
  void deliver(Diagnostics& diagnostics);

 private:
  struct Entry {
    std::int64_t block;
    Diagnostic diagnostic;
  };
  std::mutex mutex_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, Entry> entries_;
  std::int64_t limit_;
  std::atomic<bool> full_{false}, any_{false};
};

}  // namespace bitloom::vm::interpreter
