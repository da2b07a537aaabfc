// `bitloom run --on gpu`, as far as it goes without a GPU: arrays travel there and back, the launch
// has what the kernel declares, the cache is asked, faults are reported. The driver is the one that
// has no GPU; what the kernel would compute, the test computes at the launch.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "dsl/render.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/execute.h"
#include "tests/runtime/fake_driver/fake_driver.h"
#include "tests/support/source_path.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::test {
namespace {

using namespace runtime;  // NOLINT: the whole room is under test
using testing::HasSubstr;

class GpuRun : public testing::Test {
 protected:
  void SetUp() override {
    fake.reset();
    if (!cuda::Nvrtc::find()) GTEST_SKIP() << "this machine has no NVRTC";
    setenv("BITLOOM_CACHE_DIR", cache.path().c_str(), 1);
  }
  void TearDown() override { unsetenv("BITLOOM_CACHE_DIR"); }

  Job vector_add(std::int64_t n) {
    Job job{.file = source_path("kernels/vector_add/vector_add.bl")};
    HostArray a = *HostArray::zeros(vm::kF32, {n});
    for (std::int64_t i = 0; i < n; ++i)
      a.as<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
    job.request.arguments = {{"a", {a, "a.npy"}}, {"b", {a, "b.npy"}}};
    job.request.outputs = {"c"};
    job.use(*Device::open());
    return job;
  }
  bool run(const Job& job) {
    dsl::SourceManager sources;
    vm::Diagnostics diagnostics;
    outcome = {};
    const bool done = execute(job, sources, source_path("stdlib"), outcome, diagnostics);
    report = dsl::render(diagnostics, sources);
    return done;
  }

  FakeDriver& fake = fake_driver();
  tests::TemporaryFolder cache;
  Outcome outcome;
  std::string report;
};

TEST_F(GpuRun, ArraysTravelThereAndBack) {
  fake.on_launch = [](const FakeLaunch& launch) {
    float* data[3];
    for (int i = 0; i < 3; ++i) std::memcpy(&data[i], launch.parameters[i], sizeof data[i]);
    std::int64_t n = 0;
    std::memcpy(&n, launch.parameters[3], sizeof n);
    for (std::int64_t i = 0; i < n; ++i) data[2][i] = data[0][i] + data[1][i];
  };
  ASSERT_TRUE(run(vector_add(1000))) << report;
  HostArray c = outcome.logical("c");
  for (std::size_t i = 0; i < 1000; ++i) ASSERT_EQ(c.as<float>()[i], 2 * static_cast<float>(i));
  EXPECT_EQ(outcome.gpu.device, "Fake H100");
  EXPECT_EQ(outcome.gpu.architecture, "sm_90a");
  EXPECT_EQ(outcome.gpu.registers, 42);
  EXPECT_EQ(outcome.gpu.kernel_milliseconds, 0.25);
  EXPECT_EQ(fake.allocations, 0);
  EXPECT_EQ(fake.streams, 0);
  EXPECT_EQ(fake.events, 0);
  EXPECT_EQ(fake.modules, 0);
}

TEST_F(GpuRun, ACompiledKernelIsKeptAndFound) {
  const runtime::Cache kept({.folder = cache.path()});
  const auto entries = [&] { return kept.stats().entries; };
  ASSERT_TRUE(run(vector_add(8))) << report;
  EXPECT_EQ(entries(), 1u);
  ASSERT_TRUE(run(vector_add(800))) << report;
  EXPECT_EQ(entries(), 1u) << "sizes are no part of what is compiled";
  Job another = vector_add(8);
  another.target = *vm::Target::parse("sm_80");
  ASSERT_TRUE(run(another)) << report;
  EXPECT_EQ(outcome.gpu.architecture, "sm_90");
  EXPECT_EQ(entries(), 2u);
}

TEST_F(GpuRun, AFaultIsReportedAtTheKernelWithItsArguments) {
  fake.on_launch = [this](const FakeLaunch&) { fake.fault = cuda::kIllegalAddress; };
  EXPECT_FALSE(run(vector_add(8)));
  EXPECT_THAT(report, HasSubstr("error[BL0803]"));
  EXPECT_THAT(report, HasSubstr("vector_add.bl:"));
  EXPECT_THAT(report, HasSubstr("n = 8"));
  EXPECT_THAT(report, HasSubstr("--on interpreter"));
}

TEST_F(GpuRun, ATargetThatTheGpuHasNotIsRefused) {
  fake.devices[0] = {.name = "Fake A100", .major = 8, .minor = 0, .sms = 108};
  Job job = vector_add(8);
  EXPECT_EQ(job.request.device_sms, 108);
  job.target = *vm::Target::parse("sm_90a");
  EXPECT_FALSE(run(job));
  EXPECT_THAT(report, HasSubstr("error[BL0804]"));
  EXPECT_THAT(report, HasSubstr("--target sm_80"));
  EXPECT_EQ(fake.calls["cuLaunchKernelEx"], 0);
}

TEST_F(GpuRun, AMachineWithTooLittleMemorySaysSo) {
  const Job job = vector_add(8);
  fake.fail["cuMemAlloc"] = cuda::kOutOfMemory;
  EXPECT_FALSE(run(job));
  EXPECT_THAT(report, HasSubstr("error[BL0802]"));
  EXPECT_EQ(fake.allocations, 0);
}

}  // namespace
}  // namespace bitloom::test
