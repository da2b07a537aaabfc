#include "tests/house/project_files.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "tests/support/places.h"

namespace bitloom::tests {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargest = std::size_t{4} << 20;

std::vector<std::string> tracked_paths() {
  const std::string command = "git -c safe.directory='*' -C '" BITLOOM_SOURCE_DIR
                              "' ls-files -z --cached --others --exclude-standard 2>/dev/null";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), &pclose);
  std::string all;
  char buffer[4096];
  while (const std::size_t n = pipe ? std::fread(buffer, 1, sizeof buffer, pipe.get()) : 0)
    all.append(buffer, n);
  std::vector<std::string> paths;
  std::istringstream stream(all);
  for (std::string path; std::getline(stream, path, '\0');) paths.push_back(path);
  return paths;
}

std::vector<std::string> walked_paths() {
  const fs::path root = BITLOOM_SOURCE_DIR;
  std::vector<std::string> paths;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator();
       ++at) {
    const std::string name = at->path().filename().string();
    if (at->is_directory() && (name.starts_with(".") ? name != ".ci" : name == "build"))
      at.disable_recursion_pending();
    else if (at->is_regular_file())
      paths.push_back(fs::relative(at->path(), root).generic_string());
  }
  return paths;
}

std::vector<ProjectFile> read_all() {
  std::vector<std::string> paths = tracked_paths();
  if (paths.empty()) paths = walked_paths();
  std::ranges::sort(paths);
  std::vector<ProjectFile> files;
  for (const std::string& path : paths) {
    const fs::path full = fs::path(BITLOOM_SOURCE_DIR) / path;
    std::error_code error;
    const auto size = fs::file_size(full, error);
    // A file that was deleted and not committed has no size.
    if (error || size > kLargest || path.starts_with("tests/data/")) continue;
    std::ifstream stream(full, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(stream), {}};
    if (text.find('\0') == std::string::npos) files.push_back({path, std::move(text)});
  }
  return files;
}

}  // namespace

bool ProjectFile::has_extension(std::initializer_list<const char*> extensions) const {
  return std::ranges::any_of(extensions, [&](const char* e) { return path.ends_with(e); });
}

std::string ProjectFile::folder() const {
  const auto slash = path.find('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

const std::vector<ProjectFile>& project_files() {
  static const std::vector<ProjectFile> files = read_all();
  return files;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace bitloom::tests
