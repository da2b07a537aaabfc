// JSON files of a checkpoint, read with nothing trusted.
//
// A JsonNode is a value together with where it stands, so that every complaint can name it:
//
//   JsonErrors errors("BL0633", "config.json");
//   JsonNode root(json, errors);
//   const auto layers = root.integer("num_hidden_layers", 1, 1024);
//   if (errors.failed()) return tl::make_unexpected(errors.take());
//
// The first fault is kept; what is read after it (or is missing) has a harmless value, so a reader
// is straight-line code with one check at its end.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace bitloom::stack {

// Parses a text of at most `limit` bytes; `name` and `code` are for the message.
runtime::Result<nlohmann::json> parse_json(std::string_view text, const std::string& name,
                                           std::string_view code, std::size_t limit);
// The same of a file.
runtime::Result<nlohmann::json> read_json(const std::string& path, std::string_view code,
                                          std::size_t limit);

class JsonErrors {
 public:
  JsonErrors(std::string code, std::string file) : code_(std::move(code)), file_(std::move(file)) {}

  void fail(const std::string& what, std::string hint = {}) {
    fail_as(code_, what, std::move(hint));
  }
  void fail_as(std::string_view code, const std::string& what, std::string hint = {});
  bool failed() const { return first_.has_value(); }
  vm::Diagnostic take() { return std::move(*first_); }

 private:
  std::string code_, file_;
  std::optional<vm::Diagnostic> first_;
};

class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, JsonErrors& errors, std::string path = {})
      : value_(&value), errors_(&errors), path_(std::move(path)) {}

  const nlohmann::json& raw() const { return *value_; }
  const std::string& path() const { return path_; }
  bool is_object() const { return value_->is_object(); }
  bool is_string() const { return value_->is_string(); }

  // Missing, or null.
  bool lacks(std::string_view key) const;
  // The member; an empty value, reported, when it is missing.
  JsonNode at(std::string_view key) const;
  std::vector<JsonNode> items() const;                            // of an array
  std::vector<std::pair<std::string, JsonNode>> members() const;  // of an object

  // Members of this object. Without `otherwise` a missing one is a fault.
  std::int64_t integer(std::string_view key, std::int64_t least, std::int64_t most,
                       std::optional<std::int64_t> otherwise = std::nullopt) const;
  double number(std::string_view key, double least, double most,
                std::optional<double> otherwise = std::nullopt) const;
  bool boolean(std::string_view key, std::optional<bool> otherwise = std::nullopt) const;
  std::string string(std::string_view key,
                     std::optional<std::string> otherwise = std::nullopt) const;

  // This value itself.
  std::int64_t as_integer(std::int64_t least, std::int64_t most) const;
  std::string as_string() const;

  // Reports "PATH what".
  void fail(const std::string& what, std::string hint = {}) const;

 private:
  const nlohmann::json* find(std::string_view key) const;
  std::string path_of(std::string_view key) const;

  const nlohmann::json* value_;
  JsonErrors* errors_;
  std::string path_;
};

}  // namespace bitloom::stack
