#include "runtime/cache/cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "runtime/cache/digest.h"
#include "runtime/environment.h"
#include "runtime/host/file.h"

namespace bitloom::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".kernel";
// What a writer has not renamed after so long it never will.
constexpr auto kAbandoned = std::chrono::hours(1);
constexpr std::uint64_t kMostEntry = std::uint64_t{1} << 30;

bool is_entry(const fs::path& path) {
  return path.extension() == kEnding;
}
// "HASH.kernel.XXXXXX"
bool is_unfinished(const fs::path& path) {
  return path.filename().string().find(std::string(kEnding) + ".") != std::string::npos;
}

struct File {
  fs::path path;
  std::uint64_t bytes = 0;
  fs::file_time_type used;
};

// Calls f(File) for every regular file of the folder. Others may remove files meanwhile.
template <class F>
void each_file(const std::string& folder, F&& f) {
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (!at->is_regular_file(gone) || at->is_symlink(gone)) continue;
    const std::uint64_t bytes = at->file_size(gone);
    const auto used = at->last_write_time(gone);
    if (!gone) f(File{at->path(), bytes, used});
  }
}

// The whole file; nullopt with errno where there is none. Read, not mapped: a file system may take
// away a mapping's bytes, and what was compared must be what is used.
std::optional<std::vector<std::byte>> read_entry(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0) return std::nullopt;
  struct stat status {};
  std::vector<std::byte> bytes;
  bool good = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
              static_cast<std::uint64_t>(status.st_size) <= kMostEntry;
  if (good) bytes.resize(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (good && done < bytes.size()) {
    const ssize_t n = ::read(fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    good = n > 0;
    if (good) done += static_cast<std::size_t>(n);
  }
  ::close(fd);
  if (!good) return std::vector<std::byte>();  // there is something, and it is no entry
  return bytes;
}

// Written beside its place and renamed into it; 0 or the errno of what failed.
int write_entry(const std::string& path, std::span<const std::byte> bytes) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return errno;
  int error = 0;
  while (!bytes.empty() && error == 0) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    else if (errno != EINTR)
      error = errno;
  }
  if (::close(fd) != 0 && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  return error;
}

std::string default_folder() {
  if (const auto folder = environment(Variable::CacheDir)) return *folder;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return (fs::path(cache) / "bitloom").string();
  const char* home = std::getenv("HOME");
  if (home && *home) return (fs::path(home) / ".cache" / "bitloom").string();
  return {};
}

}  // namespace

std::string CacheKey::text() const {
  return fmt::format("build {}\nnvrtc {}\ntarget {}\noptions {}\n\n{}", build, nvrtc, target,
                     options, program);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(end, text.data() + text.size());
  const std::size_t power = unit.size() == 1 ? std::string_view("KMG").find(unit[0]) + 1 : 0;
  if (!unit.empty() && power == 0) return std::nullopt;
  const std::uint64_t scale = std::uint64_t{1} << (10 * power);
  if (value > UINT64_MAX / scale) return std::nullopt;
  return value * scale;
}

Cache::Options Cache::defaults(vm::Diagnostics& diagnostics) {
  Options options;
  options.folder = default_folder();
  if (const auto text = environment(Variable::CacheLimit)) {
    if (const auto bytes = parse_bytes(*text)) {
      options.limit = *bytes;
    } else {
      diagnostics
          .warning("BL0622", {},
                   fmt::format("{} is '{}', which is no number of bytes; the limit stays {}",
                               info(Variable::CacheLimit).name, *text, options.limit))
          .hint("a number, with K, M or G behind it or nothing: 512M");
    }
  }
  return options;
}

std::string Cache::path_of(std::string_view key) const {
  const Digest digest = digest_of(bytes_of(key));
  return fmt::format("{}/{:016x}{:016x}{}", options_.folder, digest.high, digest.low, kEnding);
}

