// Diagnostics on paper: for a person, with the line and carets, or for a program, as JSON.
//
//   gemm.bl:23:15: error[BL0203]: dot: a and b disagree on k
//      23 |         acc = dot(x, y, acc)
//         |               ^^^^^^^^^^^^^^
//   note: x is f16[16, 64] because of the load at 21:17
//   hint: transpose(y)
//
// A note with a place ends in ` at LINE:COLUMN`, with the file in front where it is another one; so
// its text reads on into it
// ("x is f16[16, 64] because of the load"). Diagnostics are sorted by place (those without one come
// first), what is said twice is printed once, and a last line counts: `2 errors, 1 warning`.
//
// Carets keep their place whatever the line holds: tabs are printed as spaces up to the next
// multiple of 4, wide characters count two cells, control characters are escaped, long lines are
// cut to a window around the place. A span of several lines shows its first one and `...`.
#pragma once

#include <string>

#include "dsl/source.h"
#include "vm/diagnostics.h"
#include "vm/suggest.h"

namespace bitloom::dsl {

struct RenderOptions {
  bool color = false;  // ANSI colours, for a terminal
};

// Empty when there is nothing to say; otherwise ends with a line break.
std::string render(const vm::Diagnostics& diagnostics, const SourceManager& sources,
                   RenderOptions options = {});
std::string render(const vm::Diagnostic& diagnostic, const SourceManager& sources,
                   RenderOptions options = {});

// The same diagnostics in the same order, as a JSON array of objects with the keys severity, code,
// message, file, line, column, end_line, end_column, notes (objects: message and the five keys of a
// place) and hints (strings). The keys of a place that is not known are null.
std::string render_json(const vm::Diagnostics& diagnostics, const SourceManager& sources);

// What both print: sorted by place, without repetition.
std::vector<vm::Diagnostic> in_order(const vm::Diagnostics& diagnostics);

using vm::did_you_mean;

}  // namespace bitloom::dsl
