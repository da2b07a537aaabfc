// `bitloom bench gemm`: times products against cuBLAS and against reading their bytes, all in one
// run.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "cli/bench_report.h"
#include "cli/model_options.h"
#include "kernels/gemm/dequantize.h"
#include "kernels/gemm/tuner.h"
#include "kernels/measure/cublas_lt.h"
#include "kernels/measure/random_weights.h"
#include "kernels/measure/raw_read.h"
#include "vm/numerics.h"

namespace bitloom::cli {
namespace {

using kernels::GemmConfig;
using kernels::GemmPlan;
using kernels::GemmProblem;
using kernels::TimedGraph;
using kernels::Timing;
using runtime::failure;
using runtime::Result;
using runtime::Tensor;

struct Options {
  std::string types = "i4", shapes = "llama3-8b", rows = "1,8,16", activation = "f16",
              scale = "f16", zero, group = "128", inputs = "gaussian", config, tune, json, svg;
  bool no_cublas = false;
  int workers = 0;
};

struct Shape {
  std::int64_t n = 0, k = 0;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');)
    if (!word.empty()) words.push_back(word);
  return words;
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() ? std::optional(value)
                                                                         : std::nullopt;
}

// n x k of the linear layers of models, or shapes written out.
Result<std::vector<Shape>> shapes_of(const std::string& text) {
  std::vector<Shape> shapes;
  for (const std::string& word : split(text)) {
    if (word == "llama3-8b") {
      shapes.insert(shapes.end(), {{6144, 4096}, {4096, 4096}, {28672, 4096}, {4096, 14336}});
    } else if (word == "llama3-70b") {
      shapes.insert(shapes.end(),
                    {{10240, 8192}, {8192, 8192}, {57344, 8192}, {28672, 8192}, {8192, 28672}});
    } else {
      const std::size_t cross = word.find('x');
      const auto n = number(word.substr(0, cross)),
                 k = cross == std::string::npos ? std::nullopt : number(word.substr(cross + 1));
      if (!n || !k)
        return failure("BL0703", fmt::format("--shapes: '{}' is neither a model nor a shape", word),
                       "llama3-8b, llama3-70b, or NxK such as 8192x8192");
      shapes.push_back({*n, *k});
    }
  }
  return shapes;
}

// A sample of y in float64, against which results are held.
class Reference {
 public:
  Reference(const GemmProblem& p, const kernels::RandomWeights& random,
            const runtime::HostArray& x) {
    const std::int64_t rows = std::min<std::int64_t>(p.m, 16), columns = 24;
    for (std::int64_t i = 0; i < columns; ++i) {
      const std::int64_t column = (i * 2654435761 + 17) % p.n;
      const std::vector<double> w = random.column(column);
      for (std::int64_t r = 0; r < rows; ++r) {
        const std::int64_t row = r * (p.m / rows);
        double sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k)
          sum += vm::decode(p.activation, x.code(static_cast<std::size_t>(row * p.k + k))) *
                 w[static_cast<std::size_t>(k)];
        samples_.push_back({static_cast<std::size_t>(row * p.n + column), sum});
      }
    }
  }

  // Relative error in Frobenius norm.
  Result<double> error(const Tensor& y, const runtime::Stream& stream) const {
    const auto host = y.to_host(stream);
    if (!host) return tl::make_unexpected(host.error());
    double wrong = 0, whole = 0;
    for (const auto& [place, value] : samples_) {
      const double got = vm::decode(y.element(), host->code(place));
      wrong += (got - value) * (got - value);
      whole += value * value;
    }
    return std::sqrt(wrong / whole);
  }

 private:
  std::vector<std::pair<std::size_t, double>> samples_;
};

struct Turn {
  TimedGraph graph;
  std::vector<double> samples = {};
};

// Every graph in turn, so that all of them meet the same clock and the same temperature.
Result<void> run_in_turns(std::vector<Turn*> turns, std::int64_t m) {
  const int rounds = 7;
  for (int round = 0; round < rounds; ++round) {
    for (Turn* turn : turns) {
      auto samples =
          turn->graph.run({.warm_up = 1, .least_runs = 3, .least_seconds = m >= 1024 ? 0.07 : 0});
      if (!samples) return tl::make_unexpected(samples.error());
      if (round > 0) turn->samples.insert(turn->samples.end(), samples->begin(), samples->end());
    }
  }
  return {};
}

class Bench {
 public:
  Bench(const Options& options, runtime::Stream stream)
      : options_(options), stream_(std::move(stream)) {}

