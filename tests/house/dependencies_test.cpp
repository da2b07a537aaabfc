// Dependencies point one way only: what a folder may include is the whole list below, and nothing
// else.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "tests/house/project_files.h"

namespace bitloom::tests {
namespace {

using Folders = std::set<std::string>;

// What stands right below a folder; it may use everything below that as well.
const std::map<std::string, Folders> kBelow = {
    {"layouts", {}},          {"vm", {"layouts"}},    {"dsl", {"vm"}},
    {"codegen", {"vm"}},      {"stdlib", {}},         {"runtime", {"dsl", "codegen"}},
    {"kernels", {"runtime"}}, {"stack", {"kernels"}}, {"cli", {"stack"}},
};

Folders reachable(const std::string& folder) {
  Folders all = {folder};
  for (const std::string& below : kBelow.at(folder)) all.merge(reachable(below));
  return all;
}

struct Include {
  std::string path;
  int line;
};

std::vector<Include> quoted_includes(const std::string& text) {
  static const std::regex kInclude(R"re(^\s*#\s*include\s*"([^"]+)")re");
  std::vector<Include> found;
  int number = 0;
  for (const std::string& line : lines_of(text)) {
    ++number;
    std::smatch match;
    if (std::regex_search(line, match, kInclude)) found.push_back({match[1], number});
  }
  return found;
}

// Why an include is against the rules, if it is.
std::optional<std::string> objection(const std::string& from, const std::string& include) {
  const auto slash = include.find('/');
  if (slash == std::string::npos || include.find("..") != std::string::npos)
    return "is not written from the project's root, as \"folder/header.h\"";
  const std::string to = include.substr(0, slash);
  if (!kBelow.contains(from)) return std::nullopt;  // tests and bench may use every folder
  if (!kBelow.contains(to) && to != "cmake") return "names no folder of the house";
  if (!reachable(from).contains(to)) return from + "/ does not depend on " + to + "/";
  return std::nullopt;
}

bool is_cpp(const ProjectFile& file) {
  return file.has_extension({".h", ".cpp", ".cu", ".cuh", ".def"});
}

TEST(House, IncludesFollowTheDirectionOfDependency) {
  std::size_t seen = 0;
  for (const ProjectFile& file : project_files()) {
    if (!is_cpp(file) ||
        (!kBelow.contains(file.folder()) && file.folder() != "tests" && file.folder() != "bench"))
      continue;
    for (const Include& include : quoted_includes(file.text)) {
      ++seen;
      const auto wrong = objection(file.folder(), include.path);
      EXPECT_FALSE(wrong) << file.path << ":" << include.line << ": \"" << include.path << "\" "
                          << wrong.value_or("");
    }
  }
  EXPECT_GT(seen, 20u) << "the test found no includes to look at";
}

TEST(House, TheLibraryOfLanguageModulesHoldsNoCpp) {
  for (const ProjectFile& file : project_files()) {
    if (file.folder() != "stdlib") continue;
    EXPECT_FALSE(is_cpp(file)) << file.path;
  }
}

TEST(House, TheRuleItselfTellsRightFromWrong) {
  EXPECT_FALSE(objection("vm", "layouts/shape.h"));
  EXPECT_FALSE(objection("cli", "dsl/render.h"));
  EXPECT_FALSE(objection("tests", "stack/model.h"));
  EXPECT_TRUE(objection("layouts", "vm/ir.h"));
  EXPECT_TRUE(objection("dsl", "codegen/cuda.h"));
  EXPECT_TRUE(objection("codegen", "dsl/source.h"));
  EXPECT_TRUE(objection("vm", "tests/support/temporary_folder.h"));
  EXPECT_TRUE(objection("vm", "../layouts/shape.h"));
  EXPECT_TRUE(objection("vm", "ir.h"));
}

}  // namespace
}  // namespace bitloom::tests
