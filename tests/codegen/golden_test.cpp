// Runs every golden/*.ir: a lowered function, printed for sm_80, against golden/*.cu.
//
// BITLOOM_UPDATE=1 in the environment writes the .cu files anew; read the difference before you
// commit it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "codegen/cuda.h"
#include "tests/support/places.h"
#include "vm/text/parser.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

fs::path folder() {
  return fs::path(BITLOOM_SOURCE_DIR) / "tests/codegen/golden";
}

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() == ".ir") result.push_back(entry.path().stem().string());
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, PrintsAsWritten) {
  vm::Diagnostics diagnostics;
  const auto function = vm::parse_function(read(folder() / (GetParam() + ".ir")), diagnostics);
  ASSERT_TRUE(function) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  const auto cuda = codegen::print_cuda(*function, {.target = {80, false}}, diagnostics);
  ASSERT_TRUE(cuda) << diagnostics.all()[0].message;
  const fs::path path = folder() / (GetParam() + ".cu");
  if (std::getenv("BITLOOM_UPDATE")) {
    std::ofstream(path, std::ios::binary) << cuda->text;
    return;
  }
  EXPECT_EQ(cuda->text, read(path)) << "BITLOOM_UPDATE=1 accepts the result";
}

TEST_P(Golden, PrintsTheSameTwice) {
  vm::Diagnostics diagnostics;
  const std::string text = read(folder() / (GetParam() + ".ir"));
  const auto first = vm::parse_function(text, diagnostics);
  const auto second = vm::parse_function(text, diagnostics);
  ASSERT_TRUE(first && second);
  const codegen::CudaOptions options{.target = {80, false}};
  EXPECT_EQ(codegen::print_cuda(*first, options, diagnostics)->text,
            codegen::print_cuda(*second, options, diagnostics)->text);
}

INSTANTIATE_TEST_SUITE_P(Codegen, Golden, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace bitloom::test
