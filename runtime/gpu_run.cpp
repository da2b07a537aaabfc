#include "runtime/gpu_run.h"

#include <algorithm>
#include <chrono>

#include "runtime/buffer.h"
#include "runtime/compile.h"
#include "runtime/event.h"
#include "runtime/loaded_kernel.h"

namespace bitloom::runtime {
namespace {

// Reports a failure at the kernel's place, unless it has one of its own.
bool report(vm::Diagnostics& diagnostics, vm::Diagnostic error, vm::Span otherwise) {
  if (!error.span.known()) error.span = otherwise;
  vm::Diagnostic& added = diagnostics.error(error.code, error.span, error.message);
  added.notes = std::move(error.notes);
  added.hints = std::move(error.hints);
  return false;
}

// The arrays of a run on the GPU, and the arguments that name them.
struct Arguments {
  std::vector<Buffer> buffers;
  std::vector<const vm::TensorArgument*> hosts;  // of each buffer
  std::vector<LaunchArgument> launch;

  Result<void> upload(const Device& device, const Stream& stream, const vm::Function& function,
                      std::span<const vm::Argument> arguments);
  Result<void> download(const Stream& stream) const;
};

Result<void> Arguments::upload(const Device& device, const Stream& stream,
                               const vm::Function& function,
                               std::span<const vm::Argument> arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    LaunchArgument& to = launch.emplace_back();
    if (const auto* scalar = std::get_if<vm::ScalarArgument>(&arguments[i])) {
      const bool is_float = function.type(function.parameters[i].value).element.is_float();
      to.kind = is_float ? LaunchArgument::Kind::Real : LaunchArgument::Kind::Integer;
      to.integer = scalar->integer;
      to.real = scalar->real;
    }
    const auto* tensor = std::get_if<vm::TensorArgument>(&arguments[i]);
    if (!tensor) continue;
    const vm::Type& type = function.type(function.parameters[i].value);
    auto buffer = Buffer::allocate(device, tensor->bytes);
    if (!buffer) return tl::make_unexpected(buffer.error());
    if (auto done = buffer->upload({tensor->data, tensor->bytes}, stream); !done) return done;
    to.kind = LaunchArgument::Kind::Tensor;
    to.address = reinterpret_cast<std::uint64_t>(buffer->address());
    to.bytes = tensor->bytes;
    to.extents = tensor->extents;
    to.element = type.element;
    to.packed = type.packed ? &*type.packed : nullptr;
    buffers.push_back(std::move(*buffer));
    hosts.push_back(tensor);
  }
  return {};
}

Result<void> Arguments::download(const Stream& stream) const {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    if (!hosts[i]->writable) continue;
    if (auto done = buffers[i].download({hosts[i]->data, hosts[i]->bytes}, stream); !done)
      return done;
  }
  return {};
}

Result<double> timed_launch(const LoadedKernel& kernel, const Stream& stream,
                            std::span<const LaunchArgument> arguments,
                            const LaunchSettings& settings) {
  const auto begin = Event::create(kernel.device()), end = Event::create(kernel.device());
  for (const auto* event : {&begin, &end}) {
    if (!*event) return tl::make_unexpected(event->error());
  }
  if (auto done = begin->record(stream); !done) return tl::make_unexpected(done.error());
  if (auto done = kernel.launch(stream, arguments, settings); !done)
    return tl::make_unexpected(done.error());
  if (auto done = end->record(stream); !done) return tl::make_unexpected(done.error());
  if (auto done = stream.synchronize(); !done) return tl::make_unexpected(done.error());
  return end->milliseconds_since(*begin);
}

Result<void> run(const LoadedKernel& kernel, const vm::Function& checked,
                 const std::map<std::string, std::int64_t>& sizes,
                 std::span<const vm::Argument> given, int sms, GpuReport& report) {
  const Result<Stream> stream = Stream::create(kernel.device());
  if (!stream) return tl::make_unexpected(stream.error());
  Arguments arguments;
  if (auto done = arguments.upload(kernel.device(), *stream, checked, given); !done) return done;
  const std::vector<std::pair<std::string, std::int64_t>> said(sizes.begin(), sizes.end());
  const Result<double> time = timed_launch(kernel, *stream, arguments.launch, {said, sms});
  if (!time) return tl::make_unexpected(time.error());
  report.kernel_milliseconds = *time;
  return arguments.download(*stream);
}

}  // namespace

bool run_on_gpu(const Device& device, const vm::Function& checked,
                const std::map<std::string, std::int64_t>& sizes,
                std::span<const vm::Argument> arguments, const GpuRunOptions& options,
                vm::Diagnostics& diagnostics, GpuReport* report_to) {
  const auto begin = std::chrono::steady_clock::now();
  GpuReport numbers;
  const Result<std::string> architecture = device.architecture(options.target);
  if (!architecture) return report(diagnostics, architecture.error(), checked.span);
  std::optional<CompiledKernel> compiled;
  if (!options.image) {
    compiled = compile_kernel(checked, {options.target, *architecture, options.files},
                              options.cache, diagnostics, options.lowered);
    if (!compiled) return false;
  }
  const CompiledKernel* image = options.image ? options.image : &*compiled;
  Result<LaunchPlan> plan = LaunchPlan::make(checked, *image);
  if (!plan) return report(diagnostics, plan.error(), checked.span);
  const Result<LoadedKernel> kernel =
      LoadedKernel::load(device, std::make_shared<const LaunchPlan>(std::move(*plan)), *image);
  if (!kernel) return report(diagnostics, kernel.error(), checked.span);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  numbers.device = device.name();
  numbers.architecture = *architecture;
  numbers.compile_seconds = passed.count();
  numbers.registers = kernel->registers();
  numbers.local_bytes = kernel->local_bytes();
  numbers.shared_bytes = image->shared_bytes;
  const Result<void> done = run(*kernel, checked, sizes, arguments, options.device_sms, numbers);
  if (report_to) *report_to = numbers;
  return done || report(diagnostics, done.error(), checked.span);
}

}  // namespace bitloom::runtime
