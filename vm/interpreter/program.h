// A function, flattened for one launch: what a strand executes.
//
// Structured control flow becomes a list of steps with jump targets, so that a strand is no more
// than a place in that list and a frame, and can stop at any step and go on later. Every step is a
// closure over its decoded operands: frame offsets, tables of addresses, sizes of this launch.
//
// The regions of `roles` and `warps` are bodies of their own, with frames of their own. What such a
// body reads from outside (scalars and views) is copied into its frame when it is forked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "layouts/shape.h"
#include "vm/interpreter/root.h"
#include "vm/interpreter/tile.h"
#include "vm/ir.h"

namespace bitloom::vm::interpreter {

struct Block;
struct Strand;
struct Step;

enum class Flow : std::uint8_t {
  Next,
  Jump,      // the step has set the strand's pc
  Yield,     // done, and it is the turn of others
  Blocked,   // not done: try again later
  Finished,  // the strand has ended
};

using Action = std::function<Flow(Strand&, const Step&)>;

struct Step {
  Action action;
  const Instruction* instruction = nullptr;
  std::uint32_t target = 0;  // of jumps
  std::uint32_t number = 0;  // in the whole program: what histories refer to
  std::uint16_t line = 0;    // index in Program::lines
  bool effect = false;       // changes memory or barriers: a strand that does it is not idle
  std::vector<std::uint32_t> reads, changes;  // frame offsets of register tiles
};

// A memory view, or a window of mbarriers, at run time: where element 0 stands in its root.
struct View {
  std::array<std::int64_t, kMaxRank> origin{};
  std::int64_t base = 0;   // shared: byte of the root in the block's memory; mbarriers: first index
  Block* block = nullptr;  // whose shared memory or mbarriers; null in global memory
};

// What is known of a view before it runs.
struct ViewInfo {
  std::shared_ptr<const Root> root;
  std::vector<int> dims;   // dimension of the root that each dimension of the view walks along
  layouts::Shape extents;  // of the view
  std::uint32_t slot = 0;  // in Strand::views
};

struct Import {
  bool view = false;
  std::uint32_t from = 0, to = 0, words = 0;
};

struct Body {
  std::vector<Step> steps;
  std::vector<Import> imports;
  std::uint32_t frame_words = 0;
  std::uint32_t views = 0;
  std::uint32_t argument = 0;  // frame offset of the region's argument
  int threads = 0;
};

// A block of mbarriers as the program allocates them.
struct BarrierGroup {
  std::int64_t count = 1;  // arrivals a phase
  std::int64_t first = 0, number = 0;
  Span span;
};

struct Program {
  const Function* function = nullptr;
  std::deque<Body> bodies;         // the first is the kernel's
  std::vector<const Step*> steps;  // by number
  std::vector<std::shared_ptr<Root>> roots;
  std::vector<BarrierGroup> barriers;
  std::int64_t barrier_count = 0;
  std::int64_t shared_bytes = 0;
  std::int64_t shared_granule = 16;  // every access to shared memory is made of these
  std::array<std::int64_t, 3> grid{1, 1, 1};
  std::vector<std::uint32_t> first_frame;  // scalar parameters and sizes, copied into every block
  std::vector<Span> lines;
};

}  // namespace bitloom::vm::interpreter
