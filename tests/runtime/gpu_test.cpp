// The runtime's way to a GPU, over a driver that has none (fake_driver/): what is launched, with
// which parameters, grid and attributes; what is freed; and what is said when a call fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "runtime/cuda/nvrtc.h"
#include "runtime/kernel.h"
#include "runtime/module.h"
#include "runtime/pack.h"
#include "tests/runtime/fake_driver/fake_driver.h"
#include "tests/support/source_path.h"

namespace bitloom::test {
namespace {

using namespace runtime;  // NOLINT: the whole room is under test
using testing::HasSubstr;

constexpr const char* kAxpy = R"(
kernel axpy<T: type = f32, B: int = 256>(
    a: f32, count: i32, x: global T[n], y: global T[n], z: optional global T[n],
) grid(ceildiv(n, B)) threads(64)
  where n % 4 == 0, "rows of four"
{
    let i = block.x * B
    y[i +: B] <- x[i +: B] + y[i +: B]
}
)";

class Gpu : public testing::Test {
 protected:
  void SetUp() override {
    fake.reset();
    if (!cuda::Nvrtc::find()) GTEST_SKIP() << "this machine has no NVRTC";
  }

  Device device(int ordinal = 0) {
    const auto opened = Device::open(ordinal);
    EXPECT_TRUE(opened) << opened.error().message;
    return *opened;
  }
  Kernel kernel(const char* text = kAxpy, const std::string& name = "axpy",
                const KernelOptions& options = {}) {
    const auto module =
        Module::from_text("axpy.bl", text, {.stdlib = source_path("stdlib"), .cache = false});
    EXPECT_TRUE(module) << module.error().message;
    const auto made = module->specialize(name, options);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  Tensor tensor(const Stream& stream, std::int64_t n, float value = 1) {
    HostArray array = *HostArray::zeros(vm::kF32, {n});
    for (float& number : array.as<float>()) number = value;
    return *Tensor::from_host(array, stream);
  }

  FakeDriver& fake = fake_driver();
};

template <class T>
T parameter(const FakeLaunch& launch, int index) {
  T value;
  std::memcpy(&value, launch.parameters[index], sizeof value);
  return value;
}

std::string code_of(const Result<void>& result) {
  return result ? "" : result.error().code;
}

TEST_F(Gpu, ALaunchPassesPointersScalarsAndSizesInTheOrderOfTheFunction) {
  const Device gpu = device();
  const Stream stream = *Stream::create(gpu);
  const Tensor x = tensor(stream, 1000, 2), y = tensor(stream, 1000, 3);
  int launches = 0;
  fake.on_launch = [&](const FakeLaunch& launch) {
    ++launches;
    EXPECT_EQ(launch.kernel, "axpy");
    EXPECT_EQ(launch.config.gridDimX, 4u);
    EXPECT_EQ(launch.config.gridDimY, 1u);
    EXPECT_EQ(launch.config.blockDimX, 64u);
    EXPECT_EQ(launch.config.hStream, stream.handle());
    EXPECT_TRUE(launch.attributes.empty());
    // Tensors first, then scalars, then sizes.
    EXPECT_EQ(parameter<void*>(launch, 0), x.address());
    EXPECT_EQ(parameter<void*>(launch, 1), y.address());
    EXPECT_EQ(parameter<float>(launch, 2), 0.5f);
    EXPECT_EQ(parameter<std::int32_t>(launch, 3), -7);
    EXPECT_EQ(parameter<std::int64_t>(launch, 4), 1000);
    float* const data = parameter<float*>(launch, 1);
    for (int i = 0; i < 1000; ++i) data[i] += parameter<float*>(launch, 0)[i];
  };
  const auto done = kernel().launch(stream, 0.5, -7, x, y, std::nullopt);
  ASSERT_TRUE(done) << done.error().message;
  ASSERT_EQ(launches, 1);
  const auto back = y.to_host(stream);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->as<float>()[999], 5.0f);
}

TEST_F(Gpu, WhatDoesNotFitIsRefusedBeforeAnythingIsLaunched) {
  const Stream stream = *Stream::create(device());
  const Tensor x = tensor(stream, 1000), y = tensor(stream, 996), odd = tensor(stream, 10);
  const Kernel axpy = kernel();
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, x, y, std::nullopt)), "BL0405");
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, x, x)), "BL0401");
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2.5, x, x, std::nullopt)), "BL0420");
  EXPECT_EQ(code_of(axpy.launch(stream, 1, std::int64_t{1} << 40, x, x, std::nullopt)), "BL0420");
  EXPECT_EQ(code_of(axpy.launch(stream, x, 2, x, x, std::nullopt)), "BL0403");
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, x, std::nullopt, std::nullopt)), "BL0401");
  const Tensor half = *Tensor::allocate(device(), vm::kF16, {1000});
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, x, half, std::nullopt)), "BL0403");
  const Tensor matrix = *Tensor::allocate(device(), vm::kF32, {10, 100});
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, matrix, x, std::nullopt)), "BL0404");
  const auto condition = axpy.launch(stream, 1, 2, odd, odd, std::nullopt);
  EXPECT_EQ(code_of(condition), "BL0407");
  EXPECT_THAT(condition.error().message, HasSubstr("n = 10"));
  EXPECT_EQ(condition.error().hints, std::vector<std::string>{"rows of four"});
  const Buffer shifted = Buffer::borrow(device(), static_cast<std::byte*>(x.address()) + 4, 3996);
  const Tensor misaligned = *Tensor::wrap(shifted, vm::kF32, {996});
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, misaligned, y, std::nullopt)), "BL0806");
  const Tensor strided = *Tensor::wrap(x.buffer(), vm::kF32, {500}, {2});
  EXPECT_EQ(code_of(axpy.launch(stream, 1, 2, strided, strided, std::nullopt)), "BL0806");
  EXPECT_EQ(fake.calls["cuLaunchKernelEx"], 0);
}

