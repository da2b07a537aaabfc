// Where a thing stands in the text it came from.
//
// A span names a file by its index in a SourceManager (dsl/source.h), and two places: the first
// character and the one behind the last. Lines and columns count from 1; columns count Unicode code
// points. line == 0 means "no place".
#pragma once

#include <cstdint>

namespace bitloom::vm {

struct Span {
  std::uint32_t file = 0;
  std::uint32_t line = 0, column = 0;
  std::uint32_t end_line = 0, end_column = 0;

  bool known() const { return line != 0; }
  bool operator==(const Span&) const = default;
};

}  // namespace bitloom::vm
