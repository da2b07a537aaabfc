#include "stack/model/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace bitloom::stack {

using runtime::HostArray;
using runtime::Result;

namespace {

Result<Array> load_array(Executor& executor, const Checkpoint& checkpoint,
                         const std::string& name) {
  const auto host = checkpoint.read(name);
  if (!host) return tl::make_unexpected(host.error());
  return executor.upload(*host);
}

// Runs steps until one fails.
class Steps {
 public:
  template <class T>
  void operator()(Result<T> result, T& out) {
    if (!error_ && !result) error_ = std::move(result.error());
    if (!error_) out = std::move(*result);
  }
  bool failed() const { return error_.has_value(); }
  vm::Diagnostic take() { return std::move(*error_); }

 private:
  std::optional<vm::Diagnostic> error_;
};

}  // namespace

Result<Model> Model::load(const Checkpoint& checkpoint, Executor& executor, Compute compute) {
  Model model;
  model.config_ = checkpoint.config();
  model.executor_ = &executor;
  model.compute_ = compute;
  Steps step;
  step(load_array(executor, checkpoint, "model.embed_tokens.weight"), model.embedding_);
  step(load_array(executor, checkpoint, "model.norm.weight"), model.last_norm_);
  step(Linear::load(executor, checkpoint,
                    model.config_.tied_head ? "model.embed_tokens.weight" : "lm_head.weight"),
       model.head_);
  for (std::int64_t i = 0; i < model.config_.layers && !step.failed(); ++i) {
    const auto name = [i](const char* part) {
      return fmt::format("model.layers.{}.{}.weight", i, part);
    };
    Layer layer;
    step(load_array(executor, checkpoint, name("input_layernorm")), layer.attention_norm);
    step(load_array(executor, checkpoint, name("post_attention_layernorm")), layer.mlp_norm);
    const std::pair<const char*, Linear*> linears[] = {
        {"self_attn.q_proj", &layer.q}, {"self_attn.k_proj", &layer.k},
        {"self_attn.v_proj", &layer.v}, {"self_attn.o_proj", &layer.o},
        {"mlp.gate_proj", &layer.gate}, {"mlp.up_proj", &layer.up},
        {"mlp.down_proj", &layer.down}};
    for (const auto& [part, linear] : linears)
      step(Linear::load(executor, checkpoint, name(part), compute), *linear);
    model.layers_.push_back(std::move(layer));
  }
  if (step.failed()) return tl::make_unexpected(step.take());
  return model;
}

Result<void> Model::make_scratch(std::int64_t rows) {
  if (rows <= scratch_.rows) return {};
  // One token at a time, or whole chunks: what lies between is rounded up.
  rows = rows == 1 ? 1 : kChunk;
  const vm::ElementType x = element();
  const std::int64_t q = config_.heads * config_.head_size,
                     kv = config_.kv_heads * config_.head_size;
  Scratch s;
  Steps step;
  step(executor_->allocate(vm::kI32, {rows}), s.ids);
  step(executor_->allocate(vm::kF32, {rows, config_.hidden}), s.sum);
  step(executor_->allocate(x, {rows, config_.hidden}), s.norm);
  step(executor_->allocate(x, {rows, q}), s.q);
  step(executor_->allocate(x, {rows, kv}), s.k);
  step(executor_->allocate(x, {rows, kv}), s.v);
  step(executor_->allocate(x, {rows, q}), s.mixed);
  step(executor_->allocate(x, {rows, config_.intermediate}), s.gate);
  step(executor_->allocate(x, {rows, config_.intermediate}), s.up);
  if (step.failed()) return tl::make_unexpected(step.take());
  s.rows = rows;
  scratch_ = std::move(s);
  return {};
}

Result<void> Model::rms_norm(const Array& x, const Array& weight, const Array& y) {
  Operator op{
      "llama/rms_norm.bl",
      "rms_norm",
      {{"X", to_string(x.element)}, {"W", to_string(weight.element)}, {"Y", to_string(y.element)}}};
  // One row is one block: all of it at once.
  const std::int64_t n = config_.hidden;
  if (executor_->on_gpu() && x.shape[0] == 1 && n % 8 == 0) {
    const auto whole = static_cast<std::int64_t>(
        std::bit_ceil(static_cast<std::uint64_t>(std::clamp<std::int64_t>(n, 512, 8192))));
    op.generics["B"] = fmt::to_string(whole);
    op.generics["N"] = fmt::to_string(whole / 8);
    op.generics.emplace("V", "8");
  }
  return executor_->launch(op, {x, weight, config_.rms_eps, y});
}

Result<void> Model::apply(Linear& linear, const Array& x, const Array& y,
                          const std::optional<Array>& residual) {
  if (tap_)
    if (auto done = tap_(linear.name(), x); !done) return done;
  return linear.apply(*executor_, x, y, residual);
}

