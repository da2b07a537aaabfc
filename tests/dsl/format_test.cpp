// Formatting keeps what a text means and says, and formatting twice changes nothing.
#include "dsl/format.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dsl/parser.h"
#include "dsl/render.h"
#include "tests/dsl/random_program.h"
#include "tests/dsl/tree_text.h"
#include "tests/support/places.h"

namespace bitloom::dsl {
namespace {

namespace fs = std::filesystem;

struct Read {
  SourceManager sources;
  std::optional<File> file;
  std::string errors;

  explicit Read(std::string text) {
    vm::Diagnostics diagnostics;
    file = parse(sources, sources.add("test.bl", std::move(text)), diagnostics);
    errors = render(diagnostics, sources);
  }
  std::vector<std::string> comments() const {
    std::vector<std::string> result;
    for (const Comment& comment : file->comments) {
      result.emplace_back(
          sources.text(0).substr(comment.place.begin, comment.place.end - comment.place.begin));
    }
    return result;
  }
};

std::string formatted(const std::string& text) {
  const Read read(text);
  EXPECT_EQ(read.errors, "") << text;
  return read.errors.empty() ? format(read.sources, *read.file) : "";
}

// What is wrong with the formatted text; empty when nothing is.
std::string fault(const std::string& text) {
  const Read before(text);
  if (!before.errors.empty()) return "does not parse: " + before.errors;
  const std::string once = format(before.sources, *before.file);
  const Read after(once);
  if (!after.errors.empty()) return "is formatted into what does not parse: " + after.errors;
  if (tree_text(*before.file) != tree_text(*after.file))
    return "means another thing when formatted";
  if (before.comments() != after.comments()) return "loses or moves a comment across another";
  const std::string twice = format(after.sources, *after.file);
  if (once != twice) return "changes when formatted again:\n" + once + "\n---- twice:\n" + twice;
  return {};
}

std::vector<fs::path> programs_of_the_house() {
  std::vector<fs::path> paths;
  for (const char* folder : {"kernels", "stdlib", "tests/dsl/golden"}) {
    const fs::path root = fs::path(BITLOOM_SOURCE_DIR) / folder;
    if (!fs::exists(root)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().extension() == ".bl") paths.push_back(entry.path());
    }
  }
  return paths;
}

TEST(Format, KeepsEveryProgramOfTheHouse) {
  std::size_t count = 0;
  for (const fs::path& path : programs_of_the_house()) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!Read(text.str()).errors.empty()) continue;  // the goldens of syntax errors
    EXPECT_EQ(fault(text.str()), "") << path;
    ++count;
  }
  EXPECT_GE(count, 12u);
}

TEST(Format, KeepsGeneratedPrograms) {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    const std::string text = tests::random_program(seed);
    const std::string wrong = fault(text);
    ASSERT_EQ(wrong, "") << "seed " << seed << ":\n" << text;
  }
}

RC_GTEST_PROP(Format, KeepsAnyGeneratedProgram, (std::uint32_t seed)) {
  RC_ASSERT(fault(tests::random_program(seed)).empty());
}

TEST(Format, OneStatementALineWithBlanksAroundOperators) {
  EXPECT_EQ(formatted("const   A=1+2*-3;const B=(1+2)*3\n\n\n\nconst C=x[i+:2,:]"),
            "const A = 1 + 2 * -3\nconst B = (1 + 2) * 3\n\nconst C = x[i +: 2, :]\n");
  EXPECT_EQ(formatted("fn f(x){let a:f32[2]in L=1;if a{f()}else{for i in 0..n step 2 unroll{}}}"),
            R"(fn f(x) {
    let a: f32[2] = 1 in L
    if a {
        f()
    } else {
        for i in 0 .. n step 2 unroll {
        }
    }
}
)");
}

TEST(Format, AHeaderThatDoesNotFitHasOneParameterALine) {
  EXPECT_EQ(formatted("kernel k(x:global f32[n],scale:f32)grid(n)threads(32){f()}"),
            "kernel k(x: global f32[n], scale: f32) grid(n) threads(32) {\n    f()\n}\n");
  EXPECT_EQ(
      formatted(
          "kernel k(x:global f32[n],// in\n scale:f32)grid(n)threads(32)where n>0,\"why\"\n{f()}"),
      R"(kernel k(
    x:     global f32[n],  // in
    scale: f32,
) grid(n) threads(32)
  where n > 0, "why"
{
    f()
}
)");
  EXPECT_EQ(formatted("fn f(x: f32, y: f32,) = x"), "fn f(\n    x: f32,\n    y: f32,\n) = x\n");
}

TEST(Format, LongLinesAreBrokenBehindOperatorsAndBetweenArguments) {
  EXPECT_EQ(formatted("fn f() {\nlet total_number = first_quite_long_name * second_quite_long_name "
                      "+ third_quite_long_name_here"
                      " + last\nstep(a_quite_long_argument, another_quite_long_argument, "
                      "third_quite_long_argument_wxyz, x[i],"
                      " y)\n}\n"),
            R"(fn f() {
    let total_number = first_quite_long_name * second_quite_long_name +
        third_quite_long_name_here +
        last
    step(
        a_quite_long_argument, another_quite_long_argument, third_quite_long_argument_wxyz, x[i], y
    )
}
)");
}

TEST(Format, CommentsStayWithWhatTheySay) {
  EXPECT_EQ(formatted(R"(// of the file

/// Of f.
fn f(x) {   // of the body
  // of a

  let a = 1 // one
  let long_name = 2 // two
  let c = a + // first
     b        // second
  if a { // then
    f()
  } // end
  // otherwise
  else {
    g(a, // inside
      // above b
      b)
  }
  // last
}
// of the end)"),
            R"(// of the file

/// Of f.
fn f(x) {  // of the body
    // of a

    let a = 1          // one
    let long_name = 2  // two
    let c = a +        // first
        b  // second
    if a {  // then
        f()
    } else {  // end
        // otherwise
        g(
            a,  // inside
            // above b
            b
        )
    }
    // last
}
// of the end
)");
}

TEST(Format, NestedAsDeepAsTheGrammarAllows) {
  std::string deep = "x";
  for (int i = 0; i < 80; ++i) deep = fmt::format("f({}[{}, -1])", i % 2 == 0 ? "a" : "b", deep);
  for (int i = 0; i < 39; ++i) deep = fmt::format("({} + 1)", deep);
  EXPECT_EQ(fault(fmt::format("const A = {}\n", deep)), "");
  std::string blocks;
  for (int i = 0; i < 190; ++i) blocks += "if a {\n";
  for (int i = 0; i < 190; ++i) blocks += "}\n";
  EXPECT_EQ(fault(fmt::format("fn f() {{\n{}}}\n", blocks)), "");
}

}  // namespace
}  // namespace bitloom::dsl
