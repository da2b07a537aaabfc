// The floor under every kernel that reads so many bytes: raw_read.bl, timed cold.
#pragma once

#include "kernels/measure/graph_timer.h"
#include "runtime/kernel.h"
#include "runtime/tensor.h"

namespace bitloom::kernels {

class RawRead {
 public:
  // `pool` bytes of memory are read in turns; several ways to read are compiled.
  static runtime::Result<RawRead> make(const runtime::Stream& stream,
                                       std::size_t pool = std::size_t{512} << 20);
  // A graph that reads `bytes` (rounded up to 16) at different places, the fastest way for this
  // number.
  runtime::Result<TimedGraph> graph(std::int64_t bytes) const;

 private:
  RawRead(runtime::Stream stream, runtime::Buffer pool, runtime::Tensor out)
      : stream_(std::move(stream)), pool_(std::move(pool)), out_(std::move(out)) {}
  runtime::Stream stream_;
  runtime::Buffer pool_;
  runtime::Tensor out_;
  std::vector<runtime::Kernel> kernels_;
};

}  // namespace bitloom::kernels
