#include "runtime/host/npy.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include "runtime/host/file.h"

namespace bitloom::runtime {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = std::size_t{1} << 20;

struct Dtype {
  std::string_view name;  // without the byte order
  vm::ElementType type;
};

constexpr Dtype kDtypes[] = {
    {"b1", vm::kBool}, {"i1", vm::kI8},  {"i2", vm::kI16}, {"i4", vm::kI32},
    {"i8", vm::kI64},  {"u1", vm::kU8},  {"u2", vm::kU16}, {"u4", vm::kU32},
    {"u8", vm::kU64},  {"f2", vm::kF16}, {"f4", vm::kF32}, {"f8", vm::kF64},
};

struct Header {
  std::optional<std::string> descr;
  std::optional<bool> fortran_order;
  std::optional<Shape> shape;
};

// Reads the one dictionary that a header is. Every function returns false when the text does not
// fit, and then `wrong` says why.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  bool parse(Header& header) {
    if (!expect('{')) return false;
    while (!accept('}')) {
      if (!entry(header)) return false;
      if (accept(',')) continue;
      if (!expect('}')) return false;
      break;
    }
    skip_spaces();
    if (at_ != text_.size()) return fail("something follows the dictionary");
    if (!header.descr) return fail("'descr' is missing");
    if (!header.fortran_order) return fail("'fortran_order' is missing");
    if (!header.shape) return fail("'shape' is missing");
    return true;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  bool entry(Header& header) {
    std::string key;
    if (!string(key) || !expect(':')) return false;
    if (key == "descr")
      return unique(header.descr.has_value(), key) && string(header.descr.emplace());
    if (key == "fortran_order")
      return unique(header.fortran_order.has_value(), key) &&
             boolean(header.fortran_order.emplace());
    if (key == "shape")
      return unique(header.shape.has_value(), key) && tuple(header.shape.emplace());
    return fail(fmt::format("the key '{}' is unknown", key));
  }

  bool unique(bool known, const std::string& key) {
    return !known || fail(fmt::format("'{}' stands twice", key));
  }

  bool string(std::string& out) {
    skip_spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"')
      return fail(quote == '[' || quote == '(' ? "records are not supported"
                                               : "a string is expected");
    const auto end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return fail("a string has no end");
    out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }

  bool boolean(bool& out) {
    skip_spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.substr(at_).starts_with(word)) continue;
      at_ += word.size();
      out = value;
      return true;
    }
    return fail("True or False is expected");
  }

  bool tuple(Shape& out) {
    if (!expect('(')) return false;
    bool comma = true;
    while (!accept(')')) {
      if (!comma) return fail("',' is expected");
      if (!integer(out.emplace_back())) return false;
      comma = accept(',');
      if (out.size() > kMaxRank) return fail("the shape has too many dimensions");
    }
    // Python writes (3,) for a tuple of one; (3) is a number.
    return out.size() != 1 || comma || fail("the shape is a number, not a tuple");
  }

  bool integer(std::int64_t& out) {
    skip_spaces();
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), out);
    if (error == std::errc::result_out_of_range) return fail("an extent does not fit 63 bits");
    if (error != std::errc()) return fail("an extent is expected");
    if (out < 0) return fail("an extent is negative");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // as Python 2 wrote long integers
    return true;
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool expect(char c) { return accept(c) || fail(fmt::format("'{}' is expected", c)); }
  bool fail(std::string_view what) {
    wrong_ = fmt::format("{} at byte {}", what, at_);
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string wrong_;
};

// Where header and elements of a file lie.
struct Parts {
  std::string_view header;
  std::span<const std::byte> data;
};

Result<Parts> split(std::span<const std::byte> file, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic))
    return failure("BL0608", fmt::format("{}: not a .npy array", name),
                   text.starts_with("PK") ? "this is a zip archive (.npz); unpack it" : "");
  const auto byte_at = [&](std::size_t i) { return static_cast<std::size_t>(file[i]); };
  const std::size_t prefix = file.size() > 6 && byte_at(6) == 1 ? 10 : 12;
  if (file.size() < prefix)
    return failure("BL0611", fmt::format("{}: cut off within its first {} bytes", name, prefix));
  if (byte_at(6) < 1 || byte_at(6) > 3)
    return failure("BL0608",
                   fmt::format("{}: version {} of the .npy format is unknown", name, byte_at(6)));
  std::size_t length = byte_at(8) | byte_at(9) << 8;
  if (prefix == 12) length |= byte_at(10) << 16 | byte_at(11) << 24;
  if (length > kMaxHeader)
    return failure("BL0603", fmt::format("{}: the header has {} bytes, at most {} are read", name,
                                         length, kMaxHeader));
  if (length > file.size() - prefix)
    return failure("BL0611", fmt::format("{}: the header has {} bytes, the file only {}", name,
                                         length, file.size() - prefix));
  return Parts{text.substr(prefix, length), file.subspan(prefix + length)};
}

