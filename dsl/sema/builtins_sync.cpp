// Synchronisation and asynchronous copies: what an explicit kernel writes, and a comfortable one
// leaves to the compiler.
#include <fmt/format.h>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/memory.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;
using vm::Space;

template <Opcode opcode>
Value plain(Context& c, const BuiltinCall& call) {
  c.emit(call.place, opcode, {});
  return Nothing{};
}

// ---- Barriers -----------------------------------------------------------------------------------

template <Opcode opcode>
Value named(Context& c, const BuiltinCall& call) {
  const auto id = generic_integer(c, call, 0, "the number of the barrier");
  const auto threads = generic_integer(c, call, 1, "its threads");
  if (!id || !threads) return Poison{};
  if (*id < 1 || *id > 15)
    return c.error("BL0214", call.generic_places[0])
           << "named barriers are 1 to 15, and this is " << *id;
  if (*threads < 32 || *threads > 1024 || *threads % 32 != 0)
    return c.error("BL0214", call.generic_places[1])
           << "a named barrier waits for whole warps of 32 threads, and this for " << *threads
           << " threads";
  vm::Instruction& instruction = c.emit(call.place, opcode, {});
  instruction.set("id", *id);
  instruction.set("threads", *threads);
  return Nothing{};
}

vm::ValueId barrier_of(const BuiltinCall& call, std::size_t i) {
  return call[i].as<Barrier>()->id;
}

Value arrive(Context& c, const BuiltinCall& call) {
  vm::ValueId barrier = barrier_of(call, 0);
  if (call.has(2)) {
    const auto rank = integer_scalar(c, call[2], call.places[2], "the rank of a block");
    if (!rank) return Poison{};
    vm::Type mapped = c.type(barrier);
    barrier = c.emit(call.place, Opcode::MapShared, std::move(mapped), {barrier, rank->id});
  }
  vm::Instruction& instruction = c.emit(call.place, Opcode::Arrive, {barrier});
  if (call.has(1)) instruction.set("per", call.word(1));
  return Nothing{};
}

Value expect(Context& c, const BuiltinCall& call) {
  const auto bytes = integer_scalar(c, call[1], call.places[1], "the number of bytes");
  if (!bytes) return Poison{};
  c.emit(call.place, Opcode::ArriveExpect, {barrier_of(call, 0), bytes->id});
  return Nothing{};
}

Value wait(Context& c, const BuiltinCall& call) {
  if (const auto* phase = call[1].as<std::int64_t>(); phase && *phase != 0 && *phase != 1)
    return c.error("BL0205", call.places[1])
           << "the parity of a phase is 0 or 1, and this is " << *phase;
  const auto phase = integer_scalar(c, call[1], call.places[1], "the parity of a phase");
  if (!phase) return Poison{};
  c.emit(call.place, Opcode::Wait, {barrier_of(call, 0), phase->id});
  return Nothing{};
}

Value fence(Context& c, const BuiltinCall& call) {
  c.emit(call.place, Opcode::Fence, {}).set("kind", call.word(0));
  return Nothing{};
}

template <Opcode opcode>
Value wait_for_groups(Context& c, const BuiltinCall& call) {
  const auto pending =
      generic_integer(c, call, 0, "the number of groups that may still be under way");
  if (!pending) return Poison{};
  if (*pending < 0 || *pending > 63)
    return c.error("BL0214", call.generic_places[0])
           << call.builtin->name << " leaves 0 to 63 groups under way, and this is " << *pending;
  vm::Instruction& instruction = c.emit(call.place, opcode, {});
  instruction.set("pending", *pending);
  if (!call.arguments.empty() && call.flag(0)) instruction.set("read", true);
  return Nothing{};
}

// ---- Copies -------------------------------------------------------------------------------------

struct Copied {
  Memory to, from;
};

// Equal types and shapes, in the spaces that the copy goes between.
std::optional<Copied> copied(Context& c, const BuiltinCall& call, Space to, Space from) {
  const Copied what{*call[0].as<Memory>(), *call[1].as<Memory>()};
  const vm::Type target = c.type(what.to.id), source = c.type(what.from.id);
  const auto word = [](Space space) { return space == Space::Shared ? "shared" : "global"; };
  if (target.space != to || source.space != from)
    return c.error("BL0206", call.place)
           << call.builtin->name << " goes from " << word(from) << " to " << word(to)
           << " memory, and this from " << describe(source) << " to " << describe(target);
  const auto to_shape = constant_extents(c, what.to, call.places[0]);
  const auto from_shape = constant_extents(c, what.from, call.places[1]);
  if (!to_shape || !from_shape) return std::nullopt;
  if (target.element == source.element && *to_shape == *from_shape &&
      target.packed.has_value() == source.packed.has_value())
    return what;
  auto report = c.error("BL0207", call.place);
  report << call.builtin->name << " moves bytes between equal types and shapes, and this is "
         << describe(source) << " to " << describe(target);
  c.note_origin(report, "the source", what.from);
  c.note_origin(report, "the target", what.to);
  return report;
}

Value copy_async(Context& c, const BuiltinCall& call) {
  const auto what = copied(c, call, Space::Shared, Space::Global);
  if (!what) return Poison{};
  vm::Instruction& instruction =
      c.emit(call.place, Opcode::CopyAsync, {what->to.id, what->from.id});
  set_clip(c, instruction, what->from);
  if (call.has(2)) instruction.set("cache", call.word(2));
  return Nothing{};
}

