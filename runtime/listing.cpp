#include "runtime/listing.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <regex>

#include "runtime/host/file.h"

namespace bitloom::runtime {
namespace {

namespace fs = std::filesystem;

struct Mark {
  std::string file;
  std::uint32_t line = 0;
};

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

// NVRTC makes paths absolute.
std::optional<dsl::FileId> find_file(const std::string& name, const dsl::SourceManager& sources) {
  for (dsl::FileId file = 0; file < sources.size(); ++file) {
    std::error_code ignored;
    if (sources.path(file) == name || fs::absolute(sources.path(file), ignored) == name)
      return file;
  }
  return std::nullopt;
}

std::string source_line(const Mark& mark, const dsl::SourceManager& sources) {
  const auto file = find_file(mark.file, sources);
  if (!file) return fmt::format("// {}:{}:\n", mark.file, mark.line);
  return fmt::format("// {}:{}: {}\n", sources.path(*file), mark.line,
                     trimmed(sources.line_text(*file, mark.line)));
}

// Calls `mark_of` for every line. A line that is a mark is replaced by the line of the source,
// unless that was the last one already.
using MarkOf = std::function<std::optional<Mark>(const std::string& line)>;
std::string interleave(const std::string& text, const dsl::SourceManager& sources,
                       const MarkOf& mark_of) {
  std::string result;
  Mark last;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    const auto mark = mark_of(line);
    if (!mark) {
      result += line + "\n";
    } else if (mark->line != last.line || mark->file != last.file) {
      result += source_line(*mark, sources);
      last = *mark;
    }
  }
  return result;
}

// "a\"b" without its backslashes.
std::string unescaped(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    result += text[i];
  }
  return result;
}

std::uint32_t number(const std::string& digits) {
  return static_cast<std::uint32_t>(std::strtoul(digits.c_str(), nullptr, 10));
}

}  // namespace

std::string cuda_listing(const std::string& text, const dsl::SourceManager& sources) {
  static const std::regex kLine(R"re(^#line ([0-9]{1,9})(?: "(.*)")?$)re");
  std::string file;
  return interleave(text, sources, [&file](const std::string& line) -> std::optional<Mark> {
    std::smatch match;
    if (!line.starts_with("#line") || !std::regex_match(line, match, kLine)) return std::nullopt;
    if (match[2].matched) file = unescaped(match[2]);
    return Mark{file, number(match[1])};
  });
}

std::string ptx_listing(const std::string& text, const dsl::SourceManager& sources) {
  // The files stand at the end of the text.
  static const std::regex kFile(R"re(\.file\s+([0-9]{1,9})\s+"([^"\n]*)")re");
  std::map<std::string, std::string> files;
  for (std::sregex_iterator at(text.begin(), text.end(), kFile), end; at != end; ++at)
    files[(*at)[1]] = (*at)[2];
  static const std::regex kLoc(R"re(^\s*\.loc\s+([0-9]{1,9})\s+([0-9]{1,9})\s.*$)re");
  return interleave(text, sources, [&files](const std::string& line) -> std::optional<Mark> {
    std::smatch match;
    if (line.find(".loc") == std::string::npos || !std::regex_match(line, match, kLoc))
      return std::nullopt;
    return Mark{files[match[1]], number(match[2])};
  });
}

std::string sass_listing(const std::string& text, const dsl::SourceManager& sources) {
  static const std::regex kLine(R"re(^\s*//## File "([^"]*)", line ([0-9]{1,9}).*$)re");
  return interleave(text, sources, [](const std::string& line) -> std::optional<Mark> {
    std::smatch match;
    if (line.find("//##") == std::string::npos || !std::regex_match(line, match, kLine))
      return std::nullopt;
    return Mark{match[1], number(match[2])};
  });
}

std::vector<std::string> disassembler_folders() {
  std::vector<std::string> folders;
  const char* path = std::getenv("PATH");
  const std::string list = path ? path : "";
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) folders.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  for (const char* name : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* home = std::getenv(name)) folders.push_back(std::string(home) + "/bin");
  }
  folders.emplace_back("/usr/local/cuda/bin");
  return folders;
}

Result<std::string> find_disassembler(const std::vector<std::string>& folders) {
  for (const char* program : {"nvdisasm", "cuobjdump"}) {
    for (const std::string& folder : folders) {
      const std::string path = (fs::path(folder) / program).string();
      if (::access(path.c_str(), X_OK) == 0) return path;
    }
  }
  return failure("BL0710", "neither nvdisasm nor cuobjdump was found",
                 "both are parts of the CUDA toolkit; --show cuda --show ptx needs neither");
}

Result<std::string> disassemble(const std::string& program, std::span<const std::byte> cubin) {
  std::error_code ignored;
  std::string image = (fs::temp_directory_path(ignored) / "bitloom-XXXXXX").string();
  const int fd = ::mkstemp(image.data());
  if (fd < 0)
    return failure("BL0607", fmt::format("cannot write '{}': {}", image, std::strerror(errno)));
  ::close(fd);
  struct Removed {
    const std::string& path;
    ~Removed() { ::unlink(path.c_str()); }
  } removed{image};
  if (auto done = write_file(image, {&cubin, 1}); !done) return tl::make_unexpected(done.error());
  const bool nvdisasm = program.ends_with("nvdisasm");
  const std::string command =
      fmt::format("'{}' {} '{}' 2>&1", program, nvdisasm ? "-g -c" : "-sass", image);
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe)
    return failure("BL0606", fmt::format("cannot start '{}': {}", program, std::strerror(errno)));
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    text.append(buffer.data(), n);
  if (const int status = ::pclose(pipe); status != 0)
    return failure("BL0606", fmt::format("'{}' fails: {}", program, text.substr(0, 400)));
  return text;
}

}  // namespace bitloom::runtime
