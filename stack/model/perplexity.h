// Perplexity of a model on a text: e to the mean cost of a token.
//
// The text is cut into windows of `window` tokens. Each is a sequence of its own, and predicts the
// token behind each of its tokens; the last, shorter one counts too.
#pragma once

#include <functional>
#include <span>

#include "stack/model/model.h"

namespace bitloom::stack {

struct PerplexityOptions {
  std::int64_t window = 1024;
  std::int64_t windows = 0;  // only the first so many; 0: all
  // Told after each window: how many are done, of how many, and the perplexity so far.
  std::function<void(std::int64_t, std::int64_t, double)> progress = {};
};

struct Perplexity {
  double value = 0;
  std::int64_t tokens = 0;  // that were predicted
};

// BL0640 for a text of fewer than two tokens, or a window that exceeds the model's context.
runtime::Result<Perplexity> perplexity(Model& model, std::span<const TokenId> ids,
                                       const PerplexityOptions& options);

}  // namespace bitloom::stack
