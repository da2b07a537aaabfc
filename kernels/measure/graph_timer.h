// The time of launches on a GPU, as a graph runs them: no time of the host in it.
//
//   Result<Timing> t = time_graph(stream, copies, [&](int copy) { return plan.launch(stream, x,
//   weights[copy], y); });
//
// One graph holds a launch for each copy of the data; copies that together are larger than the L2
// cache make every launch find its data in DRAM. The graph runs until `least_seconds` are over, and
// `least_runs` times at least; a sample is the time of a run by its launches.
#pragma once

#include <functional>

#include "runtime/stream.h"

namespace bitloom::kernels {

struct Timing {
  double median = 0, p10 = 0, p90 = 0;  // microseconds of one launch
  int runs = 0;
};

struct TimingOptions {
  int warm_up = 3;  // runs that are not counted
  int least_runs = 11;
  double least_seconds = 0;
};

// A graph that was captured once, to be run in turns with others.
class TimedGraph {
 public:
  // `launch(i)` is called for 0 … launches - 1 while the stream is captured; it prepares nothing.
  static runtime::Result<TimedGraph> capture(
      const runtime::Stream& stream, int launches,
      const std::function<runtime::Result<void>(int)>& launch);
  TimedGraph(TimedGraph&&) noexcept;
  TimedGraph& operator=(TimedGraph&&) noexcept;
  ~TimedGraph();

  // Microseconds of one launch, of each run; waits.
  runtime::Result<std::vector<double>> run(const TimingOptions& options = {}) const;

 private:
  struct State;
  explicit TimedGraph(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

Timing summary(std::vector<double> samples);
runtime::Result<Timing> time_graph(const runtime::Stream& stream, int launches,
                                   const std::function<runtime::Result<void>(int)>& launch,
                                   const TimingOptions& options = {});

}  // namespace bitloom::kernels
