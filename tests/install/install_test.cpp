// Installs into a folder of its own, and uses what lies there: the program, and the library through
// find_package(Bitloom), by the programs of examples/.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::tests {
namespace {

namespace fs = std::filesystem;

struct Ran {
  int status = 0;
  std::string output;  // both streams
};

class Install : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    installed_ = run(fmt::format("cmake --install '{}' --prefix '{}'", BITLOOM_BINARY_DIR,
                                 folder_->path("prefix")));
  }
  static void TearDownTestSuite() { folder_.reset(); }

  void SetUp() override { ASSERT_EQ(installed_.status, 0) << installed_.output; }

  static Ran run(const std::string& command) {
    const std::string log = folder_->path("log");
    const int status = std::system(
        fmt::format("cd '{}' && env -u BITLOOM_STDLIB {} >'{}' 2>&1", folder_->path(), command, log)
            .c_str());
    return {status, folder_->read("log")};
  }
  static std::string installed(const std::string& path) { return folder_->path("prefix/" + path); }
  static std::string folder(const std::string& path) { return folder_->path(path); }

 private:
  static inline std::unique_ptr<TemporaryFolder> folder_;
  static inline Ran installed_;
};

TEST_F(Install, TheProgramFindsItsStandardLibrary) {
  const Ran doctor = run(fmt::format("'{}' doctor", installed("bin/bitloom")));
  EXPECT_EQ(doctor.status, 0);
  EXPECT_NE(doctor.output.find(fs::canonical(installed("share/bitloom/stdlib")).string()),
            std::string::npos)
      << doctor.output;
  const Ran check = run(fmt::format("'{}' check '{}'", installed("bin/bitloom"),
                                    installed("share/bitloom/kernels/softmax/softmax.bl")));
  EXPECT_EQ(check.status, 0) << check.output;
}

TEST_F(Install, NothingButWhatIsNamedIsThere) {
  for (const char* path : {"include/bitloom/vm/isa.def", "include/bitloom/runtime/execute.h",
                           "share/bitloom/kernels/gemm/gemm.bl", "share/bitloom/stdlib/quant.bl",
                           "lib/cmake/Bitloom/BitloomConfig.cmake"}) {
    EXPECT_TRUE(fs::exists(installed(path))) << path;
  }
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder("prefix"))) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_NE(entry.path().extension(), ".cpp") << entry.path();
  }
  EXPECT_GT(files, 100u);
}

// The source tree must not be needed: neither its headers nor a path into it.
TEST_F(Install, ThePackageNamesNoPlaceOfTheSources) {
  for (const auto& entry : fs::directory_iterator(installed("lib/cmake/Bitloom"))) {
    const Ran found =
        run(fmt::format("grep -F '{}/' '{}'", BITLOOM_SOURCE_DIR, entry.path().string()));
    EXPECT_NE(found.status, 0) << entry.path() << ": " << found.output;
  }
}

TEST_F(Install, ExamplesAreBuiltAgainstItAndRun) {
  const Ran configured = run(fmt::format(
      "cmake -S '{}/examples' -B examples -DCMAKE_PREFIX_PATH='{}' -DCMAKE_BUILD_TYPE=Debug",
      BITLOOM_SOURCE_DIR, folder("prefix")));
  ASSERT_EQ(configured.status, 0) << configured.output;
  const Ran built = run("cmake --build examples");
  ASSERT_EQ(built.status, 0) << built.output;
  const Ran softmax = run("examples/softmax");
  EXPECT_EQ(softmax.status, 0);
  EXPECT_EQ(softmax.output, "0.0900 0.2447 0.6652\n0.3333 0.3333 0.3333\n");
  // With a GPU they compute, without one they say what is missing.
  for (const char* program : {"examples/axpy", "examples/axpy_c"}) {
    const Ran ran = run(program);
    if (WEXITSTATUS(ran.status) == 77) {
      EXPECT_NE(ran.output.find("error[BL0416]"), std::string::npos) << ran.output;
    } else {
      EXPECT_EQ(ran.status, 0) << program << "\n" << ran.output;
    }
  }
  // The bundle is there where the machine has NVRTC; without a GPU it says so.
  if (fs::exists(folder("examples/bundle"))) {
    const Ran ran = run("examples/bundle");
    EXPECT_TRUE(ran.status == 0 || WEXITSTATUS(ran.status) == 77) << ran.output;
  } else {
    EXPECT_NE(configured.output.find("no kernel was compiled ahead of time"), std::string::npos);
  }
  const Ran missing = run("examples/softmax nowhere.bl");
  EXPECT_NE(missing.status, 0);
  EXPECT_NE(missing.output.find("error[BL06"), std::string::npos) << missing.output;
}

}  // namespace
}  // namespace bitloom::tests
