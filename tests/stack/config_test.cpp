// What config.json may say, and what is said of files that are wrong.
#include "stack/model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace bitloom::stack {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json small() {
  return json::parse(R"({"model_type": "llama", "vocab_size": 100, "hidden_size": 128,
    "intermediate_size": 200, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 50, "rms_norm_eps": 1e-6})");
}

void expect_refused(const json& file, const std::string& code, const std::string& part) {
  const auto config = parse_model_config(file.dump(), "c.json");
  ASSERT_FALSE(config) << part;
  EXPECT_EQ(config.error().code, code) << config.error().message;
  EXPECT_THAT(config.error().message, HasSubstr(part));
}

TEST(ModelConfig, ReadsOldAndNewFiles) {
  json file = small();
  auto config = parse_model_config(file.dump(), "c.json");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->head_size, 64);
  EXPECT_EQ(config->rope_theta, 10000);
  file["rope_theta"] = 500000.0;
  EXPECT_EQ(parse_model_config(file.dump(), "c.json")->rope_theta, 500000);
  file["rope_parameters"] = {{"rope_theta", 20000.0}, {"rope_type", "default"}};
  EXPECT_EQ(parse_model_config(file.dump(), "c.json")->rope_theta, 20000);
  file["eos_token_id"] = {1, 3};
  EXPECT_EQ(parse_model_config(file.dump(), "c.json")->end_tokens.size(), 2u);
}

// What transformers 4.57 gives for these parameters (modeling_rope_utils,
// _compute_llama3_parameters): the frequencies with wavelengths below 8192 / 4 stay, those above
// 8192 are divided by 8.
TEST(ModelConfig, ScalesFrequenciesAsLlama3Does) {
  json file = small();
  file["rope_theta"] = 500000.0;
  file["rope_scaling"] = {{"rope_type", "llama3"},
                          {"factor", 8.0},
                          {"low_freq_factor", 1.0},
                          {"high_freq_factor", 4.0},
                          {"original_max_position_embeddings", 8192}};
  const auto config = parse_model_config(file.dump(), "c.json");
  ASSERT_TRUE(config) << config.error().message;
  const RopeTables tables = rope_tables(*config, 2);
  for (int d = 0; d < 32; ++d) {
    const double plain = std::pow(500000.0, -2.0 * d / 64), length = 2 * M_PI / plain;
    const double sine = tables.sines[static_cast<std::size_t>(32 + d)];
    if (length < 2048) {
      EXPECT_NEAR(sine, std::sin(plain), 1e-6) << d;
    } else if (length > 8192) {
      EXPECT_NEAR(sine, std::sin(plain / 8), 1e-9) << d;
    } else {
      EXPECT_LT(sine, std::sin(plain)) << d;
      EXPECT_GT(sine, std::sin(plain / 8)) << d;
    }
  }
}

TEST(ModelConfig, RefusesWhatIsMalformed) {
  EXPECT_EQ(parse_model_config("nothing", "c.json").error().code, "BL0633");
  EXPECT_EQ(parse_model_config("[]", "c.json").error().code, "BL0633");
  EXPECT_EQ(parse_model_config(std::string(2 << 20, ' '), "c.json").error().code, "BL0603");
  json file = small();
  file["vocab_size"] = 0;
  expect_refused(file, "BL0633", "vocab_size is 0, where a whole number from 1");
  file["vocab_size"] = 1.5;
  expect_refused(file, "BL0633", "vocab_size is 1.5");
  file["vocab_size"] = 18446744073709551615u;
  expect_refused(file, "BL0633", "vocab_size is 18446744073709551615");
  file["vocab_size"] = "many";
  expect_refused(file, "BL0633", "vocab_size is string");
  file = small();
  file.erase("hidden_size");
  expect_refused(file, "BL0633", "has no 'hidden_size'");
  file = small();
  file["num_attention_heads"] = 3;
  file["num_key_value_heads"] = 2;
  expect_refused(file, "BL0633", "cannot share 2 key/value heads");
  file = small();
  file["eos_token_id"] = 100;
  expect_refused(file, "BL0633", "eos_token_id is 100");
  file = small();
  file["rms_norm_eps"] = "small";
  expect_refused(file, "BL0633", "rms_norm_eps is no number");
}

TEST(ModelConfig, RefusesWhatIsNotDone) {
  const std::pair<const char*, const char*> cases[] = {
      {"/model_type", R"("gpt2")"},
      {"/hidden_act", R"("gelu")"},
      {"/attention_bias", "true"},
      {"/mlp_bias", "true"},
      {"/head_dim", "80"},
      {"/quantization_config", R"({"bits": 4})"},
      {"/rope_scaling", R"({"type": "yarn", "factor": 4.0})"},
  };
  for (const auto& [path, value] : cases) {
    json file = small();
    file[json::json_pointer(path)] = json::parse(value);
    expect_refused(file, "BL0634", "support");
  }
}

}  // namespace
}  // namespace bitloom::stack
