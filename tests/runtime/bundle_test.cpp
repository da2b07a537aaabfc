// Bundles: the C text of launches as it is, and whole: compiled with the strictest of compilers,
// linked into a plain C program, and run against a driver that writes down what it is told.
#include "runtime/ahead/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/compile.h"
#include "runtime/load_kernel.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"
#include "vm/passes/pipeline.h"

namespace bitloom::runtime {
namespace {

using layouts::SizeExpr;
using testing::HasSubstr;

TEST(CExpression, SaysWhatTheExpressionSays) {
  const auto text = [](const char* expression) {
    return c_expression(layouts::parse_size_expr(expression).value());
  };
  EXPECT_EQ(text("n"), "a->n");
  EXPECT_EQ(text("ceildiv(n, 128)"), "divide_up(a->n, INT64_C(128))");
  EXPECT_EQ(text("k % 64 == 0 && n >= 8"),
            "((remainder_of(a->k, INT64_C(64)) == INT64_C(0)) && (a->n >= INT64_C(8)))");
  EXPECT_EQ(text("k / 2"), "divide(a->k, INT64_C(2))");
  EXPECT_EQ(text("min(k, n)"), "smaller(a->k, a->n)");
  EXPECT_EQ(c_expression(SizeExpr::symbol("device.sms") * 2),
            "((int64_t)kernel->multiprocessors * INT64_C(2))");
  EXPECT_EQ(c_expression(SizeExpr::symbol("long")), "a->long_") << "a word of C";
}

TEST(WriteBundle, WritesAllFilesOrNone) {
  tests::TemporaryFolder folder;
  const BundleFile files[] = {{"a.h", "one"}, {"a.c", "two"}};
  ASSERT_TRUE(write_bundle(folder.path("deep/out"), files));
  EXPECT_EQ(folder.read("deep/out/a.h"), "one");
  EXPECT_EQ(folder.read("deep/out/a.c"), "two");
  std::filesystem::create_directories(folder.path("bad/a.c"));
  const auto failed = write_bundle(folder.path("bad"), files);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, "BL0607");
  EXPECT_FALSE(std::filesystem::exists(folder.path("bad/a.h")));
  folder.write("file", "");
  EXPECT_FALSE(write_bundle(folder.path("file"), files));
}

struct Program {
  std::optional<vm::Function> function;
  std::vector<CompiledKernel> images;
};

// nullopt where the machine has no NVRTC.
std::optional<Program> compiled(const std::string& file, std::vector<std::string> targets,
                                const std::string& kernel = {},
                                const std::map<std::string, std::string>& generics = {
                                    {"W", "u4"}}) {
  Program program;
  for (const std::string& name : targets) {
    vm::Diagnostics diagnostics;
    dsl::SourceManager sources;
    const vm::Target target = vm::Target::parse(name).value();
    const KernelChoice choice{
        BITLOOM_SOURCE_DIR "/kernels/gemm/" + file, kernel, generics, {}, target.sm};
    program.function = load_kernel(choice, sources, BITLOOM_SOURCE_DIR "/stdlib", diagnostics);
    EXPECT_TRUE(program.function);
    auto image = compile_kernel(*program.function, {target, {}, {}, false}, nullptr, diagnostics);
    if (!image && diagnostics.all()[0].code == "BL0416") return std::nullopt;
    EXPECT_TRUE(image) << diagnostics.all()[0].message;
    if (!image) return std::nullopt;
    program.images.push_back(std::move(*image));
  }
  return program;
}

class Bundle : public testing::Test {
 protected:
  // Compiles the bundle, a main() and the driver, all as errors; the program is "main".
  void build(const std::string& name, const Program& program, const std::string& main_text) {
    const auto files = make_bundle(name, *program.function, program.images);
    ASSERT_TRUE(write_bundle(folder_.path(), files));
    folder_.write("main.c", main_text);
    run("gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -shared -fPIC -o libcuda.so.1 "
        "'" BITLOOM_SOURCE_DIR "/tests/runtime/bundle/fake_cuda.c'");
    run("gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -I. -o main main.c " + name + ".c -ldl");
    run("g++ -std=c++17 -Wall -Werror -fsyntax-only -x c++ " + name + ".h");
  }
  void run(const std::string& command) {
    const std::string whole = "cd '" + folder_.path() + "' && " + command + " > out.txt 2>&1";
    EXPECT_EQ(std::system(whole.c_str()), 0) << command << "\n" << folder_.read("out.txt");
  }
  std::string output() { return folder_.read("out.txt"); }

