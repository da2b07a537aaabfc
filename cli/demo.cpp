// bitloom demo MODEL: quantises a weight matrix of a checkpoint to 4 bits with quantize.bl,
// multiplies the embeddings of a text by it with gemm.bl, and says how far the result is from
// float64 and from the product that was not quantised.
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <memory>

#include "cli/command.h"
#include "runtime/execute.h"
#include "runtime/host/safetensors.h"
#include "vm/numerics.h"

namespace bitloom::cli {
namespace {

using runtime::HostArray;

struct DemoOptions {
  std::string model, kernels, type = "i4", tensor = "model.layers.0.mlp.gate_proj.weight";
  std::int64_t group = 128, tokens = 64;
};

double at(const HostArray& array, std::int64_t i) {
  return vm::decode(array.type(), array.code(static_cast<std::size_t>(i)));
}

class Demo {
 public:
  Demo(const DemoOptions& options, const Context& context, dsl::SourceManager& sources,
       vm::Diagnostics& diagnostics)
      : options_(options), context_(context), sources_(sources), diagnostics_(diagnostics) {}

  bool all() { return load() && quantize() && multiply() && compare(); }

 private:
  bool load();
  bool quantize();
  bool multiply();
  bool compare() const;
  template <class T>
  bool take(runtime::Result<T> result, T& out);
  bool execute(const runtime::Job& job, runtime::Outcome& outcome, double& seconds);

  const DemoOptions& options_;
  const Context& context_;
  dsl::SourceManager& sources_;
  vm::Diagnostics& diagnostics_;
  HostArray weights_;     // bf16 [k, n]
  HostArray embeddings_;  // f16 [m, k]
  HostArray codes_, scale_, product_;
};

template <class T>
bool Demo::take(runtime::Result<T> result, T& out) {
  if (result) {
    out = std::move(*result);
    return true;
  }
  diagnostics_.error(result.error().code, {}, result.error().message);
  diagnostics_.last().hints = result.error().hints;
  return false;
}

bool Demo::load() {
  runtime::SafetensorsFile file;
  HostArray stored, table;
  if (!take(runtime::SafetensorsFile::open(options_.model + "/model.safetensors"), file) ||
      !take(file.read(options_.tensor), stored) ||
      !take(file.read("model.embed_tokens.weight"), table)) {
    return false;
  }
  // A checkpoint stores [n, k]; the kernels want [k, n].
  const std::int64_t n = stored.shape()[0], k = stored.shape()[1],
                     m = std::min(options_.tokens, table.shape()[0]);
  if (!take(HostArray::zeros(stored.type(), {k, n}), weights_) ||
      !take(HostArray::zeros(vm::kF16, {m, k}), embeddings_))
    return false;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < k; ++j)
      weights_.set_code(static_cast<std::size_t>(j * n + i),
                        stored.code(static_cast<std::size_t>(i * k + j)));
  }
  for (std::int64_t i = 0; i < m * k; ++i)
    embeddings_.set_code(static_cast<std::size_t>(i), vm::encode(vm::kF16, at(table, i)));
  fmt::print("{}: {} [{}, {}], as [k, n] = [{}, {}]; {} token embeddings\n", options_.tensor,
             to_string(stored.type()), n, k, k, n, m);
  return true;
}

bool Demo::execute(const runtime::Job& job, runtime::Outcome& outcome, double& seconds) {
  const auto start = std::chrono::steady_clock::now();
  const bool done = runtime::execute(job, sources_, context_.stdlib, outcome, diagnostics_);
  seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return done;
}

bool Demo::quantize() {
  runtime::Job job{.file = options_.kernels + "/quantize/quantize.bl"};
  job.generics = {{"W", options_.type}, {"G", fmt::to_string(options_.group)}};
  job.request.arguments = {{"x", {weights_, options_.tensor}}};
  job.request.outputs = {"w", "scale"};
  runtime::Outcome outcome;
  double seconds = 0;
  if (!execute(job, outcome, seconds)) return false;
  codes_ = outcome.logical("w");
  scale_ = outcome.logical("scale");
  fmt::print(
      "quantize.bl  to {} in groups of {}: {:.0f} ms in the interpreter, {:.0f} ms with reading "
      "and compiling the kernel\n",
      options_.type, options_.group, outcome.report.seconds * 1e3, seconds * 1e3);
  return true;
}

bool Demo::multiply() {
  runtime::Job job{.file = options_.kernels + "/gemm/gemm.bl"};
  job.generics = {{"W", options_.type}, {"G", fmt::to_string(options_.group)}};
  job.request.arguments = {
      {"a", {embeddings_, "embeddings"}}, {"w", {codes_, "codes"}}, {"scale", {scale_, "scale"}}};
  job.request.outputs = {"c"};
  runtime::Outcome outcome;
  double seconds = 0;
  if (!execute(job, outcome, seconds)) return false;
  product_ = outcome.logical("c");
  fmt::print(
      "gemm.bl      {} x {} x {}: {:.0f} ms in the interpreter, {:.0f} ms with reading and "
      "compiling the kernel\n",
      embeddings_.shape()[0], weights_.shape()[0], weights_.shape()[1],
      outcome.report.seconds * 1e3, seconds * 1e3);
  return true;
}

bool Demo::compare() const {
  const std::int64_t m = embeddings_.shape()[0], k = weights_.shape()[0], n = weights_.shape()[1];
  double quantised_error = 0, quantised_norm = 0, full_error = 0, full_norm = 0;
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      double quantised = 0, full = 0;
      for (std::int64_t kk = 0; kk < k; ++kk) {
        const double x = at(embeddings_, i * k + kk);
        quantised += x * at(codes_, kk * n + j) * at(scale_, kk / options_.group * n + j);
        full += x * at(weights_, kk * n + j);
      }
      const double c = at(product_, i * n + j);
      quantised_error += (c - quantised) * (c - quantised);
      quantised_norm += quantised * quantised;
      full_error += (c - full) * (c - full);
      full_norm += full * full;
    }
  }
  const double arithmetic = std::sqrt(quantised_error / quantised_norm),
               quantisation = std::sqrt(full_error / full_norm);
  fmt::print("error against float64 of the same codes     {:.2e}   (f16 output, f32 sums)\n",
             arithmetic);
  fmt::print("error against the product not quantised     {:.2e}   (what {} costs)\n", quantisation,
             options_.type);
  fmt::print("first row: ");
  for (std::int64_t j = 0; j < std::min<std::int64_t>(6, n); ++j)
    fmt::print(" {:.4f}", at(product_, j));
  fmt::print(" …\nengine: interpreter, hazard checks on, nothing found\n");
  return true;
}

}  // namespace

void add_demo(CLI::App& app, Context& context) {
  auto options = std::make_shared<DemoOptions>();
  CLI::App* command =
      app.add_subcommand("demo", "a low-bit product with the weights of a real checkpoint");
  command->add_option("MODEL", options->model, "a checkpoint folder (model.safetensors)")
      ->required();
  command->add_option("--kernels", options->kernels, "the folder of the shipped kernels")
      ->default_val(BITLOOM_KERNELS_DIR);
  command->add_option("--type", options->type, "of the codes; signed or float")
      ->capture_default_str();
  command->add_option("--group", options->group, "rows that share a scale")->capture_default_str();
  command->add_option("--tensor", options->tensor, "which weight matrix")->capture_default_str();
  command->footer("\nExample:\n  bitloom demo tests/data/kjv-7m --type e2m1");
  command->callback([options, &context] {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    Demo(*options, context, sources, diagnostics).all();
    context.exit_code = report(diagnostics, sources, context);
  });
}

}  // namespace bitloom::cli
