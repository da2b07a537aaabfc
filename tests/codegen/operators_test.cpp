// The operators with the types, head sizes and tiles that plans choose: compiled without spills,
// as in kernels_test.cpp. Between the two files every shipped kernel is compiled.
#include <fmt/format.h>

#include <filesystem>

#include "tests/codegen/kernel_case.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kTargets = {"sm_80", "sm_90a"};

std::vector<Case> attention_cases() {
  const std::string folder = "kernels/attention/";
  std::vector<Case> all;
  for (const std::string type : {"f16", "bf16"}) {
    for (const std::string size : {"64", "128"}) {
      const Generics set = {{"T", type}, {"D", size}};
      for (const std::set<std::string>& present :
           {std::set<std::string>{}, std::set<std::string>{"decay"}}) {
        all.push_back({folder + "attention.bl",
                       "attention",
                       "sm_90a",
                       set,
                       {fmt::format("m64n{}k16.f32.{}.{}", size, type, type),
                        fmt::format("m64n128k16.f32.{}.{}", type, type), "setmaxnreg.inc",
                        "cp.async.bulk.tensor.3d.shared::cluster.global",
                        "cp.async.bulk.tensor.3d.global.shared::cta"},
                       present});
      }
      for (const std::string& target : kTargets) {
        all.push_back({folder + "attention_tiles.bl",
                       "attention_tiles",
                       target,
                       set,
                       {"cp.async.cg.shared.global", "ldmatrix.sync.aligned.m8n8.x4",
                        fmt::format("m16n8k16.row.col.f32.{}.{}.f32", type, type),
                        // two halves at a time, though rows of another sequence are masked
                        "st_global_4_if(p"}});
        all.push_back({folder + "attention_tiles.bl",
                       "attention_tiles",
                       target,
                       {{"T", type}, {"D", size}, {"BM", "32"}, {"BN", "32"}},
                       {},
                       {"single_first", "single", "decay"}});
        for (const std::string page : {"16", "64"}) {
          all.push_back({folder + "attention_decode.bl",
                         "attention_decode",
                         target,
                         {{"T", type}, {"D", size}, {"P", page}}});
        }
        all.push_back({folder + "attention_decode.bl", "attention_merge", target, set});
        all.push_back({folder + "patterns.bl", "mean_pool", target, set});
        all.push_back({folder + "patterns.bl", "last_rows_mass", target, set});
      }
    }
  }
  for (const std::string& target : kTargets) {
    for (const std::string kernel :
         {"block_scores", "top_k_threshold", "count_vertical_slash", "list_vertical_slash"})
      all.push_back({folder + "patterns.bl", kernel, target});
    for (const std::string kernel :
         {"mark_chosen", "list_marked", "list_blocks", "cumulative_gates", "count_decayed",
          "list_decayed", "count_a_shape", "list_a_shape"})
      all.push_back({folder + "lists.bl", kernel, target});
    for (const std::string size : {"64", "128"})
      all.push_back({folder + "lists.bl", "largest_row", target, {{"D", size}}});
    all.push_back(
        {folder + "attention_decode.bl", "attention_merge", target, {{"R", "1"}, {"S", "16"}}});
    all.push_back({folder + "patterns.bl", "block_scores", target, {{"OWN", "1"}}});
    all.push_back({folder + "patterns.bl", "list_vertical_slash", target, {}, {}, {"chosen"}});
  }
  return all;
}

