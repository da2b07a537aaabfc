// What a person reads when a program is refused.
#include "dsl/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitloom::dsl {
namespace {

using testing::HasSubstr;
using testing::Not;

// One file, diagnostics at places of it.
struct Paper {
  explicit Paper(std::string text) { sources.add("gemm.bl", std::move(text)); }

  vm::Diagnostic& error(std::string_view code, vm::Span span, std::string message) {
    return diagnostics.error(code, span, std::move(message));
  }
  std::string text() const { return render(diagnostics, sources); }

  SourceManager sources;
  vm::Diagnostics diagnostics;
};

std::string gemm_text() {
  std::string text(22, '\n');
  return text + "        acc = dot(x, y, acc)\n";
}

TEST(Render, LooksAsTheManualShowsIt) {
  Paper paper(gemm_text());
  paper.error("BL0203", {0, 23, 15, 23, 29}, "dot: a and b disagree on k")
      .note({0, 21, 17, 21, 30}, "x is f16[16, 64] because of the load")
      .note({}, "y is f16[128, 32]")
      .hint("transpose(y)");
  EXPECT_EQ(paper.text(),
            "gemm.bl:23:15: error[BL0203]: dot: a and b disagree on k\n"
            "   23 |         acc = dot(x, y, acc)\n"
            "      |               ^^^^^^^^^^^^^^\n"
            "note: x is f16[16, 64] because of the load at 21:17\n"
            "note: y is f16[128, 32]\n"
            "hint: transpose(y)\n"
            "1 error\n");
}

TEST(Render, SaysNothingWhenThereIsNothing) {
  EXPECT_EQ(Paper("x\n").text(), "");
}

TEST(Render, SortsByPlaceAndDropsRepetitions) {
  Paper paper("one\ntwo\n");
  paper.error("BL0103", {0, 2, 1, 2, 4}, "unknown name 'two'");
  paper.error("BL0103", {0, 1, 1, 1, 4}, "unknown name 'one'");
  paper.error("BL0103", {0, 2, 1, 2, 4}, "unknown name 'two'");
  paper.error("BL0601", {}, "cannot open 'x'");
  EXPECT_EQ(paper.text(),
            "error[BL0601]: cannot open 'x'\n"
            "gemm.bl:1:1: error[BL0103]: unknown name 'one'\n"
            "    1 | one\n"
            "      | ^^^\n"
            "gemm.bl:2:1: error[BL0103]: unknown name 'two'\n"
            "    2 | two\n"
            "      | ^^^\n"
            "3 errors\n");
}

TEST(Render, CountsErrorsAndWarnings) {
  Paper paper("one\n");
  paper.diagnostics.warning("BL0103", {}, "first");
  EXPECT_THAT(paper.text(), testing::EndsWith("\n1 warning\n"));
  paper.error("BL0101", {}, "second");
  paper.error("BL0101", {}, "third");
  EXPECT_THAT(paper.text(), HasSubstr("warning[BL0103]: first\n"));
  EXPECT_THAT(paper.text(), testing::EndsWith("\n2 errors, 1 warning\n"));
}

TEST(Render, ExpandsTabsUnderTheCarets) {
  Paper paper("\tlet\tx = y\n");
  paper.error("BL0103", {0, 1, 10, 1, 11}, "unknown name 'y'");
  EXPECT_THAT(paper.text(), HasSubstr("    1 |     let x = y\n"
                                      "      |             ^\n"));
}

TEST(Render, WideCharactersTakeTwoCells) {
  Paper paper("let 数数 = e\u0301 + y\n");
  paper.error("BL0103", {0, 1, 5, 1, 7}, "unknown name");
  paper.error("BL0103", {0, 1, 15, 1, 16}, "unknown name");
  EXPECT_THAT(paper.text(), HasSubstr("    1 | let 数数 = e\u0301 + y\n"
                                      "      |     ^^^^\n"));
  EXPECT_THAT(paper.text(), HasSubstr("      |                ^\n"));
}

TEST(Render, ASpanOfSeveralLinesShowsItsFirst) {
  Paper paper("let x = dot(a,\n            b)\n");
  paper.error("BL0111", {0, 1, 9, 2, 15}, "dot takes 3 arguments, here are 2");
  EXPECT_THAT(paper.text(), HasSubstr("    1 | let x = dot(a,\n"
                                      "      |         ^^^^^^...\n"
                                      "1 error\n"));
}

TEST(Render, TheEndOfAFileHasACaret) {
  Paper paper("kernel k(");
  paper.error("BL0101", {0, 1, 10, 1, 10}, "expected a parameter, found the end of the file");
  EXPECT_THAT(paper.text(), HasSubstr("    1 | kernel k(\n"
                                      "      |          ^\n"));
}

TEST(Render, AnOddPlaceIsNoFault) {
  Paper paper("short\n");
  paper.error("BL0101", {0, 1, 90, 1, 95}, "behind the line");
  paper.error("BL0101", {0, 70, 1, 70, 2}, "behind the file");
  paper.error("BL0101", {9, 1, 1, 1, 2}, "in no file");
  paper.error("BL0101", {0, 1, 0, 0, 0}, "without a column");
  paper.error("BL0101", {0, 1, 5, 1, 2}, "ends before it begins");
  const std::string text = paper.text();
  EXPECT_THAT(text, HasSubstr("gemm.bl:70:1: error[BL0101]: behind the file\n1:1:"));
  EXPECT_THAT(text, HasSubstr("ends before it begins\n    1 | short\n      |     ^\n"));
  EXPECT_THAT(text, testing::EndsWith("5 errors\n"));
}

TEST(Render, ControlCharactersDoNotReachTheTerminal) {
  Paper paper("a\x1b[31m\u202e = b\n");
  paper.error("BL0107", {0, 1, 2, 1, 3}, "stray character '\x1b'");
  const std::string text = paper.text();
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, HasSubstr("    1 | a\\x1b[31m\\u{202e} = b\n"
                              "      |  ^^^^\n"));
}

