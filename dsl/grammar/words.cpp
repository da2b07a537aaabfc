// Words, and what a `<` means.
#include <algorithm>
#include <array>

#include "dsl/grammar/state.h"

namespace bitloom::dsl::grammar {
namespace {

using namespace std::string_view_literals;

constexpr std::array kReserved = {
    "barrier"sv, "break"sv,    "const"sv,  "continue"sv, "else"sv,  "false"sv,  "fn"sv,   "for"sv,
    "global"sv,  "if"sv,       "import"sv, "in"sv,       "inf"sv,   "kernel"sv, "let"sv,  "nan"sv,
    "packed"sv,  "pipeline"sv, "ref"sv,    "return"sv,   "roles"sv, "shared"sv, "true"sv, "var"sv,
    "warps"sv,   "where"sv,    "while"sv,  "assert"sv,   "print"sv};

// Reserved words that begin an operand.
constexpr std::array kOperands = {"ref"sv, "true"sv, "false"sv, "inf"sv, "nan"sv};

// Generic arguments are short and not deep; the bounds keep the look ahead linear in the text.
constexpr int kMaxAngleCharacters = 2000;
constexpr int kMaxAngleDepth = 20;

// The `>` that closes the `<` at `open`, or nullptr where something stands between that no generic
// argument has.
Cursor closing_angle(const State& state, Cursor open) {
  int depth = 0, characters = 0;
  for (Cursor at = open; at != state.end() && characters < kMaxAngleCharacters; ++at) {
    if (*at == ' ') continue;
    ++characters;
    if (*at == '<') {
      if (++depth > kMaxAngleDepth || at + 1 == state.end() ||
          "<=-"sv.find(at[1]) != std::string_view::npos)
        return nullptr;
    } else if (*at == '>') {
      if (--depth == 0) return at;
    } else if (*at == '(' || *at == '[') {
      const auto closer = state.scan.closer_of(state.offset(at));
      if (!closer) return nullptr;
      at = state.at(*closer);
    } else if (!is_word_character(*at) && ".,+-*/%!~"sv.find(*at) == std::string_view::npos) {
      return nullptr;
    }
  }
  return nullptr;
}

// Whether an operand of a comparison could begin here.
bool may_begin_operand(const State& state, Cursor at) {
  if (at == state.end()) return false;
  if (!is_word_character(*at)) return "\"-!~"sv.find(*at) != std::string_view::npos;
  Cursor end = at;
  while (end != state.end() && is_word_character(*end)) ++end;
  const std::string_view word(at, static_cast<std::size_t>(end - at));
  return !is_reserved(word) ||
         std::find(kOperands.begin(), kOperands.end(), word) != kOperands.end();
}

}  // namespace

bool is_reserved(std::string_view word) {
  return std::find(kReserved.begin(), kReserved.end(), word) != kReserved.end();
}

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

AngleMeaning meaning_of_angle(const State& state, Cursor open) {
  if (open == state.end() || *open != '<') return AngleMeaning::Comparison;
  const Cursor close = closing_angle(state, open);
  if (!close) return AngleMeaning::Comparison;
  Cursor next = close + 1;
  while (next != state.end() && *next == ' ') ++next;
  if (next == state.end()) return AngleMeaning::Type;
  if (*next == '(') return AngleMeaning::Call;
  // `a >> b` and `a >= b`, unless the second one closes the angles around.
  const bool operator_goes_on =
      next == close + 1 && (*next == '=' || (*next == '>' && !state.in_angles));
  return operator_goes_on || may_begin_operand(state, next) ? AngleMeaning::Comparison
                                                            : AngleMeaning::Type;
}

}  // namespace bitloom::dsl::grammar