std::optional<CompiledKernel> Cache::find(const CacheKey& key, vm::Diagnostics& diagnostics) {
  if (options_.folder.empty() || options_.limit == 0) return std::nullopt;
  const std::string text = key.text();
  const std::string path = path_of(text);
  const auto bytes = read_entry(path);
  if (!bytes) {
    if (errno != ENOENT && errno != ENOTDIR)
      warn(diagnostics, "BL0620",
           fmt::format("the cache entry '{}' cannot be read: {}", path, std::strerror(errno)),
           "the kernel is compiled anew");
    return std::nullopt;
  }
  std::optional<Entry> entry = decode_entry(*bytes);
  if (!entry || entry->key != text) {
    warn(diagnostics, "BL0620",
         fmt::format("the cache entry '{}' is {}", path,
                     entry ? "that of another kernel" : "damaged, or no entry"),
         "the kernel is compiled anew and the entry replaced; `bitloom cache verify` looks at all");
    return std::nullopt;
  }
  ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);  // used now
  return std::move(entry->kernel);
}

void Cache::store(const CacheKey& key, const CompiledKernel& kernel, vm::Diagnostics& diagnostics) {
  if (options_.folder.empty() || options_.limit == 0) return;
  const std::string text = key.text();
  const std::vector<std::byte> bytes = encode_entry(text, kernel);
  if (bytes.size() > options_.limit) return;
  std::error_code made;
  fs::create_directories(options_.folder, made);
  if (const int error = write_entry(path_of(text), bytes); error != 0) {
    warn(diagnostics, "BL0621",
         fmt::format("the cache in '{}' cannot be written: {}", options_.folder,
                     std::strerror(error)),
         fmt::format("set {} to a folder that can be", info(Variable::CacheDir).name));
    return;
  }
  prune();
}

Cache::Stats Cache::stats() const {
  Stats stats;
  each_file(options_.folder, [&](const File& file) {
    if (!is_entry(file.path)) return;
    ++stats.entries;
    stats.bytes += file.bytes;
  });
  return stats;
}

std::uint64_t Cache::clear() {
  std::uint64_t removed = 0;
  each_file(options_.folder, [&](const File& file) {
    std::error_code gone;
    if (is_entry(file.path))
      removed += fs::remove(file.path, gone);
    else if (is_unfinished(file.path) || file.path.filename() == "nvrtc")
      fs::remove(file.path, gone);
  });
  return removed;
}

Cache::Verification Cache::verify() const {
  Verification result;
  each_file(options_.folder, [&](const File& file) {
    if (!is_entry(file.path)) return;
    const auto bytes = read_entry(file.path.string());
    if (!bytes) return;  // removed meanwhile
    const auto entry = decode_entry(*bytes);
    if (entry && path_of(entry->key) == (fs::path(options_.folder) / file.path.filename()).string())
      ++result.good;
    else
      result.damaged.push_back(file.path.string());
  });
  std::ranges::sort(result.damaged);
  return result;
}

void Cache::remove(const std::string& path) {
  std::error_code gone;
  fs::remove(path, gone);
}

void Cache::prune() {
  std::vector<File> entries;
  std::uint64_t bytes = 0;
  const auto now = fs::file_time_type::clock::now();
  each_file(options_.folder, [&](const File& file) {
    std::error_code gone;
    if (is_unfinished(file.path)) {
      if (now - file.used > kAbandoned) fs::remove(file.path, gone);
      return;
    }
    if (!is_entry(file.path)) return;
    bytes += file.bytes;
    entries.push_back(file);
  });
  if (bytes <= options_.limit) return;
  std::ranges::sort(entries, [](const File& a, const File& b) {
    return a.used != b.used ? a.used < b.used : a.path < b.path;
  });
  const std::uint64_t goal = options_.limit - options_.limit / 10;
  for (const File& file : entries) {
    if (bytes <= goal) break;
    std::error_code gone;
    fs::remove(file.path, gone);
    bytes -= file.bytes;
  }
}

void Cache::warn(vm::Diagnostics& diagnostics, std::string_view code, std::string message,
                 std::string hint) {
  if (warned_.exchange(true)) return;
  diagnostics.warning(code, {}, std::move(message)).hint(std::move(hint));
}

}  // namespace bitloom::runtime
