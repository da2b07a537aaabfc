#include "stack/model/perplexity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "stack/model/token_ops.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::Result;

namespace {

// So that logits of large vocabularies need not exist all at once.
constexpr std::int64_t kRows = 256;

// Adds up the costs of one window.
Result<double> window_loss(Model& model, KvCache& cache, std::span<const TokenId> inputs,
                           std::span<const TokenId> targets) {
  cache.clear();
  double sum = 0;
  for (std::size_t chunk = 0; chunk < inputs.size(); chunk += Model::kChunk) {
    const std::size_t m = std::min<std::size_t>(Model::kChunk, inputs.size() - chunk);
    const auto hidden = model.forward(inputs.subspan(chunk, m), cache);
    if (!hidden) return tl::make_unexpected(hidden.error());
    for (std::size_t row = 0; row < m; row += kRows) {
      const std::size_t rows = std::min<std::size_t>(kRows, m - row);
      const auto logits = model.logits(
          hidden->rows(static_cast<std::int64_t>(row), static_cast<std::int64_t>(rows)));
      if (!logits) return tl::make_unexpected(logits.error());
      const auto losses =
          token_losses(model.executor(), *logits, targets.subspan(chunk + row, rows));
      if (!losses) return tl::make_unexpected(losses.error());
      for (const float loss : *losses) sum += loss;
    }
  }
  return sum;
}

}  // namespace

Result<Perplexity> perplexity(Model& model, std::span<const TokenId> ids,
                              const PerplexityOptions& options) {
  if (ids.size() < 2)
    return failure("BL0640", fmt::format("a text of {} tokens predicts nothing", ids.size()));
  if (options.window < 1 || options.window > model.config().positions)
    return failure("BL0640", fmt::format("windows of {} tokens do not fit a context of {}",
                                         options.window, model.config().positions));
  const auto predicted = static_cast<std::int64_t>(ids.size()) - 1;
  std::int64_t windows = (predicted + options.window - 1) / options.window;
  if (options.windows > 0) windows = std::min(windows, options.windows);
  auto cache = KvCache::create(model.executor(), model.config(), model.element(), options.window);
  if (!cache) return tl::make_unexpected(cache.error());
  Perplexity result;
  double sum = 0;
  for (std::int64_t i = 0; i < windows; ++i) {
    const auto begin = static_cast<std::size_t>(i * options.window);
    const auto m = static_cast<std::size_t>(
        std::min(options.window, predicted - static_cast<std::int64_t>(begin)));
    const auto loss = window_loss(model, *cache, ids.subspan(begin, m), ids.subspan(begin + 1, m));
    if (!loss) return tl::make_unexpected(loss.error());
    sum += *loss;
    result.tokens += static_cast<std::int64_t>(m);
    result.value = std::exp(sum / static_cast<double>(result.tokens));
    if (options.progress) options.progress(i + 1, windows, result.value);
  }
  return result;
}

}  // namespace bitloom::stack
