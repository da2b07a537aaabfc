// The tokenizer of the shipped checkpoint against reference ids and texts.
#include "stack/text/tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "stack/text/byte_level.h"
#include "tests/support/source_path.h"

namespace bitloom::stack {
namespace {

std::string file_text(const std::string& name) {
  std::ifstream file(test::source_path("tests/data/kjv-7m/" + name), std::ios::binary);
  EXPECT_TRUE(file) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

const Tokenizer& tokenizer() {
  static const auto kTokenizer =
      Tokenizer::from_file(test::source_path("tests/data/kjv-7m/tokenizer.json"));
  if (!kTokenizer) throw std::runtime_error(kTokenizer.error().message);
  return *kTokenizer;
}

TEST(Tokenizer, GivesTheReferenceIdsOfAWholeText) {
  const std::string bytes = file_text("dev_ids.u16");
  std::vector<TokenId> expected;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    expected.push_back(static_cast<std::uint8_t>(bytes[i]) | static_cast<std::uint8_t>(bytes[i + 1])
                                                                 << 8);
  ASSERT_EQ(expected.size(), 82326u);

  const std::string text = file_text("dev.txt");
  const auto ids = tokenizer().encode(text);
  ASSERT_TRUE(ids) << ids.error().message;
  ASSERT_EQ(ids->size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_EQ((*ids)[i], expected[i]) << "token " << i;
  EXPECT_EQ(tokenizer().decode(*ids), text);
}

TEST(Tokenizer, GivesTheReferenceIdsAndTextOfEveryCase) {
  std::istringstream lines(file_text("tokenizer_cases.jsonl"));
  std::size_t cases = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    const auto json = nlohmann::json::parse(line);
    SCOPED_TRACE(line.substr(0, 200));
    const auto ids = tokenizer().encode(json.at("text").get<std::string>());
    ASSERT_TRUE(ids) << ids.error().message;
    ASSERT_EQ(*ids, json.at("ids").get<std::vector<TokenId>>());
    ASSERT_EQ(tokenizer().decode(*ids, true), json.at("decoded").get<std::string>());
    ++cases;
  }
  EXPECT_EQ(cases, 3000u);
}

TEST(Tokenizer, LeavesSpecialTokensOutOfTheText) {
  const auto ids = tokenizer().encode("a<s>b</s>");
  ASSERT_TRUE(ids);
  EXPECT_EQ(tokenizer().decode(*ids), "ab");
  EXPECT_EQ(tokenizer().decode(*ids, true), "a<s>b</s>");
  EXPECT_EQ(tokenizer().bytes_of(0), "");
}

TEST(Tokenizer, RefusesATextThatIsNotUtf8) {
  const auto ids = tokenizer().encode("a\xff");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code, "BL0604");
}

TEST(Tokenizer, IgnoresIdsThatItDoesNotHave) {
  EXPECT_EQ(tokenizer().decode({-1, 1'000'000}), "");
}

TEST(Tokenizer, EncodesAWordOfAMegabyteAtOnce) {
  const std::string word(1 << 20, 'a');
  const auto ids = tokenizer().encode(word);
  ASSERT_TRUE(ids) << ids.error().message;
  EXPECT_EQ(tokenizer().decode(*ids), word);
}

TEST(ByteLevel, EveryByteHasACharacterOfItsOwn) {
  for (int byte = 0; byte < 256; ++byte)
    EXPECT_EQ(bytes_of_token(character_of_byte(static_cast<std::uint8_t>(byte))),
              std::string(1, static_cast<char>(byte)));
  EXPECT_EQ(character_of_byte(' '), "\u0120");
  EXPECT_EQ(character_of_byte('\n'), "\u010a");
  EXPECT_EQ(bytes_of_token("\u4e2d"), "\u4e2d");  // of no byte
}

TEST(ByteLevel, BrokenUtf8BecomesOneReplacementAMaximalPart) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(lossy_utf8("a\x80"
                       "b"),
            "a" + r + "b");
  EXPECT_EQ(lossy_utf8("\xE2\x82"), r);  // cut off
  EXPECT_EQ(lossy_utf8("\xE2\x82"
                       "a"),
            r + "a");                                // one for both bytes
  EXPECT_EQ(lossy_utf8("\xED\xA0\x80"), r + r + r);  // a surrogate
  EXPECT_EQ(lossy_utf8("\xF0\x80\x80"), r + r + r);  // overlong
  EXPECT_EQ(lossy_utf8("\xF1\x80\x80\xE1\x80\xC2\x62"), r + r + r + "b");
}

TEST(ByteLevel, AStreamKeepsWhatIsNotWholeYet) {
  std::size_t taken = 0;
  EXPECT_EQ(lossy_utf8("a\xE2\x82", true, &taken), "a");
  EXPECT_EQ(taken, 1u);
  EXPECT_EQ(lossy_utf8("\xE2\x82\xAC", true, &taken), "\u20ac");
  EXPECT_EQ(taken, 3u);
  EXPECT_EQ(lossy_utf8("\xE2"
                       "a",
                       true, &taken),
            "\xEF\xBF\xBD"
            "a");
}

}  // namespace
}  // namespace bitloom::stack
