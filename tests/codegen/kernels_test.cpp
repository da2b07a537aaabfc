// The shipped kernels as CUDA text: compiled by NVRTC for both targets, with nothing spilled, and
// made of the instructions that they are meant to be made of.
#include <gtest/gtest.h>

#include "tests/codegen/kernel_case.h"
#include "tests/codegen/nvrtc.h"
#include "tests/codegen/ptxas_words.h"

namespace bitloom::test {

TEST_P(Kernel, CompilesWithoutSpills) {
  const Case& test = GetParam();
  const Lowered lowered =
      lower_kernel(test.file, test.kernel, test.generics, test.target, true, test.present);
  ASSERT_TRUE(lowered.cuda) << lowered.complaints;
  for (const std::string& part : test.holds) {
    EXPECT_NE(lowered.cuda->text.find(part), std::string::npos) << part;
  }
  const auto compiled = compile_with_nvrtc(lowered.cuda->text, test.kernel + ".cu", test.target);
  if (!compiled) GTEST_SKIP() << "this machine has no NVRTC";
  ASSERT_TRUE(compiled->done) << compiled->log;
  EXPECT_GT(compiled->cubin.size(), 1000u);
  EXPECT_EQ(ptxas_count(compiled->log, "spill stores"), 0) << compiled->log;
  EXPECT_EQ(ptxas_count(compiled->log, "stack frame"), 0) << compiled->log;
  EXPECT_EQ(compiled->log.find("serialized"), std::string::npos) << compiled->log;
  EXPECT_EQ(compiled->log.find("warning"), std::string::npos) << compiled->log;
  const auto image = codegen::read_cubin(std::as_bytes(std::span(compiled->cubin)));
  ASSERT_TRUE(image) << image.error();
  ASSERT_NE(image->find(lowered.cuda->kernel), nullptr);
  EXPECT_EQ(words_of(*image->find(lowered.cuda->kernel)), words_of_ptxas(compiled->log));
}

namespace {

std::vector<Case> cases() {
  const std::string gemm = "kernels/gemm/gemm.bl";
  std::vector<Case> all;
  for (const std::string target : {"sm_80", "sm_90a"}) {
    all.push_back({"kernels/vector_add/vector_add.bl", "vector_add", target, {}, {"add.rn.f32"}});
    all.push_back({"kernels/softmax/softmax.bl",
                   "softmax",
                   target,
                   {},
                   {"ex2.approx.f32", "shfl.sync.bfly", "div.rn.f32"}});
    all.push_back({"kernels/layernorm/layernorm.bl", "layernorm", target});
    all.push_back({"kernels/kmeans/kmeans_assign.bl", "kmeans_assign", target});
    all.push_back({"kernels/sparse/sparse_gemv.bl", "sparse_gemv", target});
    all.push_back({"kernels/lut/lut_gemv.bl", "lut_gemv", target});
    all.push_back({"kernels/gemv/int8_gemv.bl", "int8_gemv", target, {}, {"dp4a.s32.s32"}});
    all.push_back({"kernels/quantize/quantize.bl", "quantize", target, {{"W", "i4"}}});
    all.push_back({"kernels/lqer/lqer_decode.bl", "lqer_decode", target, {{"W", "u4"}}});
    all.push_back(
        {gemm,
         "gemm",
         target,
         {{"W", "u4"}},
         {"cp.async.cg.shared.global [%0],[%1],16", "lop3.b32", "ldmatrix.sync.aligned.m8n8.x4",
          "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32", "ld.shared.v4.b32",
          " \"kernels/gemm/gemm.bl\"\n"}});
    all.push_back({gemm, "gemm", target, {{"W", "u4"}, {"A", "bf16"}}, {"f32.bf16.bf16.f32"}});
    for (const char* weight : {"u1", "u4"})
      all.push_back({"kernels/gemm/gemm_stream.bl", "order_activations", target, {{"W", weight}}});
    all.push_back({"kernels/gemm/gemm_stream.bl",
                   "gemm_stream",
                   target,
                   {{"W", "i4"}},
                   {"ld.global.nc.L1::no_allocate.L2::256B.v4.b32",
                    "atom.acq_rel.gpu.global.add.u32", "st.release.gpu.global.b32"}});
    all.push_back({"kernels/gemm/grouped_gemm.bl", "grouped_gemm", target, {{"W", "u4"}}});
  }
  return all;
}

// Other tiles, groups and types than the defaults.
std::vector<Case> variants() {
  const std::string gemm = "kernels/gemm/gemm.bl";
  std::vector<Case> all;
  for (const std::string target : {"sm_80", "sm_90a"}) {
    const std::vector<Generics> products = {
        {{"W", "u3"}, {"BM", "32"}}, {{"W", "u4"}, {"BM", "64"}},
        {{"W", "u4"}, {"G", "32"}},  {{"W", "u4"}, {"BM", "32"}, {"BN", "256"}},
        {{"W", "i8"}, {"BM", "32"}}, {{"W", "e2m1"}, {"A", "bf16"}, {"BM", "32"}},
        {{"W", "e4m3"}, {"G", "64"}}};
    for (const Generics& set : products) all.push_back({gemm, "gemm", target, set});
    all.push_back({"kernels/gemm/gemm_stream.bl", "gemm_stream", target, {{"W", "u2"}}});
    all.push_back({"kernels/gemm/grouped_gemm.bl", "grouped_gemm", target, {{"W", "u3"}}});
    all.push_back({"kernels/lut/lut_gemv.bl", "lut_gemv", target, {{"B", "2"}}});
    all.push_back({"kernels/lut/lut_gemv.bl", "lut_gemv", target, {{"B", "8"}, {"C", "1"}}});
    all.push_back({"kernels/quantize/quantize.bl", "quantize", target, {{"W", "u4"}}});
    all.push_back(
        {"kernels/quantize/quantize.bl", "quantize", target, {{"W", "e4m3"}, {"G", "32"}}});
    all.push_back({"kernels/softmax/softmax.bl", "softmax", target, {{"T", "f16"}}});
    all.push_back({"kernels/lqer/lqer_decode.bl", "lqer_decode", target, {{"W", "u3"}}});
  }
  for (const std::string weight : {"u1", "u2", "u3", "u4", "u8", "i4", "e4m3"}) {
    all.push_back({"kernels/gemm/gemm_wgmma.bl",
                   "gemm_wgmma",
                   "sm_90a",
                   {{"W", weight}, {"F", weight == "u3" ? "1" : "2"}},
                   {"wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16", "setmaxnreg.inc",
                    "cp.async.bulk.shared::cluster.global.mbarrier",
                    "cp.async.bulk.tensor.2d.shared::cluster.global"}});
  }
  const Generics tiles[] = {
      {{"W", "u4"}, {"T", "64"}, {"D", "6"}},
      {{"W", "i4"}, {"T", "64"}, {"F", "1"}, {"D", "4"}, {"B", "2"}},
      {{"W", "e3m2"}, {"T", "32"}, {"F", "1"}, {"D", "10"}, {"A", "bf16"}, {"S", "bf16"}},
      {{"W", "u3"}, {"T", "128"}, {"F", "1"}, {"R", "64"}, {"D", "9"}, {"G", "64"}},
      {{"W", "i4"}, {"T", "256"}, {"F", "1"}, {"R", "64"}, {"D", "5"}}};
  for (const Generics& tile : tiles)
    all.push_back({"kernels/gemm/gemm_wgmma.bl", "gemm_wgmma", "sm_90a", tile});
  return all;
}

// The kernels of the model stack, with the tiles that it asks for.
std::vector<Case> model_cases() {
  const std::string linear = "kernels/llama/linear.bl", attend = "kernels/llama/paged_attention.bl",
                    quantized = "kernels/llama/quantized_linear.bl";
  const Generics bf16 = {{"X", "bf16"}, {"BK", "32"}, {"T", "128"}},
                 one = {{"BM", "1"}, {"BK", "64"}, {"T", "64"}};
  const std::string masses = "kernels/llama/prompt_masses.bl";
  const std::set<std::string> tiles = {"first", "list", "reach", "lse"};
  std::set<std::string> lists = {"single_first", "single", "k_rows", "v_rows"};
  lists.insert(tiles.begin(), tiles.end());
  std::vector<Case> all;
  for (const std::string target : {"sm_80", "sm_90a"}) {
    all.push_back({linear, "linear", target, {}, {"fma.rn.f32"}});
    all.push_back({linear, "linear", target, bf16, {"mma.sync.aligned.m16n8k16"}});
    all.push_back({linear, "linear", target, one});
    all.push_back({attend, "paged_attention", target, {{"BM", "32"}}});
    all.push_back({attend, "paged_attention", target, {{"BM", "1"}, {"N", "64"}}});
    all.push_back({attend, "paged_attention", target, {{"T", "bf16"}, {"N", "128"}}});
    all.push_back({attend, "paged_attention", target, {{"D", "128"}, {"BM", "32"}}});
    for (const Generics& set : {Generics{{"BM", "32"}},
                                {{"D", "128"}, {"BM", "32"}},
                                {{"T", "bf16"}, {"N", "128"}},
                                {{"T", "bf16"}, {"N", "128"}, {"D", "128"}}}) {
      all.push_back({attend, "paged_attention", target, set, {}, tiles});
      all.push_back({attend, "paged_attention", target, set, {}, lists});
      Generics of_masses = set;
      if (of_masses.erase("BM") != 0 && set.contains("D")) of_masses["C"] = "4";
      all.push_back({masses, "prompt_masses", target, of_masses, {}, {"share"}});
    }
    for (const char* kernel : {"mean_of_rows", "mean_of_pages", "mean_scores"})
      all.push_back({masses, kernel, target});
    all.push_back({quantized, "quantized_linear", target, {{"W", "u3"}}});
    all.push_back({"kernels/llama/next_token.bl", "next_token", target});
    all.push_back({"kernels/llama/rope_cache.bl", "rope_cache", target});
    all.push_back({"kernels/llama/rms_norm.bl", "rms_norm", target});
    all.push_back({"kernels/llama/swiglu.bl", "swiglu", target});
    all.push_back({"kernels/llama/add.bl", "add", target});
    for (const Generics& set : {Generics{}, {{"X", "bf16"}}, {{"X", "f16"}, {"W", "f16"}}})
      all.push_back({"kernels/gemv/gemv.bl", "gemv", target, set, {"L1::no_allocate"}});
    all.push_back({"kernels/quantize/quantize_codebook.bl", "quantize_codebook", target});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(CodegenModels, Kernel, testing::ValuesIn(model_cases()),
                         [](const auto& test) { return name_of(test.param); });
INSTANTIATE_TEST_SUITE_P(CodegenVariants, Kernel, testing::ValuesIn(variants()),
                         [](const auto& test) { return name_of(test.param); });
INSTANTIATE_TEST_SUITE_P(Codegen, Kernel, testing::ValuesIn(cases()),
                         [](const auto& test) { return name_of(test.param); });

// ---- Weights of every width ---------------------------------------------------------------------

std::vector<std::string> weight_types() {
  std::vector<std::string> types;
  for (const vm::ElementType type : vm::all_element_types()) {
    if (type.is_narrow() && type.type_class != vm::TypeClass::Scale)
      types.push_back(vm::to_string(type));
  }
  return types;
}

class Weights : public testing::TestWithParam<std::string> {};

TEST_P(Weights, GemmCompilesWithoutSpills) {
  const Lowered lowered =
      lower_kernel("kernels/gemm/gemm.bl", "gemm", {{"W", GetParam()}}, "sm_80");
  ASSERT_TRUE(lowered.cuda) << lowered.complaints;
  const auto compiled = compile_with_nvrtc(lowered.cuda->text, "gemm.cu", "sm_80");
  if (!compiled) GTEST_SKIP() << "this machine has no NVRTC";
  ASSERT_TRUE(compiled->done) << compiled->log;
  EXPECT_EQ(ptxas_count(compiled->log, "spill stores"), 0) << compiled->log;
  EXPECT_EQ(ptxas_count(compiled->log, "stack frame"), 0) << compiled->log;
}

INSTANTIATE_TEST_SUITE_P(Codegen, Weights, testing::ValuesIn(weight_types()),
                         [](const auto& test) { return test.param; });

}  // namespace

std::vector<Case> listed_kernels() {
  std::vector<Case> all = cases();
  for (const auto& more : {variants(), model_cases()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace bitloom::test
