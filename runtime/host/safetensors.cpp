#include "runtime/host/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "runtime/host/safetensors_header.h"
#include "vm/suggest.h"

namespace bitloom::runtime {
namespace {

struct Dtype {
  std::string_view name;
  vm::ElementType type;
};

constexpr Dtype kDtypes[] = {
    {"BOOL", vm::kBool}, {"U8", vm::kU8},        {"U16", vm::kU16},      {"U32", vm::kU32},
    {"U64", vm::kU64},   {"I8", vm::kI8},        {"I16", vm::kI16},      {"I32", vm::kI32},
    {"I64", vm::kI64},   {"F16", vm::kF16},      {"BF16", vm::kBF16},    {"F32", vm::kF32},
    {"F64", vm::kF64},   {"F8_E4M3", vm::kE4M3}, {"F8_E5M2", vm::kE5M2}, {"F8_E8M0", vm::kE8M0},
};

// As what an array is stored.
const Dtype& stored_as(vm::ElementType type) {
  if (type == vm::kTF32) type = vm::kF32;
  const auto* exact = std::ranges::find(kDtypes, type, &Dtype::type);
  if (exact != std::end(kDtypes)) return *exact;
  return *std::ranges::find(kDtypes, vm::kU8, &Dtype::type);  // codes
}

auto malformed(std::string_view code, const std::string& name, std::string_view what) {
  return failure(code, fmt::format("{}: {}", name, what));
}

// Gives every tensor its type and compares its bytes with it.
Result<void> check_sizes(std::vector<TensorInfo>& tensors, const std::string& name) {
  for (TensorInfo& t : tensors) {
    const auto* dtype = std::ranges::find(kDtypes, t.dtype, &Dtype::name);
    if (dtype == std::end(kDtypes)) continue;
    t.type = dtype->type;
    const auto bytes = byte_count(*t.type, t.shape);
    if (!bytes)
      return malformed("BL0612", name, fmt::format("'{}': {}", t.name, bytes.error().message));
    if (t.end - t.begin != *bytes)
      return malformed("BL0616", name,
                       fmt::format("'{}': {} {} needs {} bytes, its offsets give {}", t.name,
                                   t.dtype, to_string(t.shape), *bytes, t.end - t.begin));
  }
  return {};
}

// The tensors, in the order of their bytes, cover the data from its beginning to its end.
Result<void> check_cover(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                         const std::string& name) {
  std::uint64_t covered = 0;
  for (const TensorInfo& t : tensors) {
    if (t.end > data_bytes)
      return failure("BL0616",
                     fmt::format("{}: '{}' ends at byte {}, but the file has {} bytes of tensors",
                                 name, t.name, t.end, data_bytes),
                     "the file was cut off, or is still being written");
    if (t.begin != covered)
      return malformed("BL0616", name,
                       fmt::format("'{}' begins at byte {}, but the tensor before it ends at {}",
                                   t.name, t.begin, covered));
    covered = t.end;
  }
  if (covered != data_bytes)
    return malformed("BL0616", name,
                     fmt::format("the tensors end at byte {}, but the file has {} bytes of them",
                                 covered, data_bytes));
  return {};
}

}  // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::span<const std::byte> file,
                                                   const std::string& name) {
  std::uint64_t length = 0;
  if (file.size() < sizeof length)
    return malformed("BL0614", name, "not a .safetensors file: shorter than 8 bytes");
  std::memcpy(&length, file.data(), sizeof length);
  const std::uint64_t rest = file.size() - sizeof length;
  if (length > kMaxSafetensorsHeader || length > rest)
    return failure(
        "BL0614",
        fmt::format("{}: the header would have {} bytes, where {} are left and {} allowed", name,
                    length, rest, kMaxSafetensorsHeader),
        "is this a .safetensors file, and is it whole?");
  const std::string_view json(reinterpret_cast<const char*>(file.data()) + sizeof length, length);
  if (!json.starts_with('{'))
    return malformed("BL0614", name, "not a .safetensors file: the header is no JSON object");

  SafetensorsHeader header;
  header.data_begin = sizeof length + length;
  if (const auto wrong = read_header_json(json, header))
    return malformed("BL0615", name, "header: " + *wrong);
  std::ranges::stable_sort(header.tensors, {},
                           [](const TensorInfo& t) { return std::pair(t.begin, t.end); });
  if (const auto sizes = check_sizes(header.tensors, name); !sizes)
    return tl::make_unexpected(sizes.error());
  if (const auto cover = check_cover(header.tensors, rest - length, name); !cover)
    return tl::make_unexpected(cover.error());
  return header;
}

Result<SafetensorsFile> SafetensorsFile::open(const std::string& path) {
  auto mapped = MappedFile::open(path);
  if (!mapped) return tl::make_unexpected(mapped.error());
  auto header = parse_safetensors_header(mapped->bytes(), path);
  if (!header) return tl::make_unexpected(header.error());
  SafetensorsFile file;
  file.path_ = path;
  file.file_ = std::move(*mapped);
  file.header_ = std::move(*header);
  for (std::size_t i = 0; i < file.header_.tensors.size(); ++i)
    file.index_.emplace(file.header_.tensors[i].name, i);
  return file;
}

const TensorInfo* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &header_.tensors[found->second];
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorInfo& tensor) const {
  return file_.bytes().subspan(header_.data_begin + tensor.begin, tensor.end - tensor.begin);
}

Result<HostArray> SafetensorsFile::read(std::string_view name) const {
  const TensorInfo* tensor = find(name);
  if (tensor == nullptr) {
    std::vector<std::string_view> names;
    for (const auto& [known, at] : index_) names.push_back(known);
    const auto near = vm::closest_name(name, names);
    return failure("BL0618", fmt::format("{}: there is no tensor '{}'", path_, name),
                   near ? fmt::format("did you mean '{}'?", *near) : "");
  }
  if (!tensor->type)
    return failure("BL0617", fmt::format("{}: '{}' has the element type {}, which is not supported",
                                         path_, name, tensor->dtype));
  auto array = HostArray::zeros(*tensor->type, tensor->shape);
  if (array) std::ranges::copy(bytes(*tensor), array->bytes().begin());
  return array;
}

Result<void> write_safetensors(const std::string& path, std::span<const NamedArray> arrays,
                               const Metadata& metadata) {
  std::vector<NamedArray> sorted(arrays.begin(), arrays.end());
  std::ranges::sort(sorted, {}, [](const NamedArray& a) {
    return std::pair(-static_cast<int>(host_bytes(a.array->type())), a.name);
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  std::vector<std::span<const std::byte>> pieces(1);
  std::set<std::string> names = {"__metadata__"};
  for (const NamedArray& a : sorted) {
    if (!names.insert(a.name).second)
      return failure("BL0619", fmt::format("{}: the name '{}' is {}", path, a.name,
                                           a.name == "__metadata__" ? "reserved" : "given twice"));
    const std::uint64_t end = offset + a.array->bytes().size();
    header.push_back({a.name,
                      {{"dtype", stored_as(a.array->type()).name},
                       {"shape", a.array->shape()},
                       {"data_offsets", {offset, end}}}});
    pieces.push_back(a.array->bytes());
    offset = end;
  }

  std::string json;
  try {
    json = header.dump();
  } catch (const nlohmann::json::exception&) {
    return failure("BL0604", fmt::format("{}: a name or the metadata is not UTF-8", path));
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = json.size();
  std::string front(sizeof length, '\0');
  std::memcpy(front.data(), &length, sizeof length);
  front += json;
  pieces[0] = bytes_of(front);
  return write_file(path, pieces);
}

}  // namespace bitloom::runtime
