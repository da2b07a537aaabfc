// Shipped kernels as CUDA text: printed for two architectures and compiled by NVRTC with nothing
// spilled.
#include <fmt/format.h>

#include "tests/codegen/lowered_kernel.h"
#include "tests/codegen/nvrtc.h"

namespace bitloom::test {
namespace {

struct Printed {
  const char* name;
  const char* file;
  const char* kernel;
  Generics generics;
  std::vector<const char*> wanted;  // what the text must hold
};

void PrintTo(const Printed& printed, std::ostream* out) {
  *out << printed.name;
}

class PrintedKernel : public testing::TestWithParam<std::tuple<Printed, const char*>> {};

TEST_P(PrintedKernel, CompilesWithoutSpills) {
  const auto& [printed, target] = GetParam();
  const Lowered lowered = lower_kernel(printed.file, printed.kernel, printed.generics, target);
  ASSERT_TRUE(lowered.cuda.has_value()) << lowered.complaints;
  for (const char* wanted : printed.wanted) {
    EXPECT_NE(lowered.cuda->text.find(wanted), std::string::npos) << wanted;
  }
  const auto compiled = compile_with_nvrtc(lowered.cuda->text, printed.name, target);
  if (!compiled) GTEST_SKIP() << "this machine has no NVRTC";
  ASSERT_TRUE(compiled->done) << compiled->log;
  EXPECT_GT(compiled->cubin.size(), 1000u);
  EXPECT_EQ(ptxas_count(compiled->log, "spill stores"), 0) << compiled->log;
  EXPECT_EQ(ptxas_count(compiled->log, "spill loads"), 0) << compiled->log;
}

TEST(PrintedKernels, EqualFunctionsGiveEqualTexts) {
  const Lowered first = lower_kernel("kernels/gemm/gemm.bl", "gemm", {{"W", "u4"}}, "sm_80");
  const Lowered second = lower_kernel("kernels/gemm/gemm.bl", "gemm", {{"W", "u4"}}, "sm_80");
  ASSERT_TRUE(first.cuda && second.cuda) << first.complaints;
  EXPECT_EQ(first.cuda->text, second.cuda->text);
}

const Printed kPrinted[] = {
    {"vector_add", "kernels/vector_add/vector_add.bl", "vector_add", {}, {"add"}},
    {"softmax", "kernels/softmax/softmax.bl", "softmax", {}, {}},
    {"layernorm", "kernels/layernorm/layernorm.bl", "layernorm", {}, {}},
    {"gemm_u4", "kernels/gemm/gemm.bl", "gemm", {{"W", "u4"}}, {"mma", "lop3", "cp.async"}},
    {"gemm_i3", "kernels/gemm/gemm.bl", "gemm", {{"W", "i3"}}, {"mma", "lop3"}},
    {"gemm_e2m1", "kernels/gemm/gemm.bl", "gemm", {{"W", "e2m1"}}, {"mma"}},
    {"gemm_u8", "kernels/gemm/gemm.bl", "gemm", {{"W", "u8"}}, {"mma"}},
};

INSTANTIATE_TEST_SUITE_P(Kernels, PrintedKernel,
                         testing::Combine(testing::ValuesIn(kPrinted),
                                          testing::Values("sm_80", "sm_90a")),
                         [](const auto& test) {
                           return fmt::format("{}_{}", std::get<0>(test.param).name,
                                              std::get<1>(test.param));
                         });

}  // namespace
}  // namespace bitloom::test
