// Diagnostics for programs that read them.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dsl/render.h"

namespace bitloom::dsl {
namespace {

TEST(RenderJson, CarriesEverything) {
  SourceManager sources;
  sources.add("a.bl", "let x = y\n");
  vm::Diagnostics diagnostics;
  diagnostics.error("BL0103", {0, 1, 9, 1, 10}, "unknown name 'y'")
      .note({0, 1, 5, 1, 6}, "used by x")
      .hint("did you mean 'x'?");
  EXPECT_EQ(render_json(diagnostics, sources), R"([
  {
    "severity": "error",
    "code": "BL0103",
    "message": "unknown name 'y'",
    "file": "a.bl",
    "line": 1,
    "column": 9,
    "end_line": 1,
    "end_column": 10,
    "notes": [
      {
        "message": "used by x",
        "file": "a.bl",
        "line": 1,
        "column": 5,
        "end_line": 1,
        "end_column": 6
      }
    ],
    "hints": [
      "did you mean 'x'?"
    ]
  }
]
)");
}

TEST(RenderJson, NothingIsAnEmptyArray) {
  EXPECT_EQ(render_json({}, {}), "[]\n");
}

TEST(RenderJson, APlaceThatIsNotKnownIsNull) {
  vm::Diagnostics diagnostics;
  diagnostics.warning("BL0601", {}, "cannot open 'gr\xFC\xDF'");
  const auto parsed = nlohmann::json::parse(render_json(diagnostics, {}));
  EXPECT_TRUE(parsed[0]["file"].is_null());
  EXPECT_TRUE(parsed[0]["line"].is_null());
  EXPECT_EQ(parsed[0]["severity"], "warning");
  EXPECT_EQ(parsed[0]["message"], "cannot open 'gr\uFFFD\uFFFD'");
}

TEST(RenderJson, KeepsTheOrderOfThePrintedForm) {
  SourceManager sources;
  sources.add("a.bl", "a\nb\n");
  vm::Diagnostics diagnostics;
  diagnostics.error("BL0103", {0, 2, 1, 2, 2}, "second");
  diagnostics.error("BL0103", {0, 1, 1, 1, 2}, "first");
  diagnostics.error("BL0103", {0, 2, 1, 2, 2}, "second");
  const auto parsed = nlohmann::json::parse(render_json(diagnostics, sources));
  ASSERT_EQ(parsed.size(), 2u);
  EXPECT_EQ(parsed[0]["message"], "first");
  EXPECT_EQ(parsed[1]["message"], "second");
}

}  // namespace
}  // namespace bitloom::dsl
