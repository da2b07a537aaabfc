// How long one token of a model of Llama-3-8B's shapes takes: random weights in 4 bits, one
// sequence, a step of all layers as one graph; where the time goes, and what reading the weights
// alone would take.
//
//   build/bench/llama_bench --result bench/results/llama_h200.json [--position 1024] [--tune FILE]
//
// Products are plans of kernels/gemm with their tuned configurations; q, k and v are one product,
// gate and up another. The head is f16, as `bitloom quantize` leaves it. The step stands at a
// position whose keys and values are all there. A part's time is that of a graph with its launches
// alone, of every layer: weights of a layer are always cold, activations are not.
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "bench/must.h"
#include "kernels/gemm/plan.h"
#include "kernels/gemm/tuner.h"
#include "kernels/measure/graph_timer.h"
#include "kernels/measure/random_weights.h"
#include "kernels/measure/raw_read.h"
#include "runtime/module.h"

namespace {

using namespace bitloom;           // NOLINT
using namespace bitloom::runtime;  // NOLINT
using bench::must;
using bench::root;
using kernels::GemmPlan;
using kernels::GemmProblem;
using kernels::GemmWeights;

constexpr std::int64_t kHidden = 4096, kHeads = 32, kKvHeads = 8, kHead = 128, kInner = 14336,
                       kLayers = 32, kVocabulary = 128256, kPage = 64, kSplits = 16;

class Bench {
 public:
  Bench(const Device& device, std::int64_t position, std::string table)
      : device_(device), stream_(must(Stream::create(device))), position_(position) {
    kernels::TunerOptions options{.table = std::move(table)};
    tuner_ = std::make_unique<kernels::Tuner>(stream_, std::move(options));
    if (auto opened = tuner_->open(); !opened) fmt::print(stderr, "{}\n", opened.error().message);
  }

  Kernel load(const std::string& file, const std::string& kernel,
              std::map<std::string, std::string> generics) {
    const Module module =
        must(Module::from_file(root() + "/kernels/" + file, {.stdlib = root() + "/stdlib"}));
    Kernel loaded = must(module.specialize(kernel, {.generics = std::move(generics)}));
    must(loaded.prepare(device_));
    return loaded;
  }
  Tensor zeros(vm::ElementType element, Shape shape) {
    return must(Tensor::zeros(stream_, element, std::move(shape)));
  }
  // Rows of a tensor with one row: columns begin … begin + count.
  Tensor part(const Tensor& whole, std::int64_t begin, Shape shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    const std::int64_t size = whole.element().bits / 8;
    return must(Tensor::wrap(
        Buffer::borrow(device_, static_cast<std::byte*>(whole.address()) + begin * size,
                       static_cast<std::size_t>(count * size), std::make_shared<Tensor>(whole)),
        whole.element(), std::move(shape)));
  }

  struct Product {
    GemmPlan plan;
    std::vector<GemmWeights> weights;  // of each layer
  };
  Product product(std::int64_t n, std::int64_t k, bool residual) {
    GemmProblem p{.m = 1, .n = n, .k = k, .weight = vm::unsigned_type(4), .zero = vm::kU8};
    p.residual = residual;
    const kernels::RandomWeights random(p, static_cast<std::uint64_t>(n + k));
    std::vector<GemmWeights> weights;
    for (std::int64_t layer = 0; layer < kLayers; ++layer)
      weights.push_back(must(random.on(stream_)));
    GemmProblem plain = p;
    plain.residual = false;  // tables are without
    const std::vector<GemmWeights>* cold = nullptr;
    const kernels::TunedRow row = must(tuner_->tune(plain, cold));
    fmt::print("{}: {} {:.2f} us\n", kernels::to_string(p), kernels::to_string(row.config),
               row.microseconds);
    bytes_ += kLayers * (n * k / 2 + k / 128 * n * 3);
    return {must(GemmPlan::make(p, device_, {.config = row.config})), std::move(weights)};
  }

