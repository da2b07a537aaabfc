// What a launch through the library costs the host, over a bare launch of the driver.
//
//   Bare       cuLaunchKernelEx with parameters that were worked out before
//   Library    Kernel::launch: arguments checked, sizes and grid worked out, then the same call
//
// The difference is the price of the library; the aim is 3 us at most. Needs a GPU. Launches are
// waited for outside of the measured time, often enough that the queue of the driver never fills.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <functional>

#include "bench/must.h"
#include "runtime/device_state.h"
#include "runtime/module.h"
#include "runtime/pack.h"

namespace {

using namespace bitloom;           // NOLINT
using namespace bitloom::runtime;  // NOLINT
using bench::must;
using bench::root;

constexpr int kBatch = 256;  // launches between two waits

// One kernel with its arguments, launched in two ways.
struct Subject {
  Stream stream;
  Kernel kernel;
  std::vector<Tensor> tensors;  // kept alive
  std::vector<LaunchArgument> arguments;
};

Kernel load(const std::string& file, const std::string& name,
            std::map<std::string, std::string> generics) {
  const Module module =
      must(Module::from_file(root() + "/kernels/" + file, {.stdlib = root() + "/stdlib"}));
  return must(module.specialize(name, {.generics = std::move(generics)}));
}

Subject vector_add(const Device& device) {
  Subject subject{must(Stream::create(device)),
                  load("vector_add/vector_add.bl", "vector_add", {{"T", "f32"}}),
                  {},
                  {}};
  for (int i = 0; i < 3; ++i)
    subject.tensors.push_back(must(Tensor::zeros(subject.stream, vm::kF32, {1024})));
  for (const Tensor& tensor : subject.tensors) subject.arguments.push_back(tensor.argument());
  return subject;
}

// W = u4, with a tensor map (wgmma) or without.
Subject product(const Device& device, const std::string& file, const std::string& name) {
  Subject subject{must(Stream::create(device)), load(file, name, {{"W", "u4"}}), {}, {}};
  const std::int64_t m = 16, n = 256, k = 256;
  auto& tensors = subject.tensors;
  tensors.push_back(must(Tensor::zeros(subject.stream, vm::kF16, {m, k})));
  tensors.push_back(
      must(pack(subject.kernel, "w", must(HostArray::zeros(vm::kU8, {k, n})), subject.stream)));
  tensors.push_back(must(Tensor::zeros(subject.stream, vm::kF16, {k / 128, n})));
  tensors.push_back(must(Tensor::zeros(subject.stream, vm::kF16, {m, n})));
  const vm::Function& function = *must(subject.kernel.function(device));
  std::size_t next = 0;
  for (const vm::Parameter& parameter : function.parameters)
    subject.arguments.push_back(parameter.present ? tensors[next++].argument() : LaunchArgument{});
  return subject;
}

void measure(benchmark::State& state, const Subject& subject, const std::function<void()>& launch) {
  launch();
  must(subject.stream.synchronize());
  int pending = 0;
  for (auto _ : state) {
    launch();
    if (++pending < kBatch) continue;
    state.PauseTiming();
    must(subject.stream.synchronize());
    pending = 0;
    state.ResumeTiming();
  }
  must(subject.stream.synchronize());
}

void library(benchmark::State& state, const Subject& subject) {
  measure(state, subject,
          [&] { must(subject.kernel.launch_with(subject.stream, subject.arguments)); });
}

void bare(benchmark::State& state, const Subject& subject) {
  const LoadedKernel& loaded = *must(subject.kernel.loaded(subject.stream.device()));
  const DeviceState& device = *subject.stream.device().state();
  const CurrentContext current(device);
  BoundLaunch bound;
  must(loaded.plan().bind(subject.arguments, {device.sms, device.driver, {}, &device}, bound));
  const cuda::CUlaunchConfig config{bound.grid[0],
                                    bound.grid[1],
                                    bound.grid[2],
                                    static_cast<unsigned>(loaded.plan().threads()),
                                    1,
                                    1,
                                    loaded.plan().shared_bytes(),
                                    subject.stream.handle(),
                                    nullptr,
                                    0};
  measure(state, subject, [&] {
    const cuda::CUresult result =
        device->cuLaunchKernelEx(&config, loaded.handle(), bound.pointers.data(), nullptr);
    must(device.check(result, "cuLaunchKernelEx"));
  });
}

// The library's own part alone.
void bind_only(benchmark::State& state, const Subject& subject) {
  const LoadedKernel& loaded = *must(subject.kernel.loaded(subject.stream.device()));
  const DeviceState& device = *subject.stream.device().state();
  const CurrentContext current(device);  // tensor maps are encoded in it
  for (auto _ : state) {
    BoundLaunch bound;
    must(loaded.plan().bind(subject.arguments, {device.sms, device.driver, {}, &device}, bound));
    benchmark::DoNotOptimize(bound);
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const Result<Device> device = Device::open();
  if (!device) {
    fmt::print("skipped: {}\n", device.error().message);
    return 77;
  }
  fmt::print("{}\n", device->name());
  std::vector<std::pair<std::string, Subject>> subjects;
  subjects.emplace_back("vector_add", vector_add(*device));
  subjects.emplace_back("gemm", product(*device, "gemm/gemm.bl", "gemm"));
  if (device->target().has_warpgroup_dot())
    subjects.emplace_back("gemm_wgmma", product(*device, "gemm/gemm_wgmma.bl", "gemm_wgmma"));
  for (const auto& [name, subject] : subjects) {
    const std::pair<const char*, void (*)(benchmark::State&, const Subject&)> ways[] = {
        {"Bare", bare}, {"Library", library}, {"BindOnly", bind_only}};
    for (const auto& [way, function] : ways) {
      benchmark::RegisterBenchmark(
          (std::string(way) + "/" + name).c_str(),
          [&subject, function](benchmark::State& state) { function(state, subject); })
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