  tests::TemporaryFolder folder_;
};

constexpr const char* kGemmMain = R"(
#include <gemm.h>
#include <stdio.h>
int main(void) {
  struct gemm kernel = {0, 0, 0, 0};
  struct gemm_arguments a = {4096, 8192, 12288, 16384, 17, 256, 512};
  printf("early: %s\n", gemm_message(gemm_launch(&kernel, &a, 0)));
  printf("load: %s\n", gemm_message(gemm_load(&kernel)));
  printf("launch: %s\n", gemm_message(gemm_launch(&kernel, &a, 0)));
  a.k = 100;
  printf("k: %s\n", gemm_message(gemm_launch(&kernel, &a, 0)));
  a.k = 256;
  a.a = 4100;
  printf("a: %s\n", gemm_message(gemm_launch(&kernel, &a, 0)));
  a.a = 4096;
  a.n = -1;
  printf("n: %s\n", gemm_message(gemm_launch(&kernel, &a, 0)));
  printf("fault: %s\n", gemm_message(700));
  return gemm_unload(&kernel);
}
)";

TEST_F(Bundle, APlainCProgramLaunchesTheImageOfItsGpu) {
  const auto program = compiled("gemm.bl", {"sm_80", "sm_90a"});
  if (!program) GTEST_SKIP() << "this machine has no NVRTC";
  build("gemm", *program, kGemmMain);
  run("env LD_LIBRARY_PATH=. FAKE_CUDA_LOG=log FAKE_CUDA_WORDS=7 ./main");
  EXPECT_THAT(output(), HasSubstr("early: the kernel is not loaded"));
  EXPECT_THAT(output(), HasSubstr("load: done"));
  EXPECT_THAT(output(), HasSubstr("launch: done"));
  EXPECT_THAT(output(), HasSubstr("k: 'k % G == 0' does not hold: a group must not be cut off"));
  EXPECT_THAT(output(), HasSubstr("a: a tensor is not aligned"));
  EXPECT_THAT(output(), HasSubstr("n: a size is negative"));
  EXPECT_THAT(output(), HasSubstr("fault: an illegal memory access was encountered"));
  EXPECT_EQ(folder_.read("log"),
            "function gemm of sm_90\n"
            "launch 4 2 1 threads 256 1 1 shared 24576: 4096 8192 12288 16384 17 256 512\n"
            "unload\n");

  folder_.write("log", "");
  run("env LD_LIBRARY_PATH=. FAKE_CUDA_LOG=log FAKE_CUDA_SM=86 ./main");
  EXPECT_THAT(folder_.read("log"), HasSubstr("function gemm of sm_80")) << "8.6 takes that of 8.0";
  run("env LD_LIBRARY_PATH=. FAKE_CUDA_SM=100 ./main");
  EXPECT_THAT(output(), HasSubstr("load: there is no image for this GPU, only for sm_80 sm_90a"));
  folder_.write("libcuda.so.1", "no library");
  run("env LD_LIBRARY_PATH=. ./main");
  EXPECT_THAT(output(), HasSubstr("load: libcuda.so.1, the CUDA driver, was not found"));
}

// The kernel knows how many multiprocessors there are: no caller says so.
TEST_F(Bundle, AnExtentThatCountsMultiprocessorsIsGivenByTheKernel) {
  const auto program = compiled("../../tests/kernels/numbers.bl", {"sm_80", "sm_90a"},
                                "rows_of_multiprocessors", {});
  if (!program) GTEST_SKIP() << "this machine has no NVRTC";
  build("rows", *program, R"(
#include <rows.h>
#include <stdio.h>
int main(void) {
  struct rows kernel;
  struct rows_arguments a = {4096, 8192, 50};
  int error = rows_load(&kernel);
  if (!error) error = rows_launch(&kernel, &a, 0);
  printf("%s\n", rows_message(error));
  return error;
}
)");
  run("env LD_LIBRARY_PATH=. FAKE_CUDA_LOG=log FAKE_CUDA_WORDS=4 ./main");
  EXPECT_THAT(folder_.read("log"),
              HasSubstr("launch 132 1 1 threads 64 1 1 shared 0: 4096 8192 50 132\n"));
}

TEST_F(Bundle, TensorMapsAreEncodedAtTheLaunch) {
  const auto program = compiled("gemm_wgmma.bl", {"sm_90a"});
  if (!program) GTEST_SKIP() << "this machine has no NVRTC";
  build("wide", *program, R"(
#include <wide.h>
#include <stdio.h>
int main(void) {
  struct wide kernel;
  struct wide_arguments a = {4096, 8192, 12288, 16384, 300, 128, 512};
  int error = wide_load(&kernel);
  if (!error) error = wide_launch(&kernel, &a, 0);
  printf("%s\n", wide_message(error));
  return error;
}
)");
  run("env LD_LIBRARY_PATH=. FAKE_CUDA_LOG=log FAKE_CUDA_WORDS=7 ./main");
  const std::string log = folder_.read("log");
  EXPECT_THAT(log, HasSubstr("attribute 8 = "));
  EXPECT_THAT(log, HasSubstr("map type 6 rank 2 at 0x1000 dims 128 300 stride 256 box 64 128 steps "
                             "1 1 0 swizzle 3 3 0"));
  EXPECT_THAT(log, HasSubstr("at 0x4000 dims 512 300 stride 1024"));
  EXPECT_THAT(log, HasSubstr("launch 6 1 1 threads 384 1 1"));
}

}  // namespace
}  // namespace bitloom::runtime
