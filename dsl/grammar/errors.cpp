// What a failed expectation means to a person, and where reading goes on behind it.
#include <algorithm>
#include <array>

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

// The tokens from `begin` up to `where`: what stands directly before, and the brackets that are
// still open.
struct Before {
  Place token;  // empty when `where` is the first
  std::vector<Place> open;
};

Before look_back(const State& state, Cursor begin, Cursor where) {
  Before result;
  for (Cursor at = begin; at < where;) {
    if (*at == ' ' || *at == '\n') {
      ++at;
      continue;
    }
    const Place token = token_at(state, at);
    if (*at == '(' || *at == '[' || *at == '{') result.open.push_back(token);
    if ((*at == ')' || *at == ']' || *at == '}') && !result.open.empty()) result.open.pop_back();
    result.token = token;
    at = state.at(token.end);
  }
  return result;
}

std::string quoted(std::string_view token) {
  if (token.size() > 40)
    return token.front() == '"' ? "a string" : fmt::format("'{}…'", token.substr(0, 40));
  return token.front() == '"' ? std::string(token) : fmt::format("'{}'", token);
}

void report(State& state, Cursor begin, Cursor where, const std::string& expected) {
  if (expected == kTooDeep) {
    state
        .error("BL0109", token_at(state, where),
               fmt::format("the text nests deeper than {} levels", kMaxNesting))
        .hint("name a part of it with let");
    return;
  }
  const Before before = look_back(state, begin, where);
  Place found = token_at(state, where);
  std::string message = fmt::format("expected {}", expected);
  if (before.token.end != 0) message += fmt::format(" after {}", quoted(state.text(before.token)));
  if (found.end > found.begin) {
    message += fmt::format(", found {}", quoted(state.text(found)));
  } else if (before.token.end != 0) {
    found = {before.token.end, before.token.end + 1};
  }
  state.error("BL0101", found, std::move(message));
}

// The end of the statement that holds `at`, reading the blocks on the way.
Cursor end_of_statement(State& state, Cursor at, bool read_blocks) {
  while (at != state.end() && *at != '\n' && *at != ';' && *at != '}' &&
         !state.scan.is_forced_end(state.offset(at))) {
    const auto closer = state.scan.closer_of(state.offset(at));
    if (*at == '{' && read_blocks) {
      Block unused;
      Cursor behind = at;
      if (parse_block(behind, state.end(), state, unused)) {
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
  const std::size_t level = state.depth;
  const bool deep = expected == kTooDeep;
  // The report stands before those of the blocks behind it; whether to report depends on the whole
  // extent.
  const Cursor end_of_line = end_of_statement(state, where, false);
  if (!state.scan.has_error_in(state.place(begin, end_of_line)))
    report(state, begin, where, expected);
  state.depth = level;
  return end_of_statement(state, where, !deep);
}

Cursor report_declaration(State& state, Cursor begin, Cursor where, const std::string& expected) {
  return report_statement(state, begin, where, expected);
}

Cursor report_list_item(State& state, Cursor begin, Cursor where, const std::string& expected) {
  Cursor at = where;
  while (at != state.end() && *at != '\n' && *at != ',' && *at != ')' && *at != ']' && *at != '}' &&
         *at != '>') {
    const auto closer = state.scan.closer_of(state.offset(at));
    at = closer ? state.at(*closer) + 1 : at + 1;
  }
  if (!state.scan.has_error_in(state.place(begin, at))) report(state, begin, where, expected);
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
