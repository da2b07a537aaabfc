// Faults of a running kernel, in words: which block, which thread, which element.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {

// " at element [3, 17]", or nothing for a scalar.
std::string element_text(const Tile& tile, std::size_t lane);
std::string element_text(const layouts::Shape& shape, std::int64_t element);
// "thread 35 of block (0, 2, 0)".
std::string thread_text(const Strand& strand, const Tile& tile, std::size_t lane);
std::string thread_text(const Strand& strand, std::int64_t thread);

// Hands an error at this step over; the caller goes on.
void report(Strand& strand, const Step& step, std::string_view code, std::string message);
void report(Strand& strand, const Step& step, std::uint32_t other, Diagnostic diagnostic);
// The same, and the whole run ends.
void report_and_end(Strand& strand, const Step& step, std::string_view code, std::string message);

}  // namespace bitloom::vm::interpreter
