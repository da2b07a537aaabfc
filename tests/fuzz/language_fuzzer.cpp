// Any bytes as a kernel file: read, formatted, analysed, lowered, run with a step limit.
//
// What is read without errors formats into a text of the same meaning that formats into itself.
// Every kernel of it that is accepted is lowered, and what lowers runs on small sizes. Errors are
// fine anywhere, but never an internal one (BL09xx), and a refusal says something.
//
// Byte mutations seldom get past the parser, so half of them work on words: see
// LLVMFuzzerCustomMutator below. A module that the input imports is looked for in
// BITLOOM_FUZZ_STDLIB, or in the source tree.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile.h"
#include "dsl/format.h"
#include "dsl/parser.h"
#include "dsl/render.h"
#include "runtime/bind.h"
#include "tests/dsl/tree_text.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/word_mutation.h"
#include "tests/support/places.h"
#include "vm/passes/pipeline.h"

using namespace bitloom;

namespace {

constexpr std::uint64_t kSteps = 2000;           // of all strands together
constexpr std::int64_t kMostBytes = 1 << 20;     // of one argument
constexpr std::int64_t kMostElements = 1 << 16;  // of one register tile

std::string stdlib() {
  const char* given = std::getenv("BITLOOM_FUZZ_STDLIB");
  return given ? given : BITLOOM_SOURCE_DIR "/stdlib";
}

std::optional<dsl::File> read(dsl::SourceManager& sources, std::string text) {
  vm::Diagnostics diagnostics;
  const auto id = sources.add_checked("input.bl", std::move(text));
  if (!id) {
    BITLOOM_FUZZ_REQUIRE(!id.error().message.empty());
    return std::nullopt;
  }
  auto file = dsl::parse(sources, *id, diagnostics);
  if (diagnostics.has_errors()) {
    BITLOOM_FUZZ_REQUIRE(!dsl::render(diagnostics, sources).empty());
    return std::nullopt;
  }
  return file;
}

void check_format(const dsl::SourceManager& sources, const dsl::File& file) {
  const std::string once = dsl::format(sources, file);
  dsl::SourceManager again_sources;
  const auto again = read(again_sources, once);
  BITLOOM_FUZZ_REQUIRE(again.has_value());
  BITLOOM_FUZZ_REQUIRE(dsl::tree_text(file) == dsl::tree_text(*again));
  BITLOOM_FUZZ_REQUIRE(dsl::format(again_sources, *again) == once);
}

void require_no_internal_error(const vm::Diagnostics& diagnostics) {
  for (const vm::Diagnostic& diagnostic : diagnostics.all()) {
    // BL0904: what the compiler does not carry further, said to the user.
    const bool internal = diagnostic.code.starts_with("BL09") && diagnostic.code != "BL0904";
    if (internal) std::fprintf(stderr, "%s\n", diagnostic.message.c_str());
    BITLOOM_FUZZ_REQUIRE(!internal);
    BITLOOM_FUZZ_REQUIRE(!diagnostic.message.empty());
  }
}

// Whether the arguments at these sizes are small enough to be made.
bool is_small(const vm::Function& function, const std::map<std::string, std::int64_t>& sizes) {
  const layouts::SizeExpr::Lookup lookup =
      [&](std::string_view name) -> std::optional<std::int64_t> {
    if (name == "device.sms") return 2;
    const auto found = sizes.find(std::string(name));
    return found == sizes.end() ? std::nullopt : std::optional(found->second);
  };
  for (const vm::Parameter& parameter : function.parameters) {
    std::int64_t bytes = 8;
    for (const layouts::SizeExpr& extent : function.type(parameter.value).extents) {
      const auto value = extent.evaluate(lookup);
      if (!value || *value < 0 || *value > kMostBytes) return false;
      bytes *= std::max<std::int64_t>(1, *value);
      if (bytes > kMostBytes) return false;
    }
  }
  return true;
}

void run_kernel(vm::Function function, std::size_t choice, vm::Diagnostics& diagnostics) {
  static constexpr std::int64_t kSizes[] = {64, 128, 1, 37, 256, 2};
  for (const vm::Value& value : function.values)
    if (value.type.is_register() && layouts::size(value.type.shape) > kMostElements) return;
  runtime::Request request;
  request.device_sms = 2;
  for (const vm::ValueId size : function.sizes) {
    request.sizes[function.value(size).name] = kSizes[choice % std::size(kSizes)];
    choice = choice / std::size(kSizes) + 1;
  }
  if (!is_small(function, request.sizes)) return;
  for (const vm::Parameter& parameter : function.parameters) {
    if (!parameter.present) continue;
    const vm::Value& value = function.value(parameter.value);
    runtime::Source source{runtime::Source::Random{}, "random"};
    if (value.type.is_scalar()) source.value = std::int64_t{1};
    if (value.type.is_scalar() && value.type.element.is_float()) source.value = 0.5;
    request.arguments[value.name] = std::move(source);
  }
  auto binding = runtime::bind(function, request, diagnostics);
  if (!binding) {
    BITLOOM_FUZZ_REQUIRE(diagnostics.has_errors());
    return;
  }
  vm::LaunchOptions options;
  options.workers = 1;
  options.step_limit = kSteps;
  options.device_sms = request.device_sms;
  const bool good =
      vm::launch(function, binding->sizes, binding->arguments(), options, diagnostics);
  BITLOOM_FUZZ_REQUIRE(good == !diagnostics.has_errors());
}

void compile_kernels(const std::string& text) {
  dsl::SourceManager sources;
  dsl::Program program(sources, stdlib());
  vm::Diagnostics diagnostics;
  if (!program.load_text("input.bl", text, diagnostics)) {
    BITLOOM_FUZZ_REQUIRE(diagnostics.has_errors());
    return require_no_internal_error(diagnostics);
  }
  const std::size_t choice = std::hash<std::string>{}(text);
  for (const dsl::KernelSignature& kernel : program.kernels()) {
    vm::Diagnostics own;
    dsl::Specialization specialization;
    const bool hopper = choice % 2 == 0;
    specialization.target_sm = hopper ? 90 : 80;
    for (const auto& generic : kernel.generics)
      if (generic.kind == "type" && generic.otherwise.empty())
        specialization.generics[generic.name] = choice % 3 == 0 ? "u4" : "f16";
    auto function = program.specialize(kernel.name, specialization, own);
    BITLOOM_FUZZ_REQUIRE(function.has_value() || own.has_errors());
    if (function && !own.has_errors()) {
      vm::PassContext passes{{hopper ? 90 : 80, hopper}, own};
      const bool lowered = vm::lower_all(*function, passes, {});
      BITLOOM_FUZZ_REQUIRE(lowered == !own.has_errors());
      if (lowered) run_kernel(std::move(*function), choice, own);
    }
    require_no_internal_error(own);
    BITLOOM_FUZZ_REQUIRE(own.all().empty() || !dsl::render(own, sources).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  dsl::SourceManager sources;
  const auto file = read(sources, text);
  if (!file) return 0;
  check_format(sources, *file);
  compile_kernels(text);
  return 0;
}

#ifdef BITLOOM_LIBFUZZER
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);
#endif

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
#ifdef BITLOOM_LIBFUZZER
  if (seed % 4 == 0) return LLVMFuzzerMutate(data, size, most);
#endif
  const std::string text =
      test::mutate_words({reinterpret_cast<const char*>(data), size}, seed / 4);
  const std::size_t length = std::min(text.size(), most);
  std::memcpy(data, text.data(), length);
  return length;
}
