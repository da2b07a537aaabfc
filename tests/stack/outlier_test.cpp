// Corrections where a few inputs of the layers are much larger than the others, as in large models.
//
// The shipped checkpoint has no such inputs, so some are planted: a weight of a norm is multiplied
// by a power of two and the weights that read that channel are divided by it. The function stays
// the same bit for bit, but rounding now loses just those weights that meet large inputs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "stack/model/perplexity.h"
#include "stack/quantize/quantize.h"
#include "stack/text/tokenizer.h"
#include "tests/stack/model_folder.h"
#include "vm/numerics.h"

namespace bitloom::stack {
namespace {

using runtime::HostArray;
using tests::TemporaryFolder;

std::vector<TokenId> ids_of(const std::string& name, std::size_t bytes) {
  std::ifstream file(model_folder() + "/" + name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return value_of(value_of(Tokenizer::from_file(model_folder() + "/tokenizer.json"))
                      .encode(text.str().substr(0, bytes)));
}

void scale(HostArray& array, std::int64_t index, double factor) {
  const auto i = static_cast<std::size_t>(index);
  array.set_code(i, vm::encode(array.type(), vm::decode(array.type(), array.code(i)) * factor));
}

// Writes the model with `channels` channels in front of the attention and of the feed-forward part
// of each layer `factor` times as large.
void plant(const Checkpoint& checkpoint, const std::string& out, int channels, double factor) {
  std::map<std::string, HostArray> tensors;
  for (const ExpectedTensor& tensor : expected_tensors(checkpoint.config()))
    tensors.emplace(tensor.name, value_of(checkpoint.read(tensor.name)));
  std::mt19937 random(20);
  const std::int64_t hidden = checkpoint.config().hidden;
  const auto raise = [&](const std::string& norm, const std::vector<std::string>& readers) {
    for (int i = 0; i < channels; ++i) {
      const std::int64_t channel = random() % static_cast<unsigned>(hidden);
      scale(tensors.at(norm), channel, factor);
      for (const std::string& reader : readers) {
        HostArray& weight = tensors.at(reader);
        for (std::int64_t row = 0; row < weight.shape()[0]; ++row)
          scale(weight, row * hidden + channel, 1 / factor);
      }
    }
  };
  for (std::int64_t layer = 0; layer < checkpoint.config().layers; ++layer) {
    const auto name = [layer](const char* part) {
      return fmt::format("model.layers.{}.{}.weight", layer, part);
    };
    raise(name("input_layernorm"),
          {name("self_attn.q_proj"), name("self_attn.k_proj"), name("self_attn.v_proj")});
    raise(name("post_attention_layernorm"), {name("mlp.gate_proj"), name("mlp.up_proj")});
  }
  std::filesystem::create_directory(out);
  std::filesystem::copy_file(model_folder() + "/config.json", out + "/config.json");
  std::vector<runtime::NamedArray> list;
  for (const auto& [name, array] : tensors) list.push_back({name, &array});
  require(runtime::write_safetensors(out + "/model.safetensors", list));
}

TEST(Outliers, WeighingTheErrorByInputsPays) {
  const TemporaryFolder folder;
  const auto executor = make_interpreter(executor_options());
  plant(value_of(Checkpoint::open(model_folder())), folder.path("planted"), 12, 64);
  const Checkpoint planted = value_of(Checkpoint::open(folder.path("planted")));
  const auto text = ids_of("dev.txt", 8000);
  const auto perplexity_of = [&](const std::string& path) {
    Model model = value_of(Model::load(value_of(Checkpoint::open(path)), *executor, Compute::F32));
    return value_of(perplexity(model, text, {.window = 1024, .windows = 1})).value;
  };
  const double exact = perplexity_of(folder.path("planted"));
  EXPECT_NEAR(exact, perplexity_of(model_folder()), 1e-3);

  Model model = value_of(Model::load(planted, *executor, Compute::F32));
  const InputScales sizes = value_of(input_scales(model, ids_of("calibration.txt", 10000), 512, 4));
  const auto cost = [&](const char* name, std::int64_t rank, const InputScales& scales) {
    QuantizeOptions options{QuantizePolicy({vm::unsigned_type(3), 128, rank}), scales, {}};
    value_of(quantize_checkpoint(*executor, planted, folder.path(name), options));
    return perplexity_of(folder.path(name)) - exact;
  };
  const double plain = cost("rtn", 0, {}), lqer = cost("lqer", 32, {}),
               l2qer = cost("l2qer", 32, sizes);
  const double by_lqer = 1 - lqer / plain, by_l2qer = 1 - l2qer / plain;
  fmt::print("recovered: LQER {:.3f}, L2QER {:.3f}\n", by_lqer, by_l2qer);
  EXPECT_GT(by_lqer, 0.2);
  EXPECT_GE(by_l2qer, by_lqer + 0.1);
}

}  // namespace
}  // namespace bitloom::stack
