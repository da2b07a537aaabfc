#include "tests/differential/run.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "codegen/cuda.h"
#include "runtime/compile.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/gpu_run.h"
#include "tests/differential/values.h"
#include "vm/numerics.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

std::string text_of(const vm::Diagnostics& diagnostics) {
  std::string text;
  for (const vm::Diagnostic& diagnostic : diagnostics.all())
    text += fmt::format("{}{} {}", text.empty() ? "" : "; ", diagnostic.code, diagnostic.message);
  return text;
}

std::vector<vm::Argument> arguments_of(std::vector<ProgramTensor>& tensors) {
  std::vector<vm::Argument> arguments;
  for (ProgramTensor& tensor : tensors)
    arguments.push_back(vm::TensorArgument{tensor.bytes.data(), tensor.bytes.size(), tensor.extents,
                                           tensor.output});
  return arguments;
}

bool agree(const ProgramTensor& tensor, std::uint64_t a, std::uint64_t b) {
  if (a == b) return true;
  const double x = vm::decode(tensor.element, a), y = vm::decode(tensor.element, b);
  if (tensor.element == vm::kF64) return std::isnan(x) && std::isnan(y);
  if (tensor.tolerance.exact() || !std::isfinite(x) || !std::isfinite(y)) return false;
  const auto rounded = static_cast<float>(std::abs(x));
  const double ulp =
      static_cast<double>(std::nextafter(rounded, std::numeric_limits<float>::infinity())) -
      static_cast<double>(rounded);
  return std::abs(x - y) <= tensor.tolerance.absolute + tensor.tolerance.ulps * ulp;
}

}  // namespace

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::Same:
      return "same";
    case Fate::Different:
      return "different";
    case Fate::Unlowered:
      return "unlowered";
    case Fate::Faulted:
      return "faulted";
    case Fate::Unprinted:
      return "unprinted";
    case Fate::Rejected:
      return "rejected";
    case Fate::Failed:
      return "failed";
  }
  return "";
}

std::optional<vm::Function> lowered(const TestProgram& program, const vm::Target& target,
                                    std::string& complaint) {
  vm::Function function = program.function.clone();
  vm::Diagnostics diagnostics;
  vm::PassContext context{target, diagnostics};
  if (vm::lower_all(function, context, {})) return function;
  complaint = text_of(diagnostics);
  return std::nullopt;
}

std::optional<std::vector<ProgramTensor>> interpret(const TestProgram& program,
                                                    const vm::Function& function,
                                                    std::string& complaint) {
  std::vector<ProgramTensor> tensors = program.tensors;
  vm::LaunchOptions options;
  options.workers = 1;
  options.step_limit = 10'000'000;
  vm::Diagnostics diagnostics;
  const auto arguments = arguments_of(tensors);
  if (vm::launch(function, program.sizes, arguments, options, diagnostics)) return tensors;
  complaint = text_of(diagnostics);
  return std::nullopt;
}

std::string difference(const std::vector<ProgramTensor>& expected,
                       const std::vector<ProgramTensor>& found) {
  for (std::size_t t = 0; t < expected.size(); ++t) {
    const ProgramTensor& tensor = expected[t];
    if (!tensor.output) continue;
    const auto count = static_cast<std::size_t>(layouts::size(tensor.extents));
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t a = code_at(tensor.bytes, tensor.element, i),
                          b = code_at(found[t].bytes, tensor.element, i);
      if (agree(tensor, a, b)) continue;
      const vm::Shape at = layouts::unlinear(static_cast<std::int64_t>(i), tensor.extents);
      return fmt::format(
          "parameter {} ({}{}) at {}: {:#x} ({}) where the interpreter has {:#x} ({})", t,
          to_string(tensor.element), layouts::to_string(tensor.extents), layouts::to_string(at), b,
          vm::decode(tensor.element, b), a, vm::decode(tensor.element, a));
    }
  }
  return {};
}

Outcome run_program(const TestProgram& program, const RunOptions& options) {
  Outcome outcome;
  const auto fate = [&](Fate what, std::string detail) { return Outcome{what, std::move(detail)}; };
  const auto function = lowered(program, options.target, outcome.detail);
  if (!function) {
    // BL0904 tells the user about a limit; the others of its kind are faults of the compiler.
    const bool own_fault =
        outcome.detail.starts_with("BL09") && !outcome.detail.starts_with("BL0904");
    return fate(own_fault ? Fate::Failed : Fate::Unlowered, outcome.detail);
  }
  const auto expected = interpret(program, *function, outcome.detail);
  if (!expected) return fate(Fate::Faulted, outcome.detail);

  vm::Diagnostics diagnostics;
  if (options.compile_only) {
    const auto text = codegen::print_cuda(*function, {.target = options.target}, diagnostics);
    if (!text) return fate(Fate::Unprinted, text_of(diagnostics));
    const auto nvrtc = cuda::Nvrtc::find();
    if (!nvrtc) return outcome;  // nobody to ask
    const auto compiled = (*nvrtc)->compile(text->text, "drawn.cu",
                                            runtime::nvrtc_options({.target = options.target}));
    if (!compiled) return fate(Fate::Failed, compiled.error().message);
    return compiled->done ? outcome : fate(Fate::Rejected, compiled->log.substr(0, 2000));
  }
  const auto device = runtime::Device::open(0);
  if (!device) return fate(Fate::Failed, device.error().message);
  std::vector<ProgramTensor> found = program.tensors;
  const auto arguments = arguments_of(found);
  runtime::GpuRunOptions gpu;
  gpu.target = options.target;
  gpu.lowered = &*function;
  if (!runtime::run_on_gpu(*device, program.function, program.sizes, arguments, gpu, diagnostics))
    return fate(Fate::Failed, text_of(diagnostics));
  const std::string wrong = difference(*expected, found);
  return wrong.empty() ? outcome : fate(Fate::Different, wrong);
}

}  // namespace bitloom::test
