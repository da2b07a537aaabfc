// In which order the elements of a reduction are combined.
//
// Sums of floats depend on it, so it is part of what the instruction means, and follows from the
// layout alone:
//
//   1. each thread combines the elements that it holds, by rising local index, from the left;
//   2. the threads of a warp that hold parts of one result combine theirs as a balanced tree over
//      neighbours: (t0 t1) (t2 t3), then ((t0 t1) (t2 t3)), by rising thread; an odd one out waits
//      for the next level;
//   3. warps combine theirs by rising index, from the left.
//
// Of threads that hold copies of the same elements the first counts. This is what shuffles with the
// lane masks 1, 2, 4, 8, 16 and a pass through shared memory compute.
#pragma once

#include <cstdint>
#include <vector>

#include "vm/interpreter/tile.h"

namespace bitloom::vm::interpreter {

struct ReductionGroup {
  // lanes[thread_ends[i-1] .. thread_ends[i]) belong to one thread,
  // threads warp_ends[j-1] .. warp_ends[j] to one warp.
  std::vector<std::int32_t> lanes;
  std::vector<std::int32_t> thread_ends;
  std::vector<std::int32_t> warp_ends;
};

// One group for each element of the result, row-major over x's shape with extent 1 along dim.
std::vector<ReductionGroup> reduction_order(const Tile& x, int dim);

// Combines a group. `combine(a, b)`, with a from the left.
template <class T, class Combine>
T combine_group(const ReductionGroup& group, const T* lanes, std::vector<T>& scratch,
                Combine&& combine) {
  T result{};
  std::int32_t lane = 0, thread = 0;
  for (std::size_t w = 0; w < group.warp_ends.size(); ++w) {
    scratch.clear();
    for (; thread < group.warp_ends[w]; ++thread) {
      T sum = lanes[group.lanes[lane++]];
      for (; lane < group.thread_ends[thread]; ++lane) sum = combine(sum, lanes[group.lanes[lane]]);
      scratch.push_back(sum);
    }
    while (scratch.size() > 1) {
      std::size_t kept = 0;
      for (std::size_t i = 0; i < scratch.size(); i += 2)
        scratch[kept++] = i + 1 < scratch.size() ? combine(scratch[i], scratch[i + 1]) : scratch[i];
      scratch.resize(kept);
    }
    result = w == 0 ? scratch[0] : combine(result, scratch[0]);
  }
  return result;
}

}  // namespace bitloom::vm::interpreter
