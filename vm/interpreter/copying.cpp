// Copies between global and shared memory, by all threads and by the copy engines.
#include <algorithm>

#include "vm/interpreter/compiler.h"
#include "vm/interpreter/hazards.h"
#include "vm/interpreter/mbarrier.h"
#include "vm/interpreter/pending.h"
#include "vm/interpreter/report.h"
#include "vm/interpreter/transfer.h"

namespace bitloom::vm::interpreter {

// The comfortable form: the bytes are there behind the instruction, for the threads that a barrier
// has told.
void compile(const CopyOp& op, Compiler& compiler) {
  const auto plan = TransferPlan::make(*op, compiler, op.target(), op.source(), op->shape("clip"));
  if (!plan) return;
  const std::uint32_t to = compiler.view(op.target()).slot, from = compiler.view(op.source()).slot;
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const Transfer transfer(plan, strand, step, strand.views[to], strand.views[from]);
    transfer.touch_global(strand, step, false, Touch::By::Strand);
    if (Hazards* hazards = strand.cluster->hazards.get()) {
      Touch touch = transfer.shared_bytes(true);
      touch.by = Touch::By::Strand;
      hazards->write(strand, step, *transfer.target_view().block, touch);
    }
    transfer.perform();
    return Flow::Next;
  });
}

// ---- By all threads -----------------------------------------------------------------------------

// Which thread copies which bytes is the code generator's affair: until a barrier the bytes belong
// to nobody in particular.
void compile(const CopyAsyncOp& op, Compiler& compiler) {
  const auto plan = TransferPlan::make(*op, compiler, op.target(), op.source(), op->shape("clip"));
  if (!plan) return;
  const std::uint32_t to = compiler.view(op.target()).slot, from = compiler.view(op.source()).slot;
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const Transfer transfer(plan, strand, step, strand.views[to], strand.views[from]);
    transfer.touch_global(strand, step, false, Touch::By::Strand);
    Hazards* hazards = strand.cluster->hazards.get();
    std::uint32_t flight = 0;
    Block& block = *transfer.target_view().block;
    if (hazards) {
      Touch touch = transfer.shared_bytes(true);
      touch.by = Touch::By::Strand;
      flight = hazards->start_write(strand, step, block, touch);
    }
    Pending pending;
    pending.step = &step;
    pending.finish = [=, &block](Strand& lander) {
      transfer.perform();
      if (!hazards) return;
      hazards->land_write(flight, block, transfer.shared_bytes(true), hazards->by_strand(lander));
      hazards->end_flight(flight);
    };
    strand.copies.open.push_back(std::move(pending));
    return Flow::Next;
  });
}

void compile(const CopyCommitOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand& strand, const Step&) {
    strand.copies.commit();
    return Flow::Next;
  });
}

void compile(const CopyWaitOp& op, Compiler& compiler) {
  const auto left = static_cast<std::size_t>(std::max<std::int64_t>(0, op->integer("pending")));
  compiler.step(*op, [=](Strand& strand, const Step&) {
    // Copies that were started before the strand was split off are its threads' too.
    for (Strand* owner = &strand; owner; owner = owner->parent) {
      while (owner->copies.closed.size() > left) {
        for (Pending& copy : owner->copies.closed.front()) copy.finish(strand);
        owner->copies.closed.pop_front();
      }
    }
    return Flow::Next;
  });
}

// ---- By the copy engine -------------------------------------------------------------------------

namespace {

// One thread starts a copy that counts down on an mbarrier of the block where it lands.
void start_counted(Strand& strand, const Step& step, const Transfer& transfer, Block& block,
                   Mbarrier& barrier, std::int64_t bytes) {
  transfer.touch_global(strand, step, false);
  Hazards* hazards = strand.cluster->hazards.get();
  std::uint32_t flight = 0;
  if (hazards) flight = hazards->start_write(strand, step, block, transfer.shared_bytes(true));
  Pending pending;
  pending.step = &step;
  pending.finish = [=, &block, &barrier](Strand&) {
    transfer.perform();
    barrier.bytes -= bytes;
    if (hazards) {
      const std::int64_t number = number_of(block, barrier);
      hazards->land_write(flight, block, transfer.shared_bytes(true),
                          hazards->by_barrier(block, number));
      hazards->end_flight(flight);
      hazards->release_agent(hazards->barrier_agent(block, number), barrier.gathering);
    }
    complete_if_due(barrier);
  };
  barrier.copies.push_back(std::move(pending));
}

}  // namespace

