// The library on a GPU: launches, graph capture, threads, streams, DLPack, workspaces that must be
// resident. What a fault leaves behind is in fault_test.cpp, a process of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "runtime/device_state.h"
#include "runtime/event.h"
#include "runtime/module.h"
#include "runtime/pack.h"
#include "tests/support/source_path.h"

namespace bitloom::test {
namespace {

using namespace runtime;  // NOLINT: the whole room is under test

constexpr const char* kScale = R"(
kernel scale<B: int = 256>(a: f32, x: global f32[n], y: global f32[n])
grid(ceildiv(n, B)) threads(64)
{
    let i = block.x * B
    y[i +: B] <- a * x[i +: B]
}
)";

class Library : public testing::Test {
 protected:
  Kernel kernel(const char* text, const std::string& name) {
    const auto module =
        Module::from_text(name + ".bl", text, {.stdlib = source_path("stdlib"), .cache = false});
    EXPECT_TRUE(module) << module.error().message;
    return *module->specialize(name);
  }
  HostArray numbers(std::int64_t n) {
    HostArray array = *HostArray::zeros(vm::kF32, {n});
    for (std::int64_t i = 0; i < n; ++i)
      array.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i % 1000) - 500;
    return array;
  }
  void expect_scaled(const Tensor& y, const HostArray& x, float factor, const Stream& stream) {
    const auto back = y.to_host(stream);
    ASSERT_TRUE(back) << back.error().message;
    HostArray array = *back;
    HostArray from = x;
    for (std::size_t i = 0; i < array.size(); ++i)
      ASSERT_EQ(array.as<float>()[i], factor * from.as<float>()[i]) << i;
  }

  Device device = *Device::open();
};

TEST_F(Library, ALaunchComputesWhatItSays) {
  const Stream stream = *Stream::create(device);
  const HostArray numbers_of_x = numbers(100'003);
  const Tensor x = *Tensor::from_host(numbers_of_x, stream);
  const Tensor y = *Tensor::allocate(device, vm::kF32, x.shape());
  const auto done = kernel(kScale, "scale").launch(stream, 0.5, x, y);
  ASSERT_TRUE(done) << done.error().message;
  expect_scaled(y, numbers_of_x, 0.5f, stream);
}

TEST_F(Library, ALaunchIsCapturedIntoAGraphAndRunsFromIt) {
  const Stream stream = *Stream::create(device);
  const HostArray numbers_of_x = numbers(5000);
  const Tensor x = *Tensor::from_host(numbers_of_x, stream),
               y = *Tensor::zeros(stream, vm::kF32, {5000});
  const Kernel prepared = kernel(kScale, "scale"), fresh = kernel(kScale, "scale");
  ASSERT_TRUE(prepared.prepare(device));
  const DeviceState& state = *device.state();
  const CurrentContext current(state);
  ASSERT_EQ(state->cuStreamBeginCapture(stream.handle(), cuda::kCaptureThreadLocal),
            cuda::kSuccess);
  EXPECT_TRUE(*stream.is_capturing());
  const auto refused = fresh.launch(stream, 3.0, x, y);
  const auto captured = prepared.launch(stream, 2.0, x, y);
  cuda::CUgraph graph = nullptr;
  ASSERT_EQ(state->cuStreamEndCapture(stream.handle(), &graph), cuda::kSuccess);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "BL0805");
  EXPECT_THAT(refused.error().hints.at(0), testing::HasSubstr("prepare()"));
  ASSERT_TRUE(captured) << captured.error().message;
  cuda::CUgraphExec executable = nullptr;
  ASSERT_EQ(state->cuGraphInstantiate(&executable, graph, 0), cuda::kSuccess);
  expect_scaled(y, numbers_of_x, 0, stream);  // nothing has run yet
  ASSERT_EQ(state->cuGraphLaunch(executable, stream.handle()), cuda::kSuccess);
  expect_scaled(y, numbers_of_x, 2, stream);
  state->cuGraphExecDestroy(executable);
  state->cuGraphDestroy(graph);
}

TEST_F(Library, ThreadsShareAKernelAndHaveStreamsOfTheirOwn) {
  const Kernel scale = kernel(kScale, "scale");
  std::vector<std::string> complaints(8);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < complaints.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto run = [&]() -> Result<void> {
        const auto stream = Stream::create(device);
        if (!stream) return tl::make_unexpected(stream.error());
        HostArray from = numbers(1000 + 100 * static_cast<std::int64_t>(t));
        const auto x = Tensor::from_host(from, *stream);
        const auto y = Tensor::allocate(device, vm::kF32, from.shape());
        if (!x || !y) return tl::make_unexpected(x ? y.error() : x.error());
        for (int round = 1; round <= 50; ++round) {
          if (auto done = scale.launch(*stream, round, *x, *y); !done) return done;
          auto back = y->to_host(*stream);
          if (!back) return tl::make_unexpected(back.error());
          for (std::size_t i = 0; i < from.size(); ++i) {
            if (back->as<float>()[i] != static_cast<float>(round) * from.as<float>()[i])
              return failure("BL0901", "a wrong number at " + std::to_string(i));
          }
        }
        return {};
      };
      if (const auto done = run(); !done) complaints[t] = done.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& complaint : complaints) EXPECT_EQ(complaint, "");
}

