// The Spirit X3 side of the grammar: the blank skipper, words, and the pieces that X3 lacks. Only
// the .cpp files of this folder include it.
//
//   must(p, "an expression")    p, or an expectation failure in the words of the language
//   deeper(p)                   p, one level further from the roots; the depth is bounded
//   inside_angles(p)            p, as a generic argument
//   placed(p)                   p, and its place in the value of the rule
//   recovering(p, report)       p; where it fails, a diagnostic, and reading goes on behind
//   type_part, block_part …     a part of the grammar that lives in another file
//
// All rules are parsed with one context: the skipper, and the State under state_tag.
#pragma once

#include <boost/spirit/home/x3.hpp>
#include <type_traits>
#include <utility>

#include "dsl/grammar/state.h"

namespace bitloom::dsl::grammar {

namespace x3 = boost::spirit::x3;

struct state_tag;

inline constexpr auto kSkipper = x3::lit(' ');

template <class Context>
State& state_of(const Context& context) {
  return x3::get<state_tag>(context);
}

// Runs a rule as a part of the grammar: a plain function for other translation units.
template <class Rule, class Attribute>
bool run(const Rule& rule, Cursor& first, Cursor last, State& state, Attribute& result) {
  return x3::phrase_parse(first, last, x3::with<state_tag>(state)[rule], kSkipper, result,
                          x3::skip_flag::dont_post_skip);
}

// ---- Directives ---------------------------------------------------------------------------------
template <class Subject>
struct must_directive : x3::unary_parser<Subject, must_directive<Subject>> {
  using base_type = x3::unary_parser<Subject, must_directive<Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool handles_container = Subject::handles_container;

  constexpr must_directive(const Subject& p, const char* expected)
      : base_type(p), expected_(expected) {}

  template <class Iterator, class Context, class RContext, class Attribute>
  bool parse(Iterator& first, const Iterator& last, const Context& context, RContext& rcontext,
             Attribute& attribute) const {
    if (this->subject.parse(first, last, context, rcontext, attribute)) return true;
    x3::skip_over(first, last, context);
    boost::throw_exception(x3::expectation_failure<Iterator>(first, expected_));
  }

 private:
  const char* expected_;
};

template <class Subject>
constexpr auto must(const Subject& subject, const char* expected) {
  using Parser = typename x3::extension::as_parser<Subject>::value_type;
  return must_directive<Parser>(x3::as_parser(subject), expected);
}

template <class Subject>
struct deeper_directive : x3::unary_parser<Subject, deeper_directive<Subject>> {
  using base_type = x3::unary_parser<Subject, deeper_directive<Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool handles_container = Subject::handles_container;

  constexpr explicit deeper_directive(const Subject& p) : base_type(p) {}

  template <class Iterator, class Context, class RContext, class Attribute>
  bool parse(Iterator& first, const Iterator& last, const Context& context, RContext& rcontext,
             Attribute& attribute) const {
    struct Level {
      std::size_t& depth;
      explicit Level(std::size_t& d) : depth(d) { ++depth; }
      ~Level() { --depth; }
    } level(state_of(context).depth);
    if (level.depth > kMaxNesting) {
      x3::skip_over(first, last, context);
      boost::throw_exception(x3::expectation_failure<Iterator>(first, std::string(kTooDeep)));
    }
    return this->subject.parse(first, last, context, rcontext, attribute);
  }
};

template <class Subject>
constexpr auto deeper(const Subject& subject) {
  using Parser = typename x3::extension::as_parser<Subject>::value_type;
  return deeper_directive<Parser>(x3::as_parser(subject));
}

// p, with State::in_angles set to `Inside`.
template <bool Inside, class Subject>
struct angles_directive : x3::unary_parser<Subject, angles_directive<Inside, Subject>> {
  using base_type = x3::unary_parser<Subject, angles_directive<Inside, Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool handles_container = Subject::handles_container;

  constexpr explicit angles_directive(const Subject& p) : base_type(p) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext& rcontext,
             Attribute& attribute) const {
    struct Saved {
      bool& flag;
      bool before;
      explicit Saved(bool& f) : flag(f), before(std::exchange(f, Inside)) {}
      ~Saved() { flag = before; }
    } saved(state_of(context).in_angles);
    return this->subject.parse(first, last, context, rcontext, attribute);
  }
};

template <class Subject>
constexpr auto inside_angles(const Subject& subject) {
  return angles_directive<true, Subject>(subject);
}
template <class Subject>
constexpr auto outside_angles(const Subject& subject) {
  return angles_directive<false, Subject>(subject);
}

// p, as the whole of a rule whose value has a member `place`.
template <class Subject>
struct placed_directive : x3::unary_parser<Subject, placed_directive<Subject>> {
  using base_type = x3::unary_parser<Subject, placed_directive<Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool handles_container = Subject::handles_container;

  constexpr explicit placed_directive(const Subject& p) : base_type(p) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext& value,
             Attribute& attribute) const {
    x3::skip_over(first, last, context);
    const Cursor begin = first;
    if (!this->subject.parse(first, last, context, value, attribute)) return false;
    Cursor end = first;  // a part that may be missing leaves blanks behind
    while (end > begin && end[-1] == ' ') --end;
    value.place = state_of(context).place(begin, end);
    return true;
  }
};

