#include "kernels/gemm/plan.h"

#include <fmt/format.h>

#include "kernels/gemm/tuning_table.h"
#include "kernels/kernels_folder.h"
#include "runtime/module.h"

namespace bitloom::kernels {

using runtime::Device;
using runtime::failure;
using runtime::Kernel;
using runtime::LaunchArgument;
using runtime::Result;
using runtime::Shape;
using runtime::Stream;
using runtime::Tensor;

namespace {

using Generics = std::map<std::string, std::string>;

Result<Kernel> specialize(const GemmOptions& options, const std::string& file,
                          const std::string& kernel, Generics generics,
                          std::set<std::string> present) {
  const std::string folder = options.kernels.empty() ? kernels_folder() : options.kernels;
  Result<runtime::Module> module =
      runtime::Module::from_file(folder + "/gemm/" + file, {.cache = options.cache});
  if (!module) return tl::make_unexpected(module.error());
  Result<Kernel> result =
      module->specialize(kernel, {.generics = std::move(generics), .present = std::move(present)});
  return result;
}

Generics generics_of(const GemmProblem& p, const GemmConfig& config) {
  Generics generics = {{"W", vm::to_string(p.weight)}, {"G", std::to_string(p.group)}};
  for (const auto& [name, value] : config.numbers) generics[name] = std::to_string(value);
  return generics;
}

std::set<std::string> present(const GemmProblem& p) {
  std::set<std::string> names;
  if (p.zero) names.insert("zero");
  if (p.bias) names.insert("bias");
  if (p.residual) names.insert("residual");
  return names;
}

}  // namespace

struct GemmPlan::State {
  GemmProblem problem;
  GemmConfig config;
  Device device;
  Kernel multiply;
  // stream: order_activations; int8: quantize_activations
  std::optional<Kernel> order = {};
  std::optional<Tensor> x = {}, sums = {}, token_scale = {}, part = {}, ticket = {};

  static Result<State> specialized(const GemmProblem& p, const GemmConfig& config,
                                   const Device& device, const GemmOptions& options);
  Result<void> prepare();  // compiles what is not compiled yet, and takes the workspace

