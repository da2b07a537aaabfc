// Programs that carry their own expectation: tests/dsl/golden/**.bl.
//
//   // RUN: check
//   kernel k(x: global f16[n]) threads(32) {
//       let t = laod(x[0])
//       // error[BL0102] @ 3:13-3:17: unknown function 'laod'
//       // hint: did you mean 'load'?
//   }
//
// The first line says how the program is run; each folder of goldens gives the words behind RUN:
// their meaning. Then the comments of these forms, each on a line of its own, are the diagnostics,
// all of them, in any order:
//
//   // error[CODE] @ LINE:COLUMN-LINE:COLUMN: MESSAGE          (or warning; without `@ …` where
//   there is no place)
//   // note @ LINE:COLUMN-LINE:COLUMN: TEXT                    of the diagnostic above
//   // hint: TEXT
//
// A place in another file is `@ NAME:LINE:COLUMN-LINE:COLUMN`. With BITLOOM_UPDATE=1 in the
// environment the runner rewrites the comments, each behind the line that it is about; read the
// difference before you commit it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dsl/source.h"
#include "vm/diagnostics.h"

namespace bitloom::tests {

struct GoldenProgram {
  std::filesystem::path path;
  std::string name;  // of the file; the text is to be loaded under this name
  std::string text;
  std::vector<std::string> run;  // the words behind RUN:
};

// Runs a program. `sources` is empty at first; the program is loaded into it as `program.name`.
using GoldenCheck = std::function<void(const GoldenProgram& program, dsl::SourceManager& sources,
                                       vm::Diagnostics& diagnostics)>;

// The .bl files of a folder below tests/dsl/golden and of its subfolders, in alphabetical order.
std::vector<std::filesystem::path> golden_files(const std::string& folder);

// A name for a parameterised test.
std::string golden_name(const std::filesystem::path& path);

// What differs from the expectation, or nothing.
std::optional<std::string> golden_difference(const std::filesystem::path& path,
                                             const GoldenCheck& check);

// The text with the expectation that fits what `check` reports.
std::string golden_text(const std::filesystem::path& path, const GoldenCheck& check);

}  // namespace bitloom::tests