void compile(const CopyBulkOp& op, Compiler& compiler) {
  const auto plan = TransferPlan::make(*op, compiler, op.target(), op.source(), {});
  if (!plan) return;
  const std::uint32_t to = compiler.view(op.target()).slot, from = compiler.view(op.source()).slot;
  const ViewInfo info = compiler.view(op.barrier());
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    Mbarrier* barrier = mbarrier_at(strand, step, info);
    if (!barrier) return Flow::Finished;
    const Transfer transfer(plan, strand, step, strand.views[to], strand.views[from]);
    if (!transfer.contiguous()) {
      report(strand, step, "BL0517",
             fmt::format("copy_bulk: the {} bytes are not one run at a multiple of 16 on both "
                         "sides, in {}",
                         plan->bytes(), strand.block->describe()));
    }
    start_counted(strand, step, transfer, *transfer.target_view().block, *barrier, plan->bytes());
    return Flow::Next;
  });
}

void compile(const CopyTensorOp& op, Compiler& compiler) {
  // What lies outside of the tensor arrives as zero, whatever the dimension.
  const Shape clip(compiler.view(op.source()).extents.size(), 1);
  const auto plan = TransferPlan::make(*op, compiler, op.target(), op.source(), clip);
  if (!plan) return;
  const std::uint32_t to = compiler.view(op.target()).slot, from = compiler.view(op.source()).slot;
  const ViewInfo info = compiler.view(op.barrier());
  const auto multicast = static_cast<std::uint64_t>(op->integer("multicast"));
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    Mbarrier* barrier = mbarrier_at(strand, step, info);
    if (!barrier) return Flow::Finished;
    const View source = strand.views[from];
    if (multicast == 0) {
      const Transfer transfer(plan, strand, step, strand.views[to], source);
      start_counted(strand, step, transfer, *transfer.target_view().block, *barrier, plan->bytes());
      return Flow::Next;
    }
    // The same place and the same mbarrier in every block of the mask.
    const std::int64_t number = number_of(*strand.views[info.slot].block, *barrier);
    auto& blocks = strand.cluster->blocks;
    for (std::size_t rank = 0; rank < 64; ++rank) {
      if (!(multicast >> rank & 1)) continue;
      if (rank >= blocks.size()) {
        report_and_end(
            strand, step, "BL0502",
            fmt::format("copy_tensor: block {} of a cluster of {}", rank, blocks.size()));
        return Flow::Finished;
      }
      View target = strand.views[to];
      target.block = &blocks[rank];
      start_counted(strand, step, Transfer(plan, strand, step, target, source), blocks[rank],
                    blocks[rank].barriers[static_cast<std::size_t>(number)], plan->bytes());
    }
    return Flow::Next;
  });
}

// ---- The way back -------------------------------------------------------------------------------

