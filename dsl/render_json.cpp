#include <nlohmann/json.hpp>

#include "dsl/render.h"

namespace bitloom::dsl {
namespace {

using Json = nlohmann::ordered_json;

void add_place(Json& object, const vm::Span& span, const SourceManager& sources) {
  const bool file_known = span.known() && span.file < sources.size();
  object["file"] = file_known ? Json(sources.path(span.file)) : Json();
  const auto number = [&](std::uint32_t value) { return span.known() ? Json(value) : Json(); };
  object["line"] = number(span.line);
  object["column"] = number(span.column);
  object["end_line"] = number(span.end_line);
  object["end_column"] = number(span.end_column);
}

Json to_json(const vm::Diagnostic& diagnostic, const SourceManager& sources) {
  Json object;
  object["severity"] = diagnostic.severity == vm::Severity::Error ? "error" : "warning";
  object["code"] = diagnostic.code;
  object["message"] = diagnostic.message;
  add_place(object, diagnostic.span, sources);
  object["notes"] = Json::array();
  for (const vm::Note& note : diagnostic.notes) {
    Json entry;
    entry["message"] = note.text;
    add_place(entry, note.span, sources);
    object["notes"].push_back(std::move(entry));
  }
  object["hints"] = diagnostic.hints;
  return object;
}

}  // namespace

std::string render_json(const vm::Diagnostics& diagnostics, const SourceManager& sources) {
  Json array = Json::array();
  for (const vm::Diagnostic& diagnostic : in_order(diagnostics))
    array.push_back(to_json(diagnostic, sources));
  // A path or a name may hold bytes that are not UTF-8; they become U+FFFD.
  return array.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace bitloom::dsl
