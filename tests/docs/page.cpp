#include "tests/docs/page.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>

#include "tests/support/places.h"

namespace bitloom::test {
namespace {

namespace fs = std::filesystem;

// "… Write `scale_rows.bl`:" names the block below it.
std::string named_file(const std::string& prose) {
  static const std::regex kName(R"(`([A-Za-z0-9_]+\.[a-z]+)`:$)");
  std::smatch match;
  return std::regex_search(prose, match, kName) ? match[1].str() : "";
}

std::string marker_of(const std::string& prose) {
  static const std::regex kMarker(R"(^<!-- (.*) -->$)");
  std::smatch match;
  return std::regex_match(prose, match, kMarker) ? match[1].str() : "";
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

Page read_page(const std::string& path) {
  Page page{path, fs::path(path).filename().string(), read_file(path), {}, {}};
  std::string prose, marker;  // the last lines above that are not empty
  bool inside = false;
  int number = 0;
  for (const std::string& line : lines_of(page.text)) {
    ++number;
    if (line.starts_with("```")) {
      if (!inside) page.blocks.push_back({line.substr(3), "", marker, named_file(prose), number});
      inside = !inside;
      prose = marker = "";
    } else if (inside) {
      page.blocks.back().text += line + "\n";
      continue;
    }
    if (inside || line.starts_with("```")) continue;
    page.prose += line + "\n";
    if (!line.empty()) {
      marker = marker_of(line);
      if (marker.empty()) prose = line;
    }
  }
  page.closed = !inside;
  return page;
}

const std::vector<Page>& pages() {
  static const std::vector<Page> all = [] {
    std::vector<std::string> paths = {BITLOOM_SOURCE_DIR "/README.md"};
    for (const auto& entry : fs::directory_iterator(BITLOOM_SOURCE_DIR "/docs")) {
      if (entry.path().extension() == ".md") paths.push_back(entry.path().string());
    }
    std::sort(paths.begin() + 1, paths.end());
    std::vector<Page> result;
    for (const std::string& path : paths) result.push_back(read_page(path));
    return result;
  }();
  return all;
}

}  // namespace bitloom::test
