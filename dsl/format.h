// The one way to write a Bitloom file.
//
//   std::string text = format(sources, *parse(sources, id, diagnostics));
//
// Four spaces, a hundred columns, one statement a line, blanks around operators, one parameter a
// line where they do not fit in one (or where the last one is followed by a comma), types of kernel
// parameters and comments of neighbouring lines in columns. Every comment is kept, and at most one
// blank line in a row. Formatting twice changes nothing, and the text means what it meant:
// tests/dsl/format_test.cpp holds both for every program of the house and for generated ones.
//
// The file must have been read without errors.
#pragma once

#include <string>

#include "dsl/ast.h"
#include "dsl/source.h"

namespace bitloom::dsl {

std::string format(const SourceManager& sources, const File& file);

}  // namespace bitloom::dsl
