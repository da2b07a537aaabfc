// What a cubin says of its kernels: on images that lie in the project, and against the words of
// ptxas on one that spills.
#include "codegen/cubin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/codegen/nvrtc.h"
#include "tests/codegen/ptxas_words.h"
#include "tests/support/places.h"

namespace bitloom::test {
namespace {

using codegen::read_cubin;
using testing::HasSubstr;

std::string image(const std::string& name) {
  std::ifstream stream(BITLOOM_SOURCE_DIR "/tests/fuzz/corpus/cubin/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// __launch_bounds__(64), 64 floats of static shared memory, one __syncthreads().
TEST(Cubin, SaysWhatAKernelTakes) {
  for (const auto& [name, sm] : {std::pair{"tiny_sm_80", 80}, {"tiny_sm_90a", 90}}) {
    SCOPED_TRACE(name);
    const auto info = read_cubin(bytes_of(image(name)));
    ASSERT_TRUE(info) << info.error();
    EXPECT_EQ(info->sm, sm);
    ASSERT_EQ(info->kernels.size(), 1u);
    const codegen::KernelResources& kernel = info->kernels[0];
    EXPECT_EQ(kernel.name, "tiny");
    EXPECT_EQ(kernel.shared_bytes, 256);
    EXPECT_EQ(kernel.barriers, 1);
    EXPECT_EQ(kernel.max_threads, 64);
    EXPECT_EQ(kernel.local_bytes, 0);
    EXPECT_EQ(kernel.spill_store_bytes, 0);
    EXPECT_GT(kernel.registers, 4);
    EXPECT_LT(kernel.registers, 32);
    EXPECT_GT(kernel.instructions, 8);
    EXPECT_EQ(info->find("tiny"), &kernel);
    EXPECT_EQ(info->find("tin"), nullptr);
  }
}

TEST(Cubin, NoCutIsReadBehindItsEnd) {
  const std::string whole = image("tiny_sm_90a");
  int refused = 0;
  for (std::size_t size = 0; size < whole.size(); size += 7)
    refused += !read_cubin(bytes_of(whole.substr(0, size)));
  EXPECT_GT(refused, 100) << "the section headers stand at the end";
}

TEST(Cubin, SaysWhatIsWrong) {
  EXPECT_THAT(read_cubin({}).error(), HasSubstr("no 64-bit"));
  std::string other = image("tiny_sm_80");
  other[18] = 62;  // x86-64
  EXPECT_THAT(read_cubin(bytes_of(other)).error(), HasSubstr("another machine"));
  std::string far = image("tiny_sm_80");
  far[46] = 1;  // the section headers begin far behind the end
  EXPECT_THAT(read_cubin(bytes_of(far)).error(), HasSubstr("do not lie in it"));
}

TEST(Cubin, CountsSpillsAsPtxasDoes) {
  const char* text = R"(
extern "C" __global__ void __launch_bounds__(1024, 2) k(const float* a, float* b, int n) {
  __shared__ float q[100];
  float x[64];
#pragma unroll
  for (int i = 0; i < 64; ++i) x[i] = a[threadIdx.x * 64 + i * n];
  asm volatile("bar.sync 3, 64;");
  __syncthreads();
  q[threadIdx.x % 100] = x[3];
#pragma unroll
  for (int i = 0; i < 64; ++i) b[threadIdx.x * 64 + i * n] = x[i] * x[63 - i] + q[i];
})";
  for (const std::string target : {"sm_80", "sm_90a"}) {
    SCOPED_TRACE(target);
    const auto compiled = compile_with_nvrtc(text, "spills.cu", target);
    if (!compiled) GTEST_SKIP() << "this machine has no NVRTC";
    ASSERT_TRUE(compiled->done) << compiled->log;
    const auto info = read_cubin(std::as_bytes(std::span(compiled->cubin)));
    ASSERT_TRUE(info) << info.error();
    ASSERT_NE(info->find("k"), nullptr);
    EXPECT_GT(info->find("k")->spill_store_bytes, 100);
    EXPECT_EQ(info->find("k")->barriers, 4);
    EXPECT_EQ(words_of(*info->find("k")), words_of_ptxas(compiled->log)) << compiled->log;
  }
}

}  // namespace
}  // namespace bitloom::test
