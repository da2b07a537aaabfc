// Barriers, mbarriers, fences.
#include "vm/interpreter/compiler.h"
#include "vm/interpreter/global_shadow.h"
#include "vm/interpreter/hazards.h"
#include "vm/interpreter/mbarrier.h"
#include "vm/interpreter/report.h"
#include "vm/interpreter/scalars.h"

namespace bitloom::vm::interpreter {

void compile(const SyncOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand& strand, const Step&) {
    if (Hazards* hazards = strand.cluster->hazards.get()) hazards->sync(strand);
    return Flow::Next;
  });
}

void compile(const SyncWarpOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand& strand, const Step&) {
    if (Hazards* hazards = strand.cluster->hazards.get()) hazards->sync_warps(strand);
    return Flow::Next;
  });
}

// ---- Named barriers -----------------------------------------------------------------------------

namespace {

// The strand's threads arrive; false when the barrier is used against its rules.
bool arrive_named(Strand& strand, const Step& step, std::size_t id, int threads) {
  NamedBarrier& barrier = strand.block->named[id];
  if (barrier.arrived == 0) {
    barrier.expected = threads;
    barrier.opened_by = &step;
  }
  if (barrier.expected != threads || barrier.arrived + strand.threads > threads) {
    Diagnostic diagnostic{Severity::Error, "BL0518", step.instruction->span, {}, {}, {}};
    diagnostic << "named barrier " << id << " waits for " << barrier.expected << " threads and has "
               << barrier.arrived << ", and " << strand.describe() << " arrive for " << threads;
    diagnostic.note(barrier.opened_by->instruction->span, "the barrier was opened here");
    report(strand, step, 0, std::move(diagnostic));
    strand.cluster->grid.ending.store(true, std::memory_order_relaxed);
    return false;
  }
  barrier.arrived += strand.threads;
  if (Hazards* hazards = strand.cluster->hazards.get())
    hazards->release(strand, Hazards::Arrival::Threads, barrier.gathering);
  if (barrier.arrived == barrier.expected) {
    barrier.arrived = 0;
    ++barrier.generation;
    barrier.completed = std::move(barrier.gathering);
    barrier.gathering = {};
  }
  return true;
}

bool named_operands(const Instruction& op, Compiler& compiler) {
  const std::int64_t id = op.integer("id"), threads = op.integer("threads");
  if (id >= 0 && id < 16 && threads > 0 && threads <= 1024) return true;
  compiler.fail(op, "named barriers are 0 to 15, for 1 to 1024 threads");
  return false;
}

}  // namespace

void compile(const NamedSyncOp& op, Compiler& compiler) {
  if (!named_operands(*op, compiler)) return;
  const auto id = static_cast<std::size_t>(op->integer("id"));
  const int threads = static_cast<int>(op->integer("threads"));
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    NamedBarrier& barrier = strand.block->named[id];
    if (!strand.arrived) {
      strand.ticket = barrier.generation;
      if (!arrive_named(strand, step, id, threads)) return Flow::Finished;
      strand.arrived = true;
    }
    if (barrier.generation == strand.ticket) {
      strand.waits_for = fmt::format("named barrier {}: {} of {} threads have arrived", id,
                                     barrier.arrived, barrier.expected);
      return Flow::Blocked;
    }
    strand.arrived = false;
    if (Hazards* hazards = strand.cluster->hazards.get())
      hazards->acquire(strand, barrier.completed);
    return Flow::Next;
  });
}

void compile(const NamedArriveOp& op, Compiler& compiler) {
  if (!named_operands(*op, compiler)) return;
  const auto id = static_cast<std::size_t>(op->integer("id"));
  const int threads = static_cast<int>(op->integer("threads"));
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    return arrive_named(strand, step, id, threads) ? Flow::Next : Flow::Finished;
  });
}

void compile(const ClusterSyncOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand& strand, const Step&) {
    ClusterBarrier& barrier = strand.cluster->barrier;
    Hazards* hazards = strand.cluster->hazards.get();
    if (!strand.arrived) {
      strand.arrived = true;
      strand.ticket = barrier.generation;
      barrier.arrived += strand.threads;
      if (hazards) hazards->release(strand, Hazards::Arrival::Threads, barrier.gathering);
      if (barrier.arrived >= barrier.expected) {
        barrier.arrived = 0;
        ++barrier.generation;
        barrier.completed = std::move(barrier.gathering);
        barrier.gathering = {};
      }
    }
    if (barrier.generation == strand.ticket) {
      strand.waits_for = fmt::format("the cluster: {} of {} threads have arrived", barrier.arrived,
                                     barrier.expected);
      return Flow::Blocked;
    }
    strand.arrived = false;
    if (hazards) hazards->acquire(strand, barrier.completed);
    return Flow::Next;
  });
}

// ---- Mbarriers ----------------------------------------------------------------------------------

Mbarrier* mbarrier_at(Strand& strand, const Step& step, const ViewInfo& info) {
  const View& view = strand.views[info.slot];
  std::int64_t number = 0;
  bool inside = true;
  for (std::size_t d = 0; d < info.root->extents.size(); ++d) {
    inside &= view.origin[d] >= 0 && view.origin[d] < info.root->extents[d];
    number += view.origin[d] * info.root->strides[d];
  }
  if (inside) return &view.block->barriers[static_cast<std::size_t>(view.base + number)];
  report_and_end(strand, step, "BL0502",
                 fmt::format("{}: mbarrier {} of {}{}", info.root->name, number,
                             layouts::to_string(info.root->extents), " does not exist"));
  return nullptr;
}

std::int64_t number_of(const Block& block, const Mbarrier& barrier) {
  return &barrier - block.barriers.data();
}

