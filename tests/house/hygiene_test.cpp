// What no file of the project may be or say.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/house/project_files.h"

namespace bitloom::tests {
namespace {

constexpr std::size_t kMostLines = 800;

bool is_source(const ProjectFile& file) {
  return file.has_extension({".h", ".cpp", ".cu", ".cuh", ".def", ".bl", ".cmake"}) ||
         file.path.ends_with("CMakeLists.txt") || file.folder() == "scripts";
}

TEST(Hygiene, NoSourceFileIsTooLong) {
  std::size_t seen = 0;
  for (const ProjectFile& file : project_files()) {
    if (!is_source(file)) continue;
    ++seen;
    const auto lines = static_cast<std::size_t>(std::ranges::count(file.text, '\n'));
    EXPECT_LE(lines, kMostLines) << file.path << ": is this one room, or several?";
  }
  EXPECT_GT(seen, 20u);
}

TEST(Hygiene, NoFileNamesAPlaceOutsideTheProject) {
  // Put together here, so that this file does not hold them either.
  const std::string forbidden[] = {std::string("/wo") + "rk/", std::string("../sha") + "red"};
  for (const ProjectFile& file : project_files()) {
    int number = 0;
    for (const std::string& line : lines_of(file.text)) {
      ++number;
      for (const std::string& text : forbidden)
        EXPECT_EQ(line.find(text), std::string::npos) << file.path << ":" << number << ": " << line;
    }
  }
}

TEST(Hygiene, NoLineEndsInWhiteSpaceAndNoSourceHoldsATab) {
  for (const ProjectFile& file : project_files()) {
    if (!is_source(file)) continue;
    int number = 0;
    for (const std::string& line : lines_of(file.text)) {
      ++number;
      EXPECT_FALSE(line.ends_with(' ') || line.ends_with('\r')) << file.path << ":" << number;
      EXPECT_EQ(line.find('\t'), std::string::npos) << file.path << ":" << number;
    }
  }
}

TEST(Hygiene, EveryHeaderIsGuardedOnceAndBeginsWithItsReason) {
  for (const ProjectFile& file : project_files()) {
    if (!file.has_extension({".h"})) continue;
    EXPECT_NE(file.text.find("#pragma once"), std::string::npos) << file.path;
    EXPECT_TRUE(file.text.starts_with("//")) << file.path << ": what lives here, and why?";
  }
}

}  // namespace
}  // namespace bitloom::tests
