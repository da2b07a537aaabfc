// What is said when NVRTC refuses a generated text, fails, or is not there. The NVRTC is one that
// refuses everything (fake_driver/fake_nvrtc.cpp).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <regex>
#include <sstream>

#include "runtime/module.h"
#include "tests/runtime/fake_driver/fake_driver.h"
#include "tests/support/source_path.h"

namespace bitloom::test {
namespace {

using namespace runtime;  // NOLINT: the whole room is under test
using testing::HasSubstr;

Result<void> prepare(const std::string& name) {
  const std::string text = "// a comment\nkernel " + name +
                           "(x: global f32[n]) grid(1) threads(32) {\n"
                           "    x[0 +: 64] <- x[0 +: 64] + 1.0\n}\n";
  const auto module =
      Module::from_text("add_one.bl", text, {.stdlib = source_path("stdlib"), .cache = false});
  if (!module) return tl::make_unexpected(module.error());
  return module->specialize(name)->prepare(*Device::open());
}

class RefusedText : public testing::Test {
 protected:
  void SetUp() override {
    fake_driver().reset();
    setenv("BITLOOM_NVRTC", BITLOOM_BINARY_DIR "/tests/libfake_nvrtc.so", 1);
  }
};

TEST_F(RefusedText, IsAnInternalErrorWithTheKernelsLineAndASavedReproducer) {
  const auto refused = prepare("add_one");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "BL0901");
  EXPECT_THAT(refused.error().message, HasSubstr("add_one.bl:3:"));
  EXPECT_THAT(refused.error().message, HasSubstr("internal error: NVRTC refuses the text generated "
                                                 "for kernel 'add_one': identifier \"nonsense\" is "
                                                 "undefined"));
  ASSERT_EQ(refused.error().hints.size(), 1u);
  std::smatch match;
  static const std::regex path("are in (.*\\.cu)$");
  ASSERT_TRUE(std::regex_search(refused.error().hints[0], match, path)) << refused.error().hints[0];
  std::stringstream saved;
  saved << std::ifstream(match[1].str()).rdbuf();
  EXPECT_THAT(saved.str(), HasSubstr("__global__"));
  EXPECT_THAT(saved.str(), HasSubstr("identifier \"nonsense\" is undefined"));
  EXPECT_TRUE(std::filesystem::remove(match[1].str()));
}

TEST_F(RefusedText, AFaultOfNvrtcItselfIsReportedByTheCall) {
  const auto failed = prepare("crash");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "BL0801");
  EXPECT_THAT(failed.error().message, HasSubstr("nvrtcCompileProgram: NVRTC_ERROR_INTERNAL_ERROR"));
}

// A process of its own: the library is looked up once.
TEST_F(RefusedText, AMachineWithoutNvrtcSaysWhereItWasLookedFor) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("BITLOOM_NVRTC", "/nowhere/libnvrtc.so", 1);
        const auto failed = prepare("add_one");
        std::cerr << failed.error().code << " " << failed.error().message << "\n";
        std::_Exit(failed.error().code == "BL0416" ? 0 : 1);
      },
      testing::ExitedWithCode(0), "this machine has no NVRTC.*/nowhere/libnvrtc.so was not found");
}

TEST_F(RefusedText, AMachineWithoutADriverSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("BITLOOM_CUDA_DRIVER", "/nowhere/libcuda.so.1", 1);
        const auto failed = Device::open();
        std::cerr << failed.error().code << " " << failed.error().message << "\n";
        std::_Exit(failed.error().code == "BL0416" ? 0 : 1);
      },
      testing::ExitedWithCode(0), "this machine has no CUDA driver .*/nowhere/libcuda.so.1");
}

// A library that lacks entry points is named, and so is what it lacks.
TEST_F(RefusedText, ALibraryThatIsNoDriverIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("BITLOOM_CUDA_DRIVER", BITLOOM_BINARY_DIR "/tests/libfake_nvrtc.so", 1);
        const auto failed = Device::open();
        std::cerr << failed.error().code << " " << failed.error().message << "\n";
        std::_Exit(failed.error().code == "BL0416" ? 0 : 1);
      },
      testing::ExitedWithCode(0), "libfake_nvrtc.so is too old: it has no cuInit");
}

}  // namespace
}  // namespace bitloom::test
