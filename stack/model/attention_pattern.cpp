#include "stack/model/attention_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "stack/json.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

namespace {

using Kind = AttentionPattern::Kind;

// Numbers that MInference ships, and the least that each may be.
struct Form {
  Kind kind;
  std::string_view name;
  std::vector<std::int64_t> numbers, least;
};

const std::vector<Form>& forms() {
  static const std::vector<Form> kForms = {
      {Kind::Dense, "dense", {}, {}},
      {Kind::AShape, "a-shape", {1024, 4096}, {0, 1}},
      {Kind::VerticalSlash, "vertical-slash", {1000, 6096}, {0, 1}},
      {Kind::BlockSparse, "block-sparse", {100}, {1}}};
  return kForms;
}

constexpr std::int64_t kLargest = 1 << 30;
constexpr std::size_t kMaxPatternBytes = 16 << 20;

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0;;) {
    const std::size_t comma = text.find(',', at);
    parts.push_back(text.substr(at, comma == std::string_view::npos ? comma : comma - at));
    if (comma == std::string_view::npos) return parts;
    at = comma + 1;
  }
}

}  // namespace

kernels::VerticalSlashBudget AttentionPattern::vertical_slash() const {
  kernels::VerticalSlashBudget budget{.columns = first, .offsets = second};
  budget.first_columns = std::min(budget.first_columns, first);
  budget.last_offsets = std::min(budget.last_offsets, second);
  return budget;
}

Result<AttentionPattern> parse_attention_pattern(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  const auto form = std::ranges::find(forms(), name, &Form::name);
  if (form == forms().end()) {
    const bool fox = name == "fox";
    return failure("BL0643",
                   fox ? "'fox' prunes by forget gates, which a Llama checkpoint does not have"
                       : fmt::format("'{}' is no pattern of attention", text),
                   "dense, a-shape:SINK,WINDOW, vertical-slash:COLUMNS,DIAGONALS, "
                   "block-sparse:BLOCKS, or minference with --patterns FILE");
  }
  std::vector<std::int64_t> numbers = form->numbers;
  if (colon != std::string_view::npos) {
    const auto given = split(text.substr(colon + 1));
    bool good = given.size() == numbers.size();
    for (std::size_t i = 0; good && i < given.size(); ++i) {
      const auto value = number(given[i]);
      good = value && *value >= form->least[i] && *value <= kLargest;
      if (good) numbers[i] = *value;
    }
    if (!good)
      return failure(
          "BL0643",
          form->numbers.empty() ? fmt::format("'{}': {} takes no numbers", text, name)
                                : fmt::format("'{}': {} takes {} of at least {}", text, name,
                                              numbers.size() == 1 ? "one number" : "two numbers",
                                              fmt::join(form->least, " and ")),
          form->numbers.empty() ? std::string(name)
                                : fmt::format("{}:{}", name, fmt::join(form->numbers, ",")));
  }
  numbers.resize(2, 0);
  return AttentionPattern{form->kind, numbers[0], numbers[1]};
}

std::string to_string(const AttentionPattern& pattern) {
  const auto form = std::ranges::find(forms(), pattern.kind, &Form::kind);
  std::string text(form->name);
  if (!form->numbers.empty()) text += fmt::format(":{}", pattern.first);
  if (form->numbers.size() > 1) text += fmt::format(",{}", pattern.second);
  return text;
}

AttentionPatterns same_pattern(const AttentionPattern& pattern, const ModelConfig& config) {
  if (pattern.kind == Kind::Dense) return {};
  const std::vector<AttentionPattern> heads(static_cast<std::size_t>(config.heads), pattern);
  return AttentionPatterns(static_cast<std::size_t>(config.layers), heads);
}

Result<AttentionPatterns> parse_attention_patterns(std::string_view text, const std::string& name,
                                                   const ModelConfig& config) {
  const auto json = parse_json(text, name, "BL0643", kMaxPatternBytes);
  if (!json) return tl::make_unexpected(json.error());
  JsonErrors errors("BL0643", name);
  const JsonNode root(*json, errors);
  const auto only = [](const JsonNode& node, std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : node.members())
      if (std::ranges::find(known, key) == known.end()) value.fail("is no key of patterns");
  };
  only(root, {"version", "layers"});
  root.integer("version", 1, 1);
  AttentionPatterns patterns;
  if (!errors.failed()) {
    const auto layers = root.at("layers").items();
    if (static_cast<std::int64_t>(layers.size()) != config.layers)
      root.at("layers").fail(
          fmt::format("has {} layers, and the model {}", layers.size(), config.layers));
    for (const JsonNode& layer : layers) {
      if (errors.failed()) break;
      const auto heads = layer.items();
      if (static_cast<std::int64_t>(heads.size()) != config.heads)
        layer.fail(fmt::format("has {} heads, and the model {}", heads.size(), config.heads));
      patterns.emplace_back();
      for (const JsonNode& head : heads) {
        if (errors.failed()) break;
        only(head, {"pattern", "recall"});
        head.number("recall", 0, 1, 1);
        const auto pattern = parse_attention_pattern(head.string("pattern"));
        if (pattern)
          patterns.back().push_back(*pattern);
        else
          head.fail(": " + pattern.error().message);
      }
    }
  }
  if (errors.failed()) return tl::make_unexpected(errors.take());
  return patterns;
}

std::string print_attention_patterns(const std::vector<std::vector<FoundPattern>>& found) {
  std::string text = "{\"version\": 1, \"layers\": [";
  for (std::size_t layer = 0; layer < found.size(); ++layer) {
    text += layer == 0 ? "\n  [" : ",\n  [";
    for (std::size_t head = 0; head < found[layer].size(); ++head)
      text += fmt::format("{}{{\"pattern\": \"{}\", \"recall\": {:.4f}}}", head == 0 ? "" : ", ",
                          to_string(found[layer][head].pattern), found[layer][head].recall);
    text += "]";
  }
  return text + "\n]}\n";
}

}  // namespace bitloom::stack
