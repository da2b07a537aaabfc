// A Llama model on an engine: tokens in, logits out. Every operation on tensors is a Bitloom kernel
// (kernels/llama/), the same in the interpreter and on a GPU.
//
//   auto model = Model::load(checkpoint, executor, Compute::F32);
//   auto cache = KvCache::create(executor, model->config(), model->element(), 2048);
//   Result<Array> hidden = model->forward(ids, *cache);            // [m, hidden], the last norm's
//   Result<Array> logits = model->logits(hidden->rows(m - 1, 1));  // f32 [1, vocabulary]
//
// The architecture: Touvron et al., arXiv:2302.13971, with grouped key/value heads. A layer is
//
//   h += o(attention(rope(q(n)), rope(k(n)), v(n)))   n = rms_norm(h)
//   h += down(silu(gate(n)) · up(n))                  n = rms_norm(h)
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "stack/model/attention.h"
#include "stack/model/kv_cache.h"
#include "stack/model/linear.h"
#include "stack/text/bpe.h"

namespace bitloom::stack {

class Model {
 public:
  // The executor must outlive the model.
  static runtime::Result<Model> load(const Checkpoint& checkpoint, Executor& executor,
                                     Compute compute);

  const ModelConfig& config() const { return config_; }
  Compute compute() const { return compute_; }
  vm::ElementType element() const { return element_of(compute_); }  // of activations
  Executor& executor() const { return *executor_; }

  // The tokens stand behind those that the cache holds, and are added to it. At most kChunk of
  // them. The result lives in memory of the model until the next call.
  static constexpr std::int64_t kChunk = 1024;
  runtime::Result<Array> forward(std::span<const TokenId> ids, KvCache& cache);
  // f32 [rows, vocabulary]; likewise.
  runtime::Result<Array> logits(const Array& hidden);

  // Told of the input of every linear layer of a decoder layer: calibration looks at it.
  using Tap = std::function<runtime::Result<void>(const std::string& weight, const Array& input)>;
  void set_tap(Tap tap) { tap_ = std::move(tap); }

  // Which positions heads attend to when forward() is given more than one token; single tokens
  // attend to all before them. Empty: dense.
  void set_attention(AttentionPatterns patterns) { patterns_ = std::move(patterns); }
  // The part of the tiles of dense attention that patterns walked so far; 1 when there were none.
  double attention_density() const { return walks_ == 0 ? 1 : walked_ / walks_; }
  // Told of every layer's attention before it is computed, with memory [m, heads, D] that it may
  // overwrite: the search for patterns looks at it.
  using AttentionTap = std::function<runtime::Result<void>(
      std::int64_t layer, const AttentionInput& input, const Array& scratch)>;
  void set_attention_tap(AttentionTap tap) { attention_tap_ = std::move(tap); }

 private:
  struct Layer {
    Array attention_norm, mlp_norm;
    Linear q, k, v, o, gate, up, down;
  };
  struct Scratch {
    std::int64_t rows = 0;
    Array ids, sum, norm, q, k, v, mixed, gate, up;
  };

  runtime::Result<void> make_scratch(std::int64_t rows);
  runtime::Result<void> rms_norm(const Array& x, const Array& weight, const Array& y);
  runtime::Result<void> apply(Linear& linear, const Array& x, const Array& y,
                              const std::optional<Array>& residual = std::nullopt);
  runtime::Result<void> attend(Layer& layer, std::int64_t index, std::int64_t m,
                               const KvCache& cache);
  runtime::Result<void> feed_forward(Layer& layer, std::int64_t m);

  ModelConfig config_;
  Executor* executor_ = nullptr;
  Compute compute_ = Compute::F32;
  Array embedding_, last_norm_, logits_;
  std::vector<Layer> layers_;
  Linear head_;
  Scratch scratch_;
  Tap tap_;
  AttentionPatterns patterns_;
  AttentionTap attention_tap_;
  double walked_ = 0, walks_ = 0;
};

}  // namespace bitloom::stack
