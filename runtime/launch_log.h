// The launches of a GPU that nobody has waited for yet, so that a fault can say which kernel and
// which arguments.
//
// A GPU reports a fault at the next call that waits, and not what faulted. The log keeps the last
// launches, by value and without text; it is read only when something went wrong. A record costs
// some tens of nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cuda/types.h"

namespace bitloom::runtime {

class LaunchPlan;

struct LaunchRecord {
  static constexpr std::size_t kWords = 40;  // parameters that are kept; later ones are not shown
  std::shared_ptr<const LaunchPlan> plan;
  cuda::CUstream stream = nullptr;
  std::array<unsigned, 3> grid = {};
  std::array<std::uint64_t, kWords> words = {};  // as the kernel's parameters hold them
};

class LaunchLog {
 public:
  static constexpr std::size_t kRecords = 64;

  void add(const std::shared_ptr<const LaunchPlan>& plan, cuda::CUstream stream,
           const std::array<unsigned, 3>& grid, const std::uint64_t* words, std::size_t count);
  // Everything that was launched into the stream (or at all) has ended well.
  void done(cuda::CUstream stream);
  void all_done();

  // A sentence a launch, the last one first; and whether older ones were forgotten.
  std::vector<std::string> describe() const;

 private:
  mutable std::mutex mutex_;
  std::array<LaunchRecord, kRecords> records_ = {};
  std::size_t next_ = 0;
};

}  // namespace bitloom::runtime
