// What compiling costs: from a kernel's text to its image, cold, against ptxas alone, from a warm
// cache, and many variants in worker processes.
//
//   compile_bench [--ptxas FILE] [--worker FILE] [--runs N] [--many yes] >
//   bench/results/compile.json
//
// Every cold and every warm measurement is a process of its own, since a process loads NVRTC once:
// the program starts itself with `once`. The parts are timed inside it. Single measurements are
// milliseconds of processor time, which is what one core has to give; those of many variants are
// seconds of the clock, and need a machine that does nothing else. Needs NVRTC, and no GPU.
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

constexpr const char* kGemm = BITLOOM_SOURCE_DIR "/kernels/gemm/gemm.bl";
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

vm::Function load(const std::map<std::string, std::string>& generics) {
  vm::Diagnostics diagnostics;
  dsl::SourceManager sources;
  auto function =
      runtime::load_kernel({kGemm, {}, generics, {}, 80}, sources, kStdlib, diagnostics);
  if (!function) stop(complaint(diagnostics));
  return std::move(*function);
}

runtime::CompileOptions options() {
  return {{80, false}, {}, {}, false};
}

// ---- One process --------------------------------------------------------------------------------

// Prints whether the cache had it, and the milliseconds from the start of the process to IR, of
// finding NVRTC, and in all.
int once(const std::string& weight, const std::string& cache_folder) {
  const vm::Function function = load({{"W", weight}});
  const double text = own_milliseconds();
  runtime::Cache cache({cache_folder, 1 << 30});
  vm::Diagnostics diagnostics;
  runtime::CompileTrace trace;
  const auto kernel =
      runtime::compile_kernel(function, options(), &cache, diagnostics, nullptr, &trace);
  const double all = own_milliseconds();
  if (!kernel) stop(complaint(diagnostics));
  fmt::print("{} {:.3f} {:.3f} {:.3f}\n", trace.cached ? 1 : 0, text, trace.finding_milliseconds,
             all);
  return 0;
}

struct Once {
  bool cached = false;
  double text = 0, library = 0, all = 0;
};

Once run_once(const std::string& weight, const std::string& cache_folder) {
  const std::string command =
      fmt::format("/proc/{}/exe once {} '{}'", getpid(), weight, cache_folder);
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) stop("cannot start itself");
  Once result;
  int cached = 0;
  const int read =
      std::fscanf(pipe, "%d %lf %lf %lf", &cached, &result.text, &result.library, &result.all);
  if (pclose(pipe) != 0 || read != 4) stop("a measurement failed");
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
      "\"finding_nvrtc\": {:.1f}, \"the_rest\": {:.1f}",
      runs.size(), median_of(runs, [](const Once& r) { return r.all; }),
      median_of(runs, [](const Once& r) { return r.text; }),
      median_of(runs, [](const Once& r) { return r.library; }),
      median_of(runs, [](const Once& r) { return r.all - r.text - r.library; }));
}

// ---- ptxas alone --------------------------------------------------------------------------------

double ptxas_milliseconds(const std::string& ptxas, const std::string& folder, int runs) {
  vm::Function lowered = load({{"W", "u4"}});
  vm::Diagnostics diagnostics;
  vm::PassContext passes{{80, false}, diagnostics};
  if (!vm::lower_all(lowered, passes)) stop(complaint(diagnostics));
  const auto cuda = codegen::print_cuda(lowered, {passes.target, {}, {}}, diagnostics);
  const auto nvrtc = cuda::Nvrtc::find();
  if (!cuda || !nvrtc) stop("no text, or no NVRTC");
  const auto compiled =
      (*nvrtc)->compile(cuda->text, "gemm.cu", runtime::nvrtc_options(options()), true);
  if (!compiled || !compiled->done) stop("NVRTC refuses the text");
  const std::span<const std::byte> ptx = runtime::bytes_of(compiled->ptx);
  if (!runtime::write_file(folder + "/gemm.ptx", {&ptx, 1})) stop("cannot write the PTX");
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    const double begin = processor_milliseconds(RUSAGE_CHILDREN);
    const std::string command =
        fmt::format("'{0}' -arch=sm_80 '{1}/gemm.ptx' -o '{1}/gemm.cubin'", ptxas, folder);
    if (std::system(command.c_str()) != 0) stop("ptxas fails");
    times.push_back(processor_milliseconds(RUSAGE_CHILDREN) - begin);
  }
  return median(times);
}

// ---- Many ---------------------------------------------------------------------------------------

double many_seconds(const std::vector<vm::Function>& functions, int workers,
                    const std::string& program) {
  std::vector<runtime::CompileJob> jobs;
  for (const vm::Function& function : functions) jobs.push_back({&function, options()});
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
          functions.push_back(
              load({{"W", fmt::format("{}{}", sign, bits)}, {"BM", tokens}, {"G", group}}));
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

int measure(const Arguments& arguments) {
  std::error_code ignored;
  std::string folder = (fs::temp_directory_path(ignored) / "compile-bench-XXXXXX").string();
  if (!mkdtemp(folder.data())) stop("no temporary folder");
  std::vector<Once> cold, warm;
  for (int run = 0; run < arguments.runs; ++run) {
    fs::remove_all(folder + "/cache", ignored);
    cold.push_back(run_once("u4", folder + "/cache"));
    warm.push_back(run_once("u4", folder + "/cache"));
    if (cold.back().cached || !warm.back().cached) stop("the cache is not as it should be");
  }
  const double ptxas = ptxas_milliseconds(arguments.ptxas, folder, arguments.runs);
  const double cold_median = median_of(cold, [](const Once& r) { return r.all; });
  std::string many;
  if (arguments.many) {
    const std::vector<vm::Function> functions = variants();
    const double one = many_seconds(functions, 1, arguments.worker);
    const double two = many_seconds(functions, 2, arguments.worker);
    many = fmt::format(
        ",\n    {{\"what\": \"{} variants\", \"seconds_1_worker\": {:.1f}, "
        "\"seconds_2_workers\": {:.1f}, \"speedup\": {:.2f}}}",
        functions.size(), one, two, one / two);
  }
  fmt::print(
      "{{\n  \"kernel\": \"kernels/gemm/gemm.bl, W=u4, sm_80\",\n  \"rows\": [\n"
      "    {{\"what\": \"cold, a new process\", {}}},\n"
      "    {{\"what\": \"from a warm cache, a new process\", {}}},\n"
      "    {{\"what\": \"ptxas alone on the same PTX\", \"milliseconds_median\": {:.1f}, "
      "\"cold_is_times\": {:.2f}}}{}\n  ]\n}}\n",
      parts(cold), parts(warm), ptxas, cold_median / ptxas, many);
  fs::remove_all(folder, ignored);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "once") return once(argv[2], argv[3]);
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--ptxas") arguments.ptxas = argv[i + 1];
    if (option == "--worker") arguments.worker = argv[i + 1];
    if (option == "--many") arguments.many = true;
    if (option == "--runs") arguments.runs = std::max(1, std::atoi(argv[i + 1]));
  }
  return measure(arguments);
}
