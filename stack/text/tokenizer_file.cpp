// tokenizer.json, read into a Tokenizer.
#include <fmt/format.h>

#include <algorithm>

#include "runtime/host/file.h"
#include "stack/json.h"
#include "stack/text/byte_level.h"
#include "stack/text/tokenizer.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

namespace {

constexpr std::int64_t kLargestId = (1 << 24) - 1;

}  // namespace

class TokenizerReader {
 public:
  TokenizerReader(const nlohmann::json& json, const std::string& name)
      : errors_("BL0630", name), root_(json, errors_) {}

  Result<Tokenizer> read() {
    if (!root_.is_object()) root_.fail("is not a JSON object");
    check_what_is_left_out();
    if (!errors_.failed()) read_vocabulary(root_.at("model").at("vocab"));
    if (!errors_.failed()) read_merges(root_.at("model").at("merges"));
    if (!errors_.failed() && !root_.lacks("added_tokens")) read_added(root_.at("added_tokens"));
    if (!errors_.failed() && !root_.lacks("pre_tokenizer"))
      read_pre_tokenizer(root_.at("pre_tokenizer"), 0);
    if (!errors_.failed() && !byte_level_)
      unsupported("a tokenizer without a ByteLevel pre-tokenizer");
    if (!errors_.failed() && !root_.lacks("post_processor"))
      read_post_processor(root_.at("post_processor"), 0);
    if (errors_.failed()) return tl::make_unexpected(errors_.take());
    finish();
    return std::move(tokenizer_);
  }

 private:
  void unsupported(const std::string& what) {
    errors_.fail_as("BL0631", what + " is not supported",
                    "Bitloom reads byte-level BPE tokenizers, such as those of Llama 3 and GPT-2");
  }

  // What would change the tokens if it were passed over.
  void check_what_is_left_out() {
    if (!root_.lacks("normalizer"))
      unsupported(fmt::format("the normalizer {}", root_.at("normalizer").string("type", "?")));
    if (!root_.lacks("truncation")) unsupported("truncation");
    if (!root_.lacks("padding")) unsupported("padding");
    const JsonNode model = root_.at("model");
    if (model.is_object() && model.string("type", "BPE") != "BPE")
      unsupported(fmt::format("the model {}", model.string("type")));
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"})
      if (!model.string(key, "").empty()) unsupported(fmt::format("model.{}", key));
    if (!model.lacks("dropout")) unsupported("model.dropout");
    if (model.boolean("byte_fallback", false)) unsupported("model.byte_fallback");
    tokenizer_.whole_words_ = model.boolean("ignore_merges", false);
  }

  void put(TokenId id, std::string bytes, bool special) {
    const auto at = static_cast<std::size_t>(id);
    if (at >= tokenizer_.token_bytes_.size()) {
      tokenizer_.token_bytes_.resize(at + 1);
      tokenizer_.special_.resize(at + 1);
    }
    tokenizer_.token_bytes_[at] = std::move(bytes);
    tokenizer_.special_[at] = special;
  }

  void read_vocabulary(const JsonNode& vocabulary) {
    std::unordered_map<TokenId, std::string> names;
    for (const auto& [token, node] : vocabulary.members()) {
      const auto id = static_cast<TokenId>(node.as_integer(0, kLargestId));
      if (errors_.failed()) return;
      if (const auto [at, fresh] = names.emplace(id, token); !fresh)
        return errors_.fail(
            fmt::format("model.vocab: the id {} is of '{}' and of '{}'", id, at->second, token));
      ids_.emplace(token, id);
      put(id, bytes_of_token(token), false);
    }
    for (int byte = 0; byte < 256; ++byte) {
      const auto found = ids_.find(character_of_byte(static_cast<std::uint8_t>(byte)));
      tokenizer_.encoder_.set_byte(static_cast<std::uint8_t>(byte),
                                   found == ids_.end() ? -1 : found->second);
    }
  }

  TokenId known(const JsonNode& node, const std::string& token) {
    const auto found = ids_.find(token);
    if (found != ids_.end()) return found->second;
    node.fail(fmt::format("names '{}', which the vocabulary does not have", token));
    return 0;
  }

  void read_merges(const JsonNode& merges) {
    for (const JsonNode& merge : merges.items()) {
      std::string left, right;
      if (merge.is_string()) {  // "th e", as older files have it
        const std::string pair = merge.as_string();
        const auto space = pair.find(' ');
        if (space == std::string::npos || pair.find(' ', space + 1) != std::string::npos)
          return merge.fail("is not two tokens with a space between them");
        left = pair.substr(0, space);
        right = pair.substr(space + 1);
      } else {
        const auto pair = merge.items();
        if (pair.size() != 2) return merge.fail("is not two tokens");
        left = pair[0].as_string();
        right = pair[1].as_string();
      }
      const TokenId a = known(merge, left), b = known(merge, right),
                    ab = known(merge, left + right);
      if (errors_.failed()) return;
      tokenizer_.encoder_.add_merge(a, b, ab);
    }
  }

