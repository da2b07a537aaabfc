#include "stack/model/config.h"

#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "stack/json.h"

namespace bitloom::stack {

using runtime::Result;

namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;
constexpr std::int64_t kLargestSize = 1 << 24;
constexpr const char* kSupported = "Bitloom runs Llama checkpoints (LlamaForCausalLM)";

class ConfigReader {
 public:
  ConfigReader(const nlohmann::json& json, const std::string& name)
      : errors_("BL0633", name), root_(json, errors_) {}

  Result<ModelConfig> read() {
    if (!root_.is_object()) root_.fail("is not a JSON object");
    if (!errors_.failed()) check_architecture();
    if (!errors_.failed()) sizes();
    if (!errors_.failed()) rope();
    if (!errors_.failed()) end_tokens();
    if (errors_.failed()) return tl::make_unexpected(errors_.take());
    return config_;
  }

 private:
  void refuse(const std::string& what) { errors_.fail_as("BL0634", what, kSupported); }

  void check_architecture() {
    if (const auto type = root_.string("model_type"); type != "llama" && !errors_.failed())
      return refuse(fmt::format("the model type '{}' is not supported", type));
    if (const auto act = root_.string("hidden_act", "silu"); act != "silu")
      return refuse(fmt::format("the activation '{}' is not supported", act));
    for (const char* key : {"attention_bias", "mlp_bias"})
      if (root_.boolean(key, false)) refuse(fmt::format("{} is not supported", key));
    if (!root_.lacks("quantization_config"))
      refuse("a quantization_config of another program is not supported");
  }

  void sizes() {
    ModelConfig& c = config_;
    c.vocabulary = root_.integer("vocab_size", 1, kLargestSize);
    c.hidden = root_.integer("hidden_size", 1, kLargestSize);
    c.intermediate = root_.integer("intermediate_size", 1, kLargestSize);
    c.layers = root_.integer("num_hidden_layers", 1, 4096);
    c.heads = root_.integer("num_attention_heads", 1, 65536);
    c.kv_heads = root_.integer("num_key_value_heads", 1, 65536, c.heads);
    c.head_size =
        root_.integer("head_dim", 1, 65536, std::max<std::int64_t>(1, c.hidden / c.heads));
    c.positions = root_.integer("max_position_embeddings", 1, kLargestSize, 2048);
    c.rms_eps = root_.number("rms_norm_eps", 0, 1, 1e-6);
    c.tied_head = root_.boolean("tie_word_embeddings", false);
    if (errors_.failed()) return;
    if (c.heads % c.kv_heads != 0)
      return errors_.fail(fmt::format("{} query heads cannot share {} key/value heads evenly",
                                      c.heads, c.kv_heads));
    if (c.head_size != 64 && c.head_size != 128)
      return refuse(fmt::format("heads of {} are not supported", c.head_size));
  }

  // Newer files say rope_parameters, older ones rope_theta and rope_scaling.
  void rope() {
    const bool is_new = !root_.lacks("rope_parameters");
    const bool has_scaling = !root_.lacks("rope_scaling");
    const JsonNode node = is_new        ? root_.at("rope_parameters")
                          : has_scaling ? root_.at("rope_scaling")
                                        : root_;
    config_.rope_theta = (is_new ? node : root_).number("rope_theta", 1, 1e12, 10000.0);
    if (!is_new && !has_scaling) return;
    const std::string type = node.string("rope_type", node.string("type", "default"));
    if (errors_.failed() || type == "default") return;
    if (type != "llama3") return refuse(fmt::format("the RoPE type '{}' is not supported", type));
    ModelConfig::Scaling scaling;
    scaling.factor = node.number("factor", 1, 1e6);
    scaling.low = node.number("low_freq_factor", 1e-3, 1e6);
    scaling.high = node.number("high_freq_factor", 1e-3, 1e6);
    scaling.original_positions = node.integer("original_max_position_embeddings", 1, kLargestSize);
    if (!errors_.failed() && scaling.high <= scaling.low)
      node.fail("has a high_freq_factor that is not greater than its low_freq_factor");
    config_.scaling = scaling;
  }

  void end_tokens() {
    if (root_.lacks("eos_token_id")) return;
    const JsonNode end = root_.at("eos_token_id");
    const auto add = [&](const JsonNode& node) {
      config_.end_tokens.push_back(
          static_cast<std::int32_t>(node.as_integer(0, config_.vocabulary - 1)));
    };
    if (!end.raw().is_array()) return add(end);
    for (const JsonNode& item : end.items()) add(item);
  }

  JsonErrors errors_;
  JsonNode root_;
  ModelConfig config_;
};

float frequency(const ModelConfig& config, std::int64_t d) {
  const float exponent = static_cast<float>(2 * d) / static_cast<float>(config.head_size);
  const float plain = 1.0f / std::pow(static_cast<float>(config.rope_theta), exponent);
  if (!config.scaling) return plain;
  const ModelConfig::Scaling& s = *config.scaling;
  const double length = 2 * std::numbers::pi / plain,
               original = static_cast<double>(s.original_positions);
  if (length < original / s.high) return plain;
  if (length > original / s.low) return static_cast<float>(plain / s.factor);
  const double smooth = (original / length - s.low) / (s.high - s.low);
  return static_cast<float>((1 - smooth) * plain / s.factor + smooth * plain);
}

}  // namespace

Result<ModelConfig> parse_model_config(std::string_view text, const std::string& name) {
  const auto json = parse_json(text, name, "BL0633", kMaxConfigBytes);
  if (!json) return tl::make_unexpected(json.error());
  return ConfigReader(*json, name).read();
}

Result<ModelConfig> read_model_config(const std::string& path) {
  const auto json = read_json(path, "BL0633", kMaxConfigBytes);
  if (!json) return tl::make_unexpected(json.error());
  return ConfigReader(*json, path).read();
}

RopeTables rope_tables(const ModelConfig& config, std::int64_t positions) {
  RopeTables tables;
  for (std::int64_t p = 0; p < positions; ++p) {
    for (std::int64_t d = 0; d < config.head_size / 2; ++d) {
      const float angle = static_cast<float>(p) * frequency(config, d);
      tables.cosines.push_back(std::cos(angle));
      tables.sines.push_back(std::sin(angle));
    }
  }
  return tables;
}

}  // namespace bitloom::stack
