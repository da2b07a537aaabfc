// Tests that need a GPU: they run when there is one, else the program says what is missing and
// exits 77, which scripts/gpu-test and other harnesses take for "skipped".
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "runtime/cuda/nvrtc.h"
#include "runtime/device.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (GTEST_FLAG_GET(list_tests)) return RUN_ALL_TESTS();
  const auto device = bitloom::runtime::Device::open();
  const auto nvrtc = bitloom::cuda::Nvrtc::find();
  if (!device || !nvrtc) {
    fmt::print("skipped: {}\n", !device ? device.error().message : nvrtc.error().message);
    return 77;
  }
  fmt::print("{}, {}, {} SMs; {}\n", device->name(), bitloom::vm::to_string(device->target()),
             device->sms(), (*nvrtc)->library());
  return RUN_ALL_TESTS();
}
