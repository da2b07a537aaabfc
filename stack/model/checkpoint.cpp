#include "stack/model/checkpoint.h"

#include <fmt/format.h>

#include <filesystem>
#include <set>

#include "runtime/host/dense_bits.h"
#include "stack/json.h"
#include "vm/suggest.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;
using runtime::Shape;

namespace {

constexpr std::size_t kMaxIndexBytes = 256u << 20;
constexpr const char* kSingle = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

bool is_plain(std::string_view file) {
  return file.ends_with(".safetensors") && !file.starts_with('.') &&
         file.find_first_of("/\\") == std::string_view::npos &&
         file.find('\0') == std::string_view::npos;
}

// Older checkpoints carry tables that are computed here.
bool is_passed_over(std::string_view name) {
  return name.ends_with(".rotary_emb.inv_freq");
}

}  // namespace

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& c) {
  std::vector<ExpectedTensor> list = {{"model.embed_tokens.weight", {c.vocabulary, c.hidden}},
                                      {"model.norm.weight", {c.hidden}}};
  if (!c.tied_head) list.push_back({"lm_head.weight", {c.vocabulary, c.hidden}});
  const std::int64_t q = c.heads * c.head_size, kv = c.kv_heads * c.head_size;
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const auto add = [&](const char* name, Shape shape) {
      const bool linear = shape.size() == 2;
      list.push_back(
          {fmt::format("model.layers.{}.{}.weight", layer, name), std::move(shape), linear});
    };
    add("input_layernorm", {c.hidden});
    add("self_attn.q_proj", {q, c.hidden});
    add("self_attn.k_proj", {kv, c.hidden});
    add("self_attn.v_proj", {kv, c.hidden});
    add("self_attn.o_proj", {c.hidden, q});
    add("post_attention_layernorm", {c.hidden});
    add("mlp.gate_proj", {c.intermediate, c.hidden});
    add("mlp.up_proj", {c.intermediate, c.hidden});
    add("mlp.down_proj", {c.hidden, c.intermediate});
  }
  return list;
}

Result<std::map<std::string, std::string>> parse_shard_index(std::string_view text,
                                                             const std::string& name) {
  const auto json = parse_json(text, name, "BL0635", kMaxIndexBytes);
  if (!json) return tl::make_unexpected(json.error());
  JsonErrors errors("BL0635", name);
  const JsonNode root(*json, errors);
  std::map<std::string, std::string> files;
  if (!root.is_object()) root.fail("is not a JSON object");
  if (!errors.failed()) {
    for (const auto& [tensor, node] : root.at("weight_map").members()) {
      const std::string file = node.as_string();
      if (!errors.failed() && !is_plain(file))
        node.fail(fmt::format("names '{}', which is no .safetensors file of this folder", file));
      files.emplace(tensor, file);
    }
    if (!errors.failed() && files.empty()) root.fail("lists no tensors");
  }
  if (errors.failed()) return tl::make_unexpected(errors.take());
  return files;
}

Result<Checkpoint> Checkpoint::open(const std::string& folder) {
  Checkpoint checkpoint;
  checkpoint.folder_ = folder;
  auto config = read_model_config(folder + "/config.json");
  if (!config) return tl::make_unexpected(config.error());
  checkpoint.config_ = std::move(*config);
  if (auto done = checkpoint.open_files(); !done) return tl::make_unexpected(done.error());
  if (auto done = checkpoint.check_tensors(); !done) return tl::make_unexpected(done.error());
  return checkpoint;
}

