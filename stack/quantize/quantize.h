// Quantising a checkpoint: round to nearest in groups, and what the rounding loses given back by a
// product of low rank (kernels/lqer/low_rank.h).
//
//   unsigned types   asymmetric: a scale and a zero point a column and group
//   signed, floats   symmetric: the largest magnitude of a group is the largest code
//   nf4              the 16 numbers of NormalFloat4 (Dettmers et al., arXiv:2305.14314), scaled by
//                    the largest magnitude
//
// Rounding is a Bitloom kernel (kernels/quantize/), corrections are computed on the host in double.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "stack/engine/executor.h"
#include "stack/model/checkpoint.h"
#include "stack/model/model.h"
#include "stack/quantize/policy.h"

namespace bitloom::stack {

// What stands in the place of a weight, by part ("codes", "scale", …; stack/model/quantized.h).
struct QuantizedWeight {
  QuantizedTensor info;
  std::map<std::string, runtime::HostArray> parts;
  runtime::HostArray codes;  // [k, n], one a byte
};

// `weight` is [n, k] of a float type. BL0638 for a group that does not fit.
runtime::Result<QuantizedWeight> quantize_weight(Executor& executor, const std::string& name,
                                                 const runtime::HostArray& weight,
                                                 vm::ElementType type, std::int64_t group);
// The numbers that the codes stand for, f32 [k, n] row-major.
std::vector<float> dequantize(const QuantizedWeight& weight);

// Adds the correction of rank `rank`: LQER, or with the sizes of the layer's inputs L²QER.
runtime::Result<void> correct(QuantizedWeight& quantized, const runtime::HostArray& weight,
                              std::int64_t rank, std::span<const float> input_scale);

// How large the inputs of every linear layer are on a text, by weight: what L²QER takes. The text
// is cut into samples of `sample` tokens, of which the first `samples` count.
using InputScales = std::map<std::string, std::vector<float>>;
runtime::Result<InputScales> input_scales(Model& model, std::span<const TokenId> ids,
                                          std::int64_t sample, std::int64_t samples);

struct QuantizeOptions {
  QuantizePolicy policy{QuantizeRule{}};
  InputScales scales = {};  // empty: LQER
  // Told before each weight: how many are done, of how many, and its name.
  std::function<void(std::int64_t, std::int64_t, const std::string&)> progress = {};
};

struct QuantizeResult {
  std::uint64_t weights = 0;  // numbers in quantised layers
  std::uint64_t bits = 0;     // that they take, everything counted
  double bits_per_weight() const {
    return weights == 0 ? 0 : static_cast<double>(bits) / static_cast<double>(weights);
  }
};

// Writes a checkpoint folder: model.safetensors with the quantised layers, and the other files of
// the model as they are. `out` must not exist (BL0641); on a failure nothing is left.
runtime::Result<QuantizeResult> quantize_checkpoint(Executor& executor,
                                                    const Checkpoint& checkpoint,
                                                    const std::string& out,
                                                    const QuantizeOptions& options);

}  // namespace bitloom::stack
