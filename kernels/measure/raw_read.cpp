#include "kernels/measure/raw_read.h"

#include <algorithm>
#include <limits>

#include "kernels/kernels_folder.h"
#include "runtime/module.h"

namespace bitloom::kernels {

using runtime::Buffer;
using runtime::Result;
using runtime::Tensor;

Result<RawRead> RawRead::make(const runtime::Stream& stream, std::size_t pool) {
  auto buffer = Buffer::allocate(stream.device(), pool);
  if (!buffer) return tl::make_unexpected(buffer.error());
  if (auto done = buffer->fill(std::byte{0x5a}, stream); !done)
    return tl::make_unexpected(done.error());
  auto out = Tensor::zeros(stream, vm::kU32, {1});
  if (!out) return tl::make_unexpected(out.error());
  RawRead result(stream, std::move(*buffer), std::move(*out));
  auto module = runtime::Module::from_file(kernels_folder() + "/measure/raw_read.bl");
  if (!module) return tl::make_unexpected(module.error());
  constexpr int kWays[][3] = {{8, 4, 256}, {4, 8, 256}, {2, 8, 256},
                              {1, 8, 256}, {4, 4, 512}, {8, 2, 512}};  // U, B, T
  for (const auto& [loads, blocks, threads] : kWays) {
    auto kernel = module->specialize("raw_read", {.generics = {{"U", std::to_string(loads)},
                                                               {"B", std::to_string(blocks)},
                                                               {"T", std::to_string(threads)}}});
    if (!kernel) return tl::make_unexpected(kernel.error());
    if (auto ready = kernel->prepare(stream.device()); !ready)
      return tl::make_unexpected(ready.error());
    result.kernels_.push_back(*kernel);
  }
  return result;
}

Result<TimedGraph> RawRead::graph(std::int64_t bytes) const {
  const std::int64_t size = (bytes + 15) / 16 * 16, room = static_cast<std::int64_t>(pool_.bytes());
  if (size > room)
    return runtime::failure("BL0903", "the floor reads more bytes than were set aside for it",
                            "give RawRead::make a larger pool");
  const std::int64_t step = std::max<std::int64_t>((size + 255) / 256 * 256, 256);
  const auto places = static_cast<int>(std::clamp<std::int64_t>((room - size) / step + 1, 1, 64));
  std::vector<Tensor> parts;
  for (int i = 0; i < places; ++i) {
    auto* address = static_cast<std::byte*>(pool_.address()) + i * step;
    auto part =
        Tensor::wrap(Buffer::borrow(stream_.device(), address, static_cast<std::size_t>(size)),
                     vm::kU32, {size / 4});
    if (!part) return tl::make_unexpected(part.error());
    parts.push_back(std::move(*part));
  }
  Result<TimedGraph> best = runtime::failure("BL0903", "no way to read was timed");
  double least = std::numeric_limits<double>::infinity();
  for (const runtime::Kernel& kernel : kernels_) {
    auto graph = TimedGraph::capture(stream_, places, [&](int i) {
      return kernel.launch(stream_, parts[static_cast<std::size_t>(i)], out_);
    });
    if (!graph) return graph;
    const auto samples = graph->run({.warm_up = 1, .least_runs = 3});
    if (!samples) return tl::make_unexpected(samples.error());
    const double median = summary(*samples).median;
    if (median >= least) continue;
    least = median;
    best = std::move(graph);
  }
  return best;
}

}  // namespace bitloom::kernels