Result<void> Checkpoint::open_files() {
  const std::string index = folder_ + "/" + kIndex;
  std::map<std::string, std::string> map;
  std::set<std::string> names = {kSingle};
  std::error_code ignored;
  if (std::filesystem::exists(index, ignored)) {
    const auto file = runtime::MappedFile::open(index);
    if (!file) return tl::make_unexpected(file.error());
    const auto bytes = file->bytes();
    auto read =
        parse_shard_index({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, index);
    if (!read) return tl::make_unexpected(read.error());
    map = std::move(*read);
    names.clear();
    for (const auto& [tensor, name] : map) names.insert(name);
  }
  // Tensors are pointed to, so the list may not grow any more.
  files_.reserve(names.size());
  for (const std::string& name : names) {
    paths_.push_back(folder_ + "/" + name);
    auto file = runtime::SafetensorsFile::open(paths_.back());
    if (!file) return tl::make_unexpected(file.error());
    files_.push_back(std::move(*file));
    if (auto done = index_tensors(files_.size() - 1); !done) return done;
  }
  for (const auto& [tensor, name] : map) {
    const auto found = tensors_.find(tensor);
    if (found == tensors_.end() || where(found->second) != folder_ + "/" + name)
      return failure("BL0635", fmt::format("{}: '{}' is not in {}", index, tensor, name));
  }
  return {};
}

Result<void> Checkpoint::index_tensors(std::size_t file) {
  for (const runtime::TensorInfo& tensor : files_[file].tensors()) {
    const auto [at, fresh] = tensors_.emplace(tensor.name, Place{file, &tensor});
    if (!fresh)
      return failure("BL0635", fmt::format("'{}' is in {} and in {}", tensor.name,
                                           where(at->second), paths_[file]));
  }
  const auto& metadata = files_[file].metadata();
  const auto found = metadata.find(kQuantizationKey);
  if (found == metadata.end()) return {};
  auto quantized = parse_quantization(found->second, paths_[file]);
  if (!quantized) return tl::make_unexpected(quantized.error());
  quantized_.merge(*quantized);
  return {};
}

Result<void> Checkpoint::check(const std::string& name, const Shape& shape,
                               std::string_view dtypes) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    std::vector<std::string_view> names;
    for (const auto& [known, place] : tensors_) names.push_back(known);
    const auto near = vm::closest_name(name, names);
    return failure("BL0636", fmt::format("{}: there is no tensor '{}'", folder_, name),
                   near ? fmt::format("did you mean '{}'?", *near) : "is a shard missing?");
  }
  const runtime::TensorInfo& tensor = *found->second.tensor;
  if (tensor.shape != shape)
    return failure(
        "BL0636", fmt::format("{}: '{}' is {}, where config.json asks for {}", where(found->second),
                              name, runtime::to_string(tensor.shape), runtime::to_string(shape)));
  if (dtypes.find(fmt::format("|{}|", tensor.dtype)) == std::string_view::npos)
    return failure(
        "BL0637",
        fmt::format("{}: '{}' is of the type {}", where(found->second), name, tensor.dtype),
        "weights are BF16, F16 or F32");
  return {};
}

Result<void> Checkpoint::check_tensors() const {
  std::set<std::string, std::less<>> known;
  std::set<std::string> linear;
  for (const ExpectedTensor& expected : expected_tensors(config_)) {
    const QuantizedTensor* q = quantized(expected.name);
    if (expected.linear) linear.insert(expected.name);
    if (!q) {
      if (auto done = check(expected.name, expected.shape, "|BF16|F16|F32|"); !done) return done;
      known.insert(expected.name);
      continue;
    }
    if (!expected.linear) continue;  // reported below
    const std::int64_t n = expected.shape[0], k = expected.shape[1];
    if (!group_fits(q->group, k))
      return failure("BL0638", fmt::format("{}: groups of {} do not fit '{}', whose k is {}",
                                           folder_, q->group, expected.name, k));
    if (q->rank > std::min(k, n))
      return failure("BL0638", fmt::format("{}: '{}' has a correction of rank {}, where {} is all",
                                           folder_, expected.name, q->rank, std::min(k, n)));
    const auto bits = runtime::dense_bytes(q->type, {k, n});
    if (!bits) return tl::make_unexpected(bits.error());
    const auto part = [&](bool present, const char* what, const Shape& shape,
                          std::string_view dtypes) -> Result<void> {
      if (!present) return {};
      const std::string name = part_name(expected.name, what);
      known.insert(name);
      return check(name, shape, dtypes);
    };
    for (const auto& done : {part(true, "codes", {static_cast<std::int64_t>(*bits)}, "|U8|"),
                             part(true, "scale", {k / q->group, n}, "|F16|"),
                             part(q->zero, "zero", {k / q->group, n}, "|U8|"),
                             part(q->table, "table", {std::int64_t{1} << q->type.bits}, "|F16|"),
                             part(q->rank > 0, "left", {q->rank, k}, "|F16|"),
                             part(q->rank > 0, "right", {n, q->rank}, "|F16|")})
      if (!done) return done;
  }
  for (const auto& [name, tensor] : quantized_)
    if (!linear.contains(name))
      return failure("BL0638",
                     fmt::format("{}: '{}' is no linear layer of this model", folder_, name));
  for (const auto& [name, place] : tensors_)
    if (!known.contains(name) && !is_passed_over(name))
      return failure("BL0636",
                     fmt::format("{}: '{}' is no tensor of this model", where(place), name),
                     "a tensor that is passed over would change what the model says");
  return {};
}

const QuantizedTensor* Checkpoint::quantized(const std::string& weight) const {
  const auto found = quantized_.find(weight);
  return found == quantized_.end() ? nullptr : &found->second;
}

Result<HostArray> Checkpoint::read(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end())
    return failure("BL0618", fmt::format("{}: there is no tensor '{}'", folder_, name));
  return files_[found->second.file].read(name);
}

std::uint64_t Checkpoint::bytes(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? 0 : found->second.tensor->end - found->second.tensor->begin;
}

std::uint64_t Checkpoint::parameters() const {
  std::uint64_t sum = 0;
  for (const ExpectedTensor& tensor : expected_tensors(config_)) {
    std::uint64_t product = 1;
    for (const std::int64_t extent : tensor.shape) product *= static_cast<std::uint64_t>(extent);
    sum += product;
  }
  return sum;
}

}  // namespace bitloom::stack