namespace {

void compile_store(const Instruction& op, Compiler& compiler, ValueId target, ValueId source,
                   bool bulk) {
  const Shape clip(bulk ? 0 : compiler.view(target).extents.size(), 1);
  const auto plan = TransferPlan::make(op, compiler, target, source, clip);
  if (!plan) return;
  const std::uint32_t to = compiler.view(target).slot, from = compiler.view(source).slot;
  compiler.step(op, [=](Strand& strand, const Step& step) {
    const auto transfer =
        std::make_shared<const Transfer>(plan, strand, step, strand.views[to], strand.views[from]);
    if (bulk && !transfer->contiguous()) {
      report(strand, step, "BL0517",
             fmt::format("store_bulk: the {} bytes are not one run at a multiple of 16 on both "
                         "sides, in {}",
                         plan->bytes(), strand.block->describe()));
    }
    Hazards* hazards = strand.cluster->hazards.get();
    Block& block = *transfer->source_view().block;
    std::uint32_t flight = 0;
    if (hazards) {
      Touch touch = transfer->shared_bytes(false);
      touch.async_proxy = true;
      flight = hazards->start_read(strand, step, block, touch);
    }
    const auto data = std::make_shared<std::vector<std::uint64_t>>();
    Pending pending;
    pending.step = &step;
    pending.finish = [=, &block](Strand& lander) {
      *data = transfer->read();
      if (!hazards) return;
      hazards->land_read(flight, block, transfer->shared_bytes(false),
                         hazards->by_first_thread(lander));
      hazards->end_flight(flight);
    };
    pending.writes = [=, started = &step](Strand& lander) {
      transfer->touch_global(lander, *started, true);
      transfer->write(*data);
      lander.cluster->grid.changes.fetch_add(1, std::memory_order_release);
    };
    strand.stores.open.push_back(std::move(pending));
    return Flow::Next;
  });
}

void read_group(Strand& strand, std::vector<Pending>& group) {
  for (Pending& store : group) {
    if (!store.has_read) store.finish(strand);
    store.has_read = true;
  }
}

void write_oldest(Strand& strand) {
  std::vector<Pending>& group = strand.stores.closed.front();
  read_group(strand, group);
  for (Pending& store : group) store.writes(strand);
  strand.stores.closed.pop_front();
}

}  // namespace

void compile(const StoreTensorOp& op, Compiler& compiler) {
  compile_store(*op, compiler, op.target(), op.source(), false);
}
void compile(const StoreBulkOp& op, Compiler& compiler) {
  compile_store(*op, compiler, op.target(), op.source(), true);
}

void compile(const StoreCommitOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand& strand, const Step&) {
    strand.stores.commit();
    return Flow::Next;
  });
}

void compile(const StoreWaitOp& op, Compiler& compiler) {
  constexpr std::size_t kMostUnwritten = 16;
  const auto left = static_cast<std::size_t>(std::max<std::int64_t>(0, op->integer("pending")));
  const bool read = op->flag("read");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    auto& groups = strand.stores.closed;
    if (!read) {
      while (groups.size() > left) write_oldest(strand);
      return Flow::Next;
    }
    // What has been read is written some time later; not so late that it fills the memory.
    for (std::size_t i = 0; i + left < groups.size(); ++i) read_group(strand, groups[i]);
    while (groups.size() > std::max(left, kMostUnwritten)) write_oldest(strand);
    return Flow::Next;
  });
}

// ---- The end of a strand ------------------------------------------------------------------------

namespace {

// The first piece of work in these groups that a strand must not leave behind.
const Pending* left_behind(const PendingGroups& groups) {
  for (const auto& group : groups.closed)
    for (const Pending& pending : group)
      if (!pending.has_read) return &pending;
  return groups.open.empty() ? nullptr : &groups.open.front();
}

// A strand that a fault has ended leaves work behind, and that is no second fault.
bool cut_short(const Strand& strand) {
  return strand.cluster->grid.ending.load(std::memory_order_relaxed);
}

}  // namespace

void finish_pending(Strand& strand) {
  for (const PendingGroups* groups : {&strand.copies, &strand.stores, &strand.dots}) {
    const Pending* pending = left_behind(*groups);
    if (!pending || cut_short(strand)) continue;
    report(strand, *pending->step, "BL0522",
           fmt::format("{}: {} end while this is still under way",
                       info(pending->step->instruction->opcode).mnemonic, strand.describe()));
  }
  strand.copies = {};
  strand.dots = {};
  if (!strand.stores.open.empty()) strand.stores.commit();
  while (!strand.stores.closed.empty()) write_oldest(strand);
}

void finish_counted(Strand& strand) {
  for (Mbarrier& barrier : strand.block->barriers) {
    if (barrier.copies.empty() || cut_short(strand)) continue;
    const Step& step = *barrier.copies.front().step;
    report(strand, step, "BL0522",
           fmt::format("{}: {} ends and nobody has waited for this copy",
                       info(step.instruction->opcode).mnemonic, strand.block->describe()));
    barrier.copies.clear();
  }
}

}  // namespace bitloom::vm::interpreter
