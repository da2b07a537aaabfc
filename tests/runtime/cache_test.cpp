// The cache of compiled kernels: what it keeps it gives back, and whatever is wrong with its folder
// is a miss and at most one warning.
#include "runtime/cache/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "tests/support/temporary_folder.h"

namespace bitloom::runtime {
namespace {

namespace fs = std::filesystem;
using codegen::CudaParameter;
using testing::HasSubstr;

CacheKey key_of(const std::string& program) {
  return {program, "-std=c++17", "sm_90a", "13.0", std::string(build_id())};
}

CompiledKernel kernel_of(std::size_t bytes, int seed = 0) {
  CompiledKernel kernel{"gemm", "sm_90a", {}, 4096, 256, 2, {}, "0 bytes spill stores"};
  kernel.parameters.push_back({CudaParameter::Kind::Pointer, "a", vm::kNoValue, 8, {}});
  kernel.parameters.push_back({CudaParameter::Kind::Scalar, "alpha", vm::kNoValue, 4, {}});
  kernel.parameters.push_back({CudaParameter::Kind::Size, "n", vm::kNoValue, 8, {}});
  kernel.parameters.push_back({CudaParameter::Kind::TensorMap, "a", vm::kNoValue, 128,
                               codegen::TensorMapSpec{vm::kNoValue, vm::kF16, {64, 32}, 128}});
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < bytes; ++i) kernel.cubin.push_back(std::byte(random()));
  return kernel;
}

void expect_equal(const CompiledKernel& a, const CompiledKernel& b) {
  EXPECT_EQ(serialize(a), serialize(b));
}

class CacheTest : public testing::Test {
 protected:
  Cache cache(std::uint64_t limit = 1 << 20) { return Cache({folder_.path("cache"), limit}); }
  // The only entry.
  fs::path entry() const {
    for (const auto& file : fs::directory_iterator(folder_.path("cache"))) return file.path();
    return {};
  }
  void change(const std::function<void(std::string&)>& f) {
    std::string bytes = folder_.read(fs::relative(entry(), folder_.path()).string());
    f(bytes);
    folder_.write(fs::relative(entry(), folder_.path()).string(), bytes);
  }

  tests::TemporaryFolder folder_;
  vm::Diagnostics diagnostics_;
};

TEST_F(CacheTest, GivesBackWhatWasStored) {
  Cache first = cache();
  const CompiledKernel kernel = kernel_of(1000);
  EXPECT_FALSE(first.find(key_of("k"), diagnostics_));
  first.store(key_of("k"), kernel, diagnostics_);
  Cache second = cache();  // as another process has it
  const auto found = second.find(key_of("k"), diagnostics_);
  ASSERT_TRUE(found);
  expect_equal(*found, kernel);
  EXPECT_TRUE(diagnostics_.all().empty());
  EXPECT_EQ(second.stats().entries, 1u);
  EXPECT_EQ(second.verify().good, 1u);
}

TEST_F(CacheTest, EveryPartOfTheKeyCounts) {
  Cache c = cache();
  const CacheKey key = key_of("k");
  c.store(key, kernel_of(10), diagnostics_);
  for (std::string CacheKey::*part : {&CacheKey::program, &CacheKey::options, &CacheKey::target,
                                      &CacheKey::nvrtc, &CacheKey::build}) {
    CacheKey other = key;
    other.*part += "x";
    EXPECT_FALSE(c.find(other, diagnostics_)) << other.*part;
  }
  EXPECT_TRUE(c.find(key, diagnostics_));
}

TEST_F(CacheTest, EveryCutAndEveryChangedByteIsAMiss) {
  Cache writer = cache();
  writer.store(key_of("k"), kernel_of(40), diagnostics_);
  const std::string whole = folder_.read(fs::relative(entry(), folder_.path()).string());
  ASSERT_GT(whole.size(), 100u);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    change([&](std::string& bytes) { bytes = whole.substr(0, i); });
    EXPECT_FALSE(cache().find(key_of("k"), diagnostics_)) << "cut off at " << i;
    change([&](std::string& bytes) {
      bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    });
    EXPECT_FALSE(cache().find(key_of("k"), diagnostics_)) << "changed at " << i;
  }
  change([&](std::string& bytes) { bytes = whole + "x"; });
  EXPECT_FALSE(cache().find(key_of("k"), diagnostics_));
  change([&](std::string& bytes) { bytes = whole; });
  EXPECT_TRUE(cache().find(key_of("k"), diagnostics_));
}

