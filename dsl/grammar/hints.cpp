#include "dsl/grammar/hints.h"

#include <algorithm>
#include <array>
#include <optional>

#include "dsl/grammar/state.h"
#include "vm/suggest.h"

namespace bitloom::dsl::grammar {
namespace {

using namespace std::string_view_literals;

using Hint = std::optional<std::string>;

constexpr std::array kStatementKeywords = {
    "let"sv,   "var"sv,      "if"sv,     "else"sv,    "for"sv,      "while"sv,
    "break"sv, "continue"sv, "return"sv, "shared"sv,  "pipeline"sv, "roles"sv,
    "warps"sv, "assert"sv,   "print"sv,  "barrier"sv, "load"sv};
constexpr std::array kDeclarationKeywords = {"import"sv, "const"sv, "fn"sv, "kernel"sv,
                                             "explicit"sv};
constexpr std::array kGenericKinds = {"type"sv, "int"sv, "bool"sv, "layout"sv};
constexpr std::array kOtherFunctions = {"def"sv,  "func"sv,       "function"sv,  "void"sv,
                                        "auto"sv, "__global__"sv, "__device__"sv};
constexpr std::array kOtherTypes = {"int"sv,  "float"sv,    "double"sv, "half"sv, "auto"sv,
                                    "bool"sv, "unsigned"sv, "const"sv,  "mut"sv};

template <class Words>
bool among(std::string_view word, const Words& words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_word(std::string_view token) {
  return !token.empty() && is_word_character(token.front());
}
bool is_number(std::string_view token) {
  return is_word(token) && token.front() >= '0' && token.front() <= '9';
}
bool is_name(std::string_view token) {
  return is_word(token) && !is_number(token) && !is_reserved(token);
}

// f16, u4, e4m3 …
bool looks_like_a_type(std::string_view token) {
  return token.size() >= 2 && "fuieb"sv.find(token.front()) != std::string_view::npos &&
         std::any_of(token.begin() + 1, token.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Each of these knows one slip.

Hint equals_sign(const Failure& f) {
  if (f.found == "==" && f.expects("'='")) return "'=' gives the value, '==' compares";
  if (f.found == ":" && f.next == "=") return fmt::format("write let {} = …", f.last());
  if (f.found != "=" || f.in_list) return {};
  if (f.first() == "shared" && f.expects("the end")) {
    return fmt::format("shared memory begins without values: write {}[:] <- …", f.before[1]);
  }
  if (f.first() == "let" && f.expects("the end")) return "a let has one value; '==' compares";
  if (f.expects("'{'") || f.expects("')'") || f.expects("']'")) return "'==' compares, '=' assigns";
  return {};
}

Hint logic_words(const Failure& f) {
  if (f.found == "and") return "write && for 'and'";
  if (f.found == "or") return "write || for 'or'";
  if (f.found == "not" || f.last() == "not") return "write ! for 'not'";
  return {};
}

Hint missing_let(const Failure& f) {
  if (f.at_declaration || !f.expects("the end of the statement") || f.before.size() != 1) return {};
  if (f.found == ":" && is_name(f.first()))
    return fmt::format("a new name begins with let or var: let {0}: …", f.first());
  if (!is_name(f.found)) return {};
  if (looks_like_a_type(f.first()))
    return fmt::format("write let {}: {} = …, or var", f.found, f.first());
  if (among(f.first(), kOtherTypes)) return fmt::format("write let {} = …, or var", f.found);
  return {};
}

Hint increment(const Failure& f) {
  if (f.last() == "++" || f.last() == "--")
    return fmt::format("there is no '{}': write {} {}= 1", f.last(), f.last(1), f.last()[0]);
  if (f.found.size() == 2 && f.found[1] == '=' &&
      "/%&|^"sv.find(f.found[0]) != std::string_view::npos) {
    return fmt::format("there is no '{}': write {} = {} {} …", f.found, f.first(), f.first(),
                       f.found[0]);
  }
  return {};
}

Hint loops(const Failure& f) {
  if (f.first() != "for" && f.first() != "pipeline") return {};
  if (f.expects("the loop variable") && f.found == "(") return "write for i in 0 .. n { … }";
  if (f.expects("'in'") && f.found == "=")
    return fmt::format("write for {} in 0 .. n {{ … }}", f.last());
  if (f.last() == ".." && f.found == "=")
    return "the upper bound is not part of the range: write .. n + 1";
  if (f.last() == ".." && f.found.starts_with(".")) return "a range is written a .. b";
  if (f.expects("'..'") && f.found == "{")
    return fmt::format("a range has two ends: 0 .. {}", f.last());
  if (f.expects("'..'") && f.found == ":") return "a range is written a .. b";
  if (f.expects("'{'") && f.found == ",") return "a step is written for i in a .. b step s";
  return {};
}

Hint missing_braces(const Failure& f) {
  if (!f.expects("'{'") || f.at_declaration) return {};
  if (f.found == "<-") return "'<-' moves; with blanks, a < -b compares";
  if (f.found == "then" || f.found == "do" || f.found == ":") return "the body stands in { }";
  if (f.last() == ")" || f.found.empty())
    return "the body stands in { }, also when it is one statement";
  return {};
}

Hint windows(const Failure& f) {
  if (f.in_list || f.at_declaration || !f.in_brackets) return {};
  if (!f.expects("']'") && !f.expects("an extent") && !f.expects("an index") && f.last() != "+")
    return {};
  if (f.found == ":" || f.found == "..") return "a window is written start +: extent";
  if (f.expects("an extent")) return "a window is written start +: extent, a whole dimension ':'";
  return {};
}

Hint numbers(const Failure& f) {
  if (f.found == "." && is_number(f.next) && f.expects("an expression"))
    return fmt::format("write 0.{}", f.next);
  if (f.last() == "." && is_number(f.last(1))) return fmt::format("write {}.0", f.last(1));
  return {};
}

Hint continued_line(const Failure& f) {
  constexpr std::array kOperators = {"+"sv,  "*"sv, "/"sv,  "%"sv,  "&&"sv, "||"sv, "=="sv,
                                     "!="sv, "<"sv, "<="sv, ">="sv, "|"sv,  "^"sv,  "&"sv,
                                     "<<"sv, "="sv, "<-"sv, "."sv,  "+="sv, ","sv};
  if (!f.expects("a statement") || !among(f.found, kOperators)) return {};
  return fmt::format("a line goes on when it ends with '{}': put it at the end of the line above",
                     f.found);
}

Hint valueless(const Failure& f) {
  if ((f.first() == "let" || f.first() == "var") && f.expects("'='") && f.found.empty()) {
    return "every let and var has a value";
  }
  if (f.first() == "shared" && f.found == "=")
    return "a shared tile is declared with its type: shared t: f16[64, 64]";
  return {};
}

Hint declarations(const Failure& f) {
  if (!f.at_declaration || !f.expects("a declaration")) return {};
  if (among(f.found, kOtherFunctions)) return "functions begin with fn, kernels with kernel";
  if (f.found == "let" || f.found == "var") return "outside of functions, const names a value";
  if (f.found == "optional") return "this belongs to a parameter";
  if (among(f.found, kStatementKeywords)) return "statements stand inside a fn or a kernel";
  return {};
}

Hint old_else_if(const Failure& f) {
  if (f.found == "elif" || f.found == "elsif" || f.found == "elseif") return "write else if";
  if (f.expects("a statement") && f.found == "else")
    return "an else belongs directly behind the } of its if";
  return {};
}

Hint load_block(const Failure& f) {
  if (f.before.size() == 1 && f.first() == "load" && f.found == "{")
    return "a load block stands first in a pipeline";
  if (f.expects("the load block"))
    return "a pipeline begins with load { … }, the loads that run ahead";
  return {};
}

Hint parameters(const Failure& f) {
  if (!f.in_list) return {};
  if (f.found == "=" && f.last() != ":")
    return "parameters have no defaults; generic parameters, between < and >, may";
  if (f.expects("':' and a type") && is_name(f.found)) {
    return fmt::format("the type stands behind the name: {}: {}", f.found, f.last());
  }
  if (f.expects("')'") && looks_like_a_type(f.last()) && is_name(f.found)) {
    return fmt::format("extents stand in brackets: {}[{}]", f.last(), f.found);
  }
  return {};
}

Hint branches(const Failure& f) {
  if (f.found != "if" || !f.expects("an expression")) return {};
  return "an if gives no value: write select(condition, a, b)";
}

// A word that is nearly one of those which could stand here.
Hint misspelled(const Failure& f) {
  const auto suggest = [](std::string_view word, const auto& words) -> Hint {
    if (const auto meant = vm::did_you_mean(word, words))
      return fmt::format("did you mean '{}'?", *meant);
    return {};
  };
  if (f.expects("a declaration")) return suggest(f.found, kDeclarationKeywords);
  if (f.expects("one of type")) return suggest(f.found, kGenericKinds);
  if (f.expects("the end of the statement") && is_name(f.first()))
    return suggest(f.first(), kStatementKeywords);
  std::vector<std::string_view> words;  // those in quotes
  for (std::size_t at = f.expected.find('\''); at != std::string_view::npos;
       at = f.expected.find('\'', at + 1)) {
    const std::size_t end = f.expected.find('\'', at + 1);
    if (end == std::string_view::npos) break;
    if (is_word_character(f.expected[at + 1]))
      words.push_back(f.expected.substr(at + 1, end - at - 1));
    at = end;
  }
  return is_name(f.found) ? suggest(f.found, words) : Hint();
}

Hint same_line(const Failure& f) {
  if (!f.expects("the end of the statement") ||
      !(among(f.found, kStatementKeywords) || is_name(f.found)))
    return {};
  if (f.last() != ")" && f.last() != "}" && !among(f.found, kStatementKeywords)) return {};
  return "statements stand on lines of their own, or have ';' between them";
}

constexpr std::array kSlips = {
    parameters,   loops,       load_block,     equals_sign,    logic_words, increment,
    old_else_if,  missing_let, windows,        numbers,        branches,    valueless,
    declarations, misspelled,  missing_braces, continued_line, same_line};

}  // namespace

void add_hints(const Failure& failure, vm::Diagnostic& diagnostic) {
  for (const auto& slip : kSlips) {
    if (Hint hint = slip(failure)) {
      diagnostic.hint(std::move(*hint));
      return;
    }
  }
}

void report_unused_value(State& state, const Expr& expr) {
  if (std::holds_alternative<Call>(expr.node)) return;
  const std::size_t line = state.scan.text.rfind('\n', expr.place.begin);
  const auto begin = line == std::string::npos ? 0 : static_cast<std::uint32_t>(line);
  if (state.scan.has_error_in({begin, expr.place.end})) return;
  vm::Diagnostic& diagnostic =
      state.error("BL0101", expr.place, "the value of this expression is not used");
  if (const auto* name = std::get_if<Name>(&expr.node)) {
    const auto meant = vm::did_you_mean(name->text, kStatementKeywords);
    diagnostic.hint(meant ? fmt::format("did you mean '{}'?", *meant)
                          : fmt::format("a call has parentheses: {}()", name->text));
    return;
  }
  const Expr* leftmost = &expr;
  while (const auto* binary = std::get_if<Binary>(&leftmost->node)) leftmost = binary->a.get();
  const auto* binary = std::get_if<Binary>(&expr.node);
  if (std::holds_alternative<Unary>(leftmost->node)) {
    diagnostic.hint(
        "a line goes on when it ends with an operator: put it at the end of the line above");
  } else if (binary && binary->op == BinaryOp::Eq) {
    diagnostic.hint("'=' assigns, '==' compares");
  }
}

}  // namespace bitloom::dsl::grammar
