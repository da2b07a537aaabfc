#include "tests/differential/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <sstream>

#include "codegen/cuda.h"
#include "runtime/compile.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/gpu_run.h"
#include "tests/differential/values.h"
#include "vm/numerics.h"
#include "vm/passes/pipeline.h"

namespace bitloom::test {
namespace {

using runtime::Device;
using runtime::Result;

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
                                                    std::string& complaint, std::string* printed) {
  std::vector<ProgramTensor> tensors = program.tensors;
  std::ostringstream print;
  vm::LaunchOptions options;
  options.print = &print;
  options.workers = 1;
  options.step_limit = 10'000'000;
  vm::Diagnostics diagnostics;
  const auto arguments = arguments_of(tensors);
  if (vm::launch(function, program.sizes, arguments, options, diagnostics)) {
    if (printed) *printed = print.str();
    return tensors;
  }
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

namespace {

// A program on its way to the GPU.
struct Prepared {
  Outcome outcome;
  bool open = false;  // nothing has settled its fate yet
  std::optional<vm::Function> function;
  std::vector<ProgramTensor> expected;
  std::string printed;
  codegen::CudaText cuda;
};

std::map<std::string, std::uint64_t> instructions_of(const vm::Function& function) {
  std::map<std::string, std::uint64_t> counts;
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    ++counts[std::string(vm::info(instruction.opcode).mnemonic)];
  });
  return counts;
}

Prepared prepare(const TestProgram& program, const vm::Target& target) {
  Prepared prepared;
  Outcome& outcome = prepared.outcome;
  prepared.function = lowered(program, target, outcome.detail);
  if (!prepared.function) {
    // BL0904 tells the user about a limit; the others of its kind are faults of the compiler.
    const bool own_fault =
        outcome.detail.starts_with("BL09") && !outcome.detail.starts_with("BL0904");
    outcome.fate = own_fault ? Fate::Failed : Fate::Unlowered;
    return prepared;
  }
  auto expected = interpret(program, *prepared.function, outcome.detail, &prepared.printed);
  if (!expected) {
    outcome.fate = Fate::Faulted;
    return prepared;
  }
  prepared.expected = std::move(*expected);
  vm::Diagnostics diagnostics;
  auto cuda = codegen::print_cuda(*prepared.function, {.target = target}, diagnostics);
  if (!cuda) {
    outcome = {Fate::Unprinted, text_of(diagnostics)};
    return prepared;
  }
  prepared.cuda = std::move(*cuda);
  outcome.lowered = instructions_of(*prepared.function);
  prepared.open = true;
  return prepared;
}

struct Compilation {
  Fate fate = Fate::Same;
  std::string detail;
  std::string cubin;
};

// Every text in a namespace of its own: each brings its prelude.
Compilation compiled(std::span<Prepared> programs, std::size_t first,
                     const runtime::CompileOptions& options) {
  std::string text;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    if (!programs[i].open) continue;
    text += fmt::format("namespace program_{} {{\n{}}}\n", first + i, programs[i].cuda.text);
  }
  const auto nvrtc = cuda::Nvrtc::find();
  if (!nvrtc) return {Fate::Failed, nvrtc.error().message, {}};
  auto result = (*nvrtc)->compile(text, "drawn.cu", runtime::nvrtc_options(options));
  if (!result) return {Fate::Failed, result.error().message, {}};
  if (!result->done) return {Fate::Rejected, result->log.substr(0, 2000), {}};
  return {Fate::Same, {}, std::move(result->cubin)};
}

const Result<Device>& first_device() {
  static const Result<Device> device = Device::open(0);
  return device;
}

bool prints(const vm::Function& function) {
  bool found = false;
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    found |= instruction.opcode == vm::Opcode::Print;
  });
  return found;
}

