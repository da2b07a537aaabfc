// What is done with logits: the cost of the tokens that came, the choice of the one that comes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stack/engine/executor.h"
#include "stack/text/bpe.h"

namespace bitloom::stack {

// −log softmax(logits[i])[targets[i]], in nats. logits f32 [m, vocabulary].
runtime::Result<std::vector<float>> token_losses(Executor& executor, const Array& logits,
                                                 std::span<const TokenId> targets);

struct Sampling {
  double temperature = 0;  // 0: always the greatest logit
  double min_p = 0;        // tokens less likely than min_p · the likeliest take no part
  std::uint64_t seed = 0;
};

// The token behind the last row of logits [1, vocabulary]. `index` counts the tokens of a run: with
// the seed it decides the random number, on every engine alike.
runtime::Result<TokenId> next_token(Executor& executor, const Array& logits,
                                    const Sampling& sampling, std::uint32_t index);

}  // namespace bitloom::stack
