#include "kernels/gemm/tuner.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "kernels/measure/graph_timer.h"
#include "kernels/measure/random_weights.h"

namespace bitloom::kernels {

using runtime::failure;
using runtime::Result;
using runtime::Tensor;

Result<std::vector<GemmWeights>> cold_copies(const GemmProblem& problem, std::size_t bytes,
                                             const runtime::Stream& stream) {
  const RandomWeights random(problem, 1);
  std::vector<GemmWeights> copies;
  std::size_t one = 0;
  while (copies.size() < 2 || (copies.size() < 64 && copies.size() * one < bytes)) {
    auto copy = random.on(stream);
    if (!copy) return tl::make_unexpected(copy.error());
    one = copy->codes().bytes();
    copies.push_back(std::move(*copy));
  }
  return copies;
}

Result<void> Tuner::open() {
  std::error_code ignored;
  if (!options_.table.empty() && std::filesystem::exists(options_.table, ignored)) {
    auto table = TuningTable::read(options_.table);
    if (!table) return tl::make_unexpected(table.error());
    table_ = std::move(*table);
  }
  table_.device = stream_.device().name();
  return {};
}

Result<TunedRow> Tuner::tune(const GemmProblem& problem, const std::vector<GemmWeights>* weights) {
  if (const TunedRow* known = table_.find(problem); known && !options_.again) return *known;
  const runtime::Device& device = stream_.device();
  const std::vector<GemmConfig> configs = gemm_candidates(problem, device.target());
  if (configs.empty()) return failure("BL1120", "no kernel multiplies " + to_string(problem));
  std::vector<GemmWeights> own;
  if (!weights) {
    auto copies = cold_copies(problem, options_.cold_bytes, stream_);
    if (!copies) return tl::make_unexpected(copies.error());
    own = std::move(*copies);
    weights = &own;
  }
  // Zeros would let the chip run cooler than it does, and favour other configurations.
  const auto activations = random_activations(problem, false);
  if (!activations) return tl::make_unexpected(activations.error());
  auto x = Tensor::from_host(*activations, stream_),
       y = Tensor::allocate(device, problem.activation, {problem.m, problem.n});
  auto bias = Tensor::zeros(stream_, problem.activation, {problem.n}),
       residual = Tensor::zeros(stream_, problem.activation, {problem.m, problem.n});
  for (const auto* tensor : {&x, &y, &bias, &residual})
    if (!*tensor) return tl::make_unexpected(tensor->error());
  std::vector<Result<GemmPlan>> plans =
      GemmPlan::make_all(problem, configs, device, {}, options_.workers);

  struct Timed {
    std::size_t index;
    TimedGraph graph;
    double best;
  };
  std::vector<Timed> timed;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    double microseconds = 0;
    const auto resources = plans[i] ? plans[i]->resources() : tl::make_unexpected(plans[i].error());
    if (resources && resources->local_bytes == 0) {
      auto graph = TimedGraph::capture(stream_, static_cast<int>(weights->size()), [&](int copy) {
        return plans[i]->launch(stream_, *x, (*weights)[static_cast<std::size_t>(copy)], *y,
                                problem.bias ? &*bias : nullptr,
                                problem.residual ? &*residual : nullptr);
      });
      if (graph) {
        const auto samples = graph->run({.warm_up = 1, .least_runs = 3});
        if (!samples) return tl::make_unexpected(samples.error());
        microseconds = summary(*samples).median;
        least = std::min(least, microseconds);
        timed.push_back({i, std::move(*graph), microseconds});
      }
    }
    if (options_.progress)
      options_.progress(static_cast<int>(i) + 1, static_cast<int>(plans.size()), configs[i],
                        microseconds);
  }
  if (timed.empty())
    return failure("BL1121", "no candidate could be compiled for " + to_string(problem) +
                                 (plans[0] ? "" : ": " + plans[0].error().message));
  std::erase_if(timed, [&](const Timed& t) { return t.best > 1.05 * least; });
  std::vector<std::vector<double>> samples(timed.size());
  for (int turn = 0; turn < 5 && timed.size() > 1; ++turn) {
    for (std::size_t i = 0; i < timed.size(); ++i) {
      const auto more = timed[i].graph.run({.warm_up = 1, .least_runs = 3});
      if (!more) return tl::make_unexpected(more.error());
      samples[i].insert(samples[i].end(), more->begin(), more->end());
    }
  }
  for (std::size_t i = 0; i < timed.size(); ++i)
    if (!samples[i].empty()) timed[i].best = summary(samples[i]).median;
  const auto best = std::min_element(
      timed.begin(), timed.end(), [](const Timed& a, const Timed& b) { return a.best < b.best; });
  const TunedRow row{problem, configs[best->index], best->best};
  table_.set(row);
  if (!options_.table.empty())
    if (auto written = table_.write(options_.table); !written)
      return tl::make_unexpected(written.error());
  return row;
}

}  // namespace bitloom::kernels
