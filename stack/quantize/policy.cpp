#include "stack/quantize/policy.h"

#include <fmt/format.h>

#include <set>

#include "stack/json.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

namespace {

constexpr std::size_t kMaxPolicyBytes = 16 << 20;
constexpr std::int64_t kLargest = 1 << 24;

}  // namespace

Result<std::optional<vm::ElementType>> parse_weight_type(std::string_view text) {
  if (text == "none") return std::optional<vm::ElementType>();
  if (text == "nf4") return std::optional(vm::codebook_type(4));
  const auto type = vm::parse_element_type(text);
  const bool fits = type && type->is_narrow() && type->type_class != vm::TypeClass::Scale &&
                    type->type_class != vm::TypeClass::Codebook;
  if (fits) return type;
  return failure("BL0642", fmt::format("'{}' is no type that weights can be quantised to", text),
                 "u1 to u8, i1 to i8, floats eXmY of 3 to 8 bits such as e2m1, nf4, or none");
}

std::string weight_type_name(vm::ElementType type) {
  return type == vm::codebook_type(4) ? "nf4" : to_string(type);
}

// The usual walk with one place to come back to: behind the last star.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, resumed = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resumed = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resumed;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<void> QuantizePolicy::add_exceptions(std::string_view text, const std::string& name) {
  const auto json = parse_json(text, name, "BL0642", kMaxPolicyBytes);
  if (!json) return tl::make_unexpected(json.error());
  JsonErrors errors("BL0642", name);
  const JsonNode root(*json, errors);
  const auto only = [](const JsonNode& node, const std::set<std::string_view>& known) {
    for (const auto& [key, value] : node.members())
      if (!known.contains(key)) value.fail("is no key of a policy");
  };
  only(root, {"layers"});
  if (!errors.failed()) {
    for (const JsonNode& node : root.at("layers").items()) {
      only(node, {"match", "type", "group", "rank"});
      if (errors.failed()) break;
      Exception exception{node.string("match"), rule_};
      if (!node.lacks("type")) {
        const auto type = parse_weight_type(node.string("type"));
        if (type) {
          exception.rule.type = *type;
        } else {
          node.at("type").fail(": " + type.error().message);
        }
      }
      exception.rule.group = node.integer("group", 1, kLargest, rule_.group);
      exception.rule.rank = node.integer("rank", 0, kLargest, rule_.rank);
      exceptions_.push_back(std::move(exception));
    }
  }
  if (errors.failed()) return tl::make_unexpected(errors.take());
  return {};
}

QuantizeRule QuantizePolicy::rule_for(std::string_view weight) const {
  constexpr std::string_view kWeight = ".weight";
  if (weight.ends_with(kWeight)) weight.remove_suffix(kWeight.size());
  for (const Exception& exception : exceptions_)
    if (matches(exception.pattern, weight)) return exception.rule;
  return rule_;
}

}  // namespace bitloom::stack
