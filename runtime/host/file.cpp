#include "runtime/host/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace bitloom::runtime {
namespace {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  // False when the file system reports at last that something was not written.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

bool write_all(int fd, std::span<const std::byte> bytes) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // Linux writes at most 2 GiB at once
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), std::min(bytes.size(), kMost));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return true;
}

auto cannot_write(const std::string& path, int error) {
  return failure("BL0607", fmt::format("cannot write '{}': {}", path, std::strerror(error)));
}

Result<void> write_in_place(const std::string& path,
                            std::span<const std::span<const std::byte>> pieces) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return cannot_write(path, errno);
  for (const auto piece : pieces)
    if (!write_all(file.get(), piece)) return cannot_write(path, errno);
  if (!file.close()) return cannot_write(path, errno);
  return {};
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  const auto cannot_open = [&] {
    return failure("BL0601", fmt::format("cannot open '{}': {}", path, std::strerror(errno)));
  };
  // Without O_NONBLOCK a pipe that nobody writes to would hold us here.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return cannot_open();
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot_open();
  if (!S_ISREG(status.st_mode))
    return failure("BL0602",
                   fmt::format("'{}' is {}", path,
                               S_ISDIR(status.st_mode) ? "a directory" : "not a regular file"));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return MappedFile();
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED)
    return failure("BL0606", fmt::format("cannot read '{}': {}", path, std::strerror(errno)));
  return MappedFile({static_cast<const std::byte*>(address), size});
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<void> write_file(const std::string& path,
                        std::span<const std::span<const std::byte>> pieces) {
  namespace fs = std::filesystem;
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) return cannot_write(path, EISDIR);
  if (exists && !S_ISREG(status.st_mode)) return write_in_place(path, pieces);

  std::error_code ignored;
  const fs::path resolved = exists ? fs::canonical(path, ignored) : fs::path(path);
  const std::string target = resolved.empty() ? path : resolved.string();
  std::string temporary = target + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return cannot_write(path, errno);

  bool written = true;
  for (const auto piece : pieces) written = written && write_all(file.get(), piece);
  // mkostemp() gives a file that only its owner may read; the target gets what any new file would,
  // or what it had.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  written = written && ::fchmod(file.get(), exists ? status.st_mode & 0777 : 0666 & ~mask) == 0;
  written = written && file.close() && ::rename(temporary.c_str(), target.c_str()) == 0;
  if (!written) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return cannot_write(path, error);
  }
  return {};
}

}  // namespace bitloom::runtime
