// What tokenizer.json may say, and what is said of files that are wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "stack/text/byte_level.h"
#include "stack/text/tokenizer.h"

namespace bitloom::stack {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// a, b, the space, ab, and an added token.
json small() {
  return json::parse(R"({
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4}, "merges": [["a", "b"], ["Ġ", "ab"]]},
    "added_tokens": [{"id": 5, "content": "<x>", "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}
  })");
}

runtime::Result<Tokenizer> read(const json& file) {
  return Tokenizer::from_json(file.dump(), "t.json");
}

void expect_refused(const json& file, const std::string& code, const std::string& part) {
  const auto result = read(file);
  ASSERT_FALSE(result) << part;
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_THAT(result.error().message, HasSubstr(part));
  EXPECT_THAT(result.error().message, HasSubstr("t.json"));
}

TEST(TokenizerFile, MergesInTheOrderOfTheList) {
  const auto t = read(small());
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_THAT(*t->encode("ab ab<x>ba"), ElementsAre(3, 4, 5, 1, 0));
}

TEST(TokenizerFile, TakesTheOlderFormOfMerges) {
  json file = small();
  file["model"]["merges"] = {"a b", "Ġ ab"};
  EXPECT_THAT(*read(file)->encode("ab ab"), ElementsAre(3, 4));
}

TEST(TokenizerFile, TakesWholeWordsWhenMergesAreIgnored) {
  json file = small();
  file["model"]["vocab"]["ba"] = 6;
  EXPECT_THAT(*read(file)->encode("ba"), ElementsAre(1, 0));
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(*read(file)->encode("ba"), ElementsAre(6));
}

TEST(TokenizerFile, PutsASpaceInFrontWhenAskedTo) {
  json file = small();
  file["pre_tokenizer"]["add_prefix_space"] = true;
  EXPECT_THAT(*read(file)->encode("ab"), ElementsAre(4));
  EXPECT_THAT(*read(file)->encode(" ab"), ElementsAre(4));
}

TEST(TokenizerFile, SplitsByTheFilesOwnPattern) {
  json file = small();
  file["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "a"}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  EXPECT_THAT(*read(file)->encode("abb"), ElementsAre(0, 1, 1));  // a | bb: "ab" cannot be merged
}

TEST(TokenizerFile, PutsTheTemplateAround) {
  json file = small();
  file["post_processor"] = json::parse(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
      {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<x>"}}, {"Sequence": {"id": "A"}}],
       "special_tokens": {"<x>": {"id": "<x>", "ids": [5]}}}]})");
  const auto t = read(file);
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_THAT(*t->encode_with_template("a"), ElementsAre(5, 0));
  EXPECT_THAT(*t->encode("a"), ElementsAre(0));
}

TEST(TokenizerFile, TakesTheLongestAddedToken) {
  json file = small();
  file["added_tokens"].push_back({{"id", 6}, {"content", "<x><x>"}, {"special", false}});
  EXPECT_THAT(*read(file)->encode("<x><x><x>"), ElementsAre(6, 5));
}

TEST(TokenizerFile, RefusesWhatIsMalformed) {
  EXPECT_EQ(Tokenizer::from_json("{", "t.json").error().code, "BL0630");
  EXPECT_EQ(Tokenizer::from_json("[]", "t.json").error().code, "BL0630");
  EXPECT_EQ(Tokenizer::from_json("{\"a\": 1e999}", "t.json").error().code, "BL0630");
  json file = small();
  file["model"]["vocab"]["c"] = 0;
  expect_refused(file, "BL0630", "the id 0 is of");
  file["model"]["vocab"]["c"] = -1;
  expect_refused(file, "BL0630", "model.vocab.c is -1");
  file["model"]["vocab"]["c"] = 1 << 30;
  expect_refused(file, "BL0630", "model.vocab.c");
  file = small();
  file["model"]["merges"].push_back({"b", "a"});
  expect_refused(file, "BL0630", "model.merges[2] names 'ba'");
  file["model"]["merges"][2] = {"b"};
  expect_refused(file, "BL0630", "model.merges[2] is not two tokens");
  file["model"]["merges"][2] = "b";
  expect_refused(file, "BL0630", "model.merges[2] is not two tokens");
  file = small();
  file["model"].erase("vocab");
  expect_refused(file, "BL0630", "model has no 'vocab'");
  file = small();
  file["added_tokens"][0]["id"] = 3;
  expect_refused(file, "BL0630", "has the id 3, which another token has");
  file["added_tokens"][0] = {{"id", 9}, {"content", "a"}};
  expect_refused(file, "BL0630", "where the vocabulary says 0");
  file["added_tokens"][0] = {{"id", 9}, {"content", ""}};
  expect_refused(file, "BL0630", "has no content");
  file = small();
  file["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}]})");
  expect_refused(file, "BL0630", "no regular expression");
}

TEST(TokenizerFile, RefusesWhatItDoesNotDo) {
  const std::pair<const char*, const char*> cases[] = {
      {"/normalizer", R"({"type": "NFC"})"},
      {"/truncation", R"({"max_length": 3})"},
      {"/model/type", R"("Unigram")"},
      {"/model/dropout", "0.1"},
      {"/model/byte_fallback", "true"},
      {"/model/end_of_word_suffix", R"("</w>")"},
      {"/added_tokens/0/lstrip", "true"},
      {"/pre_tokenizer", R"({"type": "Metaspace"})"},
      {"/pre_tokenizer", "null"},
      {"/post_processor", R"({"type": "BertProcessing"})"},
  };
  for (const auto& [path, value] : cases) {
    json file = small();
    file[json::json_pointer(path)] = json::parse(value);
    expect_refused(file, "BL0631", "is not supported");
  }
}

TEST(TokenizerFile, GivesUpOnAPatternThatBacktracksWithoutEnd) {
  json file = small();
  file["pre_tokenizer"] = json::parse(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  const auto t = read(file);
  ASSERT_TRUE(t) << t.error().message;
  const auto ids = t->encode(std::string(60, 'a') + "b");
  ASSERT_FALSE(ids);
  EXPECT_EQ(ids.error().code, "BL0632");
}

}  // namespace
}  // namespace bitloom::stack
