// What compiling costs: from a kernel's text to its image, cold, against ptxas alone and against an
// empty kernel, from a warm cache, and many variants in worker processes.
//
//   compile_bench [--ptxas FILE] [--worker FILE] [--runs N] [--many yes] >
//   bench/results/compile.json
//
// Every cold and every warm measurement is a process of its own, since a process loads NVRTC once:
// the program starts itself with `once`, or with `empty` for a kernel without text, whose time no
// text can save. The parts are timed inside it. Single measurements are milliseconds of processor
// time, which is what one core has to give; those of many variants are seconds of the clock, and
// need a machine that does nothing else. Needs NVRTC, and no GPU.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "codegen/cuda.h"
#include "runtime/compile_many.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/host/file.h"
#include "runtime/load_kernel.h"
#include "vm/passes/pipeline.h"

namespace {

using namespace bitloom;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

// The products that plans choose (kernels/gemm/config.h), and the largest kernel that is shipped.
struct Variant {
  const char* name;
  const char* file;
  const char* kernel;
  std::map<std::string, std::string> generics;
  bool hopper;
  vm::Target target() const { return hopper ? vm::Target{90, true} : vm::Target{80, false}; }
};

const std::vector<Variant>& measured() {
  static const std::map<std::string, std::string> tile = {
      {"M", "16"}, {"NW", "1"}, {"KW", "4"}, {"D", "1"}, {"B", "3"}};
  const auto stream = [](const char* weight) {
    auto generics = tile;
    generics["W"] = weight;
    return generics;
  };
  static const std::vector<Variant> all = {
      {"gemm.bl, W=u4, sm_80", "gemm/gemm.bl", "gemm", {{"W", "u4"}}, false},
      {"gemm_stream.bl, W=u4 M=16, sm_90a", "gemm/gemm_stream.bl", "gemm_stream", stream("u4"),
       true},
      {"gemm_stream.bl, W=u3 M=16, sm_90a", "gemm/gemm_stream.bl", "gemm_stream", stream("u3"),
       true},
      {"gemm_wgmma.bl, W=u4 T=64, sm_90a",
       "gemm/gemm_wgmma.bl",
       "gemm_wgmma",
       {{"W", "u4"}, {"T", "64"}},
       true},
      {"attention.bl, D=128, sm_90a", "attention/attention.bl", "attention", {}, true}};
  return all;
}

constexpr const char* kKernels = BITLOOM_SOURCE_DIR "/kernels/";
constexpr const char* kStdlib = BITLOOM_SOURCE_DIR "/stdlib";

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Processor time of this process, or of those that it has waited for.
double processor_milliseconds(int whose) {
  rusage usage{};
  getrusage(whose, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}
double own_milliseconds() {
  return processor_milliseconds(RUSAGE_SELF);
}

[[noreturn]] void stop(const std::string& why) {
  fmt::print(stderr, "compile_bench: {}\n", why);
  std::exit(1);
}

std::string complaint(const vm::Diagnostics& diagnostics) {
  return diagnostics.all().empty() ? "no reason given" : diagnostics.all()[0].message;
}

vm::Function load(const Variant& variant) {
  vm::Diagnostics diagnostics;
  dsl::SourceManager sources;
  auto function = runtime::load_kernel({std::string(kKernels) + variant.file,
                                        variant.kernel,
                                        variant.generics,
                                        {},
                                        variant.target().sm},
                                       sources, kStdlib, diagnostics);
  if (!function) stop(complaint(diagnostics));
  return std::move(*function);
}

runtime::CompileOptions options(const Variant& variant) {
  return {variant.target(), {}, {}, false};
}

// ---- One process --------------------------------------------------------------------------------

// Prints whether the cache had it, and the milliseconds from the start of the process to IR, of the
// passes, of finding NVRTC, and in all.
int once(const Variant& variant, const std::string& cache_folder) {
  const vm::Function function = load(variant);
  const double text = own_milliseconds();
  runtime::Cache cache({cache_folder, 1 << 30});
  vm::Diagnostics diagnostics;
  runtime::CompileTrace trace;
  const auto kernel =
      runtime::compile_kernel(function, options(variant), &cache, diagnostics, nullptr, &trace);
  const double all = own_milliseconds();
  if (!kernel) stop(complaint(diagnostics));
  double passes = 0;
  for (const vm::PassTiming& timing : trace.passes) passes += timing.milliseconds;
  fmt::print("{} {:.3f} {:.3f} {:.3f} {:.3f}\n", trace.cached ? 1 : 0, text, passes,
             trace.finding_milliseconds, all);
  return 0;
}

// The same for a kernel without text.
int empty(const Variant& variant) {
  const auto nvrtc = cuda::Nvrtc::find();
  if (!nvrtc) stop("no NVRTC");
  const double found = own_milliseconds();
  const auto compiled = (*nvrtc)->compile("extern \"C\" __global__ void empty() {}\n", "empty.cu",
                                          runtime::nvrtc_options(options(variant)));
  if (!compiled || !compiled->done) stop("NVRTC refuses an empty kernel");
  fmt::print("0 0 0 {:.3f} {:.3f}\n", found, own_milliseconds());
  return 0;
}

struct Once {
  bool cached = false;
  double text = 0, passes = 0, library = 0, all = 0;
};

// `what`: once or empty.
Once run_once(const std::string& what, std::size_t variant, const std::string& cache_folder) {
  const std::string command =
      fmt::format("/proc/{}/exe {} {} '{}'", getpid(), what, variant, cache_folder);
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) stop("cannot start itself");
  Once result;
  int cached = 0;
  const int read = std::fscanf(pipe, "%d %lf %lf %lf %lf", &cached, &result.text, &result.passes,
                               &result.library, &result.all);
  if (pclose(pipe) != 0 || read != 5) stop("a measurement failed");
  result.cached = cached != 0;
  return result;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

template <class F>
double median_of(const std::vector<Once>& runs, F part) {
  std::vector<double> values;
  for (const Once& run : runs) values.push_back(part(run));
  return median(values);
}

std::string parts(const std::vector<Once>& runs) {
  return fmt::format(
      "\"runs\": {}, \"milliseconds_median\": {:.1f}, \"text_to_ir\": {:.1f}, "
      "\"passes\": {:.1f}, \"finding_nvrtc\": {:.1f}, \"the_rest\": {:.1f}",
      runs.size(), median_of(runs, [](const Once& r) { return r.all; }),
      median_of(runs, [](const Once& r) { return r.text; }),
      median_of(runs, [](const Once& r) { return r.passes; }),
      median_of(runs, [](const Once& r) { return r.library; }),
      median_of(runs, [](const Once& r) { return r.all - r.text - r.passes - r.library; }));
}

// ---- ptxas alone --------------------------------------------------------------------------------

// Writes the PTX of a variant that ptxas_milliseconds() takes.
void write_ptx(const Variant& variant, const std::string& path) {
  vm::Function lowered = load(variant);
  vm::Diagnostics diagnostics;
  vm::PassContext passes{variant.target(), diagnostics};
  if (!vm::lower_all(lowered, passes)) stop(complaint(diagnostics));
  const auto cuda = codegen::print_cuda(lowered, {passes.target, {}, {}}, diagnostics);
  const auto nvrtc = cuda::Nvrtc::find();
  if (!cuda || !nvrtc) stop("no text, or no NVRTC");
  const auto compiled =
      (*nvrtc)->compile(cuda->text, "kernel.cu", runtime::nvrtc_options(options(variant)), true);
  if (!compiled || !compiled->done) stop("NVRTC refuses the text");
  const std::span<const std::byte> ptx = runtime::bytes_of(compiled->ptx);
  if (!runtime::write_file(path, {&ptx, 1})) stop("cannot write the PTX");
}

double ptxas_milliseconds(const std::string& ptxas, const Variant& variant,
                          const std::string& ptx) {
  const double begin = processor_milliseconds(RUSAGE_CHILDREN);
  const std::string command = fmt::format("'{0}' -arch={1} '{2}' -o '{2}.cubin' >/dev/null 2>&1",
                                          ptxas, vm::to_string(variant.target()), ptx);
  if (std::system(command.c_str()) != 0) stop("ptxas fails");
  return processor_milliseconds(RUSAGE_CHILDREN) - begin;
}

// ---- Many ---------------------------------------------------------------------------------------

double many_seconds(const std::vector<vm::Function>& functions, int workers,
                    const std::string& program) {
  std::vector<runtime::CompileJob> jobs;
  const Variant& gemm = measured()[0];
  for (const vm::Function& function : functions) jobs.push_back({&function, options(gemm)});
  const Clock::time_point begin = Clock::now();
  const auto outcomes = runtime::compile_many(jobs, {workers, program, {}});
  const double seconds = seconds_since(begin);
  for (const runtime::CompileOutcome& outcome : outcomes) {
    if (!outcome.kernel) stop(complaint(outcome.diagnostics));
  }
  return seconds;
}

std::vector<vm::Function> variants() {
  std::vector<vm::Function> functions;
  for (int bits = 1; bits <= 8; ++bits) {
    for (const char* sign : {"u", "i"}) {
      for (const char* tokens : {"16", "32"}) {
        for (const char* group : {"64", "128"}) {
          Variant variant = measured()[0];
          variant.generics = {{"W", fmt::format("{}{}", sign, bits)}, {"BM", tokens}, {"G", group}};
          functions.push_back(load(variant));
        }
      }
    }
  }
  return functions;
}

struct Arguments {
  std::string ptxas = "/usr/local/cuda/bin/ptxas", worker = BITLOOM_BINARY_DIR "/bin/bitloom";
  int runs = 9;
  bool many = false;
};

// Cold, an empty kernel and ptxas alone take turns, so that all of them see the same machine.
std::string measure(const Arguments& arguments, std::size_t number, const std::string& folder) {
  const Variant& variant = measured()[number];
  const std::string cache = folder + "/cache", ptx = folder + "/kernel.ptx";
  std::error_code ignored;
  std::vector<Once> cold, warm, start;
  std::vector<double> ptxas;
  write_ptx(variant, ptx);
  for (int run = 0; run < arguments.runs; ++run) {
    fs::remove_all(cache, ignored);
    cold.push_back(run_once("once", number, cache));
    warm.push_back(run_once("once", number, cache));
    if (cold.back().cached || !warm.back().cached) stop("the cache is not as it should be");
    start.push_back(run_once("empty", number, cache));
    ptxas.push_back(ptxas_milliseconds(arguments.ptxas, variant, ptx));
  }
  const auto all = [](const Once& r) { return r.all; };
  const double whole = median_of(cold, all), empty = median_of(start, all), alone = median(ptxas);
  return fmt::format(
      "    {{\"kernel\": \"{}\",\n"
      "     \"cold\": {{{}}},\n"
      "     \"from_a_warm_cache\": {{{}}},\n"
      "     \"an_empty_kernel\": {:.1f}, \"ptxas_alone\": {:.1f},\n"
      "     \"cold_is_times_ptxas\": {:.2f}, \"without_the_empty_kernel\": {:.2f}}}",
      variant.name, parts(cold), parts(warm), empty, alone, whole / alone, (whole - empty) / alone);
}

int measure_all(const Arguments& arguments) {
  std::error_code ignored;
  std::string folder = (fs::temp_directory_path(ignored) / "compile-bench-XXXXXX").string();
  if (!mkdtemp(folder.data())) stop("no temporary folder");
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < measured().size(); ++i) rows.push_back(measure(arguments, i, folder));
  if (arguments.many) {
    const std::vector<vm::Function> functions = variants();
    const double one = many_seconds(functions, 1, arguments.worker);
    const double two = many_seconds(functions, 2, arguments.worker);
    rows.push_back(
        fmt::format("    {{\"kernel\": \"{} variants of gemm.bl\", \"seconds_1_worker\": {:.1f}, "
                    "\"seconds_2_workers\": {:.1f}, \"speedup\": {:.2f}}}",
                    functions.size(), one, two, one / two));
  }
  fmt::print("{{\n  \"rows\": [\n{}\n  ]\n}}\n", fmt::join(rows, ",\n"));
  fs::remove_all(folder, ignored);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4) {
    const auto number = static_cast<std::size_t>(std::atoi(argv[2]));
    const std::string_view what = argv[1];
    if (what == "once" && number < measured().size()) return once(measured()[number], argv[3]);
    if (what == "empty" && number < measured().size()) return empty(measured()[number]);
  }
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--ptxas") arguments.ptxas = argv[i + 1];
    if (option == "--worker") arguments.worker = argv[i + 1];
    if (option == "--many") arguments.many = true;
    if (option == "--runs") arguments.runs = std::max(1, std::atoi(argv[i + 1]));
  }
  return measure_all(arguments);
}
