#include "dsl/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "dsl/utf8.h"

namespace bitloom::dsl {
namespace {

constexpr std::size_t kTabWidth = 4;
constexpr std::size_t kWindow = 160;  // most cells of a source line that are printed
constexpr std::size_t kLead = 60;     // cells before the place when a line is cut
constexpr int kGutter = 5;            // least width of the line number

// ANSI colours, or nothing.
struct Palette {
  const char *error = "", *warning = "", *place = "", *gutter = "", *note = "", *reset = "";
};

Palette palette(bool color) {
  if (!color) return {};
  return {"\x1b[1;31m", "\x1b[1;35m", "\x1b[1m", "\x1b[34m", "\x1b[1;36m", "\x1b[0m"};
}

// One character of a source line as it is printed.
struct Cell {
  std::string text;
  std::size_t width;
};

std::vector<Cell> cells_of(std::string_view line) {
  std::vector<Cell> cells;
  std::size_t at = 0;
  for (std::size_t offset = 0; offset < line.size();) {
    const CodePoint c = decode_utf8(line, offset);
    const std::string_view bytes = line.substr(offset, c.bytes);
    if (c.valid && c.value == '\t') {
      const std::size_t width = kTabWidth - at % kTabWidth;
      cells.push_back({std::string(width, ' '), width});
    } else if (c.valid && !is_unprintable(c.value)) {
      cells.push_back({std::string(bytes), static_cast<std::size_t>(display_width(c.value))});
    } else {
      std::string escaped = escape_unprintable(bytes);
      const std::size_t width = escaped.size();
      cells.push_back({std::move(escaped), width});
    }
    at += cells.back().width;
    offset += c.bytes;
  }
  return cells;
}

std::size_t width_of(const std::vector<Cell>& cells, std::size_t begin, std::size_t end) {
  std::size_t width = 0;
  for (std::size_t i = begin; i < end; ++i) width += cells[i].width;
  return width;
}

// The source line of a diagnostic and the carets below it, without the gutter.
struct Excerpt {
  std::string line;
  std::string carets;
};

Excerpt excerpt(std::string_view line, const vm::Span& span) {
  const std::vector<Cell> cells = cells_of(line);
  const bool several_lines = span.end_line > span.line;
  const std::size_t begin = std::min<std::size_t>(std::max(span.column, 1u) - 1, cells.size());
  std::size_t end = several_lines ? cells.size() : std::max(span.end_column, span.column) - 1;
  end = std::clamp(end, begin, cells.size());

  std::size_t first = 0;
  Excerpt out;
  std::size_t indent = width_of(cells, 0, begin);
  if (width_of(cells, 0, cells.size()) > kWindow && indent > kLead) {
    while (indent > kLead) indent -= cells[first++].width;
    out.line = "...";
    indent += 3;
  }
  std::size_t printed = out.line.size(), last = first;
  while (last < cells.size() && printed + cells[last].width <= kWindow)
    printed += cells[last++].width;
  for (std::size_t i = first; i < last; ++i) out.line += cells[i].text;
  if (last < cells.size()) out.line += "...";
  while (out.line.ends_with(' ')) out.line.pop_back();

  const std::size_t carets = width_of(cells, begin, std::clamp(end, begin, std::max(begin, last)));
  out.carets = std::string(indent, ' ') + std::string(std::max<std::size_t>(carets, 1), '^');
  if (several_lines) out.carets += "...";
  return out;
}

const char* name_of(vm::Severity severity) {
  return severity == vm::Severity::Error ? "error" : "warning";
}

std::string place_of(const vm::Span& span, const SourceManager& sources) {
  std::string path;
  if (span.file < sources.size()) path = escape_unprintable(sources.path(span.file)) + ':';
  return fmt::format("{}{}:{}", path, span.line, span.column);
}

void print(const vm::Diagnostic& diagnostic, const SourceManager& sources, const Palette& color,
           std::string& out) {
  const vm::Span& span = diagnostic.span;
  const char* tint = diagnostic.severity == vm::Severity::Error ? color.error : color.warning;
  if (span.known())
    out += fmt::format("{}{}:{} ", color.place, place_of(span, sources), color.reset);
  out += fmt::format("{}{}[{}]{}: {}\n", tint, name_of(diagnostic.severity), diagnostic.code,
                     color.reset, escape_unprintable(diagnostic.message));

  if (span.known() && span.file < sources.size() && span.line <= sources.line_count(span.file)) {
    const Excerpt shown = excerpt(sources.line_text(span.file, span.line), span);
    const std::string number = fmt::format("{:>{}}", span.line, kGutter);
    out += fmt::format("{}{} |{} {}\n", color.gutter, number, color.reset, shown.line);
    out += fmt::format("{}{} |{} {}{}{}\n", color.gutter, std::string(number.size(), ' '),
                       color.reset, tint, shown.carets, color.reset);
  }
  for (const vm::Note& note : diagnostic.notes) {
    out += fmt::format("{}note:{} {}", color.note, color.reset, escape_unprintable(note.text));
    if (note.span.known()) {
      const bool same_file = span.known() && note.span.file == span.file;
      out += same_file ? fmt::format(" at {}:{}", note.span.line, note.span.column)
                       : " at " + place_of(note.span, sources);
    }
    out += '\n';
  }
  for (const std::string& hint : diagnostic.hints)
    out += fmt::format("{}hint:{} {}\n", color.note, color.reset, escape_unprintable(hint));
}

std::string count(std::size_t n, std::string_view what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

std::vector<vm::Diagnostic> in_order(const vm::Diagnostics& diagnostics) {
  const auto place = [](const vm::Diagnostic& d) {
    return d.span.known() ? std::tuple(1, d.span.file, d.span.line, d.span.column)
                          : std::tuple(0, 0u, 0u, 0u);
  };
  std::vector<vm::Diagnostic> sorted = diagnostics.all();
  std::ranges::stable_sort(sorted, {}, place);
  std::vector<vm::Diagnostic> kept;
  for (vm::Diagnostic& d : sorted) {
    bool repeated = false;
    for (auto k = kept.rbegin(); k != kept.rend() && place(*k) == place(d) && !repeated; ++k)
      repeated = k->code == d.code && k->span == d.span && k->message == d.message;
    if (!repeated) kept.push_back(std::move(d));
  }
  return kept;
}

std::string render(const vm::Diagnostic& diagnostic, const SourceManager& sources,
                   RenderOptions options) {
  std::string out;
  print(diagnostic, sources, palette(options.color), out);
  return out;
}

std::string render(const vm::Diagnostics& diagnostics, const SourceManager& sources,
                   RenderOptions options) {
  const std::vector<vm::Diagnostic> sorted = in_order(diagnostics);
  if (sorted.empty()) return {};
  std::string out;
  std::size_t errors = 0;
  for (const vm::Diagnostic& diagnostic : sorted) {
    print(diagnostic, sources, palette(options.color), out);
    errors += diagnostic.severity == vm::Severity::Error;
  }
  const std::size_t warnings = sorted.size() - errors;
  std::string summary = errors != 0 ? count(errors, "error") : "";
  if (warnings != 0) summary += (errors != 0 ? ", " : "") + count(warnings, "warning");
  return out + summary + '\n';
}

}  // namespace bitloom::dsl
