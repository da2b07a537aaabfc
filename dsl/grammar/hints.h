// What a person who wrote this probably meant: the common slips, recognised by the tokens around
// the place where the text stops making sense.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vm/diagnostics.h"

namespace bitloom::dsl::grammar {

struct Failure {
  std::string_view expected;             // in the words of the language
  std::vector<std::string_view> before;  // the tokens of the statement or declaration up to here
  std::string_view found, next;          // empty at the end of the line
  bool at_declaration = false;
  bool in_list = false;      // of parameters
  bool in_brackets = false;  // within [ ]

  std::string_view first() const { return before.empty() ? found : before.front(); }
  std::string_view last(std::size_t back = 0) const {
    return back < before.size() ? before[before.size() - 1 - back] : std::string_view();
  }
  bool expects(std::string_view part) const {
    return expected.find(part) != std::string_view::npos;
  }
};

void add_hints(const Failure& failure, vm::Diagnostic& diagnostic);

}  // namespace bitloom::dsl::grammar
