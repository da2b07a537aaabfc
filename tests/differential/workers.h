// Many programs, dealt to processes: NVRTC does not compile in several threads, and a kernel that
// faults takes its process along.
//
// A worker writes a line when it begins a program, and lines of what became of it. When it dies,
// the program that it had begun is a finding, and another worker goes on with the rest. Failures
// are reduced when all programs have run, each for a bounded time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/differential/coverage.h"
#include "tests/differential/run.h"

namespace bitloom::test {

struct WorkOptions {
  std::uint64_t programs = 100, seed = 1;
  RunOptions run;
  int jobs = 1;
  std::uint64_t batch = 50;    // programs a module
  int seconds = 0;             // no module is begun after so many; 0: no limit
  int reductions = 8;          // of the first failures
  int reduction_seconds = 20;  // each
  std::string save = ".";      // where reduced programs go
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point end() const {
    using Point = std::chrono::steady_clock::time_point;
    return seconds > 0 ? begin + std::chrono::seconds(seconds) : Point::max();
  }
  bool list = false;  // print what became of every program that was not compared
};

struct Finding {
  std::uint64_t seed = 0;
  std::string fate, detail;
};

struct Total {
  std::map<std::string, std::uint64_t> fates;
  std::map<std::string, std::uint64_t> refusals;  // by code
  std::map<std::string, std::uint64_t> lowered;   // instructions of the lowered programs that ran
  Coverage drawn, compared;
  std::vector<Finding> findings;
};

Total run_all(const WorkOptions& options);

}  // namespace bitloom::test
