// What a failed expectation means to a person, and where reading goes on behind it.
#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "dsl/grammar/hints.h"
#include "dsl/grammar/state.h"

namespace bitloom::dsl::grammar {
namespace {

using namespace std::string_view_literals;

constexpr std::array kLongOperators = {"<-"sv, "->"sv, "+="sv, "-="sv, "*="sv, "/="sv, "%="sv,
                                       "+:"sv, ".."sv, "&&"sv, "||"sv, "=="sv, "!="sv, "<="sv,
                                       ">="sv, "<<"sv, ">>"sv, "++"sv, "--"sv};

// The token at `at`, which is no blank; empty at the end of a statement.
Place token_at(const State& state, Cursor at) {
  const Cursor last = state.end();
  if (at == last || *at == '\n') return state.place(at, at);
  Cursor end = at;
  if (*at == '"') {
    for (++end; end != last && *end != '"' && *end != '\n'; ++end) {
      if (*end == '\\' && end + 1 != last) ++end;
    }
    return state.place(at, end == last || *end == '\n' ? end : end + 1);
  }
  while (end != last &&
         (is_word_character(*end) || (*end == '.' && *at >= '0' && *at <= '9' && end + 1 != last &&
                                      end[1] >= '0' && end[1] <= '9'))) {
    ++end;
  }
  if (end != at) return state.place(at, end);
  for (const std::string_view op : kLongOperators) {
    if (std::string_view(at, static_cast<std::size_t>(last - at)).starts_with(op))
      return state.place(at, at + 2);
  }
  return state.place(at, at + 1);
}

// The tokens from `begin` up to `where`, and the bracket that is open there.
struct Before {
  std::vector<Place> tokens;
  std::optional<Place> open;
};

Before look_back(const State& state, Cursor begin, Cursor where) {
  Before result;
  std::vector<Place> open;
  for (Cursor at = begin; at < where;) {
    if (*at == ' ' || *at == '\n') {
      ++at;
      continue;
    }
    const Place token = token_at(state, at);
    if (*at == '(' || *at == '[' || *at == '{') open.push_back(token);
    if ((*at == ')' || *at == ']' || *at == '}') && !open.empty()) open.pop_back();
    result.tokens.push_back(token);
    at = state.at(token.end);
  }
  if (!open.empty()) result.open = open.back();
  return result;
}

std::string quoted(std::string_view token) {
  if (token.front() == '"') return token.size() > 40 ? "a string" : std::string(token);
  return token.size() > 40 ? fmt::format("'{}…'", token.substr(0, 40)) : fmt::format("'{}'", token);
}

Place next_token(const State& state, Cursor at) {
  while (at != state.end() && *at == ' ') ++at;
  return token_at(state, at);
}

void note_opener(State& state, const Failure& failure, const Before& before,
                 vm::Diagnostic& diagnostic) {
  if (!before.open || !(failure.expects("')'") || failure.expects("']'") || failure.expects("'}'")))
    return;
  const vm::Span span = state.span(*before.open);
  if (span.line == diagnostic.span.line) return;
  diagnostic.note(span, fmt::format("to close the '{}' opened", state.text(*before.open)));
}

enum class Within { Statement, Declaration, List };

void report(State& state, Cursor begin, Cursor where, const std::string& expected, Within within) {
  Place found = next_token(state, where);
  if (expected == kTooDeep) {
    state.error("BL0109", found, fmt::format("the text nests deeper than {} levels", kMaxNesting))
        .hint("name a part of it with let");
    return;
  }
  if (expected == kTooTall) {
    state
        .error("BL0109", found,
               fmt::format("more than {} operations in one expression", kMaxExpressionHeight))
        .hint("name a part of it with let");
    return;
  }
  const Before before = look_back(state, begin, where);
  Failure failure;
  failure.expected = expected;
  failure.at_declaration = within == Within::Declaration;
  failure.in_list = within == Within::List;
  failure.in_brackets = before.open && state.text(*before.open) == "[";
  failure.found = state.text(found);
  failure.next = state.text(next_token(state, state.at(found.end)));
  for (const Place token : before.tokens) failure.before.push_back(state.text(token));

  if (is_reserved(failure.found) &&
      (expected.starts_with("a name") || expected.starts_with("the name of"))) {
    state.error("BL0127", found,
                fmt::format("'{}' is a word of the language and cannot be a name", failure.found));
    return;
  }
  std::string message = fmt::format("expected {}", expected);
  if (!before.tokens.empty()) message += fmt::format(" after {}", quoted(failure.last()));
  if (!failure.found.empty()) {
    message += fmt::format(", found {}", quoted(failure.found));
  } else if (!before.tokens.empty()) {
    found = {before.tokens.back().end, before.tokens.back().end};
  }
  vm::Diagnostic& diagnostic = state.error("BL0101", found, std::move(message));
  note_opener(state, failure, before, diagnostic);
  add_hints(failure, diagnostic);
}

// A word of the language at the beginning of a line, or anything at its left margin.
bool begins_declaration(const State& state, Cursor at) {
  constexpr std::array kWords = {"import"sv, "const"sv, "fn"sv, "kernel"sv, "explicit"sv};
  if (is_word_character(*at) && (at == state.begin() || at[-1] == '\n')) return true;
  const std::string_view word = state.text(next_token(state, at));
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

enum class Blocks { Skip, Read };

// The end of the statement or declaration from `begin` on that holds `at`. The blocks on the way
// are read for their errors.
Cursor end_of_statement(State& state, Cursor begin, Cursor at, Blocks blocks) {
  const bool pipeline = state.text(next_token(state, begin)) == "pipeline";
  while (at != state.end() && *at != '\n' && *at != ';' && *at != '}' &&
         (at == begin || !state.scan.is_forced_end(state.offset(at)))) {
    const auto closer = state.scan.closer_of(state.offset(at));
    if (*at == '{' && blocks == Blocks::Read) {
      Block unused;
      Cursor behind = at;
      if ((pipeline ? parse_pipeline_body : parse_block)(behind, state.end(), state, unused)) {
        at = behind;
        continue;
      }
    }
    at = *at == '"' ? state.at(token_at(state, at).end) : closer ? state.at(*closer) + 1 : at + 1;
  }
  return at;
}

}  // namespace

Cursor report_statement(State& state, Cursor begin, Cursor where, const std::string& expected) {
  // What the scan has said about this statement comes first; so does the report, before those of
  // the blocks behind it.
  const Cursor end = end_of_statement(state, begin, where, Blocks::Skip);
  if (!state.scan.has_error_in(state.place(begin, end)))
    report(state, begin, where, expected, Within::Statement);
  // The blocks of an `if` that stands where a value should hold values, not statements.
  const bool values = expected == "an expression" && state.text(next_token(state, where)) == "if";
  const bool skip = expected == kTooDeep || values;
  return end_of_statement(state, begin, where, skip ? Blocks::Skip : Blocks::Read);
}

Cursor report_declaration(State& state, Cursor begin, Cursor where, const std::string& expected) {
  Cursor end = end_of_statement(state, begin, where, Blocks::Skip);
  if (!state.scan.has_error_in(state.place(begin, end)))
    report(state, begin, where, expected, Within::Declaration);
  end = end_of_statement(state, begin, where, expected == kTooDeep ? Blocks::Skip : Blocks::Read);
  // What follows is likely the body of what failed.
  while (end != state.end() && !begins_declaration(state, end)) {
    if (*end != '\n' && *end != ';' && *end != '}') {
      end = end_of_statement(state, end, end, Blocks::Skip);
    } else {
      ++end;
    }
  }
  return end;
}

Cursor report_pipeline_load(State& state, Cursor begin, Cursor where, const std::string& expected) {
  if (where != begin) return report_statement(state, begin, where, expected);
  report(state, begin, where, expected, Within::Statement);
  return begin;
}

Cursor report_list_item(State& state, Cursor begin, Cursor where, const std::string& expected) {
  Cursor at = where;
  while (at != state.end() && "\n,)]}>"sv.find(*at) == std::string_view::npos) {
    const auto closer = state.scan.closer_of(state.offset(at));
    at = closer ? state.at(*closer) + 1 : at + 1;
  }
  if (at == state.end() || (*at != ',' && *at != ')' && *at != '>')) return nullptr;
  if (!state.scan.has_error_in(state.place(begin, at)))
    report(state, begin, where, expected, Within::List);
  return at;
}

vm::Diagnostic& State::error(std::string_view code, Place place, std::string message) {
  if (++reported > kMaxReportedErrors) {
    unsaid_ = {};
    return unsaid_;
  }
  return diagnostics.error(code, span(place), std::move(message));
}

}  // namespace bitloom::dsl::grammar
