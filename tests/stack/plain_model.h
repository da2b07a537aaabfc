// A Llama forward pass as loops over double, without a kernel and without a cache: what the model
// is held against. It follows the formulas of the paper (arXiv:2302.13971) and knows nothing of the
// stack but config and weights.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "stack/model/checkpoint.h"
#include "tests/stack/model_folder.h"
#include "vm/numerics.h"

namespace bitloom::stack {

class PlainModel {
 public:
  explicit PlainModel(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), c_(checkpoint.config()) {}

  // Logits [tokens, vocabulary].
  std::vector<double> logits(const std::vector<std::int32_t>& ids) {
    const auto m = ids.size();
    const auto h = static_cast<std::size_t>(c_.hidden);
    const auto& table = weight("model.embed_tokens");
    std::vector<double> x(m * h);
    for (std::size_t i = 0; i < m; ++i)
      std::copy_n(table.begin() + ids[i] * c_.hidden, h, x.begin() + static_cast<long>(i * h));
    for (std::int64_t layer = 0; layer < c_.layers; ++layer) {
      const std::string at = "model.layers." + std::to_string(layer) + ".";
      auto n = norm(x, weight(at + "input_layernorm"));
      auto q = linear(n, at + "self_attn.q_proj", m), k = linear(n, at + "self_attn.k_proj", m),
           v = linear(n, at + "self_attn.v_proj", m);
      rotate(q, m, c_.heads);
      rotate(k, m, c_.kv_heads);
      add(x, linear(attention(q, k, v, m), at + "self_attn.o_proj", m));
      n = norm(x, weight(at + "post_attention_layernorm"));
      auto gate = linear(n, at + "mlp.gate_proj", m);
      const auto up = linear(n, at + "mlp.up_proj", m);
      for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
      add(x, linear(gate, at + "mlp.down_proj", m));
    }
    return linear(norm(x, weight("model.norm")), "lm_head", m);
  }

 private:
  const std::vector<double>& weight(const std::string& name) {
    auto [found, fresh] = weights_.try_emplace(name);
    if (fresh) {
      const auto array = value_of(checkpoint_.read(name + ".weight"));
      for (std::size_t i = 0; i < array.size(); ++i)
        found->second.push_back(vm::decode(array.type(), array.code(i)));
    }
    return found->second;
  }
  std::vector<double> linear(const std::vector<double>& x, const std::string& name, std::size_t m) {
    const auto& w = weight(name);
    const std::size_t k = x.size() / m, n = w.size() / k;
    std::vector<double> y(m * n);
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::size_t t = 0; t < k; ++t) sum += x[i * k + t] * w[j * k + t];
        y[i * n + j] = sum;
      }
    return y;
  }
  std::vector<double> norm(std::vector<double> x, const std::vector<double>& w) const {
    const std::size_t n = w.size();
    for (std::size_t row = 0; row < x.size(); row += n) {
      double squares = 0;
      for (std::size_t i = 0; i < n; ++i) squares += x[row + i] * x[row + i];
      const double root = std::sqrt(squares / static_cast<double>(n) + c_.rms_eps);
      for (std::size_t i = 0; i < n; ++i) x[row + i] *= w[i] / root;
    }
    return x;
  }
  void rotate(std::vector<double>& x, std::size_t m, std::int64_t heads) const {
    const auto d = static_cast<std::size_t>(c_.head_size), half = d / 2;
    for (std::size_t i = 0; i < m * static_cast<std::size_t>(heads); ++i) {
      const double position = static_cast<double>(i / static_cast<std::size_t>(heads));
      for (std::size_t j = 0; j < half; ++j) {
        const double angle = position * std::pow(c_.rope_theta, -2.0 * static_cast<double>(j) /
                                                                    static_cast<double>(d));
        double& low = x[i * d + j];
        double& high = x[i * d + half + j];
        const double a = low, b = high;
        low = a * std::cos(angle) - b * std::sin(angle);
        high = b * std::cos(angle) + a * std::sin(angle);
      }
    }
  }
  std::vector<double> attention(const std::vector<double>& q, const std::vector<double>& k,
                                const std::vector<double>& v, std::size_t m) const {
    const auto d = static_cast<std::size_t>(c_.head_size),
               heads = static_cast<std::size_t>(c_.heads),
               pairs = static_cast<std::size_t>(c_.kv_heads);
    std::vector<double> out(q.size());
    for (std::size_t i = 0; i < m; ++i) {
      for (std::size_t head = 0; head < heads; ++head) {
        const std::size_t own = head / (heads / pairs);
        std::vector<double> p(i + 1);
        double total = 0;
        for (std::size_t j = 0; j <= i; ++j) {
          double s = 0;
          for (std::size_t t = 0; t < d; ++t)
            s += q[(i * heads + head) * d + t] * k[(j * pairs + own) * d + t];
          total += p[j] = std::exp(s / std::sqrt(static_cast<double>(d)));
        }
        for (std::size_t j = 0; j <= i; ++j)
          for (std::size_t t = 0; t < d; ++t)
            out[(i * heads + head) * d + t] += p[j] / total * v[(j * pairs + own) * d + t];
      }
    }
    return out;
  }
  static void add(std::vector<double>& x, const std::vector<double>& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  const Checkpoint& checkpoint_;
  ModelConfig c_;
  std::map<std::string, std::vector<double>> weights_;
};

}  // namespace bitloom::stack
