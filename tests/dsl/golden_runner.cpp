#include "tests/dsl/golden_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/support/places.h"

namespace bitloom::tests {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(text.substr(begin, end - begin));
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

// The text of a comment that is a part of the expectation; empty otherwise.
std::string expectation_in(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == std::string::npos || line.compare(begin, 3, "// ") != 0) return {};
  const std::string text = line.substr(begin + 3);
  for (const char* lead : {"error[BL", "warning[BL", "note: ", "note @ ", "hint: "}) {
    if (text.starts_with(lead)) return text;
  }
  return {};
}

bool begins_diagnostic(const std::string& expectation) {
  return expectation.starts_with("error[") || expectation.starts_with("warning[");
}

// A diagnostic as the comments say it.
using Said = std::vector<std::string>;

// Lines of the program without its expectation, counted from 1, and where they stand in the text
// with it.
class LineMap {
 public:
  explicit LineMap(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) {
      bare_.push_back(lines_);
      if (expectation_in(line).empty()) bare_.back() = ++lines_;
    }
  }
  std::uint32_t bare(std::uint32_t line) const {
    return line <= bare_.size() ? bare_[line - 1] : lines_ + 1;
  }

 private:
  std::vector<std::uint32_t> bare_;
  std::uint32_t lines_ = 0;
};

struct Run {
  std::vector<std::string> lines;
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  std::string name;
};

void run(const fs::path& path, const GoldenCheck& check, Run& result) {
  GoldenProgram program;
  program.path = path;
  program.name = path.filename().string();
  program.text = read(path);
  result.name = program.name;
  result.lines = lines_of(program.text);
  constexpr std::string_view kLead = "// RUN:";
  if (!program.text.starts_with(kLead)) {
    result.diagnostics.error("BL0901", {},
                             fmt::format("{} does not begin with '{}'", program.name, kLead));
    return;
  }
  std::istringstream words(result.lines.front().substr(kLead.size()));
  for (std::string word; words >> word;) program.run.push_back(word);
  check(program, result.sources, result.diagnostics);
}

template <class Line>
std::string place_text(const Run& run, const vm::Span& span, const Line& line) {
  if (!span.known()) return {};
  const std::string& file = run.sources.path(span.file);
  const bool here = file == run.name;
  const auto at = [&](std::uint32_t number) { return here ? line(number) : number; };
  return fmt::format(" @ {}{}{}:{}-{}:{}", here ? "" : fs::path(file).filename().string(),
                     here ? "" : ":", at(span.line), span.column, at(span.end_line),
                     span.end_column);
}

template <class Line>
Said said(const Run& run, const vm::Diagnostic& diagnostic, const Line& line) {
  const char* severity = diagnostic.severity == vm::Severity::Error ? "error" : "warning";
  Said result;
  result.push_back(fmt::format("{}[{}]{}: {}", severity, diagnostic.code,
                               place_text(run, diagnostic.span, line), diagnostic.message));
  for (const vm::Note& note : diagnostic.notes) {
    result.push_back(fmt::format("note{}: {}", place_text(run, note.span, line), note.text));
  }
  for (const std::string& hint : diagnostic.hints) result.push_back(fmt::format("hint: {}", hint));
  return result;
}

std::vector<Said> expected_in(const std::vector<std::string>& lines) {
  std::vector<Said> result;
  for (const std::string& line : lines) {
    const std::string text = expectation_in(line);
    if (begins_diagnostic(text)) {
      result.push_back({text});
    } else if (!text.empty() && !result.empty()) {
      result.back().push_back(text);
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::string list(const char* title, const std::vector<Said>& all, const std::vector<Said>& others) {
  std::string result;
  for (const Said& one : all) {
    if (std::find(others.begin(), others.end(), one) != others.end()) continue;
    result += fmt::format("{}\n    {}\n", title, fmt::join(one, "\n    "));
  }
  return result;
}

std::string with_expectation(const Run& run) {
  const LineMap map(run.lines);
  std::vector<std::string> bare;
  for (const std::string& line : run.lines) {
    if (expectation_in(line).empty()) bare.push_back(line);
  }
  // Behind which bare line each diagnostic goes; one behind the last stands for the end of the
  // text.
  const auto last = static_cast<std::uint32_t>(bare.size());
  std::map<std::uint32_t, std::vector<const vm::Diagnostic*>> behind;
  std::vector<std::uint32_t> added(bare.size() + 2, 0);
  for (const vm::Diagnostic& diagnostic : run.diagnostics.all()) {
    const bool here = diagnostic.span.known() && run.sources.path(diagnostic.span.file) == run.name;
    const std::uint32_t line = here ? std::min(map.bare(diagnostic.span.line), last) : 1;
    behind[line].push_back(&diagnostic);
    for (std::uint32_t i = line + 1; i < added.size(); ++i) {
      added[i] += static_cast<std::uint32_t>(1 + diagnostic.notes.size() + diagnostic.hints.size());
    }
  }
  const auto line_now = [&](std::uint32_t line) {
    const std::uint32_t number = map.bare(line);
    return number + added[number];
  };
  std::string result;
  for (std::uint32_t number = 1; number <= last; ++number) {
    const std::string& line = bare[number - 1];
    result += line + "\n";
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    for (const vm::Diagnostic* diagnostic : behind[number]) {
      for (const std::string& text : said(run, *diagnostic, line_now)) {
        result += fmt::format("{}// {}\n", std::string(indent, ' '), text);
      }
    }
  }
  return result;
}

bool updating() {
  const char* update = std::getenv("BITLOOM_UPDATE");
  return update != nullptr && std::string_view(update) == "1";
}

}  // namespace

std::vector<fs::path> golden_files(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(BITLOOM_SOURCE_DIR) /
                                                            "tests/dsl/golden" / folder)) {
    if (entry.path().extension() == ".bl") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string golden_name(const fs::path& path) {
  std::string name = path.parent_path().filename().string() + "_" + path.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

std::optional<std::string> golden_difference(const fs::path& path, const GoldenCheck& check) {
  if (updating()) {
    const std::string text = golden_text(path, check);
    if (text != read(path)) std::ofstream(path, std::ios::binary) << text;
  }
  Run result;
  run(path, check, result);
  std::vector<Said> given;
  for (const vm::Diagnostic& diagnostic : result.diagnostics.all()) {
    given.push_back(said(result, diagnostic, [](std::uint32_t line) { return line; }));
  }
  std::sort(given.begin(), given.end());
  const std::vector<Said> expected = expected_in(result.lines);
  if (given == expected) return std::nullopt;
  const std::string difference = list("  not reported:", expected, given) +
                                 list("  reported, but not expected:", given, expected);
  return fmt::format("{}\n{}  (BITLOOM_UPDATE=1 rewrites the expectation)", path.string(),
                     difference.empty() ? "  reported a different number of times\n" : difference);
}

std::string golden_text(const fs::path& path, const GoldenCheck& check) {
  Run result;
  run(path, check, result);
  return with_expectation(result);
}

}  // namespace bitloom::tests
