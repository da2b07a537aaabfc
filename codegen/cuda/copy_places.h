// Which bytes each thread copies of a window of global memory, and where they go in shared memory.
//
// A window is cut into granules, row-major; of packed tensors in the order of their atoms. Thread t
// of T copies the granules t, t + T, … T is the largest number of the strand's threads for which
// the place of a granule is a sum of digits of t, so that nothing is divided at run time: all of
// them when row lengths are powers of two, 192 of 256 for rows of 96 granules.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "codegen/cuda/kernel_writer.h"

namespace bitloom::codegen {

class CopyPlaces {
 public:
  // Prints what all turns share. `target` may be absent.
  static std::optional<CopyPlaces> make(KernelWriter& out, const MemoryView* target,
                                        const MemoryView& source, std::int64_t bytes,
                                        const vm::Shape& clip);
  std::int64_t turns() const { return (count_ + threads_ - 1) / threads_; }
  // Whether the thread takes part in a turn; empty: all do.
  std::string takes_part(std::int64_t turn) const;
  std::string target(std::int64_t turn) const { return target_(turn); }
  std::string source(std::int64_t turn) const { return source_(turn); }
  std::string inside(std::int64_t turn) const { return inside_(turn); }

 private:
  CopyPlaces() = default;
  bool make_plain(KernelWriter& out, const MemoryView* target, const MemoryView& source,
                  std::int64_t bytes, const vm::Shape& clip);
  bool make_packed(KernelWriter& out, const MemoryView* target, const MemoryView& source,
                   const vm::Shape& clip);

  std::int64_t count_ = 0, threads_ = 1;
  std::int64_t strand_threads_ = 1;
  std::string thread_;
  std::function<std::string(std::int64_t)> target_, source_, inside_;
};

}  // namespace bitloom::codegen
