#include "stack/model/quantized.h"

#include <fmt/format.h>

#include "stack/json.h"

namespace bitloom::stack {

using runtime::Result;

namespace {

constexpr std::size_t kMaxMetadataBytes = 64 << 20;
constexpr std::int64_t kLargest = 1 << 24;

}  // namespace

std::string part_name(std::string_view weight, std::string_view part) {
  constexpr std::string_view kWeight = ".weight";
  if (weight.ends_with(kWeight)) weight.remove_suffix(kWeight.size());
  return fmt::format("{}.{}", weight, part);
}

bool group_fits(std::int64_t group, std::int64_t k) {
  return group > 0 && k % group == 0 && (64 % group == 0 || group % 64 == 0 || k == group);
}

Result<QuantizedTensors> parse_quantization(std::string_view text, const std::string& name) {
  const auto json = parse_json(text, name, "BL0638", kMaxMetadataBytes);
  if (!json) return tl::make_unexpected(json.error());
  JsonErrors errors("BL0638", fmt::format("{}: metadata '{}'", name, kQuantizationKey));
  const JsonNode root(*json, errors);
  QuantizedTensors tensors;
  if (!root.is_object()) root.fail("is not a JSON object");
  if (!errors.failed()) {
    root.integer("version", 1, 1);
    for (const auto& [weight, node] : root.at("tensors").members()) {
      QuantizedTensor tensor;
      const std::string type = node.string("type");
      if (const auto parsed = vm::parse_element_type(type); parsed && parsed->is_narrow()) {
        tensor.type = *parsed;
      } else {
        node.fail(fmt::format("has the type '{}', which is none of 1 to 8 bits", type));
      }
      tensor.group = node.integer("group", 1, kLargest);
      tensor.zero = node.boolean("zero", false);
      tensor.table = node.boolean("table", false);
      tensor.rank = node.integer("rank", 0, kLargest, 0);
      tensor.method = node.string("method", "rtn");
      if (tensor.table != (tensor.type.type_class == vm::TypeClass::Codebook))
        node.fail("has a table exactly when its type is a codebook");
      if (tensor.zero && tensor.type.type_class != vm::TypeClass::Unsigned)
        node.fail("has zero points, which only unsigned types have");
      if (tensor.type.type_class == vm::TypeClass::Scale) node.fail("has a type for scales");
      tensors.emplace(weight, tensor);
    }
  }
  if (errors.failed()) return tl::make_unexpected(errors.take());
  return tensors;
}

std::string print_quantization(const QuantizedTensors& tensors) {
  nlohmann::ordered_json list = nlohmann::ordered_json::object();
  for (const auto& [name, t] : tensors)
    list[name] = {{"type", to_string(t.type)}, {"group", t.group}, {"zero", t.zero},
                  {"table", t.table},          {"rank", t.rank},   {"method", t.method}};
  return nlohmann::ordered_json{{"version", 1}, {"tensors", list}}.dump();
}

}  // namespace bitloom::stack