TEST_F(Gpu, AnEmptyGridLaunchesNothing) {
  const Stream stream = *Stream::create(device());
  const Tensor none = tensor(stream, 0);
  const auto done = kernel().launch(stream, 1, 2, none, none, std::nullopt);
  EXPECT_TRUE(done) << done.error().message;
  EXPECT_EQ(fake.calls["cuLaunchKernelEx"], 0);
}

TEST_F(Gpu, ManyThreadsPrepareOneKernelOnce) {
  const Kernel axpy = kernel();
  const Device gpu = device();
  std::vector<std::string> complaints(8);
  std::vector<std::thread> threads;
  for (std::string& complaint : complaints) {
    threads.emplace_back([&] {
      const auto done = axpy.prepare(gpu);
      if (!done) complaint = done.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& complaint : complaints) EXPECT_EQ(complaint, "");
  EXPECT_EQ(fake.calls["cuModuleLoadData"], 1);
}

TEST_F(Gpu, EverythingIsGivenBack) {
  {
    const Stream stream = *Stream::create(device());
    const Tensor x = tensor(stream, 8);
    ASSERT_TRUE(kernel().launch(stream, 1, 2, x, x, std::nullopt));
    EXPECT_EQ(fake.allocations, 1);
    EXPECT_EQ(fake.contexts, 1);
  }
  EXPECT_EQ(fake.allocations, 0);
  EXPECT_EQ(fake.modules, 0);
  EXPECT_EQ(fake.streams, 0);
  EXPECT_EQ(fake.contexts, 0);
}

TEST_F(Gpu, AKernelIsLoadedOnceAGpu) {
  fake.devices.push_back({.name = "Fake A100", .major = 8, .minor = 0, .sms = 108});
  const Kernel axpy = kernel();
  for (int ordinal : {0, 1, 0, 1}) {
    const Stream stream = *Stream::create(device(ordinal));
    const Tensor x = tensor(stream, 8);
    ASSERT_TRUE(axpy.launch(stream, 1, 2, x, x, std::nullopt));
  }
  // The devices go with the streams of a turn, the kernel keeps what it has loaded.
  EXPECT_EQ(fake.calls["cuModuleLoadData"], 2);
  EXPECT_EQ(device(0).target(), *vm::Target::parse("sm_90a"));
  EXPECT_EQ(device(1).target(), *vm::Target::parse("sm_80"));
}

TEST_F(Gpu, TensorsAndStreamsOfAnotherGpuAreRefused) {
  fake.devices.push_back({});
  const Stream here = *Stream::create(device(0)), there = *Stream::create(device(1));
  const Tensor x = tensor(there, 8);
  EXPECT_EQ(code_of(kernel().launch(here, 1, 2, x, x, std::nullopt)), "BL0808");
  EXPECT_EQ(fake.calls["cuLaunchKernelEx"], 0);
}

TEST_F(Gpu, AFirstLaunchInsideACaptureNamesPrepare) {
  const Stream stream = *Stream::create(device());
  const Tensor x = tensor(stream, 8);
  const Kernel axpy = kernel();
  fake.capturing = true;
  const auto refused = axpy.launch(stream, 1, 2, x, x, std::nullopt);
  ASSERT_EQ(code_of(refused), "BL0805");
  EXPECT_THAT(refused.error().hints.at(0), HasSubstr("prepare()"));
  fake.capturing = false;
  ASSERT_TRUE(axpy.prepare(stream.device()));
  fake.capturing = true;
  const int asked = fake.calls["cuStreamIsCapturing"];
  EXPECT_TRUE(axpy.launch(stream, 1, 2, x, x, std::nullopt));
  EXPECT_EQ(fake.calls["cuStreamIsCapturing"], asked) << "a prepared launch asks nothing";
}

TEST_F(Gpu, AFaultNamesTheKernelAndItsArguments) {
  const Stream stream = *Stream::create(device());
  const Tensor x = tensor(stream, 8);
  const Kernel axpy = kernel();
  ASSERT_TRUE(axpy.launch(stream, 0.5, 2, x, x, std::nullopt));
  ASSERT_TRUE(stream.synchronize());
  ASSERT_TRUE(axpy.launch(stream, 0.25, 3, x, x, std::nullopt));
  fake.fault = cuda::kIllegalAddress;
  const auto fault = stream.synchronize();
  ASSERT_EQ(code_of(fault), "BL0803");
  // Only the launch that nobody had waited for.
  EXPECT_THAT(fault.error().message, HasSubstr("axpy<T=f32, B=256>(x: global f32[n] at 0x"));
  EXPECT_THAT(fault.error().message, HasSubstr("a = 0.25, count = 3, n = 8) on 1 x 1 x 1 blocks"));
  ASSERT_EQ(code_of(stream.device().synchronize()), "BL0803");
}

TEST_F(Gpu, AFaultAmongSeveralLaunchesNamesAllOfThem) {
  const Stream stream = *Stream::create(device());
  const Tensor x = tensor(stream, 8);
  const Kernel axpy = kernel();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(axpy.launch(stream, i, i, x, x, std::nullopt));
  fake.fault = cuda::kLaunchFailed;
  const auto fault = stream.synchronize();
  ASSERT_EQ(code_of(fault), "BL0803");
  EXPECT_THAT(fault.error().message, HasSubstr("one of 3 kernels"));
  ASSERT_EQ(fault.error().notes.size(), 3u);
  EXPECT_THAT(fault.error().notes[0].text, HasSubstr("count = 2"));
}

TEST_F(Gpu, EveryCallThatFailsIsReportedByItsName) {
  const Device gpu = device();
  const Stream stream = *Stream::create(gpu);
  const Tensor x = tensor(stream, 8);
  for (const char* call : {"cuModuleLoadData", "cuModuleGetFunction", "cuFuncLoad",
                           "cuFuncGetAttribute", "cuLaunchKernelEx"}) {
    fake.fail[call] = cuda::kInvalidValue;
    const auto failed = kernel().launch(stream, 1, 2, x, x, std::nullopt);
    ASSERT_EQ(code_of(failed), "BL0801") << call;
    EXPECT_THAT(failed.error().message, HasSubstr(call));
    EXPECT_THAT(failed.error().message, HasSubstr("CUDA_ERROR_FAKE"));
  }
  fake.fail["cuMemAlloc"] = cuda::kOutOfMemory;
  const auto memory = Tensor::allocate(gpu, vm::kF32, {1 << 20});
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, "BL0802");
  fake.fail["cuStreamCreate"] = cuda::kInvalidValue;
  EXPECT_FALSE(Stream::create(gpu));
  fake.fail["cuMemcpyHtoDAsync"] = cuda::kInvalidValue;
  EXPECT_FALSE(Tensor::from_host(*HostArray::zeros(vm::kF32, {4}), stream));
  EXPECT_EQ(fake.allocations, 1) << "what a failed upload had allocated is freed";
}

TEST_F(Gpu, MachinesWithoutAGpuSaySo) {
  fake.devices.clear();
  const auto none = Device::open();
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "BL0416");
  fake.devices.push_back({});
  const auto third = Device::open(2);
  ASSERT_FALSE(third);
  EXPECT_THAT(third.error().message, HasSubstr("there is no GPU 2"));
}

