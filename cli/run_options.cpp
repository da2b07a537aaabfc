#include "cli/run_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "runtime/host/npy.h"
#include "runtime/host/safetensors.h"
#include "vm/passes/pipeline.h"
#include "vm/suggest.h"

namespace bitloom::cli {
namespace {

using vm::Diagnostics;

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void add(Diagnostics& diagnostics, const vm::Diagnostic& diagnostic) {
  diagnostics.error(diagnostic.code, diagnostic.span, diagnostic.message);
  diagnostics.last().hints = diagnostic.hints;
}

std::optional<runtime::Source> read_source(const Assignment& argument, Diagnostics& diagnostics) {
  const std::string& text = argument.value;
  if (text == "random") return runtime::Source{runtime::Source::Random{}, text};
  if (text == "zeros") return runtime::Source{runtime::Source::Zeros{}, text};
  if (const auto integer = number<std::int64_t>(text)) return runtime::Source{*integer, text};
  if (const auto real = number<double>(text)) return runtime::Source{*real, text};

  const std::size_t colon = text.rfind(".safetensors:");
  runtime::Result<runtime::HostArray> array = [&]() -> runtime::Result<runtime::HostArray> {
    if (text.ends_with(".npy")) return runtime::read_npy(text);
    if (colon != std::string::npos) {
      auto file = runtime::SafetensorsFile::open(text.substr(0, colon + 12));
      if (!file) return tl::make_unexpected(file.error());
      return file->read(text.substr(colon + 13));
    }
    return runtime::failure(
        "BL0704", fmt::format("'{}' is no source for argument '{}'", text, argument.name),
        "a source is FILE.npy, FILE.safetensors:TENSOR, random, zeros, or a number");
  }();
  if (array) return runtime::Source{std::move(*array), text};
  add(diagnostics, array.error());
  return std::nullopt;
}

void check_pass(const std::string& name, Diagnostics& diagnostics) {
  std::vector<std::string> names = {"all"};
  for (const vm::Pass& pass : vm::lowering_passes()) names.push_back(pass.name);
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return;
  vm::Diagnostic& error = diagnostics.error(
      "BL0703", {}, fmt::format("--print-after takes the name of a pass, and '{}' is none", name));
  if (const auto near = vm::did_you_mean(name, names))
    error.hint(fmt::format("did you mean '{}'?", *near));
  error.hint(fmt::format("the passes are {}", fmt::join(names.begin() + 1, names.end(), ", ")));
}

}  // namespace

std::map<std::string, std::string> parse_generics(const std::vector<std::string>& texts,
                                                  Diagnostics& diagnostics) {
  std::map<std::string, std::string> generics;
  for (const Assignment& item : assignments(texts, "--set", false, diagnostics)) {
    const auto [at, fresh] = generics.emplace(item.name, item.value);
    if (!fresh && at->second != item.value) {
      diagnostics.error(
          "BL0706", {},
          fmt::format("--set {} is given twice, as {} and {}", item.name, at->second, item.value));
    }
  }
  return generics;
}

std::vector<Assignment> assignments(const std::vector<std::string>& texts, std::string_view option,
                                    bool list, Diagnostics& diagnostics) {
  std::vector<Assignment> result;
  for (const std::string& text : texts) {
    std::size_t begin = 0;
    while (begin <= text.size()) {
      const std::size_t end = list ? std::min(text.find(',', begin), text.size()) : text.size();
      const std::string item = text.substr(begin, end - begin);
      const std::size_t equals = item.find('=');
      if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
        diagnostics.error("BL0702", {},
                          fmt::format("{} needs NAME=VALUE and was given '{}'", option, item));
      } else {
        result.push_back({item.substr(0, equals), item.substr(equals + 1)});
      }
      begin = end + 1;
    }
  }
  return result;
}

