// bitloom lqer over the shipped checkpoint: the table it prints and the file it writes.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "runtime/host/safetensors.h"
#include "tests/cli/process.h"
#include "tests/support/source_path.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::tests {
namespace {

TEST(CliLqer, WritesCorrectionsOfEveryLinearLayer) {
  const TemporaryFolder folder;
  const std::string model = test::source_path("tests/data/kjv-7m");
  const Finished done = Process({bitloom_program(), "lqer", model, "--type", "u3", "--rank", "16",
                                 "-o", "c.safetensors"},
                                folder.path())
                            .wait(std::chrono::seconds(300));
  ASSERT_EQ(done.status, 0) << done.err;
  const auto file = runtime::SafetensorsFile::open(folder.path("c.safetensors"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensors().size(), 2u * 8 * 7);  // 8 layers of 7 matrices
  const auto shape = [&](const char* name) {
    const runtime::TensorInfo* tensor = file->find(name);
    return tensor != nullptr && tensor->type == vm::kF16 ? tensor->shape : runtime::Shape{};
  };
  EXPECT_EQ(shape("model.layers.3.mlp.down_proj.left"), (runtime::Shape{16, 768}));
  EXPECT_EQ(shape("model.layers.3.mlp.down_proj.right"), (runtime::Shape{256, 16}));
  ASSERT_TRUE(file->metadata().contains("bitloom.lqer"));
  EXPECT_NE(file->metadata().at("bitloom.lqer").find("\"rank\":16"), std::string::npos);

  // Every layer has a line, and a greater rank gives back more.
  std::istringstream table(done.out);
  std::string line;
  std::getline(table, line);
  int layers = 0;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string name;
    double error = 0, rank8 = 0, rank32 = 0, rank64 = 0;
    ASSERT_TRUE(words >> name >> error >> rank8 >> rank32 >> rank64) << line;
    EXPECT_GT(error, 0);
    EXPECT_TRUE(0 < rank8 && rank8 < rank32 && rank32 < rank64 && rank64 < 1) << line;
    ++layers;
  }
  EXPECT_EQ(layers, 8 * 7);
}

TEST(CliLqer, RefusesARankThatAMatrixHasNot) {
  const TemporaryFolder folder;
  const Finished done = Process({bitloom_program(), "lqer", test::source_path("tests/data/kjv-7m"),
                                 "--rank", "300", "-o", "c.safetensors"},
                                folder.path())
                            .wait(std::chrono::seconds(300));
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.err.find("error[BL1101]"), std::string::npos) << done.err;
  EXPECT_FALSE(runtime::SafetensorsFile::open(folder.path("c.safetensors")));
}

}  // namespace
}  // namespace bitloom::tests
