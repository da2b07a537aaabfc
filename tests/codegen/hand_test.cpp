// The CUDA texts that were written by hand beside three kernels: they compile for sm_90a with
// nothing spilled and no warpgroup product serialised. They are what the code generator has to
// reach.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/codegen/nvrtc.h"
#include "tests/support/places.h"

namespace bitloom::test {
namespace {

class HandWritten : public testing::TestWithParam<const char*> {};

TEST_P(HandWritten, CompilesWithoutSpillsOrSerialisedProducts) {
  const std::string path =
      std::string(BITLOOM_SOURCE_DIR "/tests/codegen/hand/") + GetParam() + ".cu";
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty()) << path;
  const std::optional<Compiled> compiled = compile_with_nvrtc(text.str(), path, "sm_90a");
  if (!compiled) GTEST_SKIP() << "this machine has no NVRTC";
  ASSERT_TRUE(compiled->done) << compiled->log;
  EXPECT_GT(compiled->cubin.size(), 1000u);
  EXPECT_EQ(ptxas_count(compiled->log, "spill stores"), 0) << compiled->log;
  EXPECT_EQ(ptxas_count(compiled->log, "spill loads"), 0) << compiled->log;
  EXPECT_EQ(ptxas_count(compiled->log, "stack frame"), 0) << compiled->log;
  EXPECT_EQ(compiled->log.find("serialized"), std::string::npos) << compiled->log;
}

INSTANTIATE_TEST_SUITE_P(Kernels, HandWritten,
                         testing::Values("gemm_stream", "gemm_wgmma", "attention"),
                         [](const auto& name) { return std::string(name.param); });

}  // namespace
}  // namespace bitloom::test
