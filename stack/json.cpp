#include "stack/json.h"

#include <fmt/format.h>

#include "runtime/host/file.h"

namespace bitloom::stack {

using nlohmann::json;
using runtime::failure;
using runtime::Result;

namespace {

const json& nothing() {
  static const json kNull;
  return kNull;
}

}  // namespace

Result<json> parse_json(std::string_view text, const std::string& name, std::string_view code,
                        std::size_t limit) {
  if (text.size() > limit)
    return failure("BL0603", fmt::format("{}: the file has {} bytes, where {} are allowed", name,
                                         text.size(), limit));
  try {
    return json::parse(text);
  } catch (const json::exception& error) {
    const auto* place = dynamic_cast<const json::parse_error*>(&error);
    return failure(code, place ? fmt::format("{}: not JSON at byte {}", name, place->byte)
                               : fmt::format("{}: a number is out of range", name));
  }
}

Result<json> read_json(const std::string& path, std::string_view code, std::size_t limit) {
  const auto file = runtime::MappedFile::open(path);
  if (!file) return tl::make_unexpected(file.error());
  const auto bytes = file->bytes();
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path, code, limit);
}

void JsonErrors::fail_as(std::string_view code, const std::string& what, std::string hint) {
  if (first_) return;
  first_ = failure(code, fmt::format("{}: {}", file_, what), std::move(hint)).value();
}

std::string JsonNode::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void JsonNode::fail(const std::string& what, std::string hint) const {
  errors_->fail(path_.empty() ? what : fmt::format("{} {}", path_, what), std::move(hint));
}

const json* JsonNode::find(std::string_view key) const {
  if (!value_->is_object()) return nullptr;
  const auto found = value_->find(key);
  return found == value_->end() || found->is_null() ? nullptr : &*found;
}

bool JsonNode::lacks(std::string_view key) const {
  return find(key) == nullptr;
}

JsonNode JsonNode::at(std::string_view key) const {
  const json* member = find(key);
  if (!value_->is_object())
    fail("is not an object");
  else if (!member)
    fail(fmt::format("has no '{}'", key));
  return JsonNode(member ? *member : nothing(), *errors_, path_of(key));
}

std::vector<JsonNode> JsonNode::items() const {
  std::vector<JsonNode> result;
  if (!value_->is_array()) {
    fail("is not an array");
    return result;
  }
  for (std::size_t i = 0; i < value_->size(); ++i)
    result.emplace_back((*value_)[i], *errors_, fmt::format("{}[{}]", path_, i));
  return result;
}

std::vector<std::pair<std::string, JsonNode>> JsonNode::members() const {
  std::vector<std::pair<std::string, JsonNode>> result;
  if (!value_->is_object()) {
    fail("is not an object");
    return result;
  }
  for (const auto& [key, value] : value_->items())
    result.emplace_back(key, JsonNode(value, *errors_, path_of(key)));
  return result;
}

std::int64_t JsonNode::as_integer(std::int64_t least, std::int64_t most) const {
  const bool whole = value_->is_number_integer();
  // Unsigned numbers beyond 63 bits would wrap.
  const bool fits =
      whole && (!value_->is_number_unsigned() ||
                value_->get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  if (fits) {
    const auto number = value_->get<std::int64_t>();
    if (number >= least && number <= most) return number;
  }
  fail(fmt::format("is {}, where a whole number from {} to {} is allowed",
                   value_->is_number() ? value_->dump() : value_->type_name(), least, most));
  return least;
}

std::string JsonNode::as_string() const {
  if (value_->is_string()) return value_->get<std::string>();
  fail("is not a string");
  return {};
}

std::int64_t JsonNode::integer(std::string_view key, std::int64_t least, std::int64_t most,
                               std::optional<std::int64_t> otherwise) const {
  if (otherwise && lacks(key)) return *otherwise;
  return at(key).as_integer(least, most);
}

double JsonNode::number(std::string_view key, double least, double most,
                        std::optional<double> otherwise) const {
  if (otherwise && lacks(key)) return *otherwise;
  const JsonNode member = at(key);
  if (member.raw().is_number()) {
    const auto number = member.raw().get<double>();
    if (number >= least && number <= most) return number;
  }
  member.fail(fmt::format("is no number from {} to {}", least, most));
  return least;
}

bool JsonNode::boolean(std::string_view key, std::optional<bool> otherwise) const {
  if (otherwise && lacks(key)) return *otherwise;
  const JsonNode member = at(key);
  if (member.raw().is_boolean()) return member.raw().get<bool>();
  member.fail("is neither true nor false");
  return false;
}

std::string JsonNode::string(std::string_view key, std::optional<std::string> otherwise) const {
  if (otherwise && lacks(key)) return *otherwise;
  return at(key).as_string();
}

}  // namespace bitloom::stack
