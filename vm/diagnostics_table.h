// The table of error codes, and the page that `bitloom explain BL0203` prints.
//
// vm/diagnostics.def is the only place where a code is declared. A row is
//
//   DIAGNOSTIC("BL0102", "names", "one line that says what is wrong", R"(why it is wrong, an
//   example of it, and the example put right)")
//
// A code never changes its meaning and is never used again for something else. A test
// (tests/house/) holds the table in order, and compares it with the codes that the sources raise.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bitloom::vm {

struct DiagnosticEntry {
  std::string_view code;         // "BL0102"
  std::string_view group;        // "names"
  std::string_view summary;      // one line
  std::string_view explanation;  // paragraphs, with an example
};

namespace diagnostic_table {

std::span<const DiagnosticEntry> all();                // in order of their codes
const DiagnosticEntry* lookup(std::string_view code);  // nullptr for a code that does not exist
std::string explain(const DiagnosticEntry& entry);     // the whole page, ends with a line break

}  // namespace diagnostic_table
}  // namespace bitloom::vm