// What f writes to the standard output: the driver writes there what kernels print.
std::string output_of(const std::function<void()>& f) {
  std::fflush(stdout);
  std::FILE* file = std::tmpfile();
  const int standard = dup(STDOUT_FILENO);
  if (!file || standard < 0 || dup2(fileno(file), STDOUT_FILENO) < 0) return "no file for it";
  f();
  std::fflush(stdout);
  dup2(standard, STDOUT_FILENO);
  close(standard);
  std::rewind(file);
  std::string text;
  for (int c; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

Outcome on_gpu(const TestProgram& program, const Prepared& prepared, const std::string& cubin,
               const RunOptions& options) {
  runtime::CompiledKernel image;
  image.target = vm::to_string(options.target);
  image.kernel = prepared.cuda.kernel;
  image.parameters = prepared.cuda.parameters;
  image.shared_bytes = prepared.cuda.shared_bytes;
  image.threads = prepared.cuda.threads;
  image.cluster = prepared.cuda.cluster;
  const auto bytes = std::as_bytes(std::span(cubin));
  image.cubin.assign(bytes.begin(), bytes.end());
  std::vector<ProgramTensor> found = program.tensors;
  const auto arguments = arguments_of(found);
  runtime::GpuRunOptions gpu;
  gpu.target = options.target;
  gpu.lowered = &*prepared.function;
  gpu.image = &image;
  vm::Diagnostics diagnostics;
  bool ran = false;
  const auto run = [&] {
    ran = runtime::run_on_gpu(*first_device(), program.function, program.sizes, arguments, gpu,
                              diagnostics);
  };
  std::string printed;
  if (prints(*prepared.function)) {
    printed = output_of(run);
  } else {
    run();
  }
  if (!ran) return {Fate::Failed, text_of(diagnostics)};
  if (printed != prepared.printed)
    return {Fate::Different, fmt::format("prints '{}' where the interpreter prints '{}'", printed,
                                         prepared.printed)};
  const std::string wrong = difference(prepared.expected, found);
  if (!wrong.empty()) return {Fate::Different, wrong};
  return prepared.outcome;
}

}  // namespace

std::vector<Outcome> run_programs(std::span<const TestProgram> programs, const RunOptions& options,
                                  const RunObserver& observer) {
  std::vector<Outcome> outcomes(programs.size());
  const auto end = [&](std::size_t i, Outcome outcome) {
    outcomes[i] = std::move(outcome);
    observer.ends(i, outcomes[i]);
  };
  std::vector<Prepared> prepared;
  std::size_t open = 0;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    observer.begins(i);
    prepared.push_back(prepare(programs[i], options.target));
    if (prepared[i].open) ++open;
    if (!prepared[i].open) end(i, prepared[i].outcome);
  }
  if (open == 0) return outcomes;

  const auto settle = [&](Fate fate, const std::string& why) {
    for (std::size_t i = 0; i < programs.size(); ++i)
      if (prepared[i].open) end(i, {fate, why});
  };
  runtime::CompileOptions compile{.target = options.target};
  if (options.compile_only && !cuda::Nvrtc::find()) {
    for (std::size_t i = 0; i < programs.size(); ++i)
      if (prepared[i].open) end(i, prepared[i].outcome);  // nobody to ask
    return outcomes;
  }
  if (!options.compile_only) {
    const auto& device = first_device();
    if (!device) return settle(Fate::Failed, device.error().message), outcomes;
    const auto architecture = device->architecture(options.target);
    if (!architecture) return settle(Fate::Failed, architecture.error().message), outcomes;
    compile.architecture = *architecture;
  }
  const auto take = [&](std::span<Prepared> part, std::size_t first, const Compilation& module) {
    for (std::size_t i = first; i < first + part.size(); ++i) {
      if (!prepared[i].open) continue;
      observer.begins(i);
      if (module.fate != Fate::Same) {
        end(i, {module.fate, module.detail});
      } else if (options.compile_only) {
        end(i, prepared[i].outcome);
      } else {
        end(i, on_gpu(programs[i], prepared[i], module.cubin, options));
      }
    }
  };
  // A module that is refused is compiled in halves, until the program is found.
  const std::function<void(std::size_t, std::size_t)> settle_part = [&](std::size_t first,
                                                                        std::size_t count) {
    const auto part = std::span(prepared).subspan(first, count);
    if (std::ranges::none_of(part, &Prepared::open)) return;
    observer.begins(first);
    const Compilation module = compiled(part, first, compile);
    if (module.fate != Fate::Rejected || count == 1) return take(part, first, module);
    settle_part(first, count / 2);
    settle_part(first + count / 2, count - count / 2);
  };
  settle_part(0, prepared.size());
  return outcomes;
}

Outcome run_program(const TestProgram& program, const RunOptions& options) {
  return run_programs({&program, 1}, options).front();
}

}  // namespace bitloom::test