  struct Part {
    std::string name;
    int launches = 0;
    double us = 0;
  };
  struct Outcome {
    double us = 0, p10 = 0, p90 = 0, floor_us = 0, raw_tb_per_s = 0;
    std::int64_t bytes = 0;
    std::vector<Part> parts = {};
  };
  Outcome run();

 private:
  Device device_;
  Stream stream_;
  std::int64_t position_;
  std::unique_ptr<kernels::Tuner> tuner_;
  std::int64_t bytes_ = 0;
};

Bench::Outcome Bench::run() {
  const auto f16 = vm::kF16;
  Product qkv = product((kHeads + 2 * kKvHeads) * kHead, kHidden, false),
          o = product(kHidden, kHeads * kHead, true), up = product(2 * kInner, kHidden, false),
          down = product(kHidden, kInner, true);
  bytes_ += kVocabulary * kHidden * 2;

  const std::string head_size = fmt::to_string(kHead), page = fmt::to_string(kPage);
  // One row: as many threads as take 16 bytes each, and all parts of attention at once.
  const Kernel norm = load("llama/rms_norm.bl", "rms_norm",
                           {{"X", "f16"},
                            {"W", "f16"},
                            {"Y", "f16"},
                            {"B", fmt::to_string(kHidden)},
                            {"N", "512"},
                            {"V", "8"}}),
               rope = load("llama/rope_cache.bl", "rope_cache",
                           {{"T", "f16"}, {"D", head_size}, {"P", page}}),
               decode = load("attention/attention_decode.bl", "attention_decode",
                             {{"D", head_size}, {"P", page}}),
               merge = load("attention/attention_decode.bl", "attention_merge",
                            {{"D", head_size}, {"R", "1"}, {"S", fmt::to_string(kSplits)}}),
               swiglu = load("llama/swiglu.bl", "swiglu", {{"T", "f16"}}),
               embedding = load("llama/embedding.bl", "embedding", {{"T", "f16"}, {"Y", "f16"}}),
               head = load("gemv/gemv.bl", "gemv", {{"X", "f16"}, {"W", "f16"}, {"Y", "f32"}}),
               sample = load("llama/next_token.bl", "next_token", {{"B", "8192"}});

  const std::int64_t pages = position_ / kPage + 1;
  std::vector<Tensor> keys, values;
  for (std::int64_t layer = 0; layer < kLayers; ++layer)
    for (auto* list : {&keys, &values})
      list->push_back(zeros(f16, {pages, kKvHeads, kPage, kHead}));
  HostArray table = must(HostArray::zeros(vm::kI32, {1, pages})),
            length = must(HostArray::zeros(vm::kI32, {1}));
  for (std::int64_t i = 0; i < pages; ++i)
    table.as<std::int32_t>()[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i);
  length.as<std::int32_t>()[0] = static_cast<std::int32_t>(position_ + 1);
  const Tensor page_table = must(Tensor::from_host(table, stream_)),
               tokens = must(Tensor::from_host(length, stream_)),
               entries = part(page_table, 0, {pages}),
               cosines = zeros(vm::kF32, {pages * kPage, kHead / 2}),
               sines = zeros(vm::kF32, {pages * kPage, kHead / 2}), weight = zeros(f16, {kHidden}),
               x = zeros(f16, {1, kHidden}), normed = zeros(f16, {1, kHidden}),
               all = zeros(f16, {1, (kHeads + 2 * kKvHeads) * kHead}),
               q = part(all, 0, {1, kHeads, kHead}),
               k = part(all, kHeads * kHead, {1, kKvHeads, kHead}),
               v = part(all, (kHeads + kKvHeads) * kHead, {1, kKvHeads, kHead}),
               some = zeros(vm::kF32, {kSplits, 1, kHeads, kHead}),
               some_lse = zeros(vm::kF32, {kSplits, 1, kHeads}),
               some_rows = part(some, 0, {kSplits, kHeads, kHead}),
               some_lse_rows = part(some_lse, 0, {kSplits, kHeads}),
               mixed = zeros(f16, {1, kHeads * kHead}),
               mixed_rows = part(mixed, 0, {kHeads, kHead}), lse = zeros(vm::kF32, {kHeads}),
               inner = zeros(f16, {1, 2 * kInner}), gate = part(inner, 0, {1, kInner}),
               second = part(inner, kInner, {1, kInner}),
               vocabulary = zeros(f16, {kVocabulary, kHidden}),
               logits = zeros(vm::kF32, {1, kVocabulary}), draw = zeros(vm::kF32, {1}),
               token = zeros(vm::kI32, {1});

  const auto layer_parts = [&](std::int64_t layer) {
    const auto i = static_cast<std::size_t>(layer);
    using Step = std::pair<const char*, std::function<Result<void>()>>;
    return std::vector<Step>{
        {"norms", [&] { return norm.launch(stream_, x, weight, 1e-5, normed); }},
        {"product qkv", [&, i] { return qkv.plan.launch(stream_, normed, qkv.weights[i], all); }},
        {"rope and cache",
         [&, i] {
           return rope.launch(stream_, q, k, v, cosines, sines, entries,
                              static_cast<std::int64_t>(position_), keys[i], values[i]);
         }},
        {"attention",
         [&, i] {
           return decode.launch(stream_, q, keys[i], values[i], page_table, tokens, 0.0883883476,
                                some, some_lse);
         }},
        {"merge", [&] { return merge.launch(stream_, some_rows, some_lse_rows, mixed_rows, lse); }},
        {"product o",
         [&, i] { return o.plan.launch(stream_, mixed, o.weights[i], x, nullptr, &x); }},
        {"norms", [&] { return norm.launch(stream_, x, weight, 1e-5, normed); }},
        {"product gate and up",
         [&, i] { return up.plan.launch(stream_, normed, up.weights[i], inner); }},
        {"swiglu", [&] { return swiglu.launch(stream_, gate, second, gate); }},
        {"product down",
         [&, i] { return down.plan.launch(stream_, gate, down.weights[i], x, nullptr, &x); }}};
  };
  using Step = std::pair<const char*, std::function<Result<void>()>>;
  const std::vector<Step> last = {
      {"norms", [&] { return norm.launch(stream_, x, weight, 1e-5, normed); }},
      {"head", [&] { return head.launch(stream_, normed, vocabulary, LaunchArgument{}, logits); }},
      {"embedding and choice",
       [&] { return sample.launch(stream_, logits, draw, 0.0, 0.0, token); }}};
  const Step first = {"embedding and choice",
                      [&] { return embedding.launch(stream_, token, vocabulary, x); }};

  const auto capture = [&](const std::string& only, int& launches) {
    launches = 0;
    return must(kernels::TimedGraph::capture(stream_, 1, [&](int) -> Result<void> {
      std::vector<Step> steps = {first};
      for (std::int64_t layer = 0; layer < kLayers; ++layer)
        for (Step& step : layer_parts(layer)) steps.push_back(std::move(step));
      steps.insert(steps.end(), last.begin(), last.end());
      for (const Step& step : steps) {
        if (!only.empty() && only != step.first) continue;
        ++launches;
        if (auto done = step.second(); !done) return done;
      }
      return {};
    }));
  };
  Outcome outcome{.bytes = bytes_};
  std::vector<std::string> names;
  std::vector<kernels::TimedGraph> graphs;
  int launches = 0;
  graphs.push_back(capture("", launches));
  for (const char* name :
       {"product gate and up", "product down", "product qkv", "product o", "head", "attention",
        "merge", "rope and cache", "norms", "swiglu", "embedding and choice"}) {
    graphs.push_back(capture(name, launches));
    outcome.parts.push_back({name, launches, 0});
  }
  constexpr std::int64_t kRead = 256 << 20;
  const kernels::RawRead raw = must(kernels::RawRead::make(stream_, std::size_t{1} << 30));
  graphs.push_back(must(raw.graph(kRead)));
  // In turns, since clocks drift.
  std::vector<std::vector<double>> samples(graphs.size());
  for (int turn = 0; turn < 5; ++turn)
    for (std::size_t i = 0; i < graphs.size(); ++i)
      for (const double us : must(graphs[i].run({.warm_up = 2, .least_runs = 15})))
        samples[i].push_back(us);
  const kernels::Timing whole = kernels::summary(samples[0]);
  outcome.us = whole.median;
  outcome.p10 = whole.p10;
  outcome.p90 = whole.p90;
  for (std::size_t i = 0; i < outcome.parts.size(); ++i)
    outcome.parts[i].us = kernels::summary(samples[i + 1]).median;
  const double raw_us = kernels::summary(samples.back()).median;
  outcome.raw_tb_per_s = static_cast<double>(kRead) / raw_us / 1e6;
  outcome.floor_us = static_cast<double>(bytes_) / static_cast<double>(kRead) * raw_us;
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  std::string result, table, commit = "unknown";
  std::int64_t position = 1024;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--result") == 0) result = argv[i + 1];
    if (std::strcmp(argv[i], "--tune") == 0) table = argv[i + 1];
    if (std::strcmp(argv[i], "--position") == 0) position = std::atoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--commit") == 0) commit = argv[i + 1];
  }
  const Result<Device> device = Device::open();
  if (!device) {
    fmt::print("skipped: {}\n", device.error().message);
    return 77;
  }
  if (position < 0 || position > 1 << 20) {
    fmt::print(stderr, "--position is 0 to {}\n", 1 << 20);
    return 2;
  }
  Bench bench(*device, position, table);
  const auto outcome = bench.run();
  fmt::print(
      "{}: a token takes {:.1f} us, {:.1f} tokens a second, {:.2f} of the raw read of {:.2f} GB "
      "({:.2f} TB/s)\n",
      device->name(), outcome.us, 1e6 / outcome.us, outcome.floor_us / outcome.us,
      static_cast<double>(outcome.bytes) / 1e9, outcome.raw_tb_per_s);
  for (const auto& part : outcome.parts)
    fmt::print("  {:<24} {:>4} times {:>9.1f} us\n", part.name, part.launches, part.us);
  if (result.empty()) return 0;
  std::ofstream out(result);
  out << fmt::format(
      "{{\n  \"device\": \"{}\",\n  \"date\": \"{}\",\n  \"commit\": \"{}\",\n  \"command\": "
      "\"build/bench/llama_bench --position {}\",\n  \"shapes\": \"Llama-3-8B, u4 g128 with zero "
      "points, head f16, batch 1\",\n  \"position\": {},\n  \"us_per_token\": {:.1f},\n  "
      "\"us_p10\": "
      "{:.1f},\n  \"us_p90\": {:.1f},\n  \"tokens_per_s\": {:.1f},\n  \"weight_bytes\": {},\n  "
      "\"raw_read_tb_per_s\": {:.3f},\n  \"floor_us\": {:.1f},\n  \"share_of_floor\": {:.3f},\n  "
      "\"parts\": [",
      device->name(), std::getenv("BITLOOM_DATE") ? std::getenv("BITLOOM_DATE") : "", commit,
      position, position, outcome.us, outcome.p10, outcome.p90, 1e6 / outcome.us, outcome.bytes,
      outcome.raw_tb_per_s, outcome.floor_us, outcome.floor_us / outcome.us);
  for (std::size_t i = 0; i < outcome.parts.size(); ++i)
    out << fmt::format("{}\n    {{\"name\": \"{}\", \"steps\": {}, \"us\": {:.1f}}}", i ? "," : "",
                       outcome.parts[i].name, outcome.parts[i].launches, outcome.parts[i].us);
  out << "\n  ]\n}\n";
  return out ? 0 : 1;
}
