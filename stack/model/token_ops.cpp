#include "stack/model/token_ops.h"

#include <algorithm>

#include "runtime/host/random.h"

namespace bitloom::stack {

using runtime::HostArray;
using runtime::Result;

Result<std::vector<float>> token_losses(Executor& executor, const Array& logits,
                                        std::span<const TokenId> targets) {
  const auto m = static_cast<std::int64_t>(targets.size());
  auto host = HostArray::zeros(vm::kI32, {m});
  if (!host) return tl::make_unexpected(host.error());
  std::ranges::copy(targets, host->as<std::int32_t>().begin());
  const auto ids = executor.upload(*host);
  if (!ids) return tl::make_unexpected(ids.error());
  const auto losses = executor.allocate(vm::kF32, {m});
  if (!losses) return tl::make_unexpected(losses.error());
  const Operator op{"llama/token_loss.bl", "token_loss", {{"T", to_string(logits.element)}}};
  if (auto done = executor.launch(op, {logits, *ids, *losses}); !done)
    return tl::make_unexpected(done.error());
  const auto back = executor.read(*losses);
  if (!back) return tl::make_unexpected(back.error());
  const auto numbers = back->as<float>();
  return std::vector<float>(numbers.begin(), numbers.end());
}

Result<TokenId> next_token(Executor& executor, const Array& logits, const Sampling& sampling,
                           std::uint32_t index) {
  auto draw = HostArray::zeros(vm::kF32, {1});
  if (!draw) return tl::make_unexpected(draw.error());
  // 24 bits, so that the number is below 1 in f32 too.
  const std::uint32_t bits = runtime::philox({index, 0, 0, 0}, sampling.seed)[0] >> 8;
  draw->as<float>()[0] = static_cast<float>(bits) * 0x1p-24f;
  const auto on_engine = executor.upload(*draw);
  if (!on_engine) return tl::make_unexpected(on_engine.error());
  const auto token = executor.allocate(vm::kI32, {1});
  if (!token) return tl::make_unexpected(token.error());
  const Operator op{"llama/next_token.bl", "next_token", {{"T", to_string(logits.element)}}};
  if (auto done =
          executor.launch(op, {logits, *on_engine, sampling.temperature, sampling.min_p, *token});
      !done)
    return tl::make_unexpected(done.error());
  const auto back = executor.read(*token);
  if (!back) return tl::make_unexpected(back.error());
  return back->as<std::int32_t>()[0];
}

}  // namespace bitloom::stack
