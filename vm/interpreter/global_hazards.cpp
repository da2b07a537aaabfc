// Global memory as the threads of one cluster use it among themselves.
#include "vm/interpreter/hazards.h"

namespace bitloom::vm::interpreter {

void Hazards::global(Strand& strand, const Step& step, const Touch& touch, const Cells& cells,
                     bool write) {
  auto& pages = global_[cells.arena];
  Page* page = nullptr;
  std::int64_t page_number = -1;
  const auto visit = [&](Granule& granule, std::size_t unit, const Accessor& accessor) {
    const Record mine = record_of(strand, touch, accessor);
    if (write) {
      check_write(strand, step, accessor, touch, unit, granule, false);
      const bool joins = touch.atomic && granule.write.atomic();
      granule.write = joins ? merged(granule.write, mine, accessor) : mine;
      granule.read = {};
      return;
    }
    check_read(strand, step, accessor, touch, unit, granule.write);
    if (!touch.atomic) granule.read = merged(granule.read, mine, accessor);
  };
  each_unit(strand, touch, [&](std::size_t unit, const Accessor& accessor) {
    const std::int64_t first = cells.base + touch.address[unit] + touch.offset;
    for (std::int64_t byte = first; byte < first + touch.width; byte += cells.granule) {
      const std::int64_t cell = byte / cells.granule;
      if (cell / kPage != page_number) {
        page_number = cell / kPage;
        auto& owner = pages[page_number];
        if (!owner) owner = std::make_unique<Page>();
        page = owner.get();
      }
      visit((*page)[static_cast<std::size_t>(cell % kPage)], unit, accessor);
    }
  });
}

// ---- Flags --------------------------------------------------------------------------------------

// Each thread's fence is for its own accesses and those it knows of, and one thread writes the
// flag: what the others did must have reached it by a barrier.
void Hazards::fence_memory(const Strand& strand) {
  if (const auto seen = pending_.find(strand.id); seen != pending_.end()) {
    acquire(strand, seen->second);
    pending_.erase(seen);
  }
  Clock mine;
  release(strand, Arrival::First, mine);
  fenced_[strand.id] = std::move(mine);
}

void Hazards::relaxed(const Strand& strand, const std::byte* place, bool reads, bool writes) {
  if (reads) {
    if (const auto found = flags_.find(place); found != flags_.end())
      pending_[strand.id].join(found->second);
  }
  if (writes) {
    if (const auto mine = fenced_.find(strand.id); mine != fenced_.end())
      flags_[place].join(mine->second);
  }
}

void Hazards::released_outside(std::uint32_t time, const Clock& clock) {
  Clock all = clock;
  if (!released_.empty()) all.join(released_.rbegin()->second);
  released_[time] = std::move(all);
  // Of many, every second of the older ones will do: the next one knows a little more.
  constexpr std::size_t kMany = 1024;
  if (released_.size() < kMany) return;
  for (auto it = released_.begin(); it != released_.end() && std::next(it) != released_.end(); ++it)
    it = released_.erase(it);
}

void Hazards::returned(const Strand& strand, std::uint32_t time) {
  const auto found = released_.lower_bound(time);
  if (found != released_.end()) acquire(strand, found->second);
}

}  // namespace bitloom::vm::interpreter
