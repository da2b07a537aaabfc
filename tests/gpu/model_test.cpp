// The model stack on a GPU, held against the same formulas in double and against the interpreter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "stack/model/token_ops.h"
#include "stack/quantize/quantize.h"
#include "tests/stack/plain_model.h"

namespace bitloom::stack {
namespace {

std::unique_ptr<Executor> gpu() {
  return value_of(make_gpu(value_of(runtime::Device::open()), executor_options()));
}

std::vector<TokenId> input(std::size_t length) {
  const auto file =
      value_of(runtime::SafetensorsFile::open(model_folder() + "/reference.safetensors"));
  const auto array = value_of(file.read("input_ids"));
  const auto ids = array.as<std::int32_t>();
  return {ids.begin(), ids.begin() + static_cast<long>(length)};
}

runtime::HostArray logits_of(Executor& executor, Model& model, const std::vector<TokenId>& ids) {
  KvCache cache = value_of(KvCache::create(executor, model.config(), model.element(), 256));
  return value_of(executor.read(value_of(model.logits(value_of(model.forward(ids, cache))))));
}

TEST(ModelOnGpu, LogitsAreThoseOfDouble) {
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  const auto ids = input(96);
  const auto expected = PlainModel(checkpoint).logits(ids);
  for (const auto& [compute, bound] : {std::pair(Compute::F32, 1e-3), {Compute::BF16, 5e-2}}) {
    const auto executor = gpu();
    Model model = value_of(Model::load(checkpoint, *executor, compute));
    const auto logits = logits_of(*executor, model, ids);
    double worst = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      const double error = std::abs(logits.as<float>()[i] - expected[i]);
      worst = error > worst || std::isnan(error) ? error : worst;
    }
    EXPECT_LE(worst, bound);
  }
}

TEST(ModelOnGpu, GeneratesWhatTheInterpreterGenerates) {
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  std::vector<std::vector<TokenId>> made;
  for (const bool on_gpu : {false, true}) {
    const auto executor = on_gpu ? gpu() : make_interpreter(executor_options());
    Model model = value_of(Model::load(checkpoint, *executor, Compute::F32));
    KvCache cache = value_of(KvCache::create(*executor, model.config(), vm::kF32, 256));
    const auto prompt = input(70);
    Array hidden = value_of(model.forward(prompt, cache)).rows(69, 1);
    auto& tokens = made.emplace_back();
    for (std::uint32_t i = 0; i < 32; ++i) {
      const Sampling sampling{.temperature = i < 16 ? 0.0 : 0.8, .min_p = 0.05, .seed = 4};
      tokens.push_back(
          value_of(next_token(*executor, value_of(model.logits(hidden)), sampling, i)));
      hidden = value_of(model.forward(std::span(&tokens.back(), 1), cache));
    }
  }
  EXPECT_EQ(made[0], made[1]);
}

TEST(ModelOnGpu, PatternsOfAttentionAreThoseOfTheInterpreter) {
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  for (const char* text :
       {"a-shape:10,40", "vertical-slash:20,30", "block-sparse:2", "vertical-slash:999,999"}) {
    SCOPED_TRACE(text);
    for (const Compute compute : {Compute::F32, Compute::BF16}) {
      std::vector<runtime::HostArray> logits;
      for (const bool on_gpu : {false, true}) {
        const auto executor = on_gpu ? gpu() : make_interpreter(executor_options());
        Model model = value_of(Model::load(checkpoint, *executor, compute));
        model.set_attention(same_pattern(value_of(parse_attention_pattern(text)), model.config()));
        logits.push_back(logits_of(*executor, model, input(230)));
      }
      const double bound = compute == Compute::F32 ? 1e-3 : 0.1;
      for (std::size_t i = 0; i < logits[0].size(); ++i)
        ASSERT_NEAR(logits[0].as<float>()[i], logits[1].as<float>()[i], bound) << i;
    }
  }
}

TEST(ModelOnGpu, QuantisedLayersAreThoseOfTheInterpreter) {
  const tests::TemporaryFolder folder;
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  for (const char* type : {"u3", "u4", "i4", "e2m1", "nf4"}) {
    SCOPED_TRACE(type);
    std::vector<runtime::HostArray> logits;
    for (const bool on_gpu : {false, true}) {
      const auto executor = on_gpu ? gpu() : make_interpreter(executor_options());
      const std::string out = folder.path(std::string(type) + (on_gpu ? "g" : "i"));
      QuantizeOptions options{QuantizePolicy({*value_of(parse_weight_type(type)), 64, 0}), {}, {}};
      value_of(quantize_checkpoint(*executor, checkpoint, out, options));
      Model model = value_of(Model::load(value_of(Checkpoint::open(out)), *executor, Compute::F32));
      logits.push_back(logits_of(*executor, model, input(40)));
    }
    EXPECT_EQ(folder.read(std::string(type) + "g/model.safetensors"),
              folder.read(std::string(type) + "i/model.safetensors"));
    for (std::size_t i = 0; i < logits[0].size(); ++i)
      ASSERT_NEAR(logits[0].as<float>()[i], logits[1].as<float>()[i], 1e-3) << i;
  }
}

// Few rows of bf16 go through kernels/gemm, many through the plain kernels, and the interpreter has
// the plain ones only.
TEST(ModelOnGpu, ProductsOfFewRowsAreThoseOfTheInterpreter) {
  const tests::TemporaryFolder folder;
  const Checkpoint checkpoint = value_of(Checkpoint::open(model_folder()));
  for (const char* type : {"u3", "u4", "i4", "e2m1", "nf4"}) {
    SCOPED_TRACE(type);
    const auto on_host = make_interpreter(executor_options());
    QuantizeOptions options{QuantizePolicy({*value_of(parse_weight_type(type)), 64, 0}), {}, {}};
    value_of(quantize_checkpoint(*on_host, checkpoint, folder.path(type), options));
    const Checkpoint quantized = value_of(Checkpoint::open(folder.path(type)));
    std::vector<std::vector<runtime::HostArray>> logits;
    for (const bool on_gpu : {false, true}) {
      const auto executor = on_gpu ? gpu() : make_interpreter(executor_options());
      Model model = value_of(Model::load(quantized, *executor, Compute::BF16));
      KvCache cache = value_of(KvCache::create(*executor, model.config(), vm::kBF16, 128));
      auto& all = logits.emplace_back();
      const auto ids = input(60);
      std::size_t at = 0;
      for (const std::size_t rows : {40, 12, 1, 1, 5, 1}) {
        const Array hidden = value_of(model.forward(std::span(ids).subspan(at, rows), cache));
        all.push_back(value_of(executor->read(value_of(model.logits(hidden)))));
        at += rows;
      }
    }
    for (std::size_t step = 0; step < logits[0].size(); ++step) {
      double wrong = 0, whole = 0;
      for (std::size_t i = 0; i < logits[0][step].size(); ++i) {
        const double a = static_cast<double>(logits[0][step].as<float>()[i]),
                     b = static_cast<double>(logits[1][step].as<float>()[i]);
        wrong += (a - b) * (a - b);
        whole += a * a;
      }
      EXPECT_LT(std::sqrt(wrong / whole), 0.02) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace bitloom::stack
