// From text to tree.
//
//   std::optional<File> file = parse(sources, id, diagnostics);
//
// The text is first scanned once (dsl/scan.h): comments are recorded and blanked, line ends that do
// not end a statement become spaces, so that offsets stay those of the file. Then the Spirit X3
// grammar (dsl/grammar/) reads it. An error does not end the parse: the grammar goes on behind the
// next statement or declaration, so that one run reports many. A file with errors gives what could
// be read together with its diagnostics, nullopt only when nothing could.
#pragma once

#include <cstdint>
#include <optional>

#include "dsl/ast.h"
#include "dsl/source.h"
#include "vm/diagnostics.h"

namespace bitloom::dsl {

std::optional<File> parse(const SourceManager& sources, std::uint32_t file,
                          vm::Diagnostics& diagnostics);

}  // namespace bitloom::dsl
