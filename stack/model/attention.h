// Attention of a model's layer over its cache: dense, or of each head by a pattern.
//
// A pattern becomes lists of tiles of one page each (kernels/attention/tile_lists.h), which
// kernels/llama/paged_attention.bl walks. What patterns are chosen by (sums of probabilities,
// scores of pooled blocks) is made by kernels (kernels/llama/prompt_masses.bl); what is kept is
// chosen on the host.
#pragma once

#include <span>
#include <vector>

#include "stack/engine/executor.h"
#include "stack/model/attention_pattern.h"
#include "stack/model/kv_cache.h"

namespace bitloom::stack {

// Queries of rows that stand at positions start, start + 1, …, whose keys and values the cache
// holds.
struct AttentionInput {
  Array q;     // [m, heads, D], f32 or bf16
  Array k, v;  // [pages, kv_heads, kPageSize, D]
  Array table;
  std::int64_t start = 0;

  std::int64_t rows() const { return q.shape[0]; }
  std::int64_t heads() const { return q.shape[1]; }
  std::int64_t columns() const { return start + rows(); }
  double scale() const;
};

// out [m, heads, D]: every row attends to all positions up to its own.
runtime::Result<void> attend(Executor& executor, const AttentionInput& input, const Array& out);

// The same by patterns, one a head. The result is the part of the tiles that were walked.
runtime::Result<double> attend(Executor& executor, const AttentionInput& input,
                               std::span<const AttentionPattern> heads, const Array& out);

// What the last rows look at, and what blocks of queries and keys have in common.
struct PromptMasses {
  std::int64_t rows = 0, columns = 0;                    // the last rows, at most 64
  std::vector<std::uint32_t> vertical = {}, slash = {};  // [heads, columns], in units of 2^-24
  std::vector<float> share = {};  // [heads, rows, columns], when it was asked for
};
// `scratch` is an array [m, heads, D] that is overwritten.
runtime::Result<PromptMasses> prompt_masses(Executor& executor, const AttentionInput& input,
                                            const Array& scratch, bool shares);

struct BlockScores {
  std::int64_t row_blocks = 0, blocks = 0;
  std::vector<float> score = {};  // [heads, row_blocks, blocks]
};
runtime::Result<BlockScores> block_scores(Executor& executor, const AttentionInput& input);

}  // namespace bitloom::stack
