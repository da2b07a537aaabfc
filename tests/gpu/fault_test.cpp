// A kernel that faults on the GPU leaves the process able to say which it was, and with which
// arguments. After a fault the context answers nothing else, so each test is a process of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "runtime/module.h"
#include "tests/support/source_path.h"

namespace bitloom::test {
namespace {

using namespace runtime;  // NOLINT: the whole room is under test

// Runs in the child: launches, waits, prints what is reported and ends with 0 when it is BL0803.
[[noreturn]] void launch_and_report(const char* text, const std::string& name) {
  const Device device = *Device::open();
  const Stream stream = *Stream::create(device);
  const auto module =
      Module::from_text(name + ".bl", text, {.stdlib = source_path("stdlib"), .cache = false});
  if (!module) {
    std::cerr << module.error().message << "\n";
    std::_Exit(2);
  }
  const Kernel kernel = *module->specialize(name);
  const Tensor x = *Tensor::zeros(stream, vm::kF32, {1024});
  const auto launched = kernel.launch(stream, 12345, x);
  const auto waited = launched ? stream.synchronize() : launched;
  if (waited) {
    std::cerr << "nothing was reported\n";
    std::_Exit(3);
  }
  std::cerr << waited.error().code << " " << waited.error().message << "\n";
  const auto after = device.synchronize();
  std::cerr << "afterwards " << (after ? "none" : after.error().code) << "\n";
  std::_Exit(waited.error().code == "BL0803" ? 0 : 4);
}

TEST(Fault, AnAccessFarOutsideNamesTheKernelAndItsArguments) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* text = R"(
explicit kernel wild(far: i32, x: global f32[n]) grid(1) threads(32) {
    x[far * 100000 +: 32] <- zeros<f32, 32>()
}
)";
  EXPECT_EXIT(
      launch_and_report(text, "wild"), testing::ExitedWithCode(0),
      "BL0803 wild\\(x: global f32\\[n\\] at 0x[0-9a-f]+, far = 12345, n = 1024\\) on 1 x 1 x "
      "1 blocks faulted on [^\n]*\n[^\n]*afterwards BL0803");
}

TEST(Fault, AnAssertionThatDoesNotHoldIsAFault) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* text = R"(
kernel asserts(count: i32, x: global f32[n]) grid(1) threads(32) {
    assert count < 100, "too many"
    x[0 +: 32] <- zeros<f32, 32>()
}
)";
  EXPECT_EXIT(launch_and_report(text, "asserts"), testing::ExitedWithCode(0),
              "BL0803 asserts\\(x: global f32\\[n\\] at 0x[0-9a-f]+, count = 12345");
}

}  // namespace
}  // namespace bitloom::test
