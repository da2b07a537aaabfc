// Checkpoints in the .safetensors format: named arrays behind a JSON header.
//
//   8 bytes, little-endian: the length of the header
//   {"__metadata__": {"format": "pt"}, "w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0,
//   12]}, …}  spaces the bytes of the tensors, one behind the other
//
// A file is mapped and its header read once, with nothing trusted: the header is at most 100 MB and
// of exactly this form, no name stands twice, every tensor has the bytes that its type and shape
// ask for, and together they cover the rest of the file without gap or overlap. Tensors of a type
// that Bitloom does not know can be listed, not read (BL0617).
//
//   auto file = SafetensorsFile::open("model.safetensors");
//   for (const TensorInfo& t : file->tensors()) …
//   auto w = file->read("model.embed_tokens.weight");       // a copy, aligned; bytes() is the
//   mapping itself
//
// The format: https://huggingface.co/docs/safetensors
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/host/array.h"
#include "runtime/host/file.h"

namespace bitloom::runtime {

inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;

using Metadata = std::map<std::string, std::string>;

struct TensorInfo {
  std::string name;
  std::string dtype;                    // as the file says it: "BF16"
  std::optional<vm::ElementType> type;  // nullopt: not one that Bitloom knows
  Shape shape;
  std::uint64_t begin = 0, end = 0;  // bytes behind the header
};

struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  // in the order of their bytes
  Metadata metadata;
  std::uint64_t data_begin = 0;  // where the bytes of the tensors begin in the file
};

// Reads and checks the header of a file that is given as its bytes; `name` stands in messages.
Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file,
                                                   const std::string& name);

class SafetensorsFile {
 public:
  static Result<SafetensorsFile> open(const std::string& path);

  const std::vector<TensorInfo>& tensors() const { return header_.tensors; }
  const Metadata& metadata() const { return header_.metadata; }
  const TensorInfo* find(std::string_view name) const;

  Result<HostArray> read(std::string_view name) const;
  std::span<const std::byte> bytes(const TensorInfo& tensor) const;

 private:
  std::string path_;
  MappedFile file_;
  SafetensorsHeader header_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

struct NamedArray {
  std::string name;
  const HostArray* array;
};

// Writes a checkpoint, whole or not at all. Narrow types other than the 8-bit floats and e8m0
// become U8 codes, tf32 becomes F32. Tensors lie in the order of their alignment, then of their
// names, so equal contents give equal files.
Result<void> write_safetensors(const std::string& path, std::span<const NamedArray> arrays,
                               const Metadata& metadata = {});

}  // namespace bitloom::runtime
