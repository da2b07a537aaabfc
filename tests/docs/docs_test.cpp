// Every page of the documentation is held to: kernels in it compile, the commands and codes it
// names exist, its links lead somewhere.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "dsl/compile.h"
#include "dsl/render.h"
#include "tests/support/places.h"
#include "vm/diagnostics_table.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

struct CodeBlock {
  std::string tag, text;
  int line = 0;
};

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<fs::path> pages() {
  std::vector<fs::path> result = {BITLOOM_SOURCE_DIR "/README.md"};
  for (const auto& entry : fs::directory_iterator(BITLOOM_SOURCE_DIR "/docs")) {
    if (entry.path().extension() == ".md") result.push_back(entry.path());
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<CodeBlock> blocks_of(const std::string& page) {
  std::vector<CodeBlock> blocks;
  std::istringstream lines(page);
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.starts_with("```")) {
      if (!inside) blocks.push_back({line.substr(3), "", number});
      inside = !inside;
    } else if (inside) {
      blocks.back().text += line + "\n";
    }
  }
  EXPECT_FALSE(inside) << "a block is not closed";
  return blocks;
}

TEST(Documentation, EveryKernelInItCompiles) {
  int checked = 0;
  for (const fs::path& page : pages()) {
    for (const CodeBlock& block : blocks_of(read(page))) {
      if (block.tag != "bl") continue;
      if (block.text.find("import \"") != std::string::npos) continue;  // needs a second file
      dsl::SourceManager sources;
      vm::Diagnostics diagnostics;
      dsl::Program program(sources, BITLOOM_SOURCE_DIR "/stdlib");
      const std::string name = fmt::format("{}:{}", page.filename().string(), block.line);
      if (program.load_text(name, block.text, diagnostics)) program.check(diagnostics);
      EXPECT_EQ(dsl::render(diagnostics, sources), "");
      ++checked;
    }
  }
  EXPECT_GE(checked, 3);
}

TEST(Documentation, BlocksHaveTagsThatATestKnows) {
  for (const fs::path& page : pages()) {
    for (const CodeBlock& block : blocks_of(read(page))) {
      EXPECT_TRUE(block.tag == "bl" || block.tag == "sh" || block.tag == "text" ||
                  block.tag == "layout")
          << page << ":" << block.line << ": " << block.tag;
    }
  }
}

TEST(Documentation, CommandsItNamesExist) {
  for (const fs::path& page : pages()) {
    for (const CodeBlock& block : blocks_of(read(page))) {
      if (block.tag != "sh") continue;
      std::istringstream lines(block.text);
      for (std::string word; lines >> word;) {
        if (word.starts_with("scripts/")) {
          EXPECT_TRUE(fs::exists(fs::path(BITLOOM_SOURCE_DIR) / word)) << page << ": " << word;
        }
      }
    }
  }
}

TEST(Documentation, LinksLeadSomewhere) {
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  for (const fs::path& page : pages()) {
    const std::string text = read(page);
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at) {
      EXPECT_TRUE(fs::exists(page.parent_path() / (*at)[1].str())) << page << ": " << (*at)[1];
    }
  }
}

TEST(Documentation, CodesItNamesAreInTheTable) {
  const std::regex code("BL0[0-9]{3}");
  for (const fs::path& page : pages()) {
    const std::string text = read(page);
    for (std::sregex_iterator at(text.begin(), text.end(), code), end; at != end; ++at) {
      EXPECT_NE(vm::diagnostic_table::lookup(at->str()), nullptr) << page << ": " << at->str();
    }
  }
}

}  // namespace
}  // namespace bitloom::test
