// What has certainly happened: vector clocks over the agents of a cluster.
//
// Time is the cluster's tick, one a step of any strand. An agent is whoever touches shared memory:
// a warp, the tensor core that works for a warp('s group), the copy engine behind an mbarrier. A
// clock says for every agent up to which tick its deeds are certain; each warp has one, and
// barriers hand them on. Between lanes of a warp there is no order but by barriers either, so a
// warp's entry for itself is the tick of its last barrier; what a single thread did itself it knows
// without a clock.
//
// Four entries an agent:
//
//   all     what any of its lanes did          first   what its lane 0 did (lane 0 arrives for
//   others) reads   what any of its lanes has read: more than `all` behind a warpgroup dot, which
//   no warp
//           ends before every warp of the group has begun it
//   fenced  what it wrote is visible to the async proxy too
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bitloom::vm::interpreter {

using Tick = std::uint64_t;

struct Moment {
  Tick all = 0, first = 0, reads = 0, fenced = 0;
};

class Clock {
 public:
  Clock() = default;
  explicit Clock(std::size_t agents) : moments_(agents) {}

  bool empty() const { return moments_.empty(); }
  Moment& operator[](std::size_t agent) { return moments_[agent]; }
  const Moment& operator[](std::size_t agent) const { return moments_[agent]; }
  std::size_t size() const { return moments_.size(); }

  void join(const Clock& other) {
    if (moments_.size() < other.moments_.size()) moments_.resize(other.moments_.size());
    for (std::size_t i = 0; i < other.moments_.size(); ++i) {
      Moment& mine = moments_[i];
      const Moment& theirs = other.moments_[i];
      mine.all = std::max(mine.all, theirs.all);
      mine.first = std::max(mine.first, theirs.first);
      mine.reads = std::max(mine.reads, theirs.reads);
      mine.fenced = std::max(mine.fenced, theirs.fenced);
    }
  }

 private:
  std::vector<Moment> moments_;
};

}  // namespace bitloom::vm::interpreter
