// What the parts of the grammar share: the state of a parse, and a function for each part.
//
//   expressions.cpp    operators, calls, indices        types.cpp           f16[m, k], generics,
//   attributes statements.cpp     let … pipeline, blocks            declarations.cpp    import,
//   const, fn, kernel errors.cpp         a failed expectation in words     literals.cpp        what
//   digits and escapes mean
//
// Each part is one translation unit, because Spirit grammars are slow to compile; only
// grammar/spirit.h, which the parts include, knows Spirit. A part's function works as a Spirit
// parser does: it reads from `first`, moves it behind what it read, and returns false where the
// construct does not begin here. Once a construct has begun, what must follow is expected; where it
// does not, an expectation failure flies to the statement or declaration around it, which reports
// it and goes on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dsl/ast.h"
#include "dsl/scan.h"
#include "dsl/source.h"
#include "vm/diagnostics.h"

namespace bitloom::dsl::grammar {

using Cursor = const char*;  // into Scan::text

struct State {
  State(const SourceManager& s, FileId f, const Scan& scanned, vm::Diagnostics& d)
      : sources(s), file(f), scan(scanned), diagnostics(d) {}

  const SourceManager& sources;
  FileId file;
  const Scan& scan;
  vm::Diagnostics& diagnostics;
  std::size_t depth = 0;     // of what recurses, against kMaxNesting
  bool in_angles = false;    // directly between < and >, where `>` is no operator
  std::size_t reported = 0;  // against kMaxReportedErrors

  Cursor begin() const { return scan.text.data(); }
  Cursor end() const { return scan.text.data() + scan.text.size(); }
  std::uint32_t offset(Cursor at) const { return static_cast<std::uint32_t>(at - begin()); }
  Place place(Cursor first, Cursor last) const { return {offset(first), offset(last)}; }
  Cursor at(std::uint32_t offset) const { return begin() + offset; }
  std::string_view text(Place place) const {
    return std::string_view(scan.text).substr(place.begin, place.end - place.begin);
  }
  vm::Span span(Place place) const { return sources.span(file, place.begin, place.end); }

  // A diagnostic that does not end the construct. Beyond kMaxReportedErrors nothing is kept.
  vm::Diagnostic& error(std::string_view code, Place place, std::string message);

 private:
  vm::Diagnostic unsaid_;
};

// A word or a number as it stands in the text.
struct Spelling {
  std::string_view text;
  Place place;
};

// ---- The parts ----------------------------------------------------------------------------------
bool parse_expression(Cursor& first, Cursor last, State& state, ExprPtr& result);
// Without comparisons and what binds looser, because `>` ends it: the arguments between < and >.
bool parse_generic_argument(Cursor& first, Cursor last, State& state, ExprPtr& result);
// `(a, b, name = c)` with its parentheses.
bool parse_arguments(Cursor& first, Cursor last, State& state, std::vector<Argument>& result);

bool parse_type(Cursor& first, Cursor last, State& state, TypeSyntax& result);
bool parse_attributes(Cursor& first, Cursor last, State& state, std::vector<Attribute>& result);
bool parse_generic_parameters(Cursor& first, Cursor last, State& state,
                              std::vector<GenericParameter>& result);

bool parse_block(Cursor& first, Cursor last, State& state, Block& result);
// Only for its errors; what it gives is the part behind the load block.
bool parse_pipeline_body(Cursor& first, Cursor last, State& state, Block& result);

void parse_declarations(State& state, std::vector<Decl>& result);

// ---- Literals (literals.cpp) --------------------------------------------------------------------
ExprPtr number(State& state, Spelling spelling);
std::string string_value(State& state, Spelling spelling);  // with its quotes

// ---- Words --------------------------------------------------------------------------------------
// Words that cannot be names. Others (`step`, `role`, `load`, `threads` …) mean something only in
// their places.
bool is_reserved(std::string_view word);
bool is_word_character(char c);

// Where a `<` at `open` begins the generic arguments of a call or a type, rather than a comparison:
// the matching `>` exists, only additive expressions stand between, and what follows is `(` or
// cannot begin an operand.
enum class AngleMeaning : std::uint8_t { Comparison, Call, Type };
AngleMeaning meaning_of_angle(const State& state, Cursor open);

// ---- Errors (errors.cpp) ------------------------------------------------------------------------
inline constexpr std::string_view kTooDeep = "less nesting";
inline constexpr std::string_view kTooTall = "a shorter expression";

// Reports that `expected` (in the words of the language) does not stand at `where`; `begin` is
// where the statement or declaration began. Returns where it ends: at its line feed, `;`, `}`, or
// the end of the text. Blocks on the way are read, for their own errors.
Cursor report_statement(State& state, Cursor begin, Cursor where, const std::string& expected);
Cursor report_declaration(State& state, Cursor begin, Cursor where, const std::string& expected);
// Within a list of parameters; goes on at the next `,` or the bracket that closes the list.
// nullptr, and no report, where neither follows: then the whole declaration has failed.
Cursor report_list_item(State& state, Cursor begin, Cursor where, const std::string& expected);
// For the load block that a pipeline begins with: where it is missing, the body goes on at once.
Cursor report_pipeline_load(State& state, Cursor begin, Cursor where, const std::string& expected);

// An expression that stands as a statement and is no call.
void report_unused_value(State& state, const Expr& expr);

}  // namespace bitloom::dsl::grammar
