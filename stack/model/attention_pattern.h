// Which positions each head of a model attends to while a prompt is read.
//
//   dense                              all before it
//   a-shape:SINK,WINDOW                the first SINK and the last WINDOW
//   vertical-slash:COLUMNS,DIAGONALS   what the last rows of the prompt look at most
//   block-sparse:BLOCKS                the blocks of 64 keys whose mean fits the mean of 64 queries
//   best
//
// The patterns are MInference's (arXiv:2407.02490), and so are the numbers where none are given. A
// file gives every layer and head its own, as `bitloom patterns` found them on a sample:
//
//   {"version": 1, "layers": [[{"pattern": "a-shape:64,256", "recall": 0.981}, … a head], … a
//   layer]}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/attention/patterns.h"
#include "stack/model/config.h"

namespace bitloom::stack {

inline constexpr std::int64_t kAttentionBlock = 64;  // keys and queries that block-sparse pools

struct AttentionPattern {
  enum class Kind : std::uint8_t { Dense, AShape, VerticalSlash, BlockSparse };
  Kind kind = Kind::Dense;
  // SINK, WINDOW; COLUMNS, DIAGONALS; BLOCKS. A window and diagonals of at least one and at least
  // one block, so that every position sees itself.
  std::int64_t first = 0, second = 0;

  bool operator==(const AttentionPattern&) const = default;
  // Of what is kept, so much is kept whatever it weighs.
  kernels::VerticalSlashBudget vertical_slash() const;
};

// BL0643 for what is none.
runtime::Result<AttentionPattern> parse_attention_pattern(std::string_view text);
std::string to_string(const AttentionPattern& pattern);

struct FoundPattern {
  AttentionPattern pattern;
  double recall = 1;  // the share of the last rows' attention that it keeps on the sample
};

// One a head, by layer. Empty: dense.
using AttentionPatterns = std::vector<std::vector<AttentionPattern>>;

AttentionPatterns same_pattern(const AttentionPattern& pattern, const ModelConfig& config);
// BL0643 for a file that is malformed or of another model; `name` is the file.
runtime::Result<AttentionPatterns> parse_attention_patterns(std::string_view json,
                                                            const std::string& name,
                                                            const ModelConfig& config);
std::string print_attention_patterns(const std::vector<std::vector<FoundPattern>>& found);

}  // namespace bitloom::stack
