// What is generated from the instruction table is what lies in the project.
#include "vm/isa_docs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>

#include "tests/support/places.h"
#include "vm/element_type.h"
#include "vm/isa.h"
#include "vm/text/parser.h"
#include "vm/text/printer.h"
#include "vm/verify.h"

namespace bitloom::vm {
namespace {

std::string read(const std::string& path) {
  std::ifstream stream(BITLOOM_SOURCE_DIR "/" + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

struct Generated {
  const char* path;
  std::string (*text)();
};

class Files : public ::testing::TestWithParam<Generated> {};

TEST_P(Files, AreWhatTheTableSays) {
  const auto [path, text] = GetParam();
  if (std::getenv("BITLOOM_UPDATE")) {
    std::ofstream(BITLOOM_SOURCE_DIR "/" + std::string(path), std::ios::binary) << text();
  }
  EXPECT_EQ(read(path), text()) << "run this test with BITLOOM_UPDATE=1 to write " << path;
}

INSTANTIATE_TEST_SUITE_P(
    IsaDocs, Files,
    ::testing::Values(
        Generated{"docs/isa.md", isa_markdown},
        Generated{"editors/vscode/syntaxes/bitloom.tmLanguage.json", textmate_grammar},
        Generated{"editors/vscode/syntaxes/bitloom-ir.tmLanguage.json", textmate_ir_grammar},
        Generated{"editors/vim/syntax/bitloom.vim", vim_syntax}));

TEST(IsaDocs, EveryInstructionHasAnEntry) {
  const std::string page = isa_markdown();
  for (const InstructionInfo& row : all_instructions()) {
    EXPECT_THAT(page, ::testing::HasSubstr(fmt::format("\n### {}\n", row.mnemonic)));
    EXPECT_THAT(page, ::testing::HasSubstr(std::string(row.documentation)));
  }
}

TEST(IsaDocs, TheExampleIsAKernel) {
  const std::string page = isa_markdown();
  const auto begin = page.find("kernel @");
  ASSERT_NE(begin, std::string::npos);
  const std::string example = page.substr(begin, page.find("```", begin) - begin);
  Diagnostics diagnostics;
  const auto function = parse_function(example, diagnostics);
  ASSERT_TRUE(function);
  EXPECT_TRUE(verify(*function, diagnostics, VerifyStage::Checked));
  EXPECT_EQ(print(*function), example);
}

// The parser's list is the one that counts.
TEST(IsaDocs, ReservedWordsAreThoseOfTheLanguage) {
  const std::string source = read("dsl/grammar/words.cpp");
  const auto begin = source.find("kReserved = {");
  ASSERT_NE(begin, std::string::npos);
  const std::string list = source.substr(begin, source.find("};", begin) - begin);
  static const std::regex kWord(R"re("(\w+)"sv)re");
  std::set<std::string> parsed;
  for (std::sregex_iterator match(list.begin(), list.end(), kWord), end; match != end; ++match) {
    parsed.insert((*match)[1]);
  }
  const auto& words = language_words().reserved;
  EXPECT_EQ(std::set<std::string>(words.begin(), words.end()), parsed);
}

TEST(IsaDocs, FunctionsAreSortedAndInTheReference) {
  const std::string reference = read("docs/language.md") + read("docs/layouts.md");
  const auto& functions = language_words().functions;
  EXPECT_TRUE(std::ranges::is_sorted(functions));
  for (const std::string_view function : functions) {
    // Families are written as a stem and its endings: "atomic_add … (`min max …`)".
    const std::string stem(function.substr(0, function.rfind('_')));
    EXPECT_TRUE(reference.find(function) != std::string::npos ||
                reference.find(stem) != std::string::npos)
        << function;
  }
}

TEST(IsaDocs, EveryElementTypeIsColoured) {
  const std::string text = vim_syntax();
  const auto begin = text.find("/\\v<(") + 5;
  const std::regex types(text.substr(begin, text.find(")>/") - begin));
  for (const ElementType type : all_element_types()) {
    if (type.is_bool()) continue;  // a word like int and type
    EXPECT_TRUE(std::regex_match(to_string(type), types)) << to_string(type);
  }
}

}  // namespace
}  // namespace bitloom::vm
