// config.json of a Llama checkpoint: the sizes of the model, each checked.
//
// Read are the files that Hugging Face's LlamaForCausalLM writes, old and new. What would change
// the numbers and is not done here (another activation, biases, an unknown form of RoPE) is refused
// with BL0634; keys that only concern training are passed over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace bitloom::stack {

struct ModelConfig {
  std::int64_t vocabulary = 0, hidden = 0, intermediate = 0, layers = 0;
  std::int64_t heads = 0, kv_heads = 0, head_size = 0;
  std::int64_t positions = 0;  // the longest context
  double rms_eps = 1e-5;
  double rope_theta = 10000;
  bool tied_head = false;  // the output head is the embedding
  std::vector<std::int32_t> end_tokens = {};

  // RoPE with the frequencies of Llama 3.1 ("llama3" in config.json): low ones are divided by
  // `factor`, those between two wavelengths are blended.
  struct Scaling {
    double factor = 1, low = 1, high = 4;
    std::int64_t original_positions = 8192;
  };
  std::optional<Scaling> scaling = {};
};

runtime::Result<ModelConfig> parse_model_config(std::string_view text, const std::string& name);
runtime::Result<ModelConfig> read_model_config(const std::string& path);

// Cosines and sines of position · frequency, [positions, head_size / 2] each, as transformers
// computes them: frequencies and angles are f32.
struct RopeTables {
  std::vector<float> cosines, sines;
};
RopeTables rope_tables(const ModelConfig& config, std::int64_t positions);

}  // namespace bitloom::stack