TEST_F(Gpu, TheTargetFollowsFromTheGpu) {
  struct Case {
    int major, minor;
    const char* target;
    const char* architecture;  // of what is lowered for sm_80
  };
  for (const Case& c : {Case{8, 0, "sm_80", "sm_80"}, Case{8, 6, "sm_86", "sm_86"},
                        Case{8, 9, "sm_89", "sm_89"}, Case{9, 0, "sm_90a", "sm_90"},
                        Case{10, 0, "sm_90", "sm_100"}, Case{12, 0, "sm_90", "sm_120"}}) {
    fake.devices[0].major = c.major;
    fake.devices[0].minor = c.minor;
    const Device gpu = device();
    EXPECT_EQ(vm::to_string(gpu.target()), c.target);
    EXPECT_EQ(gpu.architecture(*vm::Target::parse("sm_80")).value_or("none"), c.architecture);
    const bool hopper = c.major == 9;
    EXPECT_EQ(gpu.architecture(*vm::Target::parse("sm_90a")).has_value(), hopper);
  }
}

TEST_F(Gpu, ResidentGridsAreCountedAndLaunchedTogether) {
  const char* text = R"(
kernel all(x: global u32[n]) grid(n) threads(32) resident {
    x[block.x] <- cast<u32>(block.x)
}
)";
  const Stream stream = *Stream::create(device());
  const Kernel all = kernel(text, "all");
  const auto of = [&](std::int64_t n) { return *Tensor::allocate(device(), vm::kU32, {n}); };
  fake.on_launch = [](const FakeLaunch& launch) {
    EXPECT_EQ(launch.attributes.at(cuda::kAttributeCooperative), 1);
  };
  const auto fits = all.launch(stream, of(264));
  EXPECT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(code_of(all.launch(stream, of(265))), "BL0415");
  EXPECT_EQ(fake.calls["cuLaunchKernelEx"], 1);
}

