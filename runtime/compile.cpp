#include "runtime/compile.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <regex>
#include <span>

#include "runtime/cuda/nvrtc_version.h"
#include "vm/passes/pipeline.h"
#include "vm/text/printer.h"

namespace bitloom::runtime {
namespace {

// A file of its own in the folder for temporary files; empty when it cannot be written.
std::string save_reproducer(const std::string& kernel, const std::string& text,
                            const std::string& log) {
  std::error_code ignored;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(ignored);
  for (int number = 0; number < 1000; ++number) {
    const std::filesystem::path path =
        folder / fmt::format("bitloom-{}-{}-{}.cu", kernel, getpid(), number);
    if (std::filesystem::exists(path, ignored)) continue;
    std::ofstream file(path);
    file << text << "\n/* what NVRTC said:\n" << log << "*/\n";
    file.close();
    return file ? path.string() : std::string();
  }
  return {};
}

struct Refusal {
  std::string message;  // the first that NVRTC reports
  vm::Span span;        // the kernel's own line, where a #line directive gave one
};

// "kernels/gemm/gemm.bl(23): error: …"
Refusal first_refusal(const std::string& log, const std::vector<std::string>& files) {
  static const std::regex pattern(R"(([^\n]+)\(([0-9]+)\): (?:catastrophic )?error: ?([^\n]*))");
  std::smatch match;
  if (!std::regex_search(log, match, pattern)) {
    return {log.substr(0, log.find('\n')), {}};
  }
  Refusal refusal{match[3], {}};
  for (std::size_t file = 0; file < files.size(); ++file) {
    if (files[file].empty() || match[1] != files[file]) continue;
    const auto line = static_cast<std::uint32_t>(std::stoul(match[2]));
    refusal.span = {static_cast<std::uint32_t>(file), line, 1, line, 1};
  }
  return refusal;
}

}  // namespace

std::vector<std::string> nvrtc_options(const CompileOptions& options) {
  const std::string& architecture =
      options.architecture.empty() ? vm::to_string(options.target) : options.architecture;
  std::vector<std::string> result = {"-arch=" + architecture, "-std=c++17", "-default-device"};
  if (options.line_info) result.push_back("-lineinfo");
  return result;
}

std::optional<CompiledKernel> compile_image(const vm::Function& lowered,
                                            const CompileOptions& options,
                                            vm::Diagnostics& diagnostics) {
  const auto report = [&](const vm::Diagnostic& error) {
    diagnostics.error(error.code, lowered.span, error.message);
    diagnostics.last().hints = error.hints;
    return std::nullopt;
  };
  const Result<const cuda::Nvrtc*> nvrtc = cuda::Nvrtc::find();
  if (!nvrtc) return report(nvrtc.error());
  std::optional<codegen::CudaText> cuda =
      codegen::print_cuda(lowered, {options.target, options.files}, diagnostics);
  if (!cuda) return std::nullopt;
  Result<cuda::Compiled> compiled =
      (*nvrtc)->compile(cuda->text, cuda->kernel + ".cu", nvrtc_options(options));
  if (!compiled) return report(compiled.error());
  if (!compiled->done) {
    const Refusal refusal = first_refusal(compiled->log, options.files);
    vm::Diagnostic& error = diagnostics.error(
        "BL0901", refusal.span.known() ? refusal.span : lowered.span,
        fmt::format("internal error: NVRTC refuses the text generated for kernel '{}': {}",
                    lowered.name, refusal.message));
    const std::string path = save_reproducer(cuda->kernel, cuda->text, compiled->log);
    error.hint(path.empty() ? "the text could not be saved in the folder for temporary files"
                            : fmt::format("the text and what NVRTC said are in {}", path));
    return std::nullopt;
  }
  CompiledKernel image;
  image.target =
      options.architecture.empty() ? vm::to_string(options.target) : options.architecture;
  image.kernel = std::move(cuda->kernel);
  image.parameters = std::move(cuda->parameters);
  image.shared_bytes = cuda->shared_bytes;
  image.threads = cuda->threads;
  image.cluster = cuda->cluster;
  const auto cubin = std::as_bytes(std::span(compiled->cubin));
  image.cubin.assign(cubin.begin(), cubin.end());
  image.log = std::move(compiled->log);
  return image;
}

CacheKey cache_key(const vm::Function& checked, const CompileOptions& options,
                   const std::string& nvrtc) {
  CacheKey key;
  // An image has the places of its lines only when it is asked for them.
  key.program = vm::print(checked, {.spans = options.line_info});
  key.options = vm::to_string(options.target);
  for (const std::string& option : nvrtc_options(options)) key.options += " " + option;
  if (options.line_info) {
    for (const std::string& file : options.files) key.options += " " + file;
  }
  key.target = options.architecture.empty() ? vm::to_string(options.target) : options.architecture;
  key.nvrtc = nvrtc;
  key.build = build_id();
  return key;
}

std::optional<CompiledKernel> compile_kernel(const vm::Function& checked,
                                             const CompileOptions& options, Cache* cache,
                                             vm::Diagnostics& diagnostics,
                                             const vm::Function* lowered, CompileTrace* trace) {
  CompileTrace ignored;
  CompileTrace& told = trace ? *trace : ignored;
  const auto milliseconds_since = [](std::chrono::steady_clock::time_point begin) {
    const std::chrono::duration<double, std::milli> passed =
        std::chrono::steady_clock::now() - begin;
    return passed.count();
  };
  const bool keeps = cache && !cache->folder().empty() && cache->limit() != 0;
  CacheKey key;
  const auto find = [&](const std::string& version) -> std::optional<CompiledKernel> {
    key = cache_key(checked, options, version);
    auto kernel = cache ? cache->find(key, diagnostics) : std::nullopt;
    told.cached = kernel && kernel->resolve(checked);
    return told.cached ? std::move(kernel) : std::nullopt;
  };
  const auto remembered = keeps ? cuda::remembered_nvrtc(cache->folder()) : std::nullopt;
  if (remembered) {
    if (auto kernel = find(*remembered)) return kernel;
  }
  auto begin = std::chrono::steady_clock::now();
  const Result<const cuda::Nvrtc*> nvrtc = cuda::Nvrtc::find();
  told.finding_milliseconds = milliseconds_since(begin);
  if (!nvrtc) {
    diagnostics.error(nvrtc.error().code, checked.span, nvrtc.error().message);
    diagnostics.last().hints = nvrtc.error().hints;
    return std::nullopt;
  }
  if (remembered != (*nvrtc)->version()) {
    if (keeps) cuda::remember_nvrtc(cache->folder(), **nvrtc);
    if (auto kernel = find((*nvrtc)->version())) return kernel;
  }
  vm::Function own;
  if (!lowered) {
    own = checked.clone();
    vm::PassContext passes{options.target, diagnostics};
    vm::PassOptions how;
    how.time = true;
    const bool done = vm::lower_all(own, passes, how);
    told.passes = std::move(passes.timings);
    if (!done) return std::nullopt;
    lowered = &own;
  }
  begin = std::chrono::steady_clock::now();
  std::optional<CompiledKernel> kernel = compile_image(*lowered, options, diagnostics);
  told.nvrtc_milliseconds = milliseconds_since(begin);
  if (kernel && cache) cache->store(key, *kernel, diagnostics);
  return kernel;
}

}  // namespace bitloom::runtime
