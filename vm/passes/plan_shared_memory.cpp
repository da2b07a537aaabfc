#include "vm/passes/plan_shared_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "vm/passes/rewrite.h"
#include "vm/passes/shared_access.h"

namespace bitloom::vm {
namespace {

constexpr std::int64_t kSwizzledAlignment = 1024;
constexpr std::int64_t kPlainAlignment = 16;
constexpr std::int64_t kBarrierBytes = 8;

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// A tile and the numbers of the top-level instructions between which it lives.
struct Tile {
  Instruction* allocation = nullptr;
  ValueId value = kNoValue;
  std::int64_t bytes = 0, alignment = kPlainAlignment, offset = 0;
  std::size_t first = std::numeric_limits<std::size_t>::max(), last = 0;

  bool lives_with(const Tile& other) const { return first <= other.last && other.first <= last; }
  bool overlaps(const Tile& other) const {
    return offset < other.offset + other.bytes && other.offset < offset + bytes;
  }
};

class Planner {
 public:
  Planner(Function& function, PassContext& context) : function_(function), context_(context) {}

  PassResult run() {
    collect();
    measure_lives();
    std::int64_t end = place();
    for (Instruction* barrier : barriers_) {
      end = round_up(end, kBarrierBytes);
      barrier->set("offset", end);
      end += kBarrierBytes * layouts::size(function_.type(barrier->outputs[0]).shape);
    }
    const bool changed = function_.shared_bytes != end || !tiles_.empty() || !barriers_.empty();
    function_.shared_bytes = end;
    const std::int64_t limit = shared_memory_limit(context_.target);
    if (end > limit) return complain(end, limit);
    return changed ? PassResult::Changed : PassResult::Unchanged;
  }

 private:
  void collect();
  void measure_lives();
  std::int64_t place();
  PassResult complain(std::int64_t bytes, std::int64_t limit);

  Function& function_;
  PassContext& context_;
  std::vector<Tile> tiles_;
  std::unordered_map<ValueId, std::size_t> tile_of_;
  std::vector<Instruction*> barriers_;
};

void Planner::collect() {
  walk(function_.body, [&](Instruction& instruction) {
    if (instruction.opcode == Opcode::BarrierAlloc) barriers_.push_back(&instruction);
    if (instruction.opcode != Opcode::SharedAlloc) return;
    Tile tile;
    tile.allocation = &instruction;
    tile.value = instruction.outputs[0];
    const Type& type = function_.type(tile.value);
    tile.bytes = shared_tile_bytes(type);
    if (type.shared) {
      const bool swizzled = !type.shared->swizzle().is_none();
      tile.alignment = std::max(type.shared->alignment(), swizzled ? kSwizzledAlignment : 0);
    }
    tile_of_[tile.value] = tiles_.size();
    tiles_.push_back(tile);
  });
}

// One number a top-level instruction: what happens inside a loop or a split lasts for all of it.
void Planner::measure_lives() {
  const SharedAccesses accesses(function_);
  std::vector<std::size_t> barriers;
  for (std::size_t at = 0; at < function_.body.body.size(); ++at) {
    const Instruction& top = *function_.body.body[at];
    if (top.opcode == Opcode::Sync || top.opcode == Opcode::ClusterSync) barriers.push_back(at);
    const auto touch = [&](ValueId value) {
      const auto found = tile_of_.find(accesses.root(value));
      if (found == tile_of_.end()) return;
      Tile& tile = tiles_[found->second];
      tile.first = std::min(tile.first, at);
      tile.last = std::max(tile.last, at);
    };
    const auto touch_all = [&](const Instruction& instruction) {
      if (info(instruction.opcode).group == Group::Allocation) return;
      for (ValueId input : instruction.inputs) {
        if (input != kNoValue && function_.type(input).space == Space::Shared) touch(input);
      }
    };
    touch_all(top);
    for (const Region& region : top.regions) walk(region, touch_all);
  }
  for (Tile& tile : tiles_) {
    if (tile.first > tile.last) continue;  // never used
    const auto barrier = std::upper_bound(barriers.begin(), barriers.end(), tile.last);
    tile.last = barrier == barriers.end() ? function_.body.body.size() : *barrier;
  }
}

// First fit, larger tiles first; gives the end of the last tile.
std::int64_t Planner::place() {
  std::vector<Tile*> order;
  for (Tile& tile : tiles_) order.push_back(&tile);
  std::stable_sort(order.begin(), order.end(),
                   [](const Tile* a, const Tile* b) { return a->bytes > b->bytes; });
  std::vector<const Tile*> placed;
  std::int64_t end = 0;
  for (Tile* tile : order) {
    tile->offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const Tile* other : placed) {
        if (!tile->lives_with(*other) || !tile->overlaps(*other)) continue;
        tile->offset = round_up(other->offset + other->bytes, tile->alignment);
        moved = true;
      }
    }
    placed.push_back(tile);
    end = std::max(end, tile->offset + tile->bytes);
    tile->allocation->set("offset", tile->offset);
  }
  return end;
}

PassResult Planner::complain(std::int64_t bytes, std::int64_t limit) {
  std::vector<const Tile*> largest;
  for (const Tile& tile : tiles_) largest.push_back(&tile);
  std::stable_sort(largest.begin(), largest.end(),
                   [](const Tile* a, const Tile* b) { return a->bytes > b->bytes; });
  constexpr std::size_t kShown = 3;
  largest.resize(std::min(largest.size(), kShown));
  Diagnostic& error = context_.diagnostics.error("BL0303", function_.span);
  error << "kernel '" << function_.name << "' needs " << bytes << " bytes of shared memory where "
        << to_string(context_.target) << " has " << limit << " for a block";
  for (const Tile* tile : largest) {
    const Value& value = function_.value(tile->value);
    error.note(tile->allocation->span,
               fmt::format("'{}' is {}: {} bytes", value.name, to_string(value.type), tile->bytes));
  }
  error.hint("fewer stages or smaller tiles");
  return PassResult::Failed;
}

}  // namespace

std::int64_t shared_memory_limit(const Target& target) {
  constexpr std::int64_t kKilobyte = 1024;
  switch (target.sm) {
    case 70:
      return 96 * kKilobyte;
    case 75:
      return 64 * kKilobyte;
    case 80:
    case 87:
      return 163 * kKilobyte;
    case 86:
    case 89:
      return 99 * kKilobyte;
    default:
      return 227 * kKilobyte;
  }
}

std::int64_t shared_tile_bytes(const Type& type) {
  if (type.shared) return type.shared->byte_size();
  return (layouts::size(type.shape) * type.element.bits + 7) / 8;
}

PassResult plan_shared_memory(Function& function, PassContext& context) {
  return Planner(function, context).run();
}

}  // namespace bitloom::vm