TEST(Render, CutsALongLineAroundThePlace) {
  Paper paper(std::string(5000, 'a') + "HERE" + std::string(5000, 'b') + "\n");
  paper.error("BL0103", {0, 1, 5001, 1, 5005}, "unknown name");
  const std::string cut = "..." + std::string(60, 'a') + "HERE" + std::string(93, 'b') + "...";
  EXPECT_THAT(paper.text(),
              HasSubstr("    1 | " + cut + "\n      | " + std::string(63, ' ') + "^^^^\n"));
}

TEST(Render, NotesInAnotherFileNameIt) {
  Paper paper("import quant\n");
  paper.sources.add("quant.bl", "func f() {}\n");
  paper.error("BL0116", {0, 1, 8, 1, 13}, "modules import each other")
      .note({1, 1, 1, 1, 4}, "imported again");
  EXPECT_THAT(paper.text(), HasSubstr("note: imported again at quant.bl:1:1\n"));
}

TEST(Render, ColoursOnlyWhenAsked) {
  Paper paper("x\n");
  paper.error("BL0103", {0, 1, 1, 1, 2}, "unknown name 'x'").hint("define it");
  const std::string colored = render(paper.diagnostics, paper.sources, {.color = true});
  EXPECT_THAT(colored, HasSubstr("\x1b[1;31merror[BL0103]\x1b[0m: unknown name 'x'\n"));
  EXPECT_THAT(colored, HasSubstr("\x1b[1;31m^\x1b[0m\n"));
  EXPECT_THAT(paper.text(), Not(HasSubstr("\x1b")));
}

TEST(Render, LongLineNumbersWidenTheGutter) {
  Paper paper(std::string(123455, '\n') + "x\n");
  paper.error("BL0103", {0, 123456, 1, 123456, 2}, "unknown name 'x'");
  EXPECT_THAT(paper.text(), HasSubstr("123456 | x\n       | ^\n"));
}

TEST(DidYouMean, FindsTheNearestName) {
  const std::vector<std::string> names = {"load", "store", "dot", "dequantize", "cast", "bf16"};
  EXPECT_EQ(did_you_mean("laod", names), "load");
  EXPECT_EQ(did_you_mean("stor", names), "store");
  EXPECT_EQ(did_you_mean("deqauntise", names), "dequantize");
  EXPECT_EQ(did_you_mean("Dot", names), "dot");
  EXPECT_EQ(did_you_mean("bf61", names), "bf16");
}

TEST(DidYouMean, KeepsQuietWhenNothingIsNear) {
  const std::vector<std::string> names = {"load", "x", "y", "dot"};
  EXPECT_EQ(did_you_mean("quantize", names), std::nullopt);
  EXPECT_EQ(did_you_mean("z", names), std::nullopt);
  EXPECT_EQ(did_you_mean("", names), std::nullopt);
  EXPECT_EQ(did_you_mean("lo", names), std::nullopt);
  EXPECT_EQ(did_you_mean("load", std::vector<std::string>{}), std::nullopt);
}

TEST(DidYouMean, OrderOfCandidatesDoesNotMatter) {
  EXPECT_EQ(did_you_mean("mask", std::vector<std::string>{"task", "bask"}), "bask");
  EXPECT_EQ(did_you_mean("mask", std::vector<std::string>{"bask", "task"}), "bask");
}

TEST(DidYouMean, DistancesCountSwapsOnce) {
  EXPECT_EQ(vm::edit_distance("laod", "load", 3), 1u);
  EXPECT_EQ(vm::edit_distance("", "abc", 3), 3u);
  EXPECT_EQ(vm::edit_distance("kitten", "sitting", 3), 3u);
  EXPECT_EQ(vm::edit_distance("kitten", "sitting", 2), std::nullopt);
  EXPECT_EQ(vm::edit_distance("abc", "abc", 0), 0u);
}

}  // namespace
}  // namespace bitloom::dsl
