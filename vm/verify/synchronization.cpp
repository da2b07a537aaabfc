// Synchronisation: barriers that exist, counts that they can count.
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

constexpr std::int64_t kNamedBarriers = 16;
constexpr std::int64_t kMostBytes = (1 << 20) - 1;  // the counter of an mbarrier

// BL0264: barrier 0 to 15; whole warps, at most those of the block.
void named_barrier(const Instruction& instruction, VerifyContext& context) {
  const std::int64_t id = instruction.integer("id"), threads = instruction.integer("threads");
  if (id < 0 || id >= kNamedBarriers) {
    context.fail("BL0264") << "named barrier " << id << "; a block has the barriers 0 to "
                           << kNamedBarriers - 1;
  }
  if (threads < 32 || threads % 32 != 0 || threads > context.function.threads) {
    context.fail("BL0264") << "waits for " << threads
                           << " threads; a barrier waits for whole warps of a block of "
                           << context.function.threads;
  }
}

}  // namespace

void verify(const SyncOp&, VerifyContext&) {}
void verify(const SyncWarpOp&, VerifyContext&) {}

// Barrier 0 to 15, a multiple of 32 threads of the block.
void verify(const NamedSyncOp& op, VerifyContext& context) {
  named_barrier(*op.instruction, context);
}

void verify(const NamedArriveOp& op, VerifyContext& context) {
  named_barrier(*op.instruction, context);
}

// One mbarrier; per strand, warp or thread.
void verify(const ArriveOp& op, VerifyContext& context) {
  rules::single_element(context, op.barrier());
  rules::word_in(context, "per", {"strand", "warp", "thread"});
}

// One mbarrier; 0 to 2^20 - 1 bytes in an integer scalar.
void verify(const ArriveExpectOp& op, VerifyContext& context) {
  rules::single_element(context, op.barrier());
  if (!rules::index_scalar(context, op.bytes())) return;
  const auto bytes = context.constant(op.bytes());
  if (bytes && (*bytes < 0 || *bytes > kMostBytes)) {
    context.fail("BL0264", {op.bytes()})
        << "expects " << *bytes << " bytes; an mbarrier counts 0 to " << kMostBytes;
  }
}

// One mbarrier; the phase is an integer scalar, 0 or 1.
void verify(const WaitOp& op, VerifyContext& context) {
  rules::single_element(context, op.barrier());
  if (!rules::index_scalar(context, op.phase())) return;
  const auto phase = context.constant(op.phase());
  if (phase && *phase != 0 && *phase != 1) {
    context.fail("BL0264", {op.phase()})
        << "waits for phase " << *phase << "; phases have the parities 0 and 1";
  }
}

// async and cluster need sm_90.
void verify(const FenceOp& op, VerifyContext& context) {
  if (!rules::require(context, "kind")) return;
  rules::word_in(context, "kind", {"async", "block", "cluster", "gpu", "system"});
  const int target = context.function.target_sm;
  const std::string_view kind = op->word("kind");
  if ((kind == "async" || kind == "cluster") && target != 0 && target < 90) {
    context.fail("BL0249") << "fence " << kind << " needs sm_90 where the target is sm_" << target;
  }
}

void verify(const ClusterSyncOp&, VerifyContext&) {}
void verify(const GridWaitOp&, VerifyContext&) {}
void verify(const GridLaunchOp&, VerifyContext&) {}
void verify(const ScheduleFenceOp&, VerifyContext&) {}

}  // namespace bitloom::vm