TEST_F(CacheTest, OneWarningStandsForAll) {
  Cache c = cache();
  c.store(key_of("k"), kernel_of(40), diagnostics_);
  change([](std::string& bytes) { bytes.resize(bytes.size() / 2); });
  EXPECT_FALSE(c.find(key_of("k"), diagnostics_));
  EXPECT_FALSE(c.find(key_of("k"), diagnostics_));
  ASSERT_EQ(diagnostics_.all().size(), 1u);
  EXPECT_EQ(diagnostics_.all()[0].code, "BL0620");
  EXPECT_EQ(diagnostics_.all()[0].severity, vm::Severity::Warning);
  EXPECT_THAT(diagnostics_.all()[0].message, HasSubstr("damaged"));
  c.store(key_of("k"), kernel_of(40), diagnostics_);
  EXPECT_TRUE(c.find(key_of("k"), diagnostics_)) << "what is compiled replaces the entry";
}

TEST_F(CacheTest, AnEntryUnderAnothersNameIsAMiss) {
  Cache c = cache();
  c.store(key_of("a"), kernel_of(40), diagnostics_);
  const fs::path a = entry();
  fs::rename(a, folder_.path("kept"));
  c.store(key_of("b"), kernel_of(40), diagnostics_);
  const fs::path b = entry();
  fs::rename(folder_.path("kept"), b);
  EXPECT_FALSE(c.find(key_of("b"), diagnostics_));
  ASSERT_EQ(diagnostics_.all().size(), 1u);
  EXPECT_THAT(diagnostics_.all()[0].message, HasSubstr("another kernel"));
  EXPECT_THAT(c.verify().damaged, testing::ElementsAre(b.string()));
}

TEST_F(CacheTest, AFolderOrALinkInTheWayIsAMiss) {
  Cache c = cache();
  c.store(key_of("k"), kernel_of(40), diagnostics_);
  const fs::path at = entry();
  fs::rename(at, folder_.path("kept"));
  fs::create_symlink(folder_.path("kept"), at);
  EXPECT_FALSE(cache().find(key_of("k"), diagnostics_));
  fs::remove(at);
  fs::create_directory(at);
  EXPECT_FALSE(cache().find(key_of("k"), diagnostics_));
  cache().store(key_of("k"), kernel_of(40), diagnostics_);
  EXPECT_EQ(diagnostics_.all().size(), 3u);
}

TEST_F(CacheTest, AFolderThatCannotBeMadeIsOneWarning) {
  folder_.write("file", "");
  Cache c({folder_.path("file") + "/cache", 1 << 20});
  EXPECT_FALSE(c.find(key_of("k"), diagnostics_));
  EXPECT_TRUE(diagnostics_.all().empty()) << "nothing is there, which is a plain miss";
  c.store(key_of("k"), kernel_of(40), diagnostics_);
  c.store(key_of("k"), kernel_of(40), diagnostics_);
  ASSERT_EQ(diagnostics_.all().size(), 1u);
  EXPECT_EQ(diagnostics_.all()[0].code, "BL0621");
}

TEST_F(CacheTest, LimitZeroKeepsNothing) {
  Cache c = cache(0);
  c.store(key_of("k"), kernel_of(40), diagnostics_);
  EXPECT_FALSE(c.find(key_of("k"), diagnostics_));
  EXPECT_FALSE(fs::exists(folder_.path("cache")));
}