  void read_added(const JsonNode& list) {
    for (const JsonNode& added : list.items()) {
      const auto id = static_cast<TokenId>(added.integer("id", 0, kLargestId));
      const std::string text = added.string("content");
      for (const char* key : {"single_word", "lstrip", "rstrip"})
        if (added.boolean(key, false)) unsupported(fmt::format("{}.{}", added.path(), key));
      const bool special = added.boolean("special", false);
      if (errors_.failed()) return;
      if (text.empty()) return added.fail("has no content");
      const auto at = static_cast<std::size_t>(id);
      const bool taken = at < tokenizer_.token_bytes_.size() &&
                         !tokenizer_.token_bytes_[at].empty() &&
                         tokenizer_.token_bytes_[at] != text;
      if (taken && !ids_.contains(text))
        return added.fail(fmt::format("has the id {}, which another token has", id));
      if (const auto found = ids_.find(text); found != ids_.end() && found->second != id)
        return added.fail(
            fmt::format("has the id {}, where the vocabulary says {}", id, found->second));
      ids_.emplace(text, id);
      put(id, text, special);
      tokenizer_.added_[static_cast<std::uint8_t>(text[0])].push_back({text, id});
    }
  }

  void add_pattern(const JsonNode& node, const std::string& pattern) {
    auto compiled = SplitPattern::compile(pattern);
    if (compiled) {
      tokenizer_.patterns_.push_back(std::move(*compiled));
    } else {
      node.fail(compiled.error().message);
    }
  }

  void read_pre_tokenizer(const JsonNode& node, int depth) {
    const std::string type = node.string("type");
    if (byte_level_) return unsupported("a pre-tokenizer behind ByteLevel");
    if (type == "Sequence" && depth == 0) {
      for (const JsonNode& item : node.at("pretokenizers").items())
        if (!errors_.failed()) read_pre_tokenizer(item, depth + 1);
    } else if (type == "ByteLevel") {
      byte_level_ = true;
      tokenizer_.add_prefix_space_ = node.boolean("add_prefix_space", true);
      if (tokenizer_.add_prefix_space_ && !tokenizer_.patterns_.empty())
        return unsupported("add_prefix_space behind another pre-tokenizer");
      if (node.boolean("use_regex", true)) add_pattern(node, kGpt2Pattern);
    } else if (type == "Split") {
      if (node.string("behavior") != "Isolated" || node.boolean("invert", false))
        return unsupported("a Split that is not Isolated");
      const JsonNode pattern = node.at("pattern");
      if (pattern.lacks("Regex")) return unsupported("a Split without a Regex");
      add_pattern(node, pattern.string("Regex"));
    } else if (!errors_.failed()) {
      unsupported(fmt::format("the pre-tokenizer {}", type));
    }
  }

  // Which tokens stand around a text.
  void read_post_processor(const JsonNode& node, int depth) {
    const std::string type = node.string("type");
    if (type == "Sequence" && depth == 0) {
      for (const JsonNode& item : node.at("processors").items())
        if (!errors_.failed()) read_post_processor(item, depth + 1);
    } else if (type == "TemplateProcessing") {
      bool behind = false;
      for (const JsonNode& item : node.at("single").items()) {
        if (!item.lacks("Sequence")) {
          behind = true;
          continue;
        }
        const std::string name = item.at("SpecialToken").string("id");
        if (errors_.failed()) return;
        for (const JsonNode& id : node.at("special_tokens").at(name).at("ids").items()) {
          const auto token = static_cast<TokenId>(id.as_integer(0, kLargestId));
          (behind ? tokenizer_.behind_ : tokenizer_.before_).push_back(token);
        }
      }
    } else if (type != "ByteLevel" && !errors_.failed()) {  // ByteLevel changes offsets only
      unsupported(fmt::format("the post-processor {}", type));
    }
  }

  void finish() {
    for (auto& list : tokenizer_.added_)
      std::ranges::stable_sort(
          list, [](const auto& a, const auto& b) { return a.text.size() > b.text.size(); });
    if (!tokenizer_.whole_words_) return;
    for (const auto& [token, id] : ids_) tokenizer_.word_tokens_.emplace(bytes_of_token(token), id);
  }

  JsonErrors errors_;
  JsonNode root_;
  Tokenizer tokenizer_;
  std::unordered_map<std::string, TokenId> ids_;  // by the token as the file writes it
  bool byte_level_ = false;
};

Result<Tokenizer> Tokenizer::from_json(std::string_view text, const std::string& name) {
  const auto json = parse_json(text, name, "BL0630", kMaxTokenizerBytes);
  if (!json) return tl::make_unexpected(json.error());
  return TokenizerReader(*json, name).read();
}

Result<Tokenizer> Tokenizer::from_file(const std::string& path) {
  const auto file = runtime::MappedFile::open(path);
  if (!file) return tl::make_unexpected(file.error());
  const auto bytes = file->bytes();
  return from_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

}  // namespace bitloom::stack