  Result<BenchReport> run() {
    auto shapes = shapes_of(options_.shapes);
    if (!shapes) return tl::make_unexpected(shapes.error());
    report_.device = stream_.device().name();
    if (!options_.no_cublas) {
      auto cublas = kernels::CublasLt::load(stream_);
      if (cublas) {
        cublas_ = std::move(*cublas);
      } else {
        fmt::print(stderr, "{}; times and shares only\n", cublas.error().message);
      }
    }
    auto floor = kernels::RawRead::make(stream_);
    if (!floor) return tl::make_unexpected(floor.error());
    floor_ = std::move(*floor);
    if (!options_.tune.empty()) {
      tuner_.emplace(
          stream_, kernels::TunerOptions{
                       .table = options_.tune, .workers = options_.workers, .progress = progress});
      if (auto opened = tuner_->open(); !opened) return tl::make_unexpected(opened.error());
    }
    fmt::print("{:<24} {:>5} {:>9} {:>9} {:>9} {:>7} {:>7} {:>9}  {}\n", "product", "m", "us",
               "cublas", "floor", "ratio", "share", "error", "kernel");
    for (const Shape& shape : *shapes) {
      for (const std::string& type : split(options_.types))
        for (const std::string& group : split(options_.group))
          if (auto done = product(shape, type, group); !done)
            return tl::make_unexpected(done.error());
    }
    return report_;
  }

 private:
  static void progress(int done, int all, const GemmConfig& config, double us) {
    const bool live = isatty(STDERR_FILENO) != 0;
    fmt::print(stderr, "{}  {:>3}/{} {:<48} {:>9.2f} us{}", live ? "\r" : "", done, all,
               to_string(config), us,
               !live         ? "\n"
               : done == all ? "\r\x1b[K"
                             : "");
    std::fflush(stderr);
  }

  // One type of weights of one shape, for every number of rows.
  Result<void> product(const Shape& shape, const std::string& type, const std::string& group) {
    GemmProblem p{.m = 1, .n = shape.n, .k = shape.k};
    const auto named = [&](const std::string& text, vm::ElementType& into,
                           const char* option) -> Result<void> {
      const auto parsed = vm::parse_element_type(text);
      if (!parsed)
        return failure("BL0703", fmt::format("{}: '{}' is no element type", option, text),
                       "u4, i8, e3m2, f16, …");
      into = *parsed;
      return {};
    };
    auto read = named(type, p.weight, "--types");
    if (read && !kernels::parse_activation(options_.activation, p))
      read = failure("BL0703", fmt::format("--act: '{}' is no element type", options_.activation),
                     "f16, bf16, i8 or bf16:i8");
    if (read) read = named(options_.scale, p.scale, "--scale");
    if (read && !options_.zero.empty()) {
      p.zero.emplace();
      read = named(options_.zero, *p.zero, "--zero");
    }
    if (!read) return read;
    const auto rows = group == "k" ? std::optional(shape.k) : number(group);
    if (!rows)
      return failure("BL0703", fmt::format("--group: '{}' is no group size", group),
                     "32, 64, 128 or k");
    p.group = *rows;
    if (auto good = check(p); !good) return good;
    const kernels::RandomWeights random(p, 1);
    auto copies = kernels::cold_copies(p, std::size_t{300} << 20, stream_);
    if (!copies) return tl::make_unexpected(copies.error());
    weights16_.clear();
    for (const std::string& text : split(options_.rows)) {
      const auto m = number(text);
      if (!m || *m < 1)
        return failure("BL0703", fmt::format("--m: '{}' is no number of rows", text), "--m 1,8,16");
      p.m = *m;
      if (auto done = row(p, *copies, random); !done) return done;
    }
    return {};
  }

