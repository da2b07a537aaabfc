// A version of NVRTC that was found before is known without loading the library, as long as nothing
// changed that decides which library that is.
#include "runtime/cuda/nvrtc_version.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "runtime/compile.h"
#include "tests/support/places.h"
#include "tests/support/temporary_folder.h"
#include "vm/text/parser.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;
using cuda::remembered_nvrtc;

// A process of its own: one finds NVRTC once.
template <class F>
bool holds_in_child(F&& f) {
  const pid_t child = fork();
  if (child == 0) _exit(f() ? 0 : 1);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool is_loaded(const std::string& library) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(library) != std::string::npos) return true;
  return false;
}

class NvrtcVersion : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy(BITLOOM_BINARY_DIR "/tests/libfake_nvrtc.so", library_);
    setenv("BITLOOM_NVRTC", library_.c_str(), 1);
    ASSERT_EQ(remembered_nvrtc(cache_), std::nullopt);
    ASSERT_TRUE(holds_in_child([&] {
      const auto nvrtc = cuda::Nvrtc::find();
      if (nvrtc) cuda::remember_nvrtc(cache_, **nvrtc);
      return nvrtc.has_value();
    }));
    ASSERT_EQ(remembered_nvrtc(cache_), "12.9");
  }
  void TearDown() override { unsetenv("BITLOOM_NVRTC"); }

  tests::TemporaryFolder folder_;
  std::string library_ = folder_.path("libanother.so"), cache_ = folder_.path("cache");
};

TEST_F(NvrtcVersion, OfALibraryThatChangedIsNotRemembered) {
  const auto long_ago = fs::last_write_time(library_) - std::chrono::hours(24);
  fs::last_write_time(library_, long_ago);
  EXPECT_EQ(remembered_nvrtc(cache_), std::nullopt);
}

TEST_F(NvrtcVersion, OfALibraryThatIsGoneIsNotRemembered) {
  fs::remove(library_);
  EXPECT_EQ(remembered_nvrtc(cache_), std::nullopt);
}

TEST_F(NvrtcVersion, HoldsForTheVariablesThatItWasFoundWith) {
  const std::string other = folder_.path("libthird.so");
  fs::copy(library_, other);
  setenv("BITLOOM_NVRTC", other.c_str(), 1);
  EXPECT_EQ(remembered_nvrtc(cache_), std::nullopt);
  setenv("BITLOOM_NVRTC", library_.c_str(), 1);
  EXPECT_EQ(remembered_nvrtc(cache_), "12.9");
  const char* search = std::getenv("LD_LIBRARY_PATH");
  const std::string before = search ? search : "";
  setenv("LD_LIBRARY_PATH", folder_.path().c_str(), 1);
  EXPECT_EQ(remembered_nvrtc(cache_), std::nullopt);
  if (search) {
    setenv("LD_LIBRARY_PATH", before.c_str(), 1);
  } else {
    unsetenv("LD_LIBRARY_PATH");
  }
  EXPECT_EQ(remembered_nvrtc(cache_), "12.9");
}

TEST_F(NvrtcVersion, OfADamagedFileIsNotRemembered) {
  const std::string whole = folder_.read("cache/nvrtc");
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    folder_.write("cache/nvrtc", whole.substr(0, size));
    EXPECT_EQ(remembered_nvrtc(cache_), std::nullopt) << size;
  }
  for (const std::string& text : {whole + "x", "x" + whole, std::string(200000, 'x')}) {
    folder_.write("cache/nvrtc", text);
    EXPECT_EQ(remembered_nvrtc(cache_), std::nullopt);
  }
}

TEST_F(NvrtcVersion, IsAllThatAHitNeeds) {
  const char* text = "kernel @k threads(32) grid(1) () { return }";
  const runtime::CompileOptions options{.target = {80, false}};
  EXPECT_TRUE(holds_in_child([&] {
    vm::Diagnostics diagnostics;
    const auto function = vm::parse_function(text, diagnostics);
    runtime::Cache cache({cache_, 1 << 20});
    runtime::CompiledKernel kernel;
    kernel.kernel = "k";
    cache.store(runtime::cache_key(*function, options, "12.9"), kernel, diagnostics);
    runtime::CompileTrace trace;
    const auto found =
        runtime::compile_kernel(*function, options, &cache, diagnostics, nullptr, &trace);
    return found && found->kernel == "k" && trace.cached && !is_loaded("libanother");
  }));
  // The same under what is no longer so: the library is loaded, and what it says is remembered.
  fs::last_write_time(library_, fs::last_write_time(library_) - std::chrono::hours(24));
  EXPECT_TRUE(holds_in_child([&] {
    vm::Diagnostics diagnostics;
    const auto function = vm::parse_function(text, diagnostics);
    runtime::Cache cache({cache_, 1 << 20});
    return runtime::compile_kernel(*function, options, &cache, diagnostics) &&
           is_loaded("libanother");
  }));
  EXPECT_EQ(remembered_nvrtc(cache_), "12.9");
}

}  // namespace
}  // namespace bitloom::test