Value copy_bulk(Context& c, const BuiltinCall& call) {
  const auto what = copied(c, call, Space::Shared, Space::Global);
  if (!what) return Poison{};
  vm::Instruction& instruction =
      c.emit(call.place, Opcode::CopyBulk, {what->to.id, what->from.id, barrier_of(call, 2)});
  if (call.has(3)) instruction.set("cache", call.word(3));
  return Nothing{};
}

Value copy_tensor(Context& c, const BuiltinCall& call) {
  const auto what = copied(c, call, Space::Shared, Space::Global);
  if (!what) return Poison{};
  vm::Instruction& instruction =
      c.emit(call.place, Opcode::CopyTensor, {what->to.id, what->from.id, barrier_of(call, 2)});
  if (call.has(3)) instruction.set("multicast", call.integer(3));
  if (call.has(4)) instruction.set("cache", call.word(4));
  return Nothing{};
}

template <Opcode opcode>
Value store_copy(Context& c, const BuiltinCall& call) {
  const auto what = copied(c, call, Space::Global, Space::Shared);
  if (!what) return Poison{};
  c.emit(call.place, opcode, {what->to.id, what->from.id});
  return Nothing{};
}

// ---- Clusters, and words to the assembler -------------------------------------------------------

Value map_shared(Context& c, const BuiltinCall& call) {
  Memory memory = *call[0].as<Memory>();
  const vm::Type type = c.type(memory.id);
  if (type.space != Space::Shared)
    return c.error("BL0206", call.places[0])
           << "map_shared takes a shared tile, and this is " << describe(type);
  const auto rank = integer_scalar(c, call[1], call.places[1], "the rank of a block");
  if (!rank) return Poison{};
  vm::Type mapped = vm::shared_type(type.element, type.shape);
  mapped.packed = type.packed;
  memory.id = c.emit(call.place, Opcode::MapShared, std::move(mapped), {memory.id, rank->id});
  return memory;
}

Value assume(Context& c, const BuiltinCall& call) {
  if (const auto* known = call[0].as<bool>()) {
    if (!*known) return c.error("BL0221", call.place) << "the assumption is false";
    return Nothing{};
  }
  const auto condition = condition_scalar(c, call[0], call.places[0], "an assumption");
  if (condition) c.emit(call.place, Opcode::Assume, {condition->id});
  return Nothing{};
}

}  // namespace

const std::vector<Builtin>& sync_builtins() {
  constexpr auto kExplicit = BuiltinForm::Explicit;
  static const std::vector<Builtin> table = {
      {"sync", 0, 0, "", plain<Opcode::Sync>, kExplicit},
      {"sync_warp", 0, 0, "", plain<Opcode::SyncWarp>, kExplicit},
      {"named_sync", 2, 2, "", named<Opcode::NamedSync>, kExplicit},
      {"named_arrive", 2, 2, "", named<Opcode::NamedArrive>, kExplicit},
      {"arrive", 0, 0, "b: barrier, per?: strand|warp|thread, rank?", arrive, kExplicit},
      {"expect", 0, 0, "b: barrier, bytes", expect, kExplicit},
      {"wait", 0, 0, "b: barrier, phase", wait, kExplicit},
      {"copy_async", 0, 0,
       "target: memory, window: memory, cache?: default|evict_first|evict_last|no_allocate|nc",
       copy_async, kExplicit},
      {"copy_commit", 0, 0, "", plain<Opcode::CopyCommit>, kExplicit},
      {"copy_wait", 1, 1, "", wait_for_groups<Opcode::CopyWait>, kExplicit},
      {"copy_bulk", 0, 0,
       "target: memory, window: memory, b: barrier, cache?: "
       "default|evict_first|evict_last|no_allocate|nc",
       copy_bulk, kExplicit},
      {"copy_tensor", 0, 0,
       "target: memory, window: memory, b: barrier, multicast?: integer, cache?: "
       "default|evict_first|evict_last|no_allocate|nc",
       copy_tensor, kExplicit},
      {"store_tensor", 0, 0, "window: memory, source: memory", store_copy<Opcode::StoreTensor>,
       kExplicit},
      {"store_bulk", 0, 0, "window: memory, source: memory", store_copy<Opcode::StoreBulk>,
       kExplicit},
      {"store_commit", 0, 0, "", plain<Opcode::StoreCommit>, kExplicit},
      {"store_wait", 1, 1, "read?: bool", wait_for_groups<Opcode::StoreWait>, kExplicit},
      {"fence", 0, 0, "kind: async|block|cluster|gpu|system", fence, kExplicit},
      {"cluster_sync", 0, 0, "", plain<Opcode::ClusterSync>, kExplicit},
      {"map_shared", 0, 0, "x: memory, rank", map_shared, kExplicit},
      {"grid_wait", 0, 0, "", plain<Opcode::GridWait>},
      {"grid_launch", 0, 0, "", plain<Opcode::GridLaunch>},
      {"schedule_fence", 0, 0, "", plain<Opcode::ScheduleFence>},
      {"assume", 0, 0, "condition", assume},
  };
  return table;
}

}  // namespace bitloom::dsl::sema
