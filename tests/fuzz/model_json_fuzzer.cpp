// Any bytes as each of the other JSON texts of a model: config.json, the index of shards, the
// metadata of quantised layers, a policy, patterns of attention. What is accepted keeps its
// promises.
#include <cstdint>
#include <string_view>

#include "stack/model/attention_pattern.h"
#include "stack/model/checkpoint.h"
#include "stack/quantize/policy.h"
#include "tests/fuzz/require.h"

using namespace bitloom::stack;

namespace {

template <class T>
bool accepted(const bitloom::runtime::Result<T>& result) {
  if (result) return true;
  BITLOOM_FUZZ_REQUIRE(result.error().code.starts_with("BL06"));
  BITLOOM_FUZZ_REQUIRE(!result.error().message.empty());
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto config = parse_model_config(text, "input"); accepted(config)) {
    BITLOOM_FUZZ_REQUIRE(config->heads % config->kv_heads == 0);
    for (const ExpectedTensor& tensor : expected_tensors(*config))
      for (const std::int64_t extent : tensor.shape) BITLOOM_FUZZ_REQUIRE(extent > 0);
    rope_tables(*config, 3);
  }
  if (const auto files = parse_shard_index(text, "input"); accepted(files))
    for (const auto& [tensor, file] : *files)
      BITLOOM_FUZZ_REQUIRE(file.find('/') == std::string::npos && file.front() != '.');
  if (const auto tensors = parse_quantization(text, "input"); accepted(tensors)) {
    const auto again = parse_quantization(print_quantization(*tensors), "again");
    BITLOOM_FUZZ_REQUIRE(again && again->size() == tensors->size());
  }
  QuantizePolicy policy{QuantizeRule{}};
  if (accepted(policy.add_exceptions(text, "input")))
    BITLOOM_FUZZ_REQUIRE(policy.rule_for("model.layers.0.mlp.up_proj.weight").group >= 1);
  // a word of its own, and a file for a model of one layer with one head
  if (const auto pattern = parse_attention_pattern(text); accepted(pattern))
    BITLOOM_FUZZ_REQUIRE(parse_attention_pattern(to_string(*pattern)) == *pattern);
  ModelConfig small;
  small.layers = small.heads = 1;
  if (const auto patterns = parse_attention_patterns(text, "input", small); accepted(patterns))
    BITLOOM_FUZZ_REQUIRE(patterns->size() == 1 && patterns->front().size() == 1);
  return 0;
}
