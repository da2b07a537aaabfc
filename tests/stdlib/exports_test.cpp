// No function of a standard module is without a test: each is called somewhere in this folder.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "tests/support/places.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(StandardLibrary, EveryFunctionIsCalledByATest) {
  std::string tests;
  for (const auto& entry : fs::directory_iterator(BITLOOM_SOURCE_DIR "/tests/stdlib"))
    if (entry.path().extension() == ".cpp") tests += read(entry.path());
  const std::regex function(R"((?:^|\n)(?:fn|const) (\w+))");
  int found = 0;
  for (const auto& entry : fs::directory_iterator(BITLOOM_SOURCE_DIR "/stdlib")) {
    const std::string module = entry.path().stem().string(), text = read(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), function), end; match != end;
         ++match) {
      const std::string name = module + "." + (*match)[1].str();
      EXPECT_TRUE(std::regex_search(tests, std::regex(name + "\\b"))) << name;
      ++found;
    }
  }
  EXPECT_GE(found, 30);
}

}  // namespace
}  // namespace bitloom::test