TEST_F(Gpu, TensorMapsAreEncodedForTheTensorOfTheLaunch) {
  const auto module = Module::from_file(source_path("kernels/gemm/gemm_wgmma.bl"),
                                        {.stdlib = source_path("stdlib"), .cache = false});
  ASSERT_TRUE(module) << module.error().message;
  const Kernel gemm = *module->specialize("gemm_wgmma", {.generics = {{"W", "u4"}}});
  const Stream stream = *Stream::create(device());
  const std::int64_t m = 200, k = 256, n = 512;
  const Tensor a = *Tensor::zeros(stream, vm::kF16, {m, k});
  const Tensor scale = *Tensor::zeros(stream, vm::kF16, {k / 128, n / 64, 64});
  const Tensor c = *Tensor::zeros(stream, vm::kF16, {m, n});
  const LaunchArgument none;
  const auto w = pack(gemm, "w", *HostArray::zeros(vm::kU8, {k, n}), stream);
  ASSERT_TRUE(w) << w.error().message;
  EXPECT_EQ(w->bytes(), static_cast<std::size_t>(k * n / 2));
  unsigned shared = 0;
  fake.on_launch = [&](const FakeLaunch& launch) {
    shared = launch.config.sharedMemBytes;
    EXPECT_EQ(launch.config.gridDimX, 4u);
    EXPECT_EQ(launch.config.gridDimY, 1u);
    EXPECT_EQ(launch.config.blockDimX, 384u);
  };
  const auto done = gemm.launch(stream, a, *w, scale, none, none, none, c, none, none);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(fake.attributes.at("8"), static_cast<int>(shared)) << "more than 48 KiB are asked for";
  ASSERT_GE(fake.maps.size(), 1u);
  const FakeTensorMap& map = fake.maps[0];
  EXPECT_EQ(map.address, reinterpret_cast<std::uint64_t>(a.address()));
  EXPECT_EQ(map.type, cuda::kMapFloat16);
  EXPECT_EQ(map.swizzle, cuda::kMapSwizzle128);
  EXPECT_EQ(map.extents, (std::vector<std::uint64_t>{256, 200}));
  EXPECT_EQ(map.strides, (std::vector<std::uint64_t>{512}));
  EXPECT_EQ(map.box, (std::vector<std::uint32_t>{64, 128}));
  // Weights that were packed for another width are refused by name.
  const Kernel three = *module->specialize("gemm_wgmma", {.generics = {{"W", "u3"}}});
  const auto other = pack(three, "w", *HostArray::zeros(vm::kU8, {k, n}), stream);
  ASSERT_TRUE(other);
  EXPECT_EQ(code_of(gemm.launch(stream, a, *other, scale, none, none, none, c, none, none)),
            "BL0403");
  const Tensor plain = *Tensor::zeros(stream, vm::unsigned_type(4), {k, n});
  const auto refused = gemm.launch(stream, a, plain, scale, none, none, none, c, none, none);
  EXPECT_EQ(code_of(refused), "BL0807");
  EXPECT_THAT(refused.error().message, HasSubstr(w->tag()));
}

TEST_F(Gpu, PackedWeightsComeBackAsTheyWent) {
  const auto module = Module::from_file(source_path("kernels/gemm/gemm.bl"),
                                        {.stdlib = source_path("stdlib"), .cache = false});
  ASSERT_TRUE(module) << module.error().message;
  const Stream stream = *Stream::create(device());
  for (const char* type : {"u1", "i3", "u4", "e3m2", "u8"}) {
    const Kernel gemm = *module->specialize("gemm", {.generics = {{"W", type}}});
    const vm::ElementType element = *vm::parse_element_type(type);
    HostArray codes = *HostArray::zeros(element, {100, 72});
    for (std::size_t i = 0; i < codes.size(); ++i) codes.set_code(i, i * 7 % (1u << element.bits));
    const auto packed = pack(gemm, "w", codes, stream);
    ASSERT_TRUE(packed) << packed.error().message;
    const auto back = unpack(*packed, stream);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(std::ranges::equal(back->bytes(), codes.bytes())) << type;
  }
}

}  // namespace
}  // namespace bitloom::test
