#include "vm/interpreter/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "vm/interpreter/hazards.h"
#include "vm/interpreter/pending.h"

namespace bitloom::vm::interpreter {
namespace {

constexpr int kTurn = 256;                 // steps of one strand before the next has its turn
constexpr std::uint64_t kShift = 1 << 16;  // steps of a cluster before another has the host thread

std::array<std::int64_t, 3> block_index(std::int64_t linear,
                                        const std::array<std::int64_t, 3>& grid) {
  return {linear % grid[0], linear / grid[0] % grid[1], linear / (grid[0] * grid[1])};
}

}  // namespace

std::string Block::describe() const {
  return fmt::format("block ({}, {}, {})", index[0], index[1], index[2]);
}

std::string Strand::describe() const {
  return fmt::format("threads {} to {} of {}", first, first + threads - 1, block->describe());
}

Cluster::Cluster(Grid& the_grid, std::int64_t the_number)
    : grid(the_grid), number(the_number), random(the_grid.options.schedule_seed + the_number) {
  const Program& program = grid.program;
  const int size = program.function->cluster;
  blocks.resize(static_cast<std::size_t>(size));
  for (int rank = 0; rank < size; ++rank) {
    Block& block = blocks[static_cast<std::size_t>(rank)];
    block.cluster = this;
    block.rank = rank;
    block.linear = number * size + rank;
    block.index = block_index(block.linear, program.grid);
    block.shared.resize(static_cast<std::size_t>(program.shared_bytes));
    block.barriers.resize(static_cast<std::size_t>(program.barrier_count));
    for (const BarrierGroup& group : program.barriers) {
      for (std::int64_t i = 0; i < group.number; ++i) {
        Mbarrier& fresh = block.barriers[static_cast<std::size_t>(group.first + i)];
        fresh.count = fresh.pending = group.count;
      }
    }
  }
  barrier.expected = program.function->threads * size;
  if (grid.options.checks) hazards = std::make_unique<Hazards>(*this);
  for (Block& block : blocks) {
    Strand& strand = start(program.bodies.front(), block, nullptr, 0, 0);
    std::copy(program.first_frame.begin(), program.first_frame.end(), strand.frame.begin());
  }
}

Cluster::~Cluster() = default;

Strand& Cluster::start(const Body& body, Block& block, Strand* parent, int first,
                       std::int64_t argument) {
  auto strand = std::make_unique<Strand>();
  strand->cluster = this;
  strand->block = &block;
  strand->parent = parent;
  strand->body = &body;
  strand->id = strands_born++;
  strand->first = first;
  strand->threads = body.threads;
  strand->frame.resize(body.frame_words);
  strand->views.resize(body.views);
  if (parent) {
    ++parent->children;
    for (const Import& import : body.imports) {
      if (import.view) {
        strand->views[import.to] = parent->views[import.from];
      } else {
        std::copy_n(parent->frame.begin() + import.from, import.words,
                    strand->frame.begin() + import.to);
      }
    }
    strand->frame[body.argument] = static_cast<std::uint32_t>(argument);
    strand->frame[body.argument + 1] = static_cast<std::uint32_t>(argument >> 32);
  }
  if (hazards) hazards->born(*strand);
  strands.push_back(std::move(strand));
  return *strands.back();
}

void Cluster::finish(Strand& strand) {
  strand.state = Strand::State::Done;
  finish_pending(strand);
  if (hazards) hazards->finished(strand);
  if (!strand.parent) {
    finish_counted(strand);
    return;
  }
  if (--strand.parent->children == 0) {
    strand.parent->state = Strand::State::Ready;
    ++strand.parent->pc;
  }
}

Flow Cluster::timed(const Step& step, Strand& strand) {
  using Timer = std::chrono::steady_clock;
  const auto begin = Timer::now();
  const Flow flow = step.action(strand, step);
  const std::chrono::nanoseconds passed = Timer::now() - begin;
  ++profile->count[step.number];
  profile->nanoseconds[step.number] += passed.count();
  return flow;
}

bool Cluster::run_strand(Strand& strand, int turns) {
  const std::uint32_t begin = strand.pc;
  bool moved = false;
  strand.spinning_on = nullptr;
  while (turns-- > 0) {
    const Step& step = strand.body->steps[strand.pc];
    ++tick;
    if (hazards) hazards->before(strand, step);
    switch (profile ? timed(step, strand) : step.action(strand, step)) {
      case Flow::Next:
        ++strand.pc;
        break;
      case Flow::Jump:
        break;
      case Flow::Yield:
        ++strand.pc;
        return !strand.spinning();
      case Flow::Blocked:
        return moved || strand.pc != begin;
      case Flow::Finished:
        finish(strand);
        return true;
    }
    strand.effects += step.effect;
    moved = true;
    if (strand.state != Strand::State::Ready) return true;  // forked
  }
  return moved;
}

bool Grid::must_end(std::uint64_t new_steps) {
  const std::uint64_t all = steps.fetch_add(new_steps, std::memory_order_relaxed) + new_steps;
  if (all > options.step_limit) {
    limit_reached.store(true, std::memory_order_relaxed);
    ending.store(true, std::memory_order_relaxed);
  }
  if (options.stop && options.stop->load(std::memory_order_relaxed)) {
    stopped.store(true, std::memory_order_relaxed);
    ending.store(true, std::memory_order_relaxed);
  }
  if (faults.full()) ending.store(true, std::memory_order_relaxed);
  return ending.load(std::memory_order_relaxed);
}

Turn Cluster::run() {
  const std::uint64_t end = tick + kShift;
  while (tick < end) {
    if (grid.must_end(tick - counted)) return Turn::Stopped;
    counted = tick;
    bool moved = false, spinning = false;
    const std::uint64_t changes = grid.changes.load(std::memory_order_acquire);
    if (grid.options.schedule_seed) std::shuffle(strands.begin(), strands.end(), random);
    // Strands that are born during this round have their turn in the next.
    for (std::size_t i = 0, alive = strands.size(); i < alive; ++i) {
      Strand& strand = *strands[i];
      if (strand.state == Strand::State::Done || strand.state == Strand::State::Forked) continue;
      strand.state = Strand::State::Ready;
      const int turns = grid.options.schedule_seed ? 1 + static_cast<int>(random() % 16) : kTurn;
      moved |= run_strand(strand, turns);
      spinning |= strand.spinning();
    }
    std::erase_if(strands, [](const std::unique_ptr<Strand>& strand) {
      return strand->state == Strand::State::Done;
    });
    if (strands.empty()) {
      // Blocks of few steps count too: a grid may have billions of them.
      grid.must_end(tick - counted);
      return Turn::Done;
    }
    if (!moved) {
      // Blocks that wait count too: there may be billions of them, each after a few steps.
      if (grid.must_end(tick - counted)) return Turn::Stopped;
      counted = tick;
      changes_seen = changes;
      return spinning ? Turn::Parked : Turn::Stuck;
    }
  }
  return Turn::Running;
}

}  // namespace bitloom::vm::interpreter
