// Barriers, mbarriers, fences. What one thread of a strand does for all stands behind a test of the
// thread's number; an arrival for a strand comes when all its threads are there.
#include "codegen/cuda/emit.h"
#include "codegen/cuda/window_access.h"

namespace bitloom::codegen {

namespace {

std::string barrier_address(KernelWriter& out, vm::ValueId barrier) {
  constexpr std::int64_t kBytes = 8;
  const MemoryView& view = out.view(barrier);
  std::string number;
  std::int64_t constant = 0, stride = 1;
  for (std::size_t d = view.origin.size(); d-- > 0;) {
    const Offset& origin = view.origin[d];
    constant += origin.constant * stride;
    if (!origin.fixed()) {
      number += fmt::format(" + (u32){} * {}", parenthesized(origin.text), stride * kBytes);
    }
    stride *= view.root->shape[d];
  }
  std::string text = view.root->base + number;
  return constant == 0 ? text : fmt::format("{} + {}", text, constant * kBytes);
}

bool is_remote(const KernelWriter& out, vm::ValueId barrier) {
  return out.view(barrier).root->cluster;
}

// Whether any tile of another block is looked at, to be written or read.
bool writes_to_cluster(const vm::Function& function) {
  bool found = false;
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    found |= instruction.opcode == vm::Opcode::MapShared &&
             function.type(instruction.outputs[0]).space == vm::Space::Shared;
  });
  return found;
}

}  // namespace

void emit(const vm::SyncOp&, KernelWriter& out) {
  out.barrier();
}

void emit(const vm::SyncWarpOp&, KernelWriter& out) {
  out.line("{};", out.call("sync_warp"));
}

void emit(const vm::NamedSyncOp& op, KernelWriter& out) {
  out.line("{};", out.call("sync_named", fmt::format("{}", op->integer("id")),
                           fmt::format("{}", op->integer("threads"))));
}

void emit(const vm::NamedArriveOp& op, KernelWriter& out) {
  out.line("{};", out.call("arrive_named", fmt::format("{}", op->integer("id")),
                           fmt::format("{}", op->integer("threads"))));
}

// An arrival at another block's mbarrier orders what the block wrote into shared memory of others,
// which costs a fence of the whole memory. A kernel that writes none hands stages back, and needs
// no more than the order of its own reads, which waits have given it.
std::string_view arrival(const KernelWriter& out, vm::ValueId barrier) {
  if (!is_remote(out, barrier)) return "mbarrier_arrive";
  return writes_to_cluster(out.function()) ? "mbarrier_arrive_cluster" : "mbarrier_arrive_remote";
}

void emit(const vm::ArriveOp& op, KernelWriter& out) {
  const std::string_view per = op->word("per", "strand");
  const std::string_view wrapper = arrival(out, op.barrier());
  const std::string address = barrier_address(out, op.barrier());
  if (per == "thread") return out.line("{};", out.call(wrapper, address));
  std::string one = out.is_first_thread();
  if (per == "warp") {
    out.line("{};", out.call("sync_warp"));
    one = out.strand().thread + " % 32 == 0";
  } else {
    out.barrier();
  }
  out.line("if ({}) {};", one, out.call(wrapper, address));
}

void emit(const vm::ArriveExpectOp& op, KernelWriter& out) {
  const std::string_view wrapper =
      is_remote(out, op.barrier()) ? "mbarrier_expect_cluster" : "mbarrier_expect";
  const std::string address = barrier_address(out, op.barrier());
  out.line("if ({}) {};", out.is_first_thread(),
           out.call(wrapper, address, out.reg(op.bytes()).word(0)));
}

void emit(const vm::WaitOp& op, KernelWriter& out) {
  const std::string_view wrapper = out.target().sm >= 90 ? "mbarrier_wait" : "mbarrier_poll";
  out.line("{};", out.call(wrapper, barrier_address(out, op.barrier()),
                           parenthesized(out.reg(op.phase()).word(0)) + " & 1u"));
}

std::string mbarrier_address(KernelWriter& out, vm::ValueId barrier) {
  return barrier_address(out, barrier);
}

void emit(const vm::FenceOp& op, KernelWriter& out) {
  out.line("{};", out.call(fmt::format("fence_{}", op->word("kind"))));
}

void emit(const vm::ClusterSyncOp&, KernelWriter& out) {
  out.line("{};", out.call("cluster_sync"));
}

void emit(const vm::GridWaitOp&, KernelWriter& out) {
  out.line("{};", out.call("grid_wait"));
}

void emit(const vm::GridLaunchOp&, KernelWriter& out) {
  out.line("{};", out.call("grid_launch"));
}

void emit(const vm::ScheduleFenceOp&, KernelWriter& out) {
  out.line("{};", out.call("schedule_fence"));
}

}  // namespace bitloom::codegen