Result<void> Model::attend(Layer& layer, std::int64_t index, std::int64_t m, const KvCache& cache) {
  const Array sum = scratch_.sum.rows(0, m), norm = scratch_.norm.rows(0, m);
  const Array q = scratch_.q.rows(0, m), k = scratch_.k.rows(0, m), v = scratch_.v.rows(0, m),
              mixed = scratch_.mixed.rows(0, m);
  const std::int64_t head = config_.head_size;
  const runtime::Shape queries = {m, config_.heads, head}, pairs = {m, config_.kv_heads, head};
  const std::string type = to_string(element());
  if (auto done = rms_norm(sum, layer.attention_norm, norm); !done) return done;
  if (auto done = apply(layer.q, norm, q); !done) return done;
  if (auto done = apply(layer.k, norm, k); !done) return done;
  if (auto done = apply(layer.v, norm, v); !done) return done;
  const Operator rope{"llama/rope_cache.bl",
                      "rope_cache",
                      {{"T", type}, {"D", fmt::to_string(head)}, {"P", fmt::to_string(kPageSize)}}};
  if (auto done =
          executor_->launch(rope, {q.with_shape(queries), k.with_shape(pairs), v.with_shape(pairs),
                                   cache.cosines(), cache.sines(), cache.table(), cache.length(),
                                   cache.keys(index), cache.values(index)});
      !done)
    return done;

  const AttentionInput input{q.with_shape(queries), cache.keys(index), cache.values(index),
                             cache.table(), cache.length()};
  const Array out = mixed.with_shape(queries);
  if (attention_tap_)
    if (auto done = attention_tap_(index, input, out); !done) return done;
  if (patterns_.empty() || m == 1) {
    if (auto done = stack::attend(*executor_, input, out); !done) return done;
  } else {
    const auto density =
        stack::attend(*executor_, input, patterns_[static_cast<std::size_t>(index)], out);
    if (!density) return tl::make_unexpected(density.error());
    walked_ += *density;
    walks_ += 1;
  }
  return apply(layer.o, mixed, sum, sum);
}

Result<void> Model::feed_forward(Layer& layer, std::int64_t m) {
  const Array sum = scratch_.sum.rows(0, m), norm = scratch_.norm.rows(0, m);
  const Array gate = scratch_.gate.rows(0, m), up = scratch_.up.rows(0, m);
  if (auto done = rms_norm(sum, layer.mlp_norm, norm); !done) return done;
  if (auto done = apply(layer.gate, norm, gate); !done) return done;
  if (auto done = apply(layer.up, norm, up); !done) return done;
  const Operator op{"llama/swiglu.bl", "swiglu", {{"T", to_string(element())}}};
  if (auto done = executor_->launch(op, {gate, up, gate}); !done) return done;
  return apply(layer.down, gate, sum, sum);
}

Result<Array> Model::forward(std::span<const TokenId> ids, KvCache& cache) {
  const auto m = static_cast<std::int64_t>(ids.size());
  if (auto done = make_scratch(m); !done) return tl::make_unexpected(done.error());
  if (auto done = cache.reserve(*executor_, m); !done) return tl::make_unexpected(done.error());
  auto host = HostArray::zeros(vm::kI32, {m});
  if (!host) return tl::make_unexpected(host.error());
  std::ranges::copy(ids, host->as<std::int32_t>().begin());
  const Array on_engine = scratch_.ids.rows(0, m), sum = scratch_.sum.rows(0, m),
              norm = scratch_.norm.rows(0, m);
  if (auto done = executor_->write(on_engine, *host); !done)
    return tl::make_unexpected(done.error());
  const Operator embedding{
      "llama/embedding.bl", "embedding", {{"T", to_string(embedding_.element)}, {"Y", "f32"}}};
  if (auto done = executor_->launch(embedding, {on_engine, embedding_, sum}); !done)
    return tl::make_unexpected(done.error());
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    Layer& layer = layers_[static_cast<std::size_t>(i)];
    if (auto done = attend(layer, i, m, cache); !done) return tl::make_unexpected(done.error());
    if (auto done = feed_forward(layer, m); !done) return tl::make_unexpected(done.error());
  }
  cache.append(m);
  if (auto done = rms_norm(sum, last_norm_, norm); !done) return tl::make_unexpected(done.error());
  return norm;
}

Result<Array> Model::logits(const Array& hidden) {
  const std::int64_t m = hidden.shape[0];
  if (logits_.shape.empty() || logits_.shape[0] < m) {
    auto array = executor_->allocate(vm::kF32, {m, config_.vocabulary});
    if (!array) return array;
    logits_ = std::move(*array);
  }
  const Array out = logits_.rows(0, m);
  if (auto done = head_.apply(*executor_, hidden, out); !done)
    return tl::make_unexpected(done.error());
  return out;
}

}  // namespace bitloom::stack
