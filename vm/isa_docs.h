// What people and their editors read of the instruction table: docs/isa.md and the syntax files
// under editors/. Nothing of them is written by hand twice; tests/vm/ir/isa_docs_test.cpp compares
// the files with these functions, and writes them anew when BITLOOM_UPDATE is set.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bitloom::vm {

// The words of the language, as docs/language.md has them. They live here and not in dsl/ because
// the table of instructions and they make one syntax file.
struct LanguageWords {
  std::span<const std::string_view> reserved;    // never a name
  std::span<const std::string_view> contextual;  // words in their place: threads, role, unroll, …
  std::span<const std::string_view> constants;   // true, inf, …
  std::span<const std::string_view> functions;   // calls that the language itself knows
};
const LanguageWords& language_words();

std::string isa_markdown();         // docs/isa.md
std::string textmate_grammar();     // editors/vscode/syntaxes/bitloom.tmLanguage.json
std::string textmate_ir_grammar();  // editors/vscode/syntaxes/bitloom-ir.tmLanguage.json
std::string vim_syntax();           // editors/vim/syntax/bitloom.vim

}  // namespace bitloom::vm