TEST_F(CacheTest, TheLeastRecentlyUsedGoesFirst) {
  Cache c = cache(10'000);
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(10);
  for (int i = 0; i < 4; ++i) {
    c.store(key_of(std::to_string(i)), kernel_of(2000, i), diagnostics_);
    for (const auto& file : fs::directory_iterator(folder_.path("cache")))
      if (file.last_write_time() > long_ago + std::chrono::hours(5))
        fs::last_write_time(file.path(), long_ago + std::chrono::minutes(i));
  }
  ASSERT_EQ(c.stats().entries, 4u);
  ASSERT_TRUE(c.find(key_of("0"), diagnostics_));  // used again
  c.store(key_of("new"), kernel_of(2000), diagnostics_);
  EXPECT_LE(c.stats().bytes, 10'000u);
  EXPECT_TRUE(c.find(key_of("0"), diagnostics_));
  EXPECT_FALSE(c.find(key_of("1"), diagnostics_));
  EXPECT_TRUE(c.find(key_of("3"), diagnostics_));
  EXPECT_TRUE(c.find(key_of("new"), diagnostics_));
}

TEST_F(CacheTest, AnEntryAboveTheLimitIsNotKept) {
  Cache c = cache(1000);
  c.store(key_of("k"), kernel_of(2000), diagnostics_);
  EXPECT_FALSE(c.find(key_of("k"), diagnostics_));
}

TEST_F(CacheTest, ClearLeavesWhatIsNotItsOwn) {
  Cache c = cache();
  c.store(key_of("a"), kernel_of(40), diagnostics_);
  c.store(key_of("b"), kernel_of(40), diagnostics_);
  folder_.write("cache/notes.txt", "mine");
  folder_.write("cache/0123.kernel.AbCdEf", "left behind by a writer that was killed");
  EXPECT_EQ(c.clear(), 2u);
  EXPECT_EQ(c.stats().entries, 0u);
  EXPECT_TRUE(fs::exists(folder_.path("cache/notes.txt")));
  EXPECT_FALSE(fs::exists(folder_.path("cache/0123.kernel.AbCdEf")));
}

// Every process stores and finds the same few keys in a cache that is too small for all of them,
// so that writing, reading and pruning meet.
int work(const std::string& folder, int process) {
  Cache c({folder, 40'000});
  vm::Diagnostics diagnostics;
  for (int i = 0; i < 60; ++i) {
    const int which = (i * 7 + process) % 12;
    const CompiledKernel expected = kernel_of(4000, which);
    if (const auto found = c.find(key_of(std::to_string(which)), diagnostics)) {
      if (serialize(*found) != serialize(expected)) return 2;
    } else {
      c.store(key_of(std::to_string(which)), expected, diagnostics);
    }
  }
  return diagnostics.all().empty() ? 0 : 3;
}

TEST_F(CacheTest, ThirtyTwoProcessesShareOneFolder) {
  std::vector<pid_t> children;
  for (int process = 0; process < 32; ++process) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) _exit(work(folder_.path("cache"), process));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  Cache c = cache();
  EXPECT_TRUE(c.verify().damaged.empty());
  EXPECT_GT(c.stats().entries, 0u);
  EXPECT_LE(c.stats().bytes, 40'000u + 32u * 5000u);
  for (const auto& file : fs::directory_iterator(folder_.path("cache")))
    EXPECT_EQ(file.path().extension(), ".kernel") << "left behind";
}

TEST(CacheKey, PartsDoNotRunTogether) {
  EXPECT_NE((CacheKey{"p", "a\nnvrtc", "t", "n", "b"}.text()),
            (CacheKey{"p", "a", "t", "n", "b"}.text()));
}

TEST(CompiledKernel, FindsItsParametersByName) {
  vm::Function function;
  function.sizes = {function.add_value("n", {})};
  function.parameters.push_back({function.add_value("a", {})});
  function.parameters.push_back({function.add_value("alpha", {})});
  CompiledKernel kernel = kernel_of(0);
  ASSERT_TRUE(kernel.resolve(function));
  EXPECT_EQ(kernel.parameters[0].value, function.parameters[0].value);
  EXPECT_EQ(kernel.parameters[2].value, function.sizes[0]);
  EXPECT_EQ(kernel.parameters[3].map->parameter, function.parameters[0].value);
  function.value(function.sizes[0]).name += "2";
  EXPECT_FALSE(kernel.resolve(function));
}

TEST(ParseBytes, ReadsNumbersWithAnEnding) {
  EXPECT_EQ(parse_bytes("0"), 0u);
  EXPECT_EQ(parse_bytes("1000"), 1000u);
  EXPECT_EQ(parse_bytes("512M"), 512u << 20);
  EXPECT_EQ(parse_bytes("2G"), std::uint64_t{2} << 30);
  for (const char* wrong :
       {"", "G", "1T", "1 G", "-1", "1GB", "99999999999999999999", "99999999999G"})
    EXPECT_EQ(parse_bytes(wrong), std::nullopt) << wrong;
}

TEST(CacheDefaults, FollowTheEnvironment) {
  vm::Diagnostics diagnostics;
  unsetenv("BITLOOM_CACHE_DIR");
  setenv("XDG_CACHE_HOME", "/xdg", 1);
  EXPECT_EQ(Cache::defaults(diagnostics).folder, "/xdg/bitloom");
  setenv("XDG_CACHE_HOME", "relative", 1);  // the standard says: to be ignored
  setenv("HOME", "/home/somebody", 1);
  EXPECT_EQ(Cache::defaults(diagnostics).folder, "/home/somebody/.cache/bitloom");
  setenv("BITLOOM_CACHE_DIR", "/here", 1);
  setenv("BITLOOM_CACHE_LIMIT", "5M", 1);
  EXPECT_EQ(Cache::defaults(diagnostics).folder, "/here");
  EXPECT_EQ(Cache::defaults(diagnostics).limit, 5u << 20);
  EXPECT_TRUE(diagnostics.all().empty());
  setenv("BITLOOM_CACHE_LIMIT", "lots", 1);
  EXPECT_EQ(Cache::defaults(diagnostics).limit, std::uint64_t{1} << 30);
  ASSERT_EQ(diagnostics.all().size(), 1u);
  EXPECT_EQ(diagnostics.all()[0].code, "BL0622");
  unsetenv("BITLOOM_CACHE_DIR");
  unsetenv("BITLOOM_CACHE_LIMIT");
}

}  // namespace
}  // namespace bitloom::runtime