  // cuBLAS on the same numbers: the weights dequantised exactly, in f16.
  Result<std::optional<Turn>> baseline(const GemmProblem& p,
                                       const std::vector<kernels::GemmWeights>& copies,
                                       const runtime::HostArray& activations) {
    if (!cublas_) return std::nullopt;
    while (weights16_.size() < 2 ||
           weights16_.size() * weights16_[0].bytes() < (std::size_t{300} << 20)) {
      auto w = kernels::dequantize(copies[0], vm::kF16, stream_);
      if (!w) return tl::make_unexpected(w.error());
      weights16_.push_back(std::move(*w));
    }
    auto x = Tensor::from_host(activations, stream_),
         y = Tensor::allocate(stream_.device(), vm::kF16, {p.m, p.n});
    if (!x) return tl::make_unexpected(x.error());
    if (!y) return tl::make_unexpected(y.error());
    x16_ = std::move(*x);
    y16_ = std::move(*y);
    auto product = cublas_->product(p.m, p.n, p.k, *x16_, weights16_, *y16_);
    if (!product) return tl::make_unexpected(product.error());
    return TimedGraph::capture(stream_, static_cast<int>(weights16_.size()),
                               [&](int i) {
                                 return product->launch(
                                     *x16_, weights16_[static_cast<std::size_t>(i)], *y16_);
                               })
        .map([](TimedGraph graph) { return std::optional<Turn>(Turn{std::move(graph)}); });
  }

  Result<void> row(const GemmProblem& p, const std::vector<kernels::GemmWeights>& copies,
                   const kernels::RandomWeights& weights) {
    kernels::GemmOptions options;
    if (!options_.config.empty()) {
      auto config = kernels::parse_gemm_config(options_.config);
      if (!config) return tl::make_unexpected(config.error());
      options.config = *config;
    } else if (tuner_) {
      auto tuned = tuner_->tune(p, &copies);
      if (!tuned) return tl::make_unexpected(tuned.error());
      options.config = tuned->config;
    }
    auto plan = GemmPlan::make(p, stream_.device(), options);
    if (!plan) return tl::make_unexpected(plan.error());
    auto host = kernels::random_activations(p, options_.inputs == "heavy");
    if (!host) return tl::make_unexpected(host.error());
    GemmProblem halves = p;
    halves.activation = vm::kF16;
    std::optional<runtime::HostArray> drawn16;  // where x is f16, it is the baseline's too
    if (p.activation != vm::kF16) {
      auto made = kernels::random_activations(halves, options_.inputs == "heavy");
      if (!made) return tl::make_unexpected(made.error());
      drawn16 = std::move(*made);
    }
    const runtime::HostArray& host16 = drawn16 ? *drawn16 : *host;
    auto cublas = baseline(p, copies, host16);
    if (!cublas) return tl::make_unexpected(cublas.error());
    auto x = Tensor::from_host(*host, stream_),
         y = Tensor::allocate(stream_.device(), p.activation, {p.m, p.n});
    if (!x) return tl::make_unexpected(x.error());
    if (!y) return tl::make_unexpected(y.error());
    if (auto done = plan->launch(stream_, *x, copies[0], *y); !done) return done;
    const Reference reference(p, weights, *host);
    auto error = reference.error(*y, stream_);
    if (!error) return tl::make_unexpected(error.error());
    auto graph = TimedGraph::capture(stream_, static_cast<int>(copies.size()), [&](int i) {
      return plan->launch(stream_, *x, copies[static_cast<std::size_t>(i)], *y);
    });
    if (!graph) return tl::make_unexpected(graph.error());
    auto floor = floor_->graph(operator_bytes(p));
    if (!floor) return tl::make_unexpected(floor.error());
    Turn own{std::move(*graph)}, least{std::move(*floor)};
    std::vector<Turn*> turns = {&own, &least};
    if (*cublas) turns.push_back(&**cublas);
    if (auto done = run_in_turns(turns, p.m); !done) return done;
    // The baseline's activations are f16; where ours are not, it has numbers of its own.
    auto cublas_error = !*cublas ? Result<double>(0.0)
                        : p.activation == vm::kF16
                            ? reference.error(*y16_, stream_)
                            : Reference(halves, weights, host16).error(*y16_, stream_);
    if (!cublas_error) return tl::make_unexpected(cublas_error.error());
    const Timing time = kernels::summary(own.samples), floor_time = kernels::summary(least.samples);
    BenchRow row{p,
                 to_string(plan->config()),
                 time,
                 *cublas ? kernels::summary((*cublas)->samples).median : 0,
                 floor_time.median,
                 *error,
                 *cublas_error,
                 options_.inputs};
    fmt::print("{:<24} {:>5} {:>9.2f} {:>9.2f} {:>9.2f} {:>7.2f} {:>6.1f}% {:>9.1e}  {}\n",
               fmt::format("{} g{} {}x{}", vm::to_string(p.weight), p.group, p.n, p.k), p.m,
               time.median, row.cublas_us, row.floor_us, row.cublas_us / time.median,
               100 * row.floor_us / time.median, *error, row.kernel);
    std::fflush(stdout);
    report_.rows.push_back(std::move(row));
    return {};
  }

