#include "dsl/source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "dsl/utf8.h"

namespace bitloom::dsl {
namespace {

// Bytes between two entries of File::code_points; a place costs a scan of at most this many bytes.
constexpr std::size_t kStride = 256;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

vm::Diagnostic failure(std::string_view code, std::string message, std::string hint = {}) {
  vm::Diagnostic diagnostic{vm::Severity::Error, std::string(code), {}, std::move(message), {}, {}};
  if (!hint.empty()) diagnostic.hint(std::move(hint));
  return diagnostic;
}

vm::Diagnostic too_large(const std::string& path, std::size_t bytes) {
  return failure("BL0603",
                 fmt::format("{}: a source file has at most {} bytes, this one has {}", path,
                             kMaxSourceBytes, bytes),
                 "split it into modules and import them");
}

tl::expected<std::string, vm::Diagnostic> read_text(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0)
    return tl::unexpected(
        failure("BL0601", fmt::format("cannot open '{}': {}", path, std::strerror(errno))));
  if (S_ISDIR(status.st_mode))
    return tl::unexpected(
        failure("BL0602", fmt::format("'{}' is a directory", path), "name a kernel file in it"));
  if (!S_ISREG(status.st_mode))
    return tl::unexpected(failure("BL0602", fmt::format("'{}' is not a regular file", path)));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size > kMaxSourceBytes) return tl::unexpected(too_large(path, size));

  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file)
    return tl::unexpected(
        failure("BL0601", fmt::format("cannot open '{}': {}", path, std::strerror(errno))));
  // Until its end, whatever the measured size said; a file of /proc has none.
  std::string text;
  std::size_t read = 0;
  do {
    constexpr std::size_t kChunk = std::size_t{1} << 16;
    text.resize(text.size() + kChunk);
    read = std::fread(text.data() + text.size() - kChunk, 1, kChunk, file.get());
    text.resize(text.size() - kChunk + read);
  } while (read != 0 && text.size() <= kMaxSourceBytes);
  if (std::ferror(file.get()))
    return tl::unexpected(
        failure("BL0606", fmt::format("cannot read '{}': {}", path, std::strerror(errno))));
  return text;
}

}  // namespace

tl::expected<FileId, vm::Diagnostic> SourceManager::load(const std::string& path) {
  if (const auto known = find(path)) return *known;
  return read_text(path).and_then(
      [&](std::string text) { return add_checked(path, std::move(text)); });
}

tl::expected<FileId, vm::Diagnostic> SourceManager::add_checked(std::string path,
                                                                std::string text) {
  if (text.size() > kMaxSourceBytes) return tl::unexpected(too_large(path, text.size()));
  if (const auto bad = first_invalid_utf8(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + *bad, '\n');
    return tl::unexpected(failure("BL0604",
                                  fmt::format("{}: byte 0x{:02x} in line {} is not UTF-8", path,
                                              static_cast<unsigned char>(text[*bad]), line),
                                  "save the file as UTF-8"));
  }
  if (const auto nul = text.find('\0'); nul != std::string::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + nul, '\n');
    return tl::unexpected(failure("BL0605", fmt::format("{}: line {} holds a NUL byte", path, line),
                                  "a kernel is a text file; is this one an array or a program?"));
  }
  return add(std::move(path), std::move(text));
}

FileId SourceManager::add(std::string path, std::string text) {
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  File& file = files_.emplace_back();
  file.path = std::move(path);
  file.text = std::move(text);

  file.line_starts.push_back(0);
  std::uint32_t seen = 0;
  for (std::size_t i = 0; i < file.text.size(); ++i) {
    if (i % kStride == 0) file.code_points.push_back(seen);
    seen += (file.text[i] & 0xC0) != 0x80;
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<std::uint32_t>(i + 1));
  }
  file.code_points.push_back(seen);
  return static_cast<FileId>(files_.size() - 1);
}

std::optional<FileId> SourceManager::find(std::string_view path) const {
  for (std::size_t i = 0; i < files_.size(); ++i)
    if (files_[i].path == path) return static_cast<FileId>(i);
  return std::nullopt;
}

std::uint32_t SourceManager::line_count(FileId file) const {
  return static_cast<std::uint32_t>(files_[file].line_starts.size());
}

std::string_view SourceManager::line_text(FileId file, std::uint32_t line) const {
  const File& f = files_[file];
  if (line == 0 || line > f.line_starts.size()) return {};
  const std::size_t begin = f.line_starts[line - 1];
  const std::size_t end = line < f.line_starts.size() ? f.line_starts[line] - 1 : f.text.size();
  std::string_view text = std::string_view(f.text).substr(begin, end - begin);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::uint32_t SourceManager::code_points_before(const File& file, std::size_t offset) {
  const std::size_t block = offset / kStride * kStride;
  return file.code_points[offset / kStride] +
         static_cast<std::uint32_t>(
             count_code_points(std::string_view(file.text).substr(block, offset - block)));
}

Position SourceManager::position(FileId file, std::size_t offset) const {
  const File& f = files_[file];
  offset = std::min(offset, f.text.size());
  const auto next = std::upper_bound(f.line_starts.begin(), f.line_starts.end(), offset);
  const std::size_t start = *std::prev(next);
  return {static_cast<std::uint32_t>(next - f.line_starts.begin()),
          1 + code_points_before(f, offset) - code_points_before(f, start)};
}

vm::Span SourceManager::span(FileId file, std::size_t begin, std::size_t end) const {
  const Position first = position(file, begin);
  const Position last = position(file, std::max(begin, end));
  return {file, first.line, first.column, last.line, last.column};
}

}  // namespace bitloom::dsl
