// Every page of the documentation is held to: kernels and C++ in it compile, the commands and codes
// it names exist, its links lead somewhere.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "dsl/compile.h"
#include "dsl/render.h"
#include "tests/docs/page.h"
#include "tests/docs/workplace.h"
#include "tests/support/places.h"
#include "vm/diagnostics_table.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

std::string place_of(const Page& page, const Block& block) {
  return fmt::format("{}:{}", page.name, block.line);
}

TEST(Documentation, EveryBlockIsClosedAndHasATagThatATestKnows) {
  for (const Page& page : pages()) {
    EXPECT_TRUE(page.closed) << page.name << ": a block is not closed";
    for (const Block& block : page.blocks) {
      EXPECT_TRUE(block.tag == "bl" || block.tag == "sh" || block.tag == "text" ||
                  block.tag == "layout" || block.tag == "cpp")
          << place_of(page, block) << ": " << block.tag;
    }
  }
}

// In the folder of the page's files, so that a block may import another.
TEST(Documentation, EveryKernelInItCompiles) {
  int checked = 0;
  for (const Page& page : pages()) {
    const Workplace workplace(page);
    for (const Block& block : page.blocks) {
      if (block.tag != "bl" || block.marker.starts_with("from ")) continue;
      const std::string path = workplace.path(fmt::format("block_{}.bl", block.line));
      std::ofstream(path) << block.text;
      dsl::SourceManager sources;
      vm::Diagnostics diagnostics;
      dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
      if (program.load(path, diagnostics)) program.check(diagnostics);
      EXPECT_EQ(dsl::render(diagnostics, sources), "") << place_of(page, block);
      ++checked;
    }
  }
  EXPECT_GE(checked, 4);
}

std::string compiler() {
  const std::string cache = read_file(BITLOOM_BINARY_DIR "/CMakeCache.txt");
  std::smatch match;
  static const std::regex kCompiler("CMAKE_CXX_COMPILER:[A-Z]+=(.*)");
  return std::regex_search(cache, match, kCompiler) ? match[1].str() : "c++";
}

TEST(Documentation, EveryCppInItCompiles) {
  for (const Page& page : pages()) {
    for (const Block& block : page.blocks) {
      if (block.tag != "cpp" || !block.marker.empty()) continue;
      const tests::TemporaryFolder folder;
      const std::string path = folder.write("block.cpp", block.text);
      const std::string command =
          fmt::format("{} -std=c++20 -fsyntax-only -I '{}' '{}' 2>'{}'", compiler(),
                      BITLOOM_SOURCE_DIR, path, folder.path("err"));
      EXPECT_EQ(std::system(command.c_str()), 0) << place_of(page, block) << "\n"
                                                 << folder.read("err");
    }
  }
}

TEST(Documentation, CommandsItNamesExist) {
  for (const Page& page : pages()) {
    for (const Block& block : page.blocks) {
      if (block.tag != "sh") continue;
      std::istringstream lines(block.text);
      for (std::string word; lines >> word;) {
        if (!word.starts_with("scripts/")) continue;
        EXPECT_TRUE(fs::exists(fs::path(BITLOOM_SOURCE_DIR) / word))
            << place_of(page, block) << ": " << word;
      }
    }
  }
}

TEST(Documentation, LinksLeadSomewhere) {
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  for (const Page& page : pages()) {
    const fs::path folder = fs::path(page.path).parent_path();
    for (std::sregex_iterator at(page.prose.begin(), page.prose.end(), link), end; at != end;
         ++at) {
      EXPECT_TRUE(fs::exists(folder / (*at)[1].str())) << page.name << ": " << (*at)[1];
    }
  }
}

TEST(Documentation, CodesItNamesAreInTheTable) {
  const std::regex code("BL[01][0-9]{3}");
  for (const Page& page : pages()) {
    for (std::sregex_iterator at(page.text.begin(), page.text.end(), code), end; at != end; ++at) {
      EXPECT_NE(vm::diagnostic_table::lookup(at->str()), nullptr) << page.name << ": " << at->str();
    }
  }
}

// Measurements are quoted with the file that holds them.
TEST(Documentation, ResultsItNamesExist) {
  const std::regex result(R"(bench/results/[A-Za-z0-9_.-]+)");
  for (const Page& page : pages()) {
    for (std::sregex_iterator at(page.text.begin(), page.text.end(), result), end; at != end;
         ++at) {
      EXPECT_TRUE(fs::exists(fs::path(BITLOOM_SOURCE_DIR) / at->str()))
          << page.name << ": " << at->str();
    }
  }
}

}  // namespace
}  // namespace bitloom::test
