#include "kernels/measure/graph_timer.h"

#include <algorithm>
#include <chrono>

#include "runtime/device_state.h"
#include "runtime/event.h"

namespace bitloom::kernels {

using runtime::CurrentContext;
using runtime::DeviceState;
using runtime::Event;
using runtime::Result;

struct TimedGraph::State {
  runtime::Stream stream;
  int launches = 1;
  Event begin, end;
  cuda::CUgraphExec executable = nullptr;
};

TimedGraph::TimedGraph(std::unique_ptr<State> state) : state_(std::move(state)) {}
TimedGraph::TimedGraph(TimedGraph&&) noexcept = default;
TimedGraph& TimedGraph::operator=(TimedGraph&&) noexcept = default;
TimedGraph::~TimedGraph() {
  if (!state_) return;
  const DeviceState& device = *state_->stream.device().state();
  const CurrentContext current(device);
  if (state_->executable) device->cuGraphExecDestroy(state_->executable);
}

Result<TimedGraph> TimedGraph::capture(const runtime::Stream& stream, int launches,
                                       const std::function<Result<void>(int)>& launch) {
  const DeviceState& device = *stream.device().state();
  const CurrentContext current(device);
  Result<Event> begin = Event::create(stream.device()), end = Event::create(stream.device());
  if (!begin) return tl::make_unexpected(begin.error());
  if (!end) return tl::make_unexpected(end.error());
  auto state = std::make_unique<State>(State{stream, launches, *begin, *end});
  auto started =
      device.check(device->cuStreamBeginCapture(stream.handle(), cuda::kCaptureThreadLocal),
                   "cuStreamBeginCapture");
  if (!started) return tl::make_unexpected(started.error());
  Result<void> launched;
  for (int i = 0; launched && i < launches; ++i) launched = launch(i);
  cuda::CUgraph graph = nullptr;
  auto ended =
      device.check(device->cuStreamEndCapture(stream.handle(), &graph), "cuStreamEndCapture");
  if (launched && ended)
    launched = device.check(device->cuGraphInstantiate(&state->executable, graph, 0),
                            "cuGraphInstantiate");
  if (graph) device->cuGraphDestroy(graph);
  if (!launched) return tl::make_unexpected(launched.error());
  if (!ended) return tl::make_unexpected(ended.error());
  return TimedGraph(std::move(state));
}

Result<std::vector<double>> TimedGraph::run(const TimingOptions& options) const {
  const DeviceState& device = *state_->stream.device().state();
  const CurrentContext current(device);
  const auto once = [&]() -> Result<double> {
    auto done = state_->begin.record(state_->stream);
    if (done)
      done = device.check(device->cuGraphLaunch(state_->executable, state_->stream.handle()),
                          "cuGraphLaunch");
    if (done) done = state_->end.record(state_->stream);
    if (!done) return tl::make_unexpected(done.error());
    return state_->end.milliseconds_since(state_->begin).map([&](double ms) {
      return ms * 1e3 / state_->launches;
    });
  };
  std::vector<double> samples;
  for (int i = 0; i < options.warm_up; ++i)
    if (auto sample = once(); !sample) return tl::make_unexpected(sample.error());
  const auto start = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  while (static_cast<int>(samples.size()) < options.least_runs ||
         elapsed() < options.least_seconds) {
    auto sample = once();
    if (!sample) return tl::make_unexpected(sample.error());
    samples.push_back(*sample);
  }
  return samples;
}

Timing summary(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    return samples[static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1) + 0.5)];
  };
  return {at(0.5), at(0.1), at(0.9), static_cast<int>(samples.size())};
}

Result<Timing> time_graph(const runtime::Stream& stream, int launches,
                          const std::function<Result<void>(int)>& launch,
                          const TimingOptions& options) {
  return TimedGraph::capture(stream, launches, launch)
      .and_then([&](const TimedGraph& graph) { return graph.run(options); })
      .map([](std::vector<double> samples) { return summary(std::move(samples)); });
}

}  // namespace bitloom::kernels
