// The texts that a run of the compiler reads, and the way from a byte to a place a person can find.
//
// A SourceManager owns every text: kernel files, the modules they import, the modules built into
// the program. Texts never move and never change, so a std::string_view into one lives as long as
// the manager. A text is known by its FileId, the number that vm::Span carries; ids count from 0 in
// the order of loading.
//
//   SourceManager sources;
//   auto file = sources.load("gemm.bl");                  // or a Diagnostic that says why not
//   vm::Span span = sources.span(*file, begin, end);      // bytes -> lines and columns, [begin,
//   end) sources.line_text(*file, span.line);                  // without its line break
//
// The parser works in byte offsets; everything that a person sees counts lines and columns from 1,
// columns in code points. A line ends at '\n'; a '\r' before it belongs to the break. A byte-order
// mark at the front is dropped.
//
// Asking for a place costs a binary search and a bounded scan, also inside one line of many
// megabytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "vm/diagnostics.h"
#include "vm/source.h"

namespace bitloom::dsl {

using FileId = std::uint32_t;

inline constexpr std::size_t kMaxSourceBytes = std::size_t{16} << 20;

struct Position {
  std::uint32_t line = 1, column = 1;
  bool operator==(const Position&) const = default;
};

class SourceManager {
 public:
  // Reads a file: regular, at most kMaxSourceBytes, UTF-8, no NUL byte. Loading a path again gives
  // the same id.
  tl::expected<FileId, vm::Diagnostic> load(const std::string& path);
  // The same checks for a text that comes from elsewhere (an editor, a fuzzer).
  tl::expected<FileId, vm::Diagnostic> add_checked(std::string path, std::string text);
  // A text that is known to be good, as the modules built into the program are.
  FileId add(std::string path, std::string text);

  std::size_t size() const { return files_.size(); }
  std::optional<FileId> find(std::string_view path) const;
  const std::string& path(FileId file) const { return files_[file].path; }
  std::string_view text(FileId file) const { return files_[file].text; }

  std::uint32_t line_count(FileId file) const;
  // Empty for a line that the file does not have.
  std::string_view line_text(FileId file, std::uint32_t line) const;

  // Offsets behind the end mean the end.
  Position position(FileId file, std::size_t offset) const;
  vm::Span span(FileId file, std::size_t begin, std::size_t end) const;

 private:
  struct File {
    std::string path;
    std::string text;
    std::vector<std::uint32_t> line_starts;
    std::vector<std::uint32_t> code_points;  // [i]: code points in the first i * kStride bytes
  };

  static std::uint32_t code_points_before(const File& file, std::size_t offset);

  std::deque<File> files_;  // a deque, so that texts stay where they are when another is added
};

}  // namespace bitloom::dsl