template <class Subject>
constexpr auto placed(const Subject& subject) {
  return placed_directive<Subject>(subject);
}

// p, or a report of what is wrong with it and the place where reading goes on. The attribute is
// then as far as p came.
template <class Subject>
struct recovering_directive : x3::unary_parser<Subject, recovering_directive<Subject>> {
  using base_type = x3::unary_parser<Subject, recovering_directive<Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool handles_container = Subject::handles_container;
  using Report = Cursor (*)(State&, Cursor, Cursor, const std::string&);

  constexpr recovering_directive(const Subject& p, Report r) : base_type(p), report(r) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext& rcontext,
             Attribute& attribute) const {
    x3::skip_over(first, last, context);
    const Cursor begin = first;
    try {
      return this->subject.parse(first, last, context, rcontext, attribute);
    } catch (const x3::expectation_failure<Cursor>& failure) {
      const Cursor next = report(state_of(context), begin, failure.where(), failure.which());
      if (next == nullptr) throw;
      first = next;
      return true;
    }
  }

  Report report;
};

template <class Subject>
constexpr auto recovering(const Subject& subject,
                          typename recovering_directive<Subject>::Report report) {
  return recovering_directive<Subject>(subject, report);
}

template <class Result>
struct part_parser : x3::parser<part_parser<Result>> {
  using attribute_type = Result;
  static constexpr bool has_attribute = true;
  using Function = bool (*)(Cursor&, Cursor, State&, Result&);

  constexpr explicit part_parser(Function f) : function(f) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext&,
             Attribute& attribute) const {
    Result result{};
    const Cursor save = first;
    if (!function(first, last, state_of(context), result)) {
      first = save;
      return false;
    }
    x3::traits::move_to(std::move(result), attribute);
    return true;
  }

  Function function;
};

inline constexpr part_parser<ExprPtr> expression_part(parse_expression);
inline constexpr part_parser<ExprPtr> generic_argument_part(parse_generic_argument);
inline constexpr part_parser<std::vector<Argument>> arguments_part(parse_arguments);
inline constexpr part_parser<TypeSyntax> type_part(parse_type);
inline constexpr part_parser<std::vector<Attribute>> attributes_part(parse_attributes);
inline constexpr part_parser<std::vector<GenericParameter>> generic_parameters_part(
    parse_generic_parameters);
inline constexpr part_parser<Block> block_part(parse_block);

// ---- Words --------------------------------------------------------------------------------------
// Any word, or only one that may be a name.
struct word_parser : x3::parser<word_parser> {
  using attribute_type = Spelling;
  static constexpr bool has_attribute = true;

  constexpr explicit word_parser(bool names) : names_only(names) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext&,
             Attribute& attribute) const {
    x3::skip_over(first, last, context);
    if (first == last || !is_word_character(*first) || (*first >= '0' && *first <= '9'))
      return false;
    Cursor end = first;
    while (end != last && is_word_character(*end)) ++end;
    const Spelling word{{first, static_cast<std::size_t>(end - first)},
                        state_of(context).place(first, end)};
    if (names_only && is_reserved(word.text)) return false;
    x3::traits::move_to(word, attribute);
    first = end;
    return true;
  }

  bool names_only;
};

inline constexpr word_parser name(true);
inline constexpr word_parser any_word(false);

inline auto keyword(const char* text) {
  return x3::lexeme[x3::lit(text) >> !x3::char_("a-zA-Z0-9_")];
}

// A quoted text, still with its quotes and escapes.
inline constexpr struct string_parser : x3::parser<string_parser> {
  using attribute_type = Spelling;
  static constexpr bool has_attribute = true;

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext&,
             Attribute& attribute) const {
    x3::skip_over(first, last, context);
    if (first == last || *first != '"') return false;
    Cursor end = first + 1;
    while (end != last && *end != '"' && *end != '\n')
      end += *end == '\\' && end + 1 != last ? 2 : 1;
    if (end == last || *end != '"') return false;  // the scan has said so
    ++end;
    x3::traits::move_to(Spelling{{first, static_cast<std::size_t>(end - first)},
                                 state_of(context).place(first, end)},
                        attribute);
    first = end;
    return true;
  }
} string_literal;

// What stands between statements and declarations.
inline const auto separators = *(x3::lit('\n') | ';');

// ---- Actions ------------------------------------------------------------------------------------
// What the innermost rule makes, what the parser in front of [ ] has read, and where that ended.
inline constexpr auto assign_value = [](auto& context) {
  x3::_val(context) = std::move(x3::_attr(context));
};

template <class Context>
Cursor end_of(const Context& context) {
  return x3::_where(context).begin();
}

// [store<&Let::value>]: puts what was read into a member.
template <auto Member>
inline constexpr auto store =
    [](auto& context) { x3::_val(context).*Member = std::move(x3::_attr(context)); };
// … the same for a list.
template <auto Member>
inline constexpr auto append =
    [](auto& context) { (x3::_val(context).*Member).push_back(std::move(x3::_attr(context))); };
// … a name, whose place is kept too.
template <auto Text, auto Where>
inline constexpr auto store_name = [](auto& context) {
  x3::_val(context).*Text = std::string(x3::_attr(context).text);
  x3::_val(context).*Where = x3::_attr(context).place;
};

}  // namespace bitloom::dsl::grammar
