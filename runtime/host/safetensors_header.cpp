#include "runtime/host/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

namespace bitloom::runtime {
namespace {

constexpr std::string_view kMetadata = "__metadata__";

// The places in a header where something is expected. Every event is legal in some of them.
enum class At {
  Start,
  Top,
  Entry,
  Dtype,
  Shape,
  ShapeItems,
  Offsets,
  OffsetItems,
  Metadata,
  MetadataValue,
  End
};

class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit HeaderReader(SafetensorsHeader& header) : header_(header) {}

  const std::string& wrong() const { return wrong_; }

  bool start_object(std::size_t) override {
    if (at_ == At::Start) return go(At::Top);
    if (at_ == At::Entry && !inside_) {
      inside_ = true;
      return true;
    }
    if (at_ == At::Metadata && !inside_) {
      inside_ = true;
      return true;
    }
    return unexpected("an object");
  }

  bool key(std::string& name) override {
    if (at_ == At::Top) return top_key(name);
    if (at_ == At::Metadata) {
      metadata_key_ = name;
      return header_.metadata.contains(name)
                 ? fail(fmt::format("the metadata '{}' stands twice", name))
                 : go(At::MetadataValue);
    }
    if (name == "dtype") return field(has_dtype_, At::Dtype, name);
    if (name == "shape") return field(has_shape_, At::Shape, name);
    if (name == "data_offsets") return field(has_offsets_, At::Offsets, name);
    return fail(fmt::format("{}: the key '{}' is unknown", where(), name));
  }

  bool string(std::string& value) override {
    if (at_ == At::Dtype) {
      tensor_.dtype = value;
      return go(At::Entry);
    }
    if (at_ == At::MetadataValue) {
      header_.metadata.emplace(metadata_key_, value);
      return go(At::Metadata);
    }
    return unexpected("a string");
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return fail(fmt::format("{}: {} does not fit 63 bits", where(), value));
    if (at_ == At::ShapeItems) {
      tensor_.shape.push_back(static_cast<std::int64_t>(value));
      return tensor_.shape.size() <= kMaxRank ||
             fail(fmt::format("{}: more than {} dimensions", where(), kMaxRank));
    }
    if (at_ == At::OffsetItems) {
      if (offsets_ == 2) return fail(where() + ": data_offsets are two numbers");
      (offsets_++ == 0 ? tensor_.begin : tensor_.end) = value;
      return true;
    }
    return unexpected("a number");
  }

  bool start_array(std::size_t) override {
    if (at_ == At::Shape) return go(At::ShapeItems);
    if (at_ == At::Offsets) return go(At::OffsetItems);
    return unexpected("an array");
  }

  bool end_array() override {
    if (at_ == At::OffsetItems && offsets_ != 2)
      return fail(where() + ": data_offsets are two numbers");
    return go(At::Entry);
  }

  bool end_object() override {
    if (at_ == At::Top) return go(At::End);
    if (at_ == At::Entry && !finish_tensor()) return false;
    return go(At::Top);
  }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a truth value"); }
  bool number_integer(number_integer_t value) override {
    return fail(fmt::format("{}: {} is negative", where(), value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return fail(fmt::format("{}: {} is no integer of 64 bits", where(), text));
  }
  bool binary(binary_t&) override { return unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    return fail(fmt::format("not JSON at byte {}", position));
  }

 private:
  bool top_key(const std::string& name) {
    inside_ = false;
    if (name == kMetadata) {
      if (std::exchange(has_metadata_, true)) return fail("the metadata stands twice");
      return go(At::Metadata);
    }
    if (!names_.insert(name).second) return fail(fmt::format("the name '{}' stands twice", name));
    tensor_ = {};
    tensor_.name = name;
    has_dtype_ = has_shape_ = has_offsets_ = false;
    offsets_ = 0;
    return go(At::Entry);
  }

  bool field(bool& seen, At next, const std::string& name) {
    if (std::exchange(seen, true)) return fail(fmt::format("{}: '{}' stands twice", where(), name));
    return go(next);
  }

  bool finish_tensor() {
    if (!has_dtype_) return fail(where() + ": dtype is missing");
    if (!has_shape_) return fail(where() + ": shape is missing");
    if (!has_offsets_) return fail(where() + ": data_offsets are missing");
    if (tensor_.begin > tensor_.end)
      return fail(fmt::format("{}: data_offsets run from {} back to {}", where(), tensor_.begin,
                              tensor_.end));
    header_.tensors.push_back(std::move(tensor_));
    return true;
  }

  std::string where() const {
    if (at_ == At::Metadata || at_ == At::MetadataValue) return "metadata";
    return tensor_.name.empty() ? "header" : fmt::format("'{}'", tensor_.name);
  }
  bool unexpected(std::string_view what) {
    return fail(fmt::format("{}: {} cannot stand here", where(), what));
  }
  bool go(At next) {
    at_ = next;
    return true;
  }
  bool fail(std::string what) {
    wrong_ = std::move(what);
    return false;
  }

  SafetensorsHeader& header_;
  std::string wrong_;
  At at_ = At::Start;
  bool inside_ = false;  // the object of the entry, or of the metadata, has begun
  TensorInfo tensor_;
  int offsets_ = 0;
  bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false, has_metadata_ = false;
  std::string metadata_key_;
  std::set<std::string> names_;
};

}  // namespace

std::optional<std::string> read_header_json(std::string_view json, SafetensorsHeader& header) {
  HeaderReader reader(header);
  if (nlohmann::json::sax_parse(json.begin(), json.end(), &reader)) return std::nullopt;
  return reader.wrong();
}

}  // namespace bitloom::runtime
