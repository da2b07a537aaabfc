// Texts, and the way from bytes to places.
#include "dsl/source.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include "dsl/utf8.h"
#include "tests/support/temporary_folder.h"

namespace bitloom::dsl {
namespace {

using tests::TemporaryFolder;

std::string code_of(const tl::expected<FileId, vm::Diagnostic>& result) {
  return result ? "" : result.error().code;
}

TEST(SourceManager, CountsLinesAndColumnsFromOneInCodePoints) {
  SourceManager sources;
  const FileId file = sources.add("a.bl", "let ä = 1\nlet 数 = 2\r\n");
  EXPECT_EQ(sources.position(file, 0), (Position{1, 1}));
  EXPECT_EQ(sources.position(file, 4), (Position{1, 5}));
  EXPECT_EQ(sources.position(file, 6), (Position{1, 6}));  // behind the two bytes of ä
  EXPECT_EQ(sources.position(file, 11), (Position{2, 1}));
  EXPECT_EQ(sources.position(file, 18), (Position{2, 6}));  // behind the three bytes of 数
  EXPECT_EQ(sources.position(file, 999), (Position{3, 1}));
  EXPECT_EQ(sources.span(file, 4, 6), (vm::Span{file, 1, 5, 1, 6}));
}

TEST(SourceManager, LinesComeWithoutTheirBreak) {
  SourceManager sources;
  const FileId file = sources.add("a.bl", "one\r\ntwo\n\nfour");
  EXPECT_EQ(sources.line_count(file), 4u);
  EXPECT_EQ(sources.line_text(file, 1), "one");
  EXPECT_EQ(sources.line_text(file, 2), "two");
  EXPECT_EQ(sources.line_text(file, 3), "");
  EXPECT_EQ(sources.line_text(file, 4), "four");
  EXPECT_EQ(sources.line_text(file, 0), "");
  EXPECT_EQ(sources.line_text(file, 5), "");
}

TEST(SourceManager, AnEmptyTextHasOneEmptyLine) {
  SourceManager sources;
  const FileId file = sources.add("empty.bl", "");
  EXPECT_EQ(sources.line_count(file), 1u);
  EXPECT_EQ(sources.position(file, 0), (Position{1, 1}));
}

TEST(SourceManager, DropsAByteOrderMark) {
  SourceManager sources;
  const FileId file = sources.add("a.bl", "\xEF\xBB\xBFkernel");
  EXPECT_EQ(sources.text(file), "kernel");
}

TEST(SourceManager, TextsStayWhereTheyAre) {
  SourceManager sources;
  const FileId first = sources.add("a.bl", "short");
  const std::string_view text = sources.text(first);
  for (int i = 0; i < 100; ++i) sources.add(std::to_string(i), "another");
  EXPECT_EQ(text.data(), sources.text(first).data());
}

TEST(SourceManager, LoadsAFileOnce) {
  const TemporaryFolder folder;
  const std::string path = folder.write("a.bl", "kernel k() {}\n");
  SourceManager sources;
  const auto first = sources.load(path), second = sources.load(path);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(sources.size(), 1u);
  EXPECT_EQ(sources.text(*first), "kernel k() {}\n");
  EXPECT_EQ(sources.find(path), *first);
}

TEST(SourceManager, SaysWhyAFileCannotBeRead) {
  const TemporaryFolder folder;
  SourceManager sources;
  const auto missing = sources.load(folder.path("none.bl"));
  EXPECT_EQ(code_of(missing), "BL0601");
  EXPECT_NE(missing.error().message.find("No such file"), std::string::npos);
  EXPECT_EQ(code_of(sources.load(folder.path())), "BL0602");
  EXPECT_EQ(code_of(sources.load("/dev/null")), "BL0602");
  EXPECT_EQ(code_of(sources.load(folder.write("latin1.bl", "// gr\xFC\xDF\n"))), "BL0604");
  EXPECT_EQ(code_of(sources.load(folder.write("nul.bl", std::string("a\0b", 3)))), "BL0605");
  EXPECT_EQ(sources.size(), 0u);
}

TEST(SourceManager, RefusesAFileAboveTheLimit) {
  const TemporaryFolder folder;
  SourceManager sources;
  const std::string path = folder.write("big.bl", "");
  ASSERT_EQ(truncate(path.c_str(), kMaxSourceBytes + 1), 0);
  EXPECT_EQ(code_of(sources.load(path)), "BL0603");
  EXPECT_EQ(code_of(sources.add_checked("big", std::string(kMaxSourceBytes + 1, ' '))), "BL0603");
  EXPECT_TRUE(sources.add_checked("fits", std::string(kMaxSourceBytes, ' ')));
}

TEST(SourceManager, NamesTheLineOfABadByte) {
  SourceManager sources;
  const auto result = sources.add_checked("a.bl", "ok\nok\n\xC0\x80");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "a.bl: byte 0xc0 in line 3 is not UTF-8");
}

// The slow and obvious way to a place.
Position counted(std::string_view text, std::size_t offset) {
  Position at;
  for (std::size_t i = 0; i < offset; i += decode_utf8(text, i).bytes) {
    if (text[i] == '\n')
      at = {at.line + 1, 1};
    else
      ++at.column;
  }
  return at;
}

RC_GTEST_PROP(SourceManager, PlacesAgreeWithCounting, ()) {
  const auto pieces = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("a", "\n", "ä", "数", "\U0001F600", "long stretch of text, "));
  std::string text;
  const int repeat = *rc::gen::inRange(1, 30);
  for (int r = 0; r < repeat; ++r)
    for (const auto& piece : pieces) text += piece;
  SourceManager sources;
  const FileId file = sources.add("a.bl", text);
  for (std::size_t i = 0; i < text.size(); i += decode_utf8(text, i).bytes)
    RC_ASSERT(sources.position(file, i) == counted(text, i));
}

TEST(Utf8, RefusesWhatTheStandardRefuses) {
  for (const char* bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82", "\xFF"})
    EXPECT_EQ(first_invalid_utf8(bad), std::optional<std::size_t>(0)) << bad;
  EXPECT_EQ(first_invalid_utf8("aß数\U0001F600"), std::nullopt);
}

TEST(Utf8, WidthsOfSomeCharacters) {
  EXPECT_EQ(display_width(U'a'), 1);
  EXPECT_EQ(display_width(U'ß'), 1);
  EXPECT_EQ(display_width(U'\u0301'), 0);  // combining acute
  EXPECT_EQ(display_width(U'数'), 2);
  EXPECT_EQ(display_width(U'\U0001F600'), 2);
}

TEST(Utf8, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(escape_unprintable("a\x1b[31m\u202eb\xff数"), "a\\x1b[31m\\u{202e}b\\xff数");
}

}  // namespace
}  // namespace bitloom::dsl