void complete_if_due(Mbarrier& barrier) {
  if (barrier.pending > 0 || barrier.bytes != 0) return;
  barrier.pending = barrier.count;
  ++barrier.phase;
  // The clock goes on growing: who sees a later phase knows of the earlier ones.
  barrier.completed = barrier.gathering;
}

bool arrive_at(Strand& strand, const Step& step, Mbarrier& barrier, std::int64_t times,
               Hazards::Arrival arrival) {
  if (times > barrier.pending) {
    Diagnostic diagnostic{Severity::Error, "BL0519", step.instruction->span, {}, {}, {}};
    diagnostic << "an mbarrier that waits for " << barrier.count
               << " arrivals a phase gets one too many, by " << strand.describe() << " ("
               << barrier.pending << " are left, " << times << " come)";
    if (barrier.bytes > 0)
      diagnostic.hint(fmt::format("the phase also waits for {} bytes of copies", barrier.bytes));
    report(strand, step, 0, std::move(diagnostic));
    strand.cluster->grid.ending.store(true, std::memory_order_relaxed);
    return false;
  }
  barrier.pending -= times;
  if (Hazards* hazards = strand.cluster->hazards.get())
    hazards->release(strand, arrival, barrier.gathering);
  complete_if_due(barrier);
  return true;
}

void land_copies(Strand& strand, Mbarrier& barrier) {
  while (!barrier.copies.empty()) {
    std::vector<Pending> landing = std::move(barrier.copies);
    barrier.copies.clear();
    for (Pending& copy : landing) copy.finish(strand);
  }
}

void compile(const ArriveOp& op, Compiler& compiler) {
  const ViewInfo info = compiler.view(op.barrier());
  if (info.root->space != Space::Barrier) return compiler.fail(*op, "the operand is no mbarrier");
  const std::string_view per = op->word("per", "strand");
  const int threads = compiler.threads();
  // Of a strand: once, when all its threads are there, so for what all of them did.
  std::int64_t times = 1;
  Hazards::Arrival arrival = Hazards::Arrival::Threads;
  if (per == "thread") {
    times = threads;
  } else if (per == "warp") {
    times = (threads + 31) / 32;
    arrival = Hazards::Arrival::Warps;
  }
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    Mbarrier* barrier = mbarrier_at(strand, step, info);
    return barrier && arrive_at(strand, step, *barrier, times, arrival) ? Flow::Next
                                                                        : Flow::Finished;
  });
}

void compile(const ArriveExpectOp& op, Compiler& compiler) {
  const ViewInfo info = compiler.view(op.barrier());
  const Tile bytes = compiler.tile(op.bytes());
  if (info.root->space != Space::Barrier) return compiler.fail(*op, "the operand is no mbarrier");
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    Mbarrier* barrier = mbarrier_at(strand, step, info);
    if (!barrier) return Flow::Finished;
    barrier->bytes += get_integer(strand, bytes);
    barrier->expected_at = &step;
    return arrive_at(strand, step, *barrier, 1, Hazards::Arrival::First) ? Flow::Next
                                                                         : Flow::Finished;
  });
}

void compile(const WaitOp& op, Compiler& compiler) {
  const ViewInfo info = compiler.view(op.barrier());
  const Tile phase = compiler.tile(op.phase());
  if (info.root->space != Space::Barrier) return compiler.fail(*op, "the operand is no mbarrier");
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    Mbarrier* barrier = mbarrier_at(strand, step, info);
    if (!barrier) return Flow::Finished;
    const auto parity = static_cast<std::uint32_t>(get_integer(strand, phase)) & 1;
    // Copies land as late as they can: when somebody waits for them.
    if ((barrier->phase & 1) == parity) land_copies(strand, *barrier);
    if ((barrier->phase & 1) == parity) {
      const std::int64_t number = number_of(*strand.views[info.slot].block, *barrier);
      strand.waits_for = fmt::format(
          "phase {} of mbarrier {} of {}: {} of {} arrivals are missing{}", parity,
          number - strand.views[info.slot].base,
          info.root->name.empty() ? std::string("a group") : info.root->name, barrier->pending,
          barrier->count,
          barrier->bytes == 0 ? std::string()
                              : fmt::format(", and {} bytes of copies", barrier->bytes));
      return Flow::Blocked;
    }
    if (Hazards* hazards = strand.cluster->hazards.get())
      hazards->acquire(strand, barrier->completed);
    return Flow::Next;
  });
}

// ---- Fences -------------------------------------------------------------------------------------

void compile(const FenceOp& op, Compiler& compiler) {
  const std::string_view kind = op->word("kind");
  const bool async = kind == "async", wide = kind == "gpu" || kind == "system" || kind == "cluster";
  if (!async && !wide && kind != "block") return compiler.fail(*op, "there is no such fence");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    if (Hazards* hazards = strand.cluster->hazards.get())
      async ? hazards->fence_async(strand) : hazards->fence_memory(strand);
    if (GlobalShadow* shadow = strand.cluster->grid.shadow; shadow && wide)
      shadow->fence(*strand.cluster);
    return Flow::Next;
  });
}

namespace {

// Instructions that order something which the interpreter does in order anyway.
void nothing_to_do(const Instruction& op, Compiler& compiler) {
  compiler.step(op, [](Strand&, const Step&) { return Flow::Next; });
}

}  // namespace

// A launch of the interpreter begins when those before it have ended, and ends before the next.
void compile(const GridWaitOp& op, Compiler& compiler) {
  nothing_to_do(*op, compiler);
}
void compile(const GridLaunchOp& op, Compiler& compiler) {
  nothing_to_do(*op, compiler);
}
void compile(const ScheduleFenceOp& op, Compiler& compiler) {
  nothing_to_do(*op, compiler);
}

}  // namespace bitloom::vm::interpreter