void declare_run_options(CLI::App& command, RunOptions& options) {
  command.add_option("FILE", options.file, "a kernel file (.bl)")->required();
  command.add_option("--kernel", options.kernel, "which kernel, when the file has several");
  command.add_option("--set", options.set, "NAME=VALUE of a compile-time parameter");
  command.add_option("--shape", options.shape,
                     "NAME=NUMBER[,NAME=NUMBER…] of sizes that do not follow from the arrays");
  command.add_option("--arg", options.arguments,
                     "NAME=SOURCE: FILE.npy, FILE.safetensors:TENSOR, random, zeros, or a number");
  command.add_option("--out", options.outputs,
                     "NAME=FILE.npy or NAME=FILE.safetensors: where a parameter is written, in its "
                     "logical shape");
  command.add_option("--print", options.print, "NAME of a parameter to print afterwards");
  command.add_option("--on", options.engine, "interpreter or gpu")
      ->check(CLI::IsMember({"interpreter", "gpu"}))
      ->capture_default_str();
  command.add_option("--device", options.device, "which GPU, counted from 0")
      ->capture_default_str();
  command.add_option(
      "--target", options.target,
      "the architecture that the kernel is lowered for (the GPU's own, or sm_80 in the "
      "interpreter)");
  command.add_flag("--fast", options.fast, "without hazard checks");
  command.add_option("--seed", options.seed, "of random arguments")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command.add_option("--steps", options.steps, "end after so many instructions")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--workers", options.workers, "threads of the interpreter (0: one a core)")
      ->check(CLI::Range(0, 1024));
  command.add_option("--print-after", options.print_after,
                     "print the IR after this pass (or `all`)");
  command.add_flag("--time-passes", options.time_passes, "how long each pass took");
  command.add_flag("--remarks", options.remarks,
                   "what the passes found worth saying, such as layout conversions");
  command.add_flag("--profile", options.profile, "where the time went, by instruction");
  command.add_flag("-v,--verbose", options.verbose, "which engine ran, and for how long");
  command.footer(R"(
Examples:
  bitloom run kernels/vector_add/vector_add.bl --arg a=random --arg b=random --shape n=1000 --print c
  bitloom run kernels/gemm/gemm.bl --set W=u4 --set G=64 --arg a=a.npy --arg w=codes.npy --arg scale=s.npy --out c=c.npy)");
}

std::optional<ParsedRun> parse_run_options(const RunOptions& options, Diagnostics& diagnostics) {
  ParsedRun parsed;
  parsed.request.seed = options.seed;
  if (options.target.empty()) {
    parsed.target = vm::Target{};
  } else if (const auto target = vm::Target::parse(options.target)) {
    parsed.target = *target;
  } else {
    diagnostics.error("BL0414", {}, fmt::format("target '{}' is unknown", options.target))
        .hint(fmt::format("--target {}", fmt::join(vm::target_names(), ", ")));
  }
  check_pass(options.print_after, diagnostics);
  parsed.generics = parse_generics(options.set, diagnostics);
  for (const Assignment& item : assignments(options.shape, "--shape", true, diagnostics)) {
    const auto size = number<std::int64_t>(item.value);
    if (!size) {
      diagnostics.error(
          "BL0703", {},
          fmt::format("--shape {} needs a whole number and was given '{}'", item.name, item.value));
    } else if (!parsed.request.sizes.emplace(item.name, *size).second) {
      diagnostics.error("BL0706", {}, fmt::format("--shape {} is given twice", item.name));
    }
  }
  for (const Assignment& item : assignments(options.arguments, "--arg", false, diagnostics)) {
    std::optional<runtime::Source> source = read_source(item, diagnostics);
    if (source && !parsed.request.arguments.emplace(item.name, std::move(*source)).second) {
      diagnostics.error("BL0706", {}, fmt::format("--arg {} is given twice", item.name));
    }
  }
  std::map<std::string, std::string> written;
  for (const Assignment& item : assignments(options.outputs, "--out", false, diagnostics)) {
    const bool checkpoint = item.value.ends_with(".safetensors");
    if (!checkpoint && !item.value.ends_with(".npy")) {
      diagnostics.error("BL0707", {}, fmt::format("'{}' is no kind of output file", item.value))
          .hint(fmt::format("--out {0}=FILE.npy or --out {0}=FILE.safetensors", item.name));
    } else if (const auto [at, fresh] = written.emplace(
                   checkpoint ? item.value + ":" + item.name : item.value, item.name);
               !fresh) {
      diagnostics.error(
          "BL0619", {},
          at->second == item.name
              ? fmt::format("'{}' would be written to '{}' twice", item.name, item.value)
              : fmt::format("'{}' and '{}' would both be written to '{}'", at->second, item.name,
                            item.value));
    }
    parsed.request.outputs.insert(item.name);
    parsed.outputs.emplace_back(item.name, item.value);
  }
  for (const std::string& name : options.print) parsed.request.outputs.insert(name);
  if (diagnostics.has_errors()) return std::nullopt;
  return parsed;
}

}  // namespace bitloom::cli
