// The table of environment variables against its page, and against the sources that ask for them.
#include "runtime/environment.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "tests/support/places.h"

namespace bitloom::runtime {
namespace {

TEST(Environment, ThePageIsWhatTheTableSays) {
  const std::string path = BITLOOM_SOURCE_DIR "/docs/environment.md";
  if (std::getenv("BITLOOM_UPDATE"))
    std::ofstream(path, std::ios::binary) << environment_markdown();
  std::ifstream stream(path, std::ios::binary);
  const std::string page{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_EQ(page, environment_markdown()) << "run this test with BITLOOM_UPDATE=1";
}

TEST(Environment, EveryRowStandsWhereItsNumberSays) {
  std::set<std::string> names;
  for (const VariableInfo& row : all_variables()) {
    EXPECT_EQ(info(row.variable).name, row.name);
    EXPECT_TRUE(std::string(row.name).starts_with("BITLOOM_"));
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
  }
}

TEST(Environment, NothingCountsAsNotSet) {
  ASSERT_EQ(setenv("BITLOOM_CACHE_DIR", "", 1), 0);
  EXPECT_EQ(environment(Variable::CacheDir), std::nullopt);
  ASSERT_EQ(setenv("BITLOOM_CACHE_DIR", "/somewhere", 1), 0);
  EXPECT_EQ(environment(Variable::CacheDir), "/somewhere");
  ASSERT_EQ(unsetenv("BITLOOM_CACHE_DIR"), 0);
  EXPECT_EQ(environment(Variable::CacheDir), std::nullopt);
}

}  // namespace
}  // namespace bitloom::runtime
