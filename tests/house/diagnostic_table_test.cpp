// The table of error codes against itself, and against the sources that raise them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

#include "tests/house/project_files.h"
#include "vm/diagnostics_table.h"

namespace bitloom::tests {
namespace {

namespace table = vm::diagnostic_table;

// Codes in quotes outside of comments, and where each stands first.
std::map<std::string, std::string> codes_in_sources() {
  static const std::regex kCode(R"re("(BL\d{4})")re");
  std::map<std::string, std::string> found;
  for (const ProjectFile& file : project_files()) {
    if (!file.has_extension({".h", ".cpp"}) || file.folder() == "tests") continue;
    int number = 0;
    for (std::string line : lines_of(file.text)) {
      ++number;
      if (const auto comment = line.find("//"); comment != std::string::npos) line.resize(comment);
      for (std::sregex_iterator match(line.begin(), line.end(), kCode), end; match != end; ++match)
        found.try_emplace((*match)[1], file.path + ":" + std::to_string(number));
    }
  }
  return found;
}

// Codes that a test expects, and where each stands first: `error[CODE]` in a program that carries
// its expectation, `=== CODE` and `> … CODE` in a list of cases, a string with it in a test.
std::map<std::string, std::string> codes_in_tests() {
  static const std::regex kExpected(
      R"re(error\[(BL\d{4})\]|"[^"]*\b(BL\d{4})\b|^[=>].* (BL\d{4})\b)re");
  std::map<std::string, std::string> found;
  for (const ProjectFile& file : project_files()) {
    if (file.folder() != "tests" || !file.has_extension({".h", ".cpp", ".bl", ".ir", ".txt"}) ||
        file.path.starts_with("tests/house/"))
      continue;
    int number = 0;
    for (const std::string& line : lines_of(file.text)) {
      ++number;
      for (std::sregex_iterator match(line.begin(), line.end(), kExpected), end; match != end;
           ++match) {
        for (std::size_t group = 1; group < match->size(); ++group)
          if ((*match)[group].matched)
            found.try_emplace((*match)[group], file.path + ":" + std::to_string(number));
      }
    }
  }
  return found;
}

TEST(DiagnosticTable, CodesAreUniqueAndInOrder) {
  const auto all = table::all();
  ASSERT_FALSE(all.empty());
  for (std::size_t i = 1; i < all.size(); ++i) EXPECT_LT(all[i - 1].code, all[i].code);
}

TEST(DiagnosticTable, EveryRowIsWhole) {
  for (const vm::DiagnosticEntry& entry : table::all()) {
    SCOPED_TRACE(entry.code);
    EXPECT_TRUE(std::regex_match(std::string(entry.code), std::regex("BL(0[1-9]|1[0-9])[0-9]{2}")));
    EXPECT_FALSE(entry.group.empty());
    EXPECT_GE(entry.summary.size(), 10u);
    EXPECT_LE(entry.summary.size(), 100u);
    EXPECT_EQ(entry.summary.find('\n'), std::string_view::npos);
    EXPECT_FALSE(entry.summary.ends_with('.'));
    EXPECT_THAT(std::string(entry.explanation), testing::HasSubstr("\nWrong:\n"));
    EXPECT_THAT(std::string(entry.explanation), testing::HasSubstr("\nRight:\n"));
  }
}

TEST(DiagnosticTable, LooksUpEveryCodeAndNoOther) {
  for (const vm::DiagnosticEntry& entry : table::all())
    EXPECT_EQ(table::lookup(entry.code), &entry);
  for (const char* code : {"", "BL", "BL0000", "BL9999", "bl0101", "BL0101 "})
    EXPECT_EQ(table::lookup(code), nullptr) << code;
}

TEST(DiagnosticTable, APageCarriesCodeSummaryAndExplanation) {
  const vm::DiagnosticEntry* entry = table::lookup("BL0102");
  ASSERT_NE(entry, nullptr);
  const std::string page = table::explain(*entry);
  EXPECT_TRUE(page.starts_with("BL0102 (names): no function of this name is known here\n\n"));
  EXPECT_TRUE(page.ends_with("    let t = load(x[0 +: 128])\n"));
}

TEST(DiagnosticTable, EveryCodeThatIsRaisedIsInTheTable) {
  for (const auto& [code, place] : codes_in_sources())
    EXPECT_NE(table::lookup(code), nullptr) << place << ": " << code << " has no row in the table";
}

// A row that nothing raises explains an error that nobody can meet.
TEST(DiagnosticTable, EveryRowIsRaisedSomewhere) {
  const auto used = codes_in_sources();
  for (const vm::DiagnosticEntry& entry : table::all())
    EXPECT_TRUE(used.contains(std::string(entry.code))) << entry.code << " is raised nowhere";
}

// Rows that only a GPU can raise.
const std::set<std::string_view> kOfTheGpu = {"BL0412", "BL0804"};

// And one that no test expects may long be out of reach.
TEST(DiagnosticTable, EveryRowIsExpectedBySomeTest) {
  const auto expected = codes_in_tests();
  for (const vm::DiagnosticEntry& entry : table::all())
    EXPECT_TRUE(expected.contains(std::string(entry.code)) || kOfTheGpu.contains(entry.code))
        << entry.code << " has no test";
}

}  // namespace
}  // namespace bitloom::tests
