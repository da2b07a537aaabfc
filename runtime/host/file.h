// Files as the host formats need them: mapped for reading, and written whole or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace bitloom::runtime {

// The bytes of a regular file, mapped read-only. A file that another process shortens while it is
// mapped is not guarded against: nothing portable can.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// Writes the pieces, one behind the other, to a new file beside `path` and gives it that name when
// every byte has arrived: a reader sees the old contents or the new, and a failure leaves the old.
// A link is followed. What is no regular file
// (/dev/stdout, a pipe) is written to as it is.
Result<void> write_file(const std::string& path,
                        std::span<const std::span<const std::byte>> pieces);

inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace bitloom::runtime
