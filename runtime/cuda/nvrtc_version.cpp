#include "runtime/cuda/nvrtc_version.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "runtime/host/file.h"

namespace bitloom::cuda {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead = "bitloom nvrtc 1\n";
constexpr std::size_t kMostBytes = 1 << 16;

std::string path_in(const std::string& folder) {
  return folder + "/nvrtc";
}

// "PATH 2049 131 98304000 1700000000.000000000", or "PATH -" where there is nothing.
std::string identity(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return path + " -\n";
  return fmt::format("{} {} {} {} {}.{:09}\n", path, status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

// What decides which file the loader finds, as it is now.
std::string circumstances() {
  std::string text;
  for (const std::string& candidate : Nvrtc::candidates())
    text += candidate.find('/') == std::string::npos ? candidate + "\n" : identity(candidate);
  const char* variable = std::getenv("LD_LIBRARY_PATH");
  const std::string search = variable ? variable : "";
  text += fmt::format("LD_LIBRARY_PATH {}\n", search);
  for (std::size_t at = 0; at < search.size();) {
    const std::size_t end = std::min(search.find_first_of(":;", at), search.size());
    text += identity(end == at ? "." : search.substr(at, end - at));
    at = end + 1;
  }
  for (const char* place :
       {"/etc/ld.so.cache", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64",
        "/usr/lib64", "/lib", "/usr/lib"})
    text += identity(place);
  return text;
}

bool is_version(std::string_view text) {
  return !text.empty() && text.size() < 16 &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

std::optional<std::string> remembered_nvrtc(const std::string& folder) {
  std::ifstream in(path_in(folder), std::ios::binary);
  if (!in) return std::nullopt;
  std::string text(kMostBytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));

  // The head, the version, the library's file, and the rest, line by line.
  std::string_view rest = text;
  if (!rest.starts_with(kHead)) return std::nullopt;
  rest.remove_prefix(kHead.size());
  const auto line = [&] {
    const std::size_t end = rest.find('\n');
    const std::string_view found = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return found;
  };
  const std::string version(line()), library(line()), file(line());
  if (!is_version(version) || library.empty()) return std::nullopt;
  if (identity(library) != file + "\n" || file == library + " -") return std::nullopt;
  if (rest != circumstances()) return std::nullopt;
  return version;
}

void remember_nvrtc(const std::string& folder, const Nvrtc& nvrtc) {
  std::error_code error;
  const std::string library = fs::canonical(nvrtc.path(), error).string();
  if (error || library.find('\n') != std::string::npos) return;
  const std::string text = fmt::format("{}{}\n{}\n{}{}", kHead, nvrtc.version(), library,
                                       identity(library), circumstances());
  if (text.size() > kMostBytes) return;
  fs::create_directories(folder, error);
  const std::span<const std::byte> bytes = runtime::bytes_of(text);
  if (!error) static_cast<void>(runtime::write_file(path_in(folder), {&bytes, 1}));
}

}  // namespace bitloom::cuda