 private:
  Result<void> allocate();
};

// Nothing is compiled yet.
Result<GemmPlan::State> GemmPlan::State::specialized(const GemmProblem& p, const GemmConfig& config,
                                                     const Device& device,
                                                     const GemmOptions& options) {
  if (auto good = check(p); !good) return tl::make_unexpected(good.error());
  if (auto good = check(config, p, device.target()); !good)
    return tl::make_unexpected(good.error());
  Generics generics = generics_of(p, config);
  const auto alone = [&](Kernel kernel) { return State{p, config, device, std::move(kernel)}; };
  generics["A"] = vm::to_string(p.activation);
  if (p.zero) generics["Z"] = vm::to_string(*p.zero);
  if (config.kernel == "tile")
    return specialize(options, "gemm.bl", "gemm", generics, present(p)).map(alone);
  generics["S"] = vm::to_string(p.scale);
  if (config.kernel == "wgmma") {
    std::set<std::string> given = present(p);
    if (config.number("P") > 1) given.insert({"part", "ticket"});
    return specialize(options, "gemm_wgmma.bl", "gemm_wgmma", generics, given).map(alone);
  }
  const bool int8 = config.kernel == "int8";
  const std::string file = int8 ? "gemm_int8.bl" : "gemm_stream.bl";
  Result<State> state =
      specialize(options, file, int8 ? "gemm_int8" : "gemm_stream", generics, present(p))
          .map(alone);
  if (!state) return state;
  const Generics of_order = {{"W", generics["W"]},
                             {"A", generics["A"]},
                             {"G", generics["G"]},
                             {"M", generics["M"]},
                             {"U", generics["U"]}};
  Result<Kernel> order =
      specialize(options, file, int8 ? "quantize_activations" : "order_activations", of_order, {});
  if (!order) return tl::make_unexpected(order.error());
  state->order = std::move(*order);
  return state;
}

Result<void> GemmPlan::State::prepare() {
  auto done = multiply.prepare(device);
  if (done && order) done = order->prepare(device);
  return done ? allocate() : done;
}

Result<void> GemmPlan::State::allocate() {
  const bool split = config.kernel == "wgmma" && config.number("P") > 1;
  if (!order && !split) return {};
  const auto hold = [](std::optional<Tensor>& into, Result<Tensor> tensor) -> Result<void> {
    if (!tensor) return tl::make_unexpected(tensor.error());
    into = std::move(*tensor);
    return {};
  };
  const Result<Stream> stream = Stream::create(device);
  if (!stream) return tl::make_unexpected(stream.error());
  if (split) {
    const std::int64_t tokens = config.number("T"), tiles = (problem.m + tokens - 1) / tokens,
                       atoms = 64 * config.number("F");
    auto done = hold(
        part, Tensor::allocate(device, vm::kF32, {config.number("P"), tiles, problem.n, tokens}));
    if (done)
      done = hold(ticket,
                  Tensor::zeros(*stream, vm::kU32, {tiles, (problem.n + atoms - 1) / atoms, 2}));
    return done ? stream->synchronize() : done;
  }
  const std::int64_t unit = config.number("U"), rows = config.number("M"),
                     slots = 2 * config.number("B") * device.sms();
  const std::int64_t of_sum = std::min<std::int64_t>(unit, problem.group),
                     columns = 64 * config.number("C", 1), tile = columns * config.number("NW");
  const bool codes = problem.activation_codes.has_value();
  const vm::ElementType type = problem.activation_codes.value_or(problem.activation);
  // Of gemm_stream: one more unit, of zeros, and 512 bytes a load.
  const std::int64_t units = problem.k / unit, sums_of = (problem.k + (codes ? 0 : unit)) / of_sum;
  auto done = hold(x, codes ? Tensor::allocate(device, type, {units, rows, unit})
                            : Tensor::allocate(device, type, {units + 1, unit / 32, rows, 32}));
  if (done)
    done = hold(sums, Tensor::allocate(device, codes ? vm::kI32 : vm::kF32, {sums_of, rows}));
  if (done && codes) done = hold(token_scale, Tensor::allocate(device, vm::kF32, {rows}));
  if (done) done = hold(part, Tensor::allocate(device, vm::kF32, {slots, tile, rows}));
  if (done)
    done = hold(ticket, Tensor::zeros(*stream, vm::kU32, {(problem.n + columns - 1) / columns}));
  return done ? stream->synchronize() : done;
}

Result<GemmPlan> GemmPlan::make(const GemmProblem& problem, const Device& device,
                                const GemmOptions& options) {
  const GemmConfig config =
      options.config ? *options.config
                     : TuningTable::shipped(device.name()).choose(problem, device.target());
  Result<State> state = State::specialized(problem, config, device, options);
  if (!state) return tl::make_unexpected(state.error());
  if (auto done = state->prepare(); !done) return tl::make_unexpected(done.error());
  return GemmPlan(std::make_shared<State>(std::move(*state)));
}

std::vector<Result<GemmPlan>> GemmPlan::make_all(const GemmProblem& problem,
                                                 std::span<const GemmConfig> configs,
                                                 const Device& device, const GemmOptions& options,
                                                 int workers) {
  std::vector<Result<State>> states;
  std::vector<Kernel> kernels;
  for (const GemmConfig& config : configs) {
    states.push_back(State::specialized(problem, config, device, options));
    if (!states.back()) continue;
    kernels.push_back(states.back()->multiply);
    if (states.back()->order) kernels.push_back(*states.back()->order);
  }
  Kernel::prepare_all(kernels, device,
                      workers);  // a kernel that could not be prepared says so below
  const auto finish = [&](Result<State>& state) -> Result<GemmPlan> {
    if (!state) return tl::make_unexpected(state.error());
    if (auto done = state->prepare(); !done) return tl::make_unexpected(done.error());
    return GemmPlan(std::make_shared<State>(std::move(*state)));
  };
  std::vector<Result<GemmPlan>> plans;
  plans.reserve(states.size());
  for (Result<State>& state : states) plans.emplace_back(finish(state));
  return plans;
}

Result<void> GemmPlan::launch(const Stream& stream, const Tensor& x, const GemmWeights& weights,
                              const Tensor& y, const Tensor* bias, const Tensor* residual) const {
  const State& s = *state_;
  const GemmProblem &p = s.problem, &packed = weights.problem();
  if (packed.weight != p.weight || packed.scale != p.scale || packed.zero != p.zero ||
      packed.n != p.n || packed.k != p.k || packed.group != p.group)
    return failure("BL1122", fmt::format("the plan is of {}, and the weights of {}", to_string(p),
                                         to_string(packed)));
  if (p.bias != (bias != nullptr) || p.residual != (residual != nullptr))
    return failure("BL1122",
                   fmt::format("the plan is made {} bias and {} residual",
                               p.bias ? "with a" : "without", p.residual ? "with a" : "without"));
  if (x.shape().empty() || x.shape()[0] == 0) return {};
  if (x.shape()[0] > p.m)
    return failure("BL1122",
                   fmt::format("x has {} rows, and the plan is of {}", x.shape()[0], p.m));
  const auto optional = [](const Tensor* tensor) {
    return tensor ? tensor->argument() : LaunchArgument{};
  };
  const auto lanes = [](const std::optional<Tensor>& tensor) {
    return tensor ? tensor->argument() : LaunchArgument{};
  };
  if (s.config.kernel == "wgmma")
    return s.multiply.launch(stream, x, weights.codes(), weights.scale_of_lanes(),
                             lanes(weights.zero_of_lanes()), optional(bias), optional(residual), y,
                             lanes(s.part), lanes(s.ticket));
  if (s.config.kernel == "tile")
    return s.multiply.launch(stream, x, weights.codes(), weights.scale(), lanes(weights.zero()), y);
  if (s.config.kernel == "int8") {
    if (auto done = s.order->launch(stream, x, *s.x, *s.sums, *s.token_scale); !done) return done;
    return s.multiply.launch(stream, *s.x, *s.sums, *s.token_scale, weights.codes(),
                             weights.scale_of_lanes(), lanes(weights.zero_of_lanes()),
                             optional(bias), optional(residual), y, *s.part, *s.ticket);
  }
  if (auto done = s.order->launch(stream, x, *s.x, *s.sums); !done) return done;
  return s.multiply.launch(stream, *s.x, *s.sums, weights.codes(), weights.scale_of_lanes(),
                           lanes(weights.zero_of_lanes()), optional(bias), optional(residual), y,
                           *s.part, *s.ticket);
}

const GemmProblem& GemmPlan::problem() const {
  return state_->problem;
}
const GemmConfig& GemmPlan::config() const {
  return state_->config;
}
Result<runtime::KernelResources> GemmPlan::resources() const {
  return state_->multiply.resources(state_->device);
}

std::size_t GemmPlan::workspace_bytes() const {
  std::size_t sum = 0;
  for (const auto* tensor :
       {&state_->x, &state_->sums, &state_->token_scale, &state_->part, &state_->ticket})
    if (*tensor) sum += (*tensor)->bytes();
  return sum;
}

}  // namespace bitloom::kernels
