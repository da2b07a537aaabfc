// The one pass over the text that lets the grammar be about the language and not about line ends.
//
// It makes a copy of the text of the same length, so that every offset into the copy is an offset
// into the file:
//
//   let y = a +     // the sum         let y = a +
//       b                       ->             b
//   f(y,                               f(y,
//     2)                                 2)
//
// where every character that means nothing has become a blank: comments (which are recorded, for
// the formatter), tabs and carriage returns, and those line ends that do not end a statement. A
// line end means nothing
//
//   * inside ( ) and [ ],
//   * behind a binary operator, `,` `=` `<-` `->` `:` `..` or `where`,
//   * before `{` `where` `else` `->` and the `>` that closes a list of generics,
//   * between declarations, before an attribute of a kernel: grid threads cluster min_blocks
//   resident.
//
// So in the copy a line feed always ends a statement. Strings stay as they are; they lie within a
// line.
//
// What can be said about characters and brackets alone is reported here: unterminated strings,
// strange characters, brackets that do not match. Where a bracket is missing the scan guesses from
// the words that only begin a statement or a declaration where it should have been, so that one
// missing bracket is one error. The grammar keeps quiet about a statement that holds an error of
// the scan.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dsl/ast.h"
#include "dsl/source.h"
#include "vm/diagnostics.h"

namespace bitloom::dsl {

inline constexpr std::size_t kMaxProgramBytes =
    std::size_t{1} << 20;  // the tree of a text is some hundred times its size
inline constexpr std::size_t kMaxNesting = 200;  // of brackets and of everything else that recurses
inline constexpr std::size_t kMaxReportedErrors = 100;  // of one file

struct Scan {
  struct Brackets {
    std::uint32_t open = 0, close = 0;
  };

  std::string text;
  std::vector<Comment> comments;
  std::vector<Brackets> brackets;          // pairs that match, by opener
  std::vector<std::uint32_t> forced_ends;  // declarations before which a missing `}` was noticed
  std::vector<std::uint32_t> errors;       // where something is wrong, ascending
  bool too_deep = false;                   // brackets beyond kMaxNesting: the rest was not read

  // The closing bracket of the opening one at `open`.
  std::optional<std::uint32_t> closer_of(std::uint32_t open) const;
  bool has_error_in(Place place) const;
  bool is_forced_end(std::uint32_t offset) const;
};

Scan scan(const SourceManager& sources, FileId file, vm::Diagnostics& diagnostics);

}  // namespace bitloom::dsl