TEST_F(Library, ManyVariantsArePreparedByManyThreads) {
  const auto module =
      Module::from_text("scale.bl", kScale, {.stdlib = source_path("stdlib"), .cache = false});
  std::vector<std::string> complaints(6);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < complaints.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto variant =
          module->specialize("scale", {.generics = {{"B", std::to_string(64 << t % 3)}}});
      const auto done = variant->prepare(device);
      if (!done) complaints[t] = done.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& complaint : complaints) EXPECT_EQ(complaint, "");
}

TEST_F(Library, EveryGpuOfTheMachineRunsTheKernel) {
  const Kernel scale = kernel(kScale, "scale");
  for (int ordinal = 0; ordinal < *Device::count(); ++ordinal) {
    const Device gpu = *Device::open(ordinal);
    const Stream stream = *Stream::create(gpu);
    const HostArray from = numbers(777);
    const Tensor x = *Tensor::from_host(from, stream), y = *Tensor::zeros(stream, vm::kF32, {777});
    const auto done = scale.launch(stream, 4, x, y);
    ASSERT_TRUE(done) << done.error().message;
    expect_scaled(y, from, 4, stream);
  }
}

TEST_F(Library, TensorsGoFromGpuToGpu) {
  const Stream here = *Stream::create(device);
  const HostArray from = numbers(3333);
  const Tensor x = *Tensor::from_host(from, here);
  for (int ordinal = 0; ordinal < *Device::count(); ++ordinal) {
    const Stream there = *Stream::create(*Device::open(ordinal));
    const auto copy = x.to(there);
    ASSERT_TRUE(copy) << copy.error().message;
    expect_scaled(*copy, from, 1, there);
  }
}

TEST_F(Library, GridsThatDoNotFitAtOnceAreRefused) {
  const Kernel all = kernel(R"(
kernel all(x: global i32[n]) grid(n) threads(1024) resident {
    x[block.x] <- block.x
}
)",
                            "all");
  const Stream stream = *Stream::create(device);
  const auto launch = [&](std::int64_t n) {
    return all.launch(stream, *Tensor::zeros(stream, vm::kI32, {n}));
  };
  const auto fits = launch(device.sms());
  EXPECT_TRUE(fits) << fits.error().message;
  const auto refused = launch(device.sms() * 64);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "BL0415");
  const auto done = stream.synchronize();
  EXPECT_TRUE(done) << done.error().message;
}

TEST_F(Library, WeightsArePackedForTheKernelAndComeBack) {
  const auto module = Module::from_file(source_path("kernels/gemm/gemm.bl"),
                                        {.stdlib = source_path("stdlib"), .cache = false});
  ASSERT_TRUE(module) << module.error().message;
  const Kernel gemm = *module->specialize("gemm", {.generics = {{"W", "u4"}}});
  const Stream stream = *Stream::create(device);
  HostArray codes = *HostArray::zeros(vm::unsigned_type(4), {256, 128});
  for (std::size_t i = 0; i < codes.size(); ++i) codes.set_code(i, i * 11 % 16);
  const auto packed = pack(gemm, "w", codes, stream);
  ASSERT_TRUE(packed) << packed.error().message;
  const auto back = unpack(*packed, stream);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_TRUE(std::ranges::equal(back->bytes(), codes.bytes()));
}

TEST_F(Library, DlpackGivesTheSameMemory) {
  const Stream stream = *Stream::create(device);
  const HostArray from = numbers(64);
  dlpack::ManagedTensor* managed = *Tensor::from_host(from, stream)->to_dlpack();
  const auto back = Tensor::from_dlpack(managed);
  ASSERT_TRUE(back) << back.error().message;
  expect_scaled(*back, from, 1, stream);
}

TEST_F(Library, EventsTellTheTime) {
  const Stream stream = *Stream::create(device);
  const Event begin = *Event::create(device), end = *Event::create(device);
  const Tensor x = *Tensor::zeros(stream, vm::kF32, {1 << 24}),
               y = *Tensor::zeros(stream, vm::kF32, {1 << 24});
  const Kernel scale = kernel(kScale, "scale");
  ASSERT_TRUE(scale.prepare(device));
  ASSERT_TRUE(begin.record(stream));
  ASSERT_TRUE(scale.launch(stream, 1, x, y));
  ASSERT_TRUE(end.record(stream));
  const auto passed = end.milliseconds_since(begin);
  ASSERT_TRUE(passed) << passed.error().message;
  EXPECT_GT(*passed, 0.001);
  EXPECT_LT(*passed, 1000);
}

}  // namespace
}  // namespace bitloom::test
