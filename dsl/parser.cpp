#include "dsl/parser.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/grammar/state.h"
#include "dsl/scan.h"

namespace bitloom::dsl {
namespace {

// The text of the /// lines that stand directly above `place`.
std::string documentation_of(std::string_view text, const std::vector<Comment>& comments,
                             std::uint32_t begin) {
  std::vector<std::string_view> lines;
  auto next = std::lower_bound(
      comments.begin(), comments.end(), begin,
      [](const Comment& comment, std::uint32_t at) { return comment.place.begin < at; });
  while (next != comments.begin()) {
    const auto [place, own_line] = *--next;
    const std::string_view between = text.substr(place.end, begin - place.end);
    const std::string_view line = text.substr(place.begin, place.end - place.begin);
    if (!own_line || !line.starts_with("///") ||
        std::count(between.begin(), between.end(), '\n') != 1)
      break;
    begin = place.begin;
    lines.push_back(line.substr(line.starts_with("/// ") ? 4 : 3));
  }
  std::string result;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!result.empty()) result += '\n';
    result += *line;
  }
  return result;
}

}  // namespace

std::optional<File> parse(const SourceManager& sources, FileId id, vm::Diagnostics& diagnostics) {
  const std::string_view text = sources.text(id);
  if (text.size() > kMaxProgramBytes) {
    diagnostics.error("BL0603", sources.span(id, 0, 0),
                      fmt::format("the file has {} bytes; a program has at most {}", text.size(),
                                  kMaxProgramBytes));
    return std::nullopt;
  }
  Scan scanned = scan(sources, id, diagnostics);
  if (scanned.too_deep) return std::nullopt;

  File file;
  file.id = id;
  grammar::State state(sources, id, scanned, diagnostics);
  grammar::parse_declarations(state, file.declarations);
  for (Decl& decl : file.declarations) {
    decl.documentation = documentation_of(text, scanned.comments, decl.place.begin);
  }
  file.comments = std::move(scanned.comments);
  return file;
}

}  // namespace bitloom::dsl
