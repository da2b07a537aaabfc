// MInference's offline search (arXiv:2407.02490, section 3): of some patterns the one that keeps
// the most of a head's attention on a sample text, for every head.
//
//   auto found = search_patterns(model, ids, {candidates});
//   write(print_attention_patterns(*found));
//
// Attention is looked at densely, in the last 64 rows of the sample. Candidates should cost alike:
// a pattern that keeps everything wins everywhere.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "stack/model/model.h"

namespace bitloom::stack {

struct PatternSearchOptions {
  std::vector<AttentionPattern> candidates;  // of equals the first
  // Told after each layer: how many are done, and of how many.
  std::function<void(std::int64_t, std::int64_t)> progress = {};
};

// [layers][heads]. BL0640 for a sample of fewer than two tokens or one that exceeds the model's
// context, BL0643 without candidates. Patterns of the model are dense afterwards.
runtime::Result<std::vector<std::vector<FoundPattern>>> search_patterns(
    Model& model, std::span<const TokenId> ids, const PatternSearchOptions& options);

}  // namespace bitloom::stack
