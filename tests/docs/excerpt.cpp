#include "tests/docs/excerpt.h"

#include <fmt/format.h>

#include <optional>
#include <regex>
#include <vector>

#include "tests/docs/page.h"

namespace bitloom::test {
namespace {

using Lines = std::vector<std::string>;

constexpr std::string_view kGap = "…";

bool is_gap(const std::string& line) {
  const auto begin = line.find_first_not_of(' ');
  return begin != std::string::npos && line.substr(begin) == kGap;
}

// `…` inside a line stands for any characters.
bool line_matches(std::string_view shown, std::string_view actual) {
  const auto gap = shown.find(kGap);
  if (gap == std::string_view::npos) return shown == actual;
  if (!actual.starts_with(shown.substr(0, gap))) return false;
  const std::string_view rest = shown.substr(gap + kGap.size());
  for (std::size_t at = gap; at <= actual.size(); ++at) {
    if (line_matches(rest, actual.substr(at))) return true;
  }
  return false;
}

bool chunk_at(const Lines& chunk, const Lines& actual, std::size_t at) {
  if (at + chunk.size() > actual.size()) return false;
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    if (!line_matches(chunk[i], actual[at + i])) return false;
  }
  return true;
}

std::optional<std::size_t> find_chunk(const Lines& chunk, const Lines& actual, std::size_t from) {
  for (std::size_t at = from; at + chunk.size() <= actual.size(); ++at) {
    if (chunk_at(chunk, actual, at)) return at;
  }
  return std::nullopt;
}

std::string joined(const Lines& lines) {
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

}  // namespace

std::string difference(const std::string& shown, const std::string& actual, bool anchored) {
  std::vector<Lines> chunks(1);
  for (const std::string& line : lines_of(shown)) {
    if (is_gap(line)) {
      chunks.emplace_back();
    } else {
      chunks.back().push_back(line);
    }
  }
  const Lines lines = lines_of(actual);
  std::size_t at = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const Lines& chunk = chunks[i];
    const bool first = i == 0, last = i + 1 == chunks.size();
    std::optional<std::size_t> found;
    if (anchored && chunks.size() == 1 && chunk.empty()) {
      if (!lines.empty()) return fmt::format("nothing, where there is: {}\n", lines[0]);
      found = 0;
    } else if (anchored && last && !chunk.empty()) {
      // The end of the text, which must not lie before what was found already.
      if (lines.size() >= chunk.size() + at) found = lines.size() - chunk.size();
      if (found && (!chunk_at(chunk, lines, *found) || (first && *found != 0))) found.reset();
    } else if (anchored && first) {
      if (chunk_at(chunk, lines, 0)) found = 0;
    } else {
      found = find_chunk(chunk, lines, at);
    }
    if (!found) return joined(chunk);
    at = *found + chunk.size();
  }
  return {};
}

std::string without_value_numbers(const std::string& ir) {
  static const std::regex kNumber(R"(%([A-Za-z_][A-Za-z_0-9]*)?\.?[0-9]+\b)");
  return std::regex_replace(ir, kNumber, "%$1");
}

std::string without_variable_numbers(const std::string& cuda) {
  static const std::regex kNumber(R"(\b([A-Za-z]\w*?)(_[0-9]+|[0-9]+_)\b)");
  return std::regex_replace(cuda, kNumber, "$1");
}

}  // namespace bitloom::test