// Turns the bytes of every element around.
void swap_bytes(std::span<std::byte> bytes, std::size_t width) {
  for (std::size_t i = 0; i < bytes.size(); i += width)
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
}

// From column-major to row-major: a walk over the target with an odometer of indices.
void copy_from_fortran(std::span<const std::byte> from, HostArray& to) {
  const std::size_t width = host_bytes(to.type()), rank = to.rank();
  std::vector<std::size_t> stride(rank, width), index(rank, 0);
  for (std::size_t d = 1; d < rank; ++d)
    stride[d] = stride[d - 1] * static_cast<std::size_t>(to.shape()[d - 1]);
  std::size_t offset = 0;
  for (std::size_t i = 0; i < from.size(); i += width) {
    std::memcpy(to.bytes().data() + i, from.data() + offset, width);
    for (std::size_t d = rank; d-- > 0;) {
      offset += stride[d];
      if (++index[d] < static_cast<std::size_t>(to.shape()[d])) break;
      offset -= stride[d] * index[d];
      index[d] = 0;
    }
  }
}

Result<const Dtype*> find_dtype(std::string_view descr, const std::string& name) {
  const auto unsupported = [&] {
    return failure("BL0610", fmt::format("{}: the element type '{}' is not supported", name, descr),
                   "convert it with .astype() to bool, an integer or a float");
  };
  if (descr.size() != 3) return unsupported();
  const char order = descr[0];
  const auto* found = std::ranges::find(kDtypes, descr.substr(1), &Dtype::name);
  if (found == std::end(kDtypes)) return unsupported();
  const bool one_byte = found->type.bits == 8;
  if (order != '<' && order != '>' && order != '=' && !(order == '|' && one_byte))
    return unsupported();
  return found;
}

}  // namespace

Result<HostArray> parse_npy(std::span<const std::byte> file, const std::string& name) {
  const auto parts = split(file, name);
  if (!parts) return tl::make_unexpected(parts.error());
  Header header;
  HeaderParser parser(parts->header);
  if (!parser.parse(header))
    return failure("BL0609", fmt::format("{}: header: {}", name, parser.wrong()));
  const auto dtype = find_dtype(*header.descr, name);
  if (!dtype) return tl::make_unexpected(dtype.error());

  const vm::ElementType type = (*dtype)->type;
  auto bytes = byte_count(type, *header.shape);
  if (!bytes) return failure("BL0612", fmt::format("{}: {}", name, bytes.error().message));
  if (*bytes != parts->data.size())
    return failure(
        "BL0611",
        fmt::format("{}: {} {} needs {} bytes, the file holds {}", name, vm::to_string(type),
                    to_string(*header.shape), *bytes, parts->data.size()),
        *bytes > parts->data.size() ? "the file was cut off" : "");
  auto array = HostArray::zeros(type, std::move(*header.shape));
  if (!array) return array;
  if (*header.fortran_order && array->rank() > 1)
    copy_from_fortran(parts->data, *array);
  else
    std::ranges::copy(parts->data, array->bytes().begin());
  if (header.descr->front() == '>') swap_bytes(array->bytes(), host_bytes(type));
  if (type.is_bool())
    for (std::byte& b : array->bytes()) b = std::byte{b != std::byte{0}};
  return array;
}

Result<HostArray> read_npy(const std::string& path) {
  const auto file = MappedFile::open(path);
  if (!file) return tl::make_unexpected(file.error());
  return parse_npy(file->bytes(), path);
}

Result<void> write_npy(const std::string& path, const HostArray& array) {
  vm::ElementType type = array.type();
  if (type == vm::kTF32) type = vm::kF32;
  if (type.is_narrow() && type != vm::kI8) type = vm::kU8;
  const auto* dtype = std::ranges::find(kDtypes, type, &Dtype::type);
  if (dtype == std::end(kDtypes))
    return failure("BL0613",
                   fmt::format("{}: a .npy file has no element type {}", path, vm::to_string(type)),
                   "write FILE.safetensors, which has every type, or cast to f32 in the kernel");

  std::string shape;
  for (const std::int64_t extent : array.shape()) shape += fmt::format("{}, ", extent);
  if (array.rank() > 1) shape.resize(shape.size() - 2);
  if (array.rank() == 1) shape.pop_back();
  const std::string dictionary =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                  host_bytes(type) == 1 ? '|' : '<', dtype->name, shape);
  // Magic, version and length are 10 bytes; elements begin at a multiple of 64.
  const std::size_t length = (10 + dictionary.size() + 1 + 63) / 64 * 64 - 10;
  std::string header = std::string(kMagic) + '\x01' + '\0';
  header += static_cast<char>(length & 0xFF);
  header += static_cast<char>(length >> 8);
  header += dictionary + std::string(length - dictionary.size() - 1, ' ') + '\n';
  const std::span<const std::byte> pieces[] = {bytes_of(header), array.bytes()};
  return write_file(path, pieces);
}

}  // namespace bitloom::runtime
