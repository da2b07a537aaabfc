#include "stack/model/pattern_search.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

namespace {

using Kind = AttentionPattern::Kind;

// The last rows of one head.
struct Sample {
  std::int64_t rows, columns;
  std::span<const float> mass;  // [rows, columns]
  std::vector<float> vertical, slash;
  std::span<const float> scores;  // of the blocks of queries that the last rows lie in
};

Result<double> recall_of(const Sample& s, const AttentionPattern& pattern) {
  switch (pattern.kind) {
    case Kind::Dense:
      break;
    case Kind::AShape:
      return kernels::a_shape_recall(s.mass, s.rows, s.columns, pattern.first, pattern.second);
    case Kind::VerticalSlash: {
      const auto chosen =
          kernels::choose_vertical_slash(s.vertical, s.slash, pattern.vertical_slash());
      if (!chosen) return tl::make_unexpected(chosen.error());
      return kernels::recall(s.mass, s.rows, s.columns, *chosen);
    }
    case Kind::BlockSparse:
      return kernels::block_sparse_recall(s.mass, s.rows, s.columns, s.scores, kAttentionBlock,
                                          pattern.first);
  }
  return 1.0;
}

std::vector<float> fractions(std::span<const std::uint32_t> sums) {
  std::vector<float> result;
  for (const std::uint32_t sum : sums) result.push_back(static_cast<float>(sum) * 0x1p-24F);
  return result;
}

Result<std::vector<FoundPattern>> search_layer(Executor& executor, const AttentionInput& input,
                                               const Array& scratch,
                                               std::span<const AttentionPattern> candidates) {
  const auto masses = prompt_masses(executor, input, scratch, true);
  if (!masses) return tl::make_unexpected(masses.error());
  const auto scores = block_scores(executor, input);
  if (!scores) return tl::make_unexpected(scores.error());
  const std::int64_t rows = masses->rows, columns = masses->columns;
  // queries are pooled from the first row on, which stands at a multiple of a block
  const std::int64_t row = (input.rows() - rows) / kAttentionBlock;
  std::vector<FoundPattern> found;
  for (std::int64_t head = 0; head < input.heads(); ++head) {
    const auto part = [&](const auto& all, std::int64_t begin, std::int64_t count) {
      return std::span(all).subspan(static_cast<std::size_t>(begin),
                                    static_cast<std::size_t>(count));
    };
    const std::int64_t at = (head * scores->row_blocks + row) * scores->blocks;
    const Sample sample{rows,
                        columns,
                        part(masses->share, head * rows * columns, rows * columns),
                        fractions(part(masses->vertical, head * columns, columns)),
                        fractions(part(masses->slash, head * columns, columns)),
                        part(scores->score, at, (scores->row_blocks - row) * scores->blocks)};
    FoundPattern best{{}, -1};
    for (const AttentionPattern& candidate : candidates) {
      const auto recall = recall_of(sample, candidate);
      if (!recall) return tl::make_unexpected(recall.error());
      if (*recall > best.recall) best = {candidate, *recall};
    }
    found.push_back(best);
  }
  return found;
}

}  // namespace

Result<std::vector<std::vector<FoundPattern>>> search_patterns(
    Model& model, std::span<const TokenId> ids, const PatternSearchOptions& options) {
  if (options.candidates.empty())
    return failure("BL0643", "there are no patterns to choose from", "name some with --candidate");
  const auto length = static_cast<std::int64_t>(ids.size());
  if (length < 2 || length > model.config().positions)
    return failure("BL0640", fmt::format("a sample of {} tokens in a context of {}", length,
                                         model.config().positions));
  auto cache = KvCache::create(model.executor(), model.config(), model.element(), length);
  if (!cache) return tl::make_unexpected(cache.error());
  std::vector<std::vector<FoundPattern>> found;
  model.set_attention({});
  Result<void> done;
  for (std::int64_t at = 0; done && at < length; at += Model::kChunk) {
    const std::int64_t m = std::min(Model::kChunk, length - at);
    if (at + m == length)
      model.set_attention_tap(
          [&](std::int64_t, const AttentionInput& input, const Array& scratch) -> Result<void> {
            auto layer = search_layer(model.executor(), input, scratch, options.candidates);
            if (!layer) return tl::make_unexpected(layer.error());
            found.push_back(std::move(*layer));
            if (options.progress)
              options.progress(static_cast<std::int64_t>(found.size()), model.config().layers);
            return {};
          });
    const auto hidden = model.forward(
        ids.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(m)), *cache);
    if (!hidden) done = tl::make_unexpected(hidden.error());
  }
  model.set_attention_tap({});
  if (!done) return tl::make_unexpected(done.error());
  return found;
}

}  // namespace bitloom::stack
