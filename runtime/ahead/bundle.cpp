#include "runtime/ahead/bundle.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "runtime/ahead/c_text.h"
#include "runtime/host/file.h"

namespace bitloom::runtime {

namespace fs = std::filesystem;

std::vector<BundleFile> make_bundle(const std::string& name, const vm::Function& function,
                                    std::span<const CompiledKernel> images) {
  const CKernel kernel{name, function, images};
  std::vector<BundleFile> files = {{name + ".h", c_header(kernel)},
                                   {name + ".c", c_source(kernel)}};
  for (const CompiledKernel& image : images) {
    const auto* bytes = reinterpret_cast<const char*>(image.cubin.data());
    files.push_back({fmt::format("{}.{}.cubin", name, image.target), {bytes, image.cubin.size()}});
  }
  return files;
}

namespace {

auto cannot_write(const std::string& path, const std::string& why) {
  return failure("BL0607", fmt::format("cannot write '{}': {}", path, why));
}

// Files under other names, which go away unless they get their own.
class Staged {
 public:
  ~Staged() {
    std::error_code ignored;
    for (const auto& [from, to] : files_) fs::remove(from, ignored);
  }
  Result<void> add(const std::string& to, const std::string& contents) {
    const std::string from = fmt::format("{}.{}.new", to, ::getpid());
    files_.emplace_back(from, to);
    std::error_code ignored;
    if (fs::is_directory(to, ignored)) return cannot_write(to, std::strerror(EISDIR));
    const std::span<const std::byte> piece = bytes_of(contents);
    if (auto done = write_file(from, {&piece, 1}); !done)
      return cannot_write(to, done.error().message);
    return {};
  }
  Result<void> finish() {
    for (const auto& [from, to] : files_) {
      std::error_code error;
      fs::rename(from, to, error);
      if (error) return cannot_write(to, error.message());
    }
    files_.clear();
    return {};
  }

 private:
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace

Result<void> write_bundle(const std::string& folder, std::span<const BundleFile> files) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return cannot_write(folder, error.message());
  Staged staged;
  for (const BundleFile& file : files) {
    if (auto done = staged.add((fs::path(folder) / file.name).string(), file.contents); !done)
      return done;
  }
  return staged.finish();
}

}  // namespace bitloom::runtime
