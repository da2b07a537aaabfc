#include "vm/passes/place_barriers.h"

#include <algorithm>

#include "vm/passes/rewrite.h"
#include "vm/passes/shared_access.h"

namespace bitloom::vm {
namespace {

// Accesses since the last barrier; a state that no path reaches is empty too, which is harmless.
using State = std::vector<SharedAccess>;

void join(State& into, const State& other) {
  for (const SharedAccess& access : other) {
    if (std::find(into.begin(), into.end(), access) == into.end()) into.push_back(access);
  }
}

class BarrierPlacer {
 public:
  explicit BarrierPlacer(Function& function) : function_(function), accesses_(function, true) {}

  bool run() {
    inserting_ = true;
    flow(function_.body, {});
    return inserted_;
  }

 private:
  // States that leave a loop by break, and that reach its end by continue.
  struct Jumps {
    State breaks, continues;
  };

  State flow(Region& region, State state);
  State step(Instruction& instruction, State state, bool& needs_sync);
  State flow_loop(Region& body, State entry, bool may_skip);
  State flow_pipeline(Instruction& pipeline, State entry, bool& needs_sync);
  State flow_warps(Instruction& warps, State entry, bool& needs_sync);

  State flow_quietly(Region& region, State state) {
    const bool inserting = std::exchange(inserting_, false);
    State result = flow(region, std::move(state));
    inserting_ = inserting;
    return result;
  }
  State all_accesses(const Region& region) const;

  Function& function_;
  SharedAccesses accesses_;
  std::vector<Jumps> loops_;
  bool inserting_ = false, inserted_ = false;
};

bool any_conflict(const State& pending, const State& coming) {
  return std::any_of(pending.begin(), pending.end(), [&](const SharedAccess& before) {
    return std::any_of(coming.begin(), coming.end(),
                       [&](const SharedAccess& after) { return before.conflicts(after); });
  });
}

State BarrierPlacer::all_accesses(const Region& region) const {
  State result;
  walk(region, [&](const Instruction& instruction) { join(result, accesses_.of(instruction)); });
  return result;
}

State BarrierPlacer::flow(Region& region, State state) {
  for (std::size_t i = 0; i < region.body.size(); ++i) {
    Instruction& instruction = *region.body[i];
    bool needs_sync = false;
    state = step(instruction, std::move(state), needs_sync);
    if (!needs_sync || !inserting_) continue;
    auto sync = std::make_unique<Instruction>();
    sync->opcode = Opcode::Sync;
    sync->span = instruction.span;
    region.body.insert(region.body.begin() + static_cast<std::ptrdiff_t>(i), std::move(sync));
    inserted_ = true;
    ++i;
  }
  return state;
}

// The state behind the instruction; asks for a barrier in front of it when one is needed.
State BarrierPlacer::step(Instruction& instruction, State state, bool& needs_sync) {
  switch (instruction.opcode) {
    case Opcode::Sync:
    case Opcode::ClusterSync:
      return {};
    case Opcode::For:
      return flow_loop(instruction.regions[0], std::move(state), true);
    case Opcode::Loop:
      return flow_loop(instruction.regions[0], std::move(state), false);
    case Opcode::Pipeline:
      return flow_pipeline(instruction, std::move(state), needs_sync);
    case Opcode::Warps:
      return flow_warps(instruction, std::move(state), needs_sync);
    case Opcode::If: {
      State result = flow(instruction.regions[0], state);
      join(result, flow(instruction.regions[1], state));
      return result;
    }
    case Opcode::Break:
      if (!loops_.empty()) join(loops_.back().breaks, state);
      return {};
    case Opcode::Continue:
      if (!loops_.empty()) join(loops_.back().continues, state);
      return {};
    case Opcode::Return:
      return {};
    default:
      break;
  }
  const State own = accesses_.of(instruction);
  if (any_conflict(state, own)) {
    needs_sync = true;
    state.clear();
  }
  join(state, own);
  return state;
}

// `may_skip`: the body may run no time at all.
State BarrierPlacer::flow_loop(Region& body, State entry, bool may_skip) {
  State head = entry;
  for (std::size_t known = head.size() + 1; known != head.size();) {
    known = head.size();
    loops_.emplace_back();
    join(head, flow_quietly(body, head));
    join(head, loops_.back().continues);
    loops_.pop_back();
  }
  loops_.emplace_back();
  State exit = flow(body, head);
  join(exit, loops_.back().continues);
  if (!may_skip) exit.clear();
  join(exit, loops_.back().breaks);
  loops_.pop_back();
  if (may_skip) join(exit, entry);
  return exit;
}

// Lowered to: loads of the first stages; then per turn a barrier, the loads of a later turn, and
// the body. The barrier belongs to the buffers: a pipeline that loads into registers alone has
// none, and what one turn leaves pending meets the next one as in any loop.
State BarrierPlacer::flow_pipeline(Instruction& pipeline, State entry, bool& needs_sync) {
  Region& load = pipeline.regions[0];
  Region& body = pipeline.regions[1];
  if (any_conflict(entry, all_accesses(load))) {
    needs_sync = true;
    entry.clear();
  }
  State buffers;
  for (const SharedAccess& access : all_accesses(load)) {
    if (access.kind == AccessKind::Write) buffers.push_back(access);
  }
  const auto without_buffers = [&](State state) {
    std::erase_if(state, [&](const SharedAccess& access) {
      return std::any_of(buffers.begin(), buffers.end(), [&](const SharedAccess& buffer) {
        return buffer.part.root == access.part.root;
      });
    });
    return state;
  };
  // The prologue runs the loads of several turns with no barrier between them.
  State head = without_buffers(entry);
  join(head, without_buffers(flow_quietly(load, head)));
  if (buffers.empty()) {
    for (std::size_t known = head.size() + 1; known != head.size();) {
      known = head.size();
      loops_.emplace_back();
      join(head, flow_quietly(body, flow_quietly(load, head)));
      join(head, loops_.back().continues);
      loops_.pop_back();
    }
  }
  const State after_load = without_buffers(flow(load, head));
  loops_.emplace_back();
  State exit = flow(body, after_load);
  join(exit, loops_.back().continues);
  join(exit, loops_.back().breaks);
  loops_.pop_back();
  join(exit, after_load);
  join(exit, buffers);  // behind a break, copies that nobody read have landed
  join(exit, entry);
  return exit;
}

State BarrierPlacer::flow_warps(Instruction& warps, State entry, bool& needs_sync) {
  const State inside = all_accesses(warps.regions[0]);
  if (any_conflict(entry, inside)) {
    needs_sync = true;
    entry.clear();
  }
  flow(warps.regions[0], {});
  join(entry, inside);
  return entry;
}

}  // namespace

PassResult place_barriers(Function& function, PassContext&) {
  if (!function.comfortable) return PassResult::Unchanged;
  return BarrierPlacer(function).run() ? PassResult::Changed : PassResult::Unchanged;
}

}  // namespace bitloom::vm