// Weights of every number of bits, and the tiles that were the fastest for some of them
// (kernels/gemm/tuned).
std::vector<Case> product_cases() {
  const std::string stream = "kernels/gemm/gemm_stream.bl", lut = "kernels/lut/lut_gemv.bl",
                    int8 = "kernels/gemm/gemm_int8.bl";
  std::vector<Case> all;
  const auto with = [](Generics set, const Generics& more) {
    set.insert(more.begin(), more.end());
    return set;
  };
  const Generics few = {{"M", "8"}, {"NW", "1"}, {"KW", "8"}, {"D", "1"}, {"B", "2"}},
                 more = {{"M", "16"}, {"NW", "1"}, {"KW", "4"}, {"D", "1"}, {"B", "3"}},
                 wide = {{"M", "16"}, {"NW", "2"}, {"KW", "4"}, {"D", "1"}, {"B", "2"}};
  for (const std::string& target : kTargets) {
    for (const std::string weight : {"u1", "u2", "u3", "i4", "u5", "u6", "e3m2", "u8"}) {
      for (const Generics& tile : {few, more})
        all.push_back({stream, "gemm_stream", target, with(tile, {{"W", weight}})});
    }
    for (const std::string weight : {"u1", "u2", "u3"})
      all.push_back({stream, "gemm_stream", target, with(wide, {{"W", weight}})});
    all.push_back({stream,
                   "gemm_stream",
                   target,
                   {{"W", "u4"}, {"A", "bf16"}, {"Z", "u8"}, {"G", "32"}, {"D", "1"}},
                   {},
                   {"zero", "bias", "residual"}});
    all.push_back({stream, "order_columns", target});
    for (const std::string weight : {"u1", "u2", "u3", "i4", "u5", "u6", "u7", "u8"})
      all.push_back({int8,
                     "gemm_int8",
                     target,
                     {{"W", weight}},
                     {"mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32",
                      "ld.global.nc.L1::no_allocate.L2::256B.v4.b32"}});
    // Two masks make operands of a word of nibbles.
    for (const std::string weight : {"u1", "u2", "i4"})
      all.push_back({int8, "gemm_int8", target, with(more, {{"W", weight}}),
                     weight == "i4" ? std::vector<std::string>{" & 0xf0f0f0f0u", " & 0x0f0f0f0fu"}
                                    : std::vector<std::string>{}});
    all.push_back({int8,
                   "gemm_int8",
                   target,
                   {{"W", "u4"}, {"A", "bf16"}, {"Z", "u8"}, {"G", "32"}, {"D", "1"}},
                   {},
                   {"zero", "bias", "residual"}});
    for (const std::string type : {"f16", "bf16"})
      all.push_back({int8, "quantize_activations", target, {{"W", "u4"}, {"A", type}}});
    for (const std::string weight : {"u1", "u3", "i4", "e4m3"})
      all.push_back({"kernels/gemm/dequantize.bl", "dequantize", target, {{"W", weight}}});
    all.push_back({"kernels/gemm/dequantize.bl",
                   "dequantize",
                   target,
                   {{"W", "u4"}, {"A", "bf16"}, {"Z", "u8"}},
                   {},
                   {"zero"}});
    all.push_back({"kernels/measure/raw_read.bl", "raw_read", target, {}, {".v4.b32"}});
    for (const std::string bits : {"2", "3", "4", "8"}) {
      all.push_back({lut, "lut_gemv", target, {{"B", bits}, {"G", "64"}, {"A", "bf16"}}});
      all.push_back({lut, "lut_gemv_columns", target, {{"B", bits}}});
    }
    all.push_back({lut, "lut_gemv_sums", target, {{"B", "2"}}});
    for (const Generics& set : {Generics{{"W", "u4"}, {"M", "16"}},
                                {{"W", "u8"}, {"A", "bf16"}},
                                {{"W", "u7"}},
                                {{"W", "e4m3"}, {"A", "bf16"}}})
      all.push_back({"kernels/lqer/lqer_decode.bl", "lqer_decode", target, set, {}, {"zero"}});
    all.push_back({lut, "lut_gemv_sums", target, {{"B", "4"}, {"A", "bf16"}}});
    for (const std::string type : {"f16", "bf16"}) {
      all.push_back({"kernels/lqer/lqer_gemm.bl", "lqer_gemm", target, {{"W", "u4"}, {"A", type}}});
      all.push_back({"kernels/lqer/lqer_gemm.bl", "lqer_project", target, {{"A", type}}});
      all.push_back({"kernels/llama/embedding.bl", "embedding", target, {{"T", type}}});
      all.push_back({"kernels/softmax/softmax.bl", "softmax", target, {{"T", type}}});
      all.push_back(
          {"kernels/layernorm/layernorm.bl", "layernorm", target, {{"T", type}}, {}, {"bias"}});
      all.push_back({"kernels/kmeans/kmeans_assign.bl",
                     "kmeans_assign",
                     target,
                     {{"T", type}, {"D", "128"}}});
      all.push_back({"kernels/sparse/sparse_gemv.bl", "sparse_gemv", target, {{"T", type}}});
    }
    all.push_back({"kernels/llama/token_loss.bl", "token_loss", target});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(CodegenAttention, Kernel, testing::ValuesIn(attention_cases()),
                         [](const auto& test) { return name_of(test.param); });
INSTANTIATE_TEST_SUITE_P(CodegenProducts, Kernel, testing::ValuesIn(product_cases()),
                         [](const auto& test) { return name_of(test.param); });

TEST(KernelTable, HasEveryShippedKernelForEveryTarget) {
  std::set<std::string> compiled, shipped;
  for (const auto& list : {listed_kernels(), attention_cases(), product_cases()}) {
    for (const Case& test : list) compiled.insert(test.kernel + " " + test.target);
  }
  for (const auto& entry :
       fs::recursive_directory_iterator(fs::path(BITLOOM_SOURCE_DIR) / "kernels")) {
    if (entry.path().extension() != ".bl") continue;
    vm::Diagnostics diagnostics;
    dsl::SourceManager sources;
    dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
    ASSERT_TRUE(program.load(entry.path().string(), diagnostics)) << complaints_of(diagnostics);
    for (const auto& signature : program.kernels()) {
      for (const std::string& target : kTargets) {
        // Warpgroup products are of one architecture.
        const bool wgmma = signature.name == "gemm_wgmma" || signature.name == "attention";
        if (!wgmma || target == "sm_90a") shipped.insert(signature.name + " " + target);
      }
    }
  }
  for (const std::string& name : shipped) EXPECT_TRUE(compiled.contains(name)) << name;
  EXPECT_GE(shipped.size(), 60u);
}

}  // namespace
}  // namespace bitloom::test
