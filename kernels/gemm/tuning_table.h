// Which configuration was fastest for a problem, measured on one kind of GPU.
//
// A table is a JSON file, one row a problem that was timed:
//
//   {"device": "NVIDIA H200", "rows": [{"type": "i4", "group": 128, "act": "f16", "zero": "", "m":
//   8, "n": 28672, "k": 8192,
//                                       "config": "stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1",
//                                       "us": 33.1}, …]}
//
// Tables of kernels/gemm/tuned/ are shipped; the tuner writes others. A problem that no row is of
// takes the configuration of the nearest row that can compute it: of the same type if there is one,
// then of like m, then of like n and k (ratios, on a logarithmic scale).
#pragma once

#include <string>
#include <vector>

#include "kernels/gemm/config.h"

namespace bitloom::kernels {

struct TunedRow {
  GemmProblem problem;
  GemmConfig config;
  double microseconds = 0;
};

class TuningTable {
 public:
  // BL1123 for a file that is no table. Rows that this version cannot read are an error too:
  // nothing is left out silently.
  static runtime::Result<TuningTable> read(const std::string& path);
  // The shipped table of this GPU, or of the one that is most like it; empty when there is none.
  static const TuningTable& shipped(const std::string& device);
  // Written aside and renamed.
  runtime::Result<void> write(const std::string& path) const;

  // Replaces the row of the same problem.
  void set(TunedRow row);
  const TunedRow* find(const GemmProblem& problem) const;
  // Always one that check() passes; without a row that fits, the first candidate.
  GemmConfig choose(const GemmProblem& problem, const vm::Target& target) const;

  std::string device;
  std::vector<TunedRow> rows;
};

}  // namespace bitloom::kernels