  const Options& options_;
  runtime::Stream stream_;
  std::optional<kernels::CublasLt> cublas_;
  std::optional<kernels::RawRead> floor_;
  std::optional<kernels::Tuner> tuner_;
  std::vector<Tensor> weights16_;
  std::optional<Tensor> x16_, y16_;
  BenchReport report_;
};

Result<void> run(const Options& options, const std::string& command) {
  auto device = runtime::Device::open();
  if (!device) return tl::make_unexpected(device.error());
  auto stream = runtime::Stream::create(*device);
  if (!stream) return tl::make_unexpected(stream.error());
  auto report = Bench(options, *stream).run();
  if (!report) return tl::make_unexpected(report.error());
  report->command = command;
  if (!options.json.empty())
    if (auto written = write_json(*report, options.json); !written) return written;
  if (!options.svg.empty())
    if (auto written = write_svg(*report, options.svg); !written) return written;
  return {};
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  CLI::App* bench = app.add_subcommand("bench", "times shipped kernels on this machine's GPU");
  bench->require_subcommand(1);
  auto options = std::make_shared<Options>();
  CLI::App* gemm = bench->add_subcommand(
      "gemm",
      "products with low-bit weights, against cuBLAS f16 and against the raw read of their bytes");
  gemm->add_option("--types", options->types, "weight types, joined with commas")
      ->capture_default_str();
  gemm->add_option("--shapes", options->shapes, "llama3-8b, llama3-70b, or NxK, joined with commas")
      ->capture_default_str();
  gemm->add_option("--m", options->rows, "rows of x, joined with commas; small ones first")
      ->capture_default_str();
  gemm->add_option("--group", options->group, "group sizes, joined with commas; k: one group")
      ->capture_default_str();
  gemm->add_option(
          "--act", options->activation,
          "type of activations and outputs: f16 or bf16; i8 or bf16:i8: quantised on the way")
      ->capture_default_str();
  gemm->add_option("--scale", options->scale, "type of scales")->capture_default_str();
  gemm->add_option("--zero", options->zero, "type of zero points; without it there are none");
  gemm->add_option("--inputs", options->inputs,
                   "activations: gaussian, or heavy with 4 channels a hundred times larger")
      ->check(CLI::IsMember({"gaussian", "heavy"}))
      ->capture_default_str();
  gemm->add_option(
      "--config", options->config,
      "one configuration for everything, such as 'stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1'");
  gemm->add_option("--tune", options->tune,
                   "FILE: time every candidate first, and keep the fastest there; what the file "
                   "has is not timed again");
  gemm->add_option("--workers", options->workers,
                   "processes that compile candidates; 0: one a processor");
  gemm->add_option("--json", options->json, "FILE for the results");
  gemm->add_option("--svg", options->svg, "FILE for a roofline of the results");
  gemm->add_flag("--no-cublas", options->no_cublas, "no baseline");
  gemm->footer(
      "\nExample:\n  bitloom bench gemm --types i4,u3,e3m2 --shapes 8192x8192 --m 1,16 --json "
      "results.json");
  gemm->callback([options, gemm, &context] {
    std::string command = "bitloom bench gemm";
    for (const CLI::Option* option : gemm->get_options())
      if (option->count() > 0)
        command += option->get_expected_min() == 0 ? " " + option->get_name()
                                                   : fmt::format(" {} {}", option->get_name(),
                                                                 fmt::join(option->results(), ","));
    finish(run(*options, command), context);
  });
}

}  // namespace bitloom::cli
