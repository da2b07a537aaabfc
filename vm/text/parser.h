// Reads the text that vm/text/printer.h prints.
//
// The reader is for people too: a value may be written without its number (`%acc` instead of
// `%acc.12`), comments begin with `//`, and line breaks mean nothing. Where the text carries no
// spans, every instruction and value gets its own place in the text (file `file`), so that the
// verifier's messages point into it; in a text with `spans` in its head, places are what the text
// says and nothing else.
//
// The parser checks that the text is well formed and that every name stands for something; whether
// instructions are used rightly is for vm/verify.h. Texts may come from anywhere: nesting, sizes
// and the memory that a text can claim are bounded, and every mistake is a diagnostic (BL0181 to
// BL0191). It stops at the first.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vm/diagnostics.h"
#include "vm/ir.h"

namespace bitloom::vm {

std::optional<Function> parse_function(std::string_view text, Diagnostics& diagnostics,
                                       std::uint32_t file = 0);
// A file of several kernels, one behind the other.
std::optional<Module> parse_module(std::string_view text, Diagnostics& diagnostics,
                                   std::uint32_t file = 0);

}  // namespace bitloom::vm
