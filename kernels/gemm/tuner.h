// Finds the fastest configuration of a product by timing.
//
//   Tuner tuner(stream, {.table = "h200.json"});
//   Result<TunedRow> best = tuner.tune(problem);          // from the table when it is there
//   already
//
// Candidates that need more registers than there are, or spill, are left out before anything is
// timed. Kernels are compiled in worker processes. Every candidate runs in one graph over copies of
// the weights that are larger than the L2 cache together; those within 5% of the best run again, in
// turns. After each problem the table is written, so that a search that was broken off goes on
// where it was.
#pragma once

#include <functional>

#include "kernels/gemm/plan.h"
#include "kernels/gemm/tuning_table.h"

namespace bitloom::kernels {

struct TunerOptions {
  std::string table = {};  // file; empty: nothing is kept
  bool again = false;      // time problems that the table has
  int workers = 0;
  std::size_t cold_bytes = std::size_t{300} << 20;
  // Told of every candidate: how many are done, of how many, the candidate, its microseconds (0:
  // left out).
  std::function<void(int, int, const GemmConfig&, double)> progress = {};
};

class Tuner {
 public:
  Tuner(runtime::Stream stream, TunerOptions options)
      : stream_(std::move(stream)), options_(std::move(options)) {}

  // Reads the table, when there is one.
  runtime::Result<void> open();
  // `weights`: copies that are there already, of the problem's weights.
  runtime::Result<TunedRow> tune(const GemmProblem& problem,
                                 const std::vector<GemmWeights>* weights = nullptr);
  const TuningTable& table() const { return table_; }

 private:
  runtime::Stream stream_;
  TunerOptions options_;
  TuningTable table_;
};

// Copies of the same weights for cold timing: as many as make `bytes` together, 2 at least and 64
// at most.
runtime::Result<std::vector<GemmWeights>> cold_copies(const GemmProblem& problem, std::size_t bytes,
                                                      const runtime::Stream& stream);

}  // namespace bitloom::kernels
