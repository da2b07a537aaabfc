#include "vm/interpreter/hazards.h"

#include <bit>

#include "vm/interpreter/access.h"

namespace bitloom::vm::interpreter {
namespace {

constexpr std::size_t kHistory = std::size_t{1} << 20;  // steps that are remembered by name

}  // namespace

Hazards::Hazards(Cluster& cluster) : cluster_(cluster) {
  const Program& program = cluster.grid.program;
  warps_ = static_cast<std::uint32_t>((program.function->threads + 31) / 32);
  agents_a_block_ = 2 * warps_ + static_cast<std::uint32_t>(program.barrier_count);
  agents_ = agents_a_block_ * cluster.blocks.size();
  granule_ = std::max<std::int64_t>(1, program.shared_granule);
  granule_shift_ = std::countr_zero(static_cast<std::uint64_t>(granule_));
  knows_.assign(warps_ * cluster.blocks.size(), Clock(agents_));
  shadow_.resize(cluster.blocks.size());
  for (auto& shadow : shadow_)
    shadow.resize(static_cast<std::size_t>((program.shared_bytes + granule_ - 1) / granule_));
  history_.resize(1024);
}

Hazards::~Hazards() = default;

// ---- Strands ------------------------------------------------------------------------------------

void Hazards::born(const Strand& strand) {
  StrandInfo info;
  info.block = strand.block->rank;
  info.first = strand.first;
  info.threads = strand.threads;
  info.first_warp = static_cast<std::uint32_t>(info.block) * warps_ +
                    static_cast<std::uint32_t>(strand.first / 32);
  info.warps = static_cast<std::uint32_t>((strand.first % 32 + strand.threads + 31) / 32);
  if (strand_infos_.size() <= strand.id) strand_infos_.resize(strand.id + 1);
  strand_infos_[strand.id] = info;
}

std::uint32_t Hazards::thread_id(const Strand& strand, int thread) const {
  return static_cast<std::uint32_t>(strand.block->rank * 1024 + strand.first + thread);
}

// ---- Order --------------------------------------------------------------------------------------

void Hazards::sync(const Strand& strand) {
  const StrandInfo& info = strand_info(strand.id);
  const Tick now = cluster_.tick;
  Clock all = knows_[info.first_warp];
  for (std::uint32_t w = 1; w < info.warps; ++w) all.join(knows_[info.first_warp + w]);
  for (std::uint32_t w = 0; w < info.warps; ++w) {
    Moment& own = all[warp_agent(info.first_warp + w)];
    own.all = own.first = own.reads = now;
  }
  for (std::uint32_t w = 0; w < info.warps; ++w) knows_[info.first_warp + w] = all;
}

void Hazards::sync_warps(const Strand& strand) {
  const StrandInfo& info = strand_info(strand.id);
  for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w) {
    Moment& own = knows_[w][warp_agent(w)];
    own.all = own.first = own.reads = cluster_.tick;
  }
}

// Everything that the strand knows, and what its threads did themselves.
void Hazards::fence_async(const Strand& strand) {
  const StrandInfo& info = strand_info(strand.id);
  for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w) {
    Clock& clock = knows_[w];
    for (std::size_t agent = 0; agent < clock.size(); ++agent) {
      Moment& moment = clock[agent];
      moment.fenced = std::max({moment.fenced, moment.all, moment.first});
    }
    clock[warp_agent(w)].fenced = cluster_.tick;
  }
}

void Hazards::release(const Strand& strand, Arrival arrival, Clock& into) {
  const StrandInfo& info = strand_info(strand.id);
  const Tick now = cluster_.tick;
  const std::uint32_t warps = arrival == Arrival::First ? 1 : info.warps;
  for (std::uint32_t w = info.first_warp; w < info.first_warp + warps; ++w) {
    into.join(knows_[w]);
    Moment& own = into[warp_agent(w)];
    own.first = now;
    if (arrival == Arrival::Threads) own.all = own.reads = now;
  }
}

void Hazards::acquire(const Strand& strand, const Clock& from) {
  const StrandInfo& info = strand_info(strand.id);
  for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w)
    knows_[w].join(from);
}

void Hazards::release_agent(std::uint32_t agent, Clock& into) {
  if (into.size() < agents_) into.join(Clock(agents_));
  const Tick now = cluster_.tick;
  into[agent] = {now, now, now, now};
}

std::uint32_t Hazards::barrier_agent(const Block& block, std::int64_t barrier) const {
  return static_cast<std::uint32_t>(block.rank) * agents_a_block_ + 2 * warps_ +
         static_cast<std::uint32_t>(barrier);
}

void Hazards::dots_done(const Strand& strand, Tick issued) {
  const StrandInfo& info = strand_info(strand.id);
  const std::uint32_t tensor = warp_agent(info.first_warp) + warps_;
  for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w) {
    const Tick now = cluster_.tick;
    knows_[w][tensor] = {now, now, now, now};
    for (std::uint32_t v = info.first_warp; v < info.first_warp + info.warps; ++v) {
      Moment& moment = knows_[w][warp_agent(v)];
      moment.reads = std::max(moment.reads, issued);
    }
  }
}

Record Hazards::by_strand(const Strand& strand) const {
  return {Record::Kind::Strand, strand.id, cluster_.tick};
}
Record Hazards::by_first_thread(const Strand& strand) const {
  return {Record::Kind::Thread, thread_id(strand, 0), cluster_.tick};
}
Record Hazards::by_barrier(const Block& block, std::int64_t barrier) const {
  return {Record::Kind::Agent, barrier_agent(block, barrier), cluster_.tick};
}
Record Hazards::by_tensor(const Strand& strand) const {
  return {Record::Kind::Agent, warp_agent(strand_info(strand.id).first_warp) + warps_,
          cluster_.tick};
}

// ---- What is certain ----------------------------------------------------------------------------

bool Hazards::certain(Record record, const Clock& clock, const Accessor& accessor,
                      bool as_read) const {
  const auto reached = [&](const Moment& moment) {
    return (as_read ? std::max(moment.reads, moment.all) : moment.all) >= record.tick();
  };
  switch (record.kind()) {
    case Record::Kind::None:
      return true;
    case Record::Kind::Thread: {
      if (accessor.single && accessor.thread == record.id()) return true;
      const Moment& moment = clock[warp_agent(warp_of_thread(record.id()))];
      return reached(moment) || (record.id() % 32 == 0 && moment.first >= record.tick());
    }
    case Record::Kind::Agent:
      return reached(clock[record.id()]);
    case Record::Kind::Strand: {
      const StrandInfo& info = strand_info(record.id());
      for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w)
        if (!reached(clock[warp_agent(w)])) return false;
      return true;
    }
    case Record::Kind::Set:
      for (Record member : sets_[record.id()])
        if (!certain(member, clock, accessor, as_read)) return false;
      return true;
    case Record::Kind::Flight:
      return false;
  }
  return false;
}

bool Hazards::certain_for(Record record, const Accessor& accessor, bool as_read) const {
  if (accessor.single) return certain(record, knows_[accessor.warp], accessor, as_read);
  const StrandInfo& info = strand_info(accessor.strand->id);
  for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w)
    if (!certain(record, knows_[w], accessor, as_read)) return false;
  return true;
}

// Whether the async proxy sees a write: those that it made itself it does.
bool Hazards::fenced(Record record, const Clock& clock, const Accessor& accessor) const {
  switch (record.kind()) {
    case Record::Kind::Thread:
      return clock[warp_agent(warp_of_thread(record.id()))].fenced >= record.tick();
    case Record::Kind::Agent: {
      const bool is_warp = record.id() % agents_a_block_ < warps_;
      return !is_warp || clock[record.id()].fenced >= record.tick();
    }
    case Record::Kind::Strand:  // cp.async, which needs no fence
    case Record::Kind::None:
    case Record::Kind::Flight:
      return true;
    case Record::Kind::Set:
      for (Record member : sets_[record.id()])
        if (!fenced(member, clock, accessor)) return false;
      return true;
  }
  return true;
}

bool Hazards::fenced_for(Record record, const Accessor& accessor) const {
  if (accessor.single) return fenced(record, knows_[accessor.warp], accessor);
  const StrandInfo& info = strand_info(accessor.strand->id);
  for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w)
    if (!fenced(record, knows_[w], accessor)) return false;
  return true;
}

// ---- Records of several -------------------------------------------------------------------------

bool Hazards::same_strand(Record record, std::uint32_t strand) const {
  const StrandInfo& info = strand_info(strand);
  switch (record.kind()) {
    case Record::Kind::Thread: {
      const int thread = static_cast<int>(record.id() % 1024);
      return static_cast<int>(record.id() / 1024) == info.block && thread >= info.first &&
             thread < info.first + info.threads;
    }
    case Record::Kind::Agent: {
      for (std::uint32_t w = info.first_warp; w < info.first_warp + info.warps; ++w)
        if (warp_agent(w) == record.id()) return true;
      return false;
    }
    case Record::Kind::Strand:
      return record.id() == strand;
    default:
      return false;
  }
}

// One record for what was there and what comes now, by the same strand.
Record Hazards::merged(Record old, Record now, const Accessor& accessor) {
  if (old.none() || old == now) return now;
  const std::uint32_t strand = accessor.strand->id;
  if (old.kind() == Record::Kind::Strand && old.id() == strand && old.tick() == now.tick())
    return old;
  if (old.kind() != Record::Kind::Set && old.kind() != Record::Kind::Flight &&
      certain_for(old, accessor, true))
    return now;
  if (now.kind() == Record::Kind::Flight || !same_strand(old, strand)) return set_of(old, now);
  if (now.kind() == Record::Kind::Strand) return now;
  const auto warp = [&](Record r) {
    return r.kind() == Record::Kind::Thread ? warp_agent(warp_of_thread(r.id())) : r.id();
  };
  const bool atomic = old.atomic() && now.atomic();
  if (old.kind() != Record::Kind::Strand && warp(old) == warp(now))
    return {Record::Kind::Agent, warp(now), now.tick(), atomic};
  return {Record::Kind::Strand, strand, now.tick(), atomic};
}

Record Hazards::set_of(Record a, Record b) {
  std::vector<Record> members;
  for (Record record : {a, b}) {
    if (record.kind() == Record::Kind::Set) {
      const auto& inner = sets_[record.id()];
      members.insert(members.end(), inner.begin(), inner.end());
    } else {
      members.push_back(record);
    }
  }
  // A newer record of the same agent or strand takes the older one's place.
  std::vector<Record> kept;
  for (Record member : members) {
    const auto same = std::find_if(kept.begin(), kept.end(), [&](Record other) {
      return other.kind() == member.kind() && other.id() == member.id();
    });
    if (same == kept.end()) {
      kept.push_back(member);
    } else if (same->tick() < member.tick()) {
      *same = member;
    }
  }
  // More threads than this on one place are their strands to us.
  std::vector<std::uint64_t> key;
  bool atomic = true;
  for (Record member : kept) {
    key.push_back(member.bits());
    atomic &= member.atomic();
  }
  std::sort(key.begin(), key.end());
  const auto [found, is_new] =
      set_ids_.emplace(std::move(key), static_cast<std::uint32_t>(sets_.size()));
  if (is_new) sets_.push_back(std::move(kept));
  return {Record::Kind::Set, found->second, b.tick(), atomic};
}

// ---- Accesses -----------------------------------------------------------------------------------

// f(granule, unit, accessor)
template <class F>
void Hazards::each(const Strand& strand, Block& block, const Touch& touch, F&& f) {
  std::vector<Granule>& shadow = shadow_[static_cast<std::size_t>(block.rank)];
  const std::int64_t per_unit = std::max<std::int64_t>(1, touch.width >> granule_shift_);
  each_unit(strand, touch, [&](std::size_t unit, const Accessor& accessor) {
    const std::int64_t first = (touch.address[unit] + touch.offset) >> granule_shift_;
    for (std::int64_t g = first; g < first + per_unit; ++g)
      f(shadow[static_cast<std::size_t>(g)], unit, accessor);
  });
}

Record Hazards::record_of(const Strand& strand, const Touch& touch,
                          const Accessor& accessor) const {
  const Tick now = cluster_.tick;
  switch (touch.by) {
    case Touch::By::Threads:
      return {Record::Kind::Thread, accessor.thread, now, touch.atomic};
    case Touch::By::Warps:
      return {Record::Kind::Agent, warp_agent(accessor.warp), now, touch.atomic};
    case Touch::By::Strand:
      return {Record::Kind::Strand, strand.id, now, touch.atomic};
  }
  return {};
}

void Hazards::read(Strand& strand, const Step& step, Block& block, const Touch& touch) {
  // Neighbours mostly have equal records, and what was found for one holds for the next.
  Record good, old_read, new_read;
  std::uint32_t good_warp = ~0u, merged_thread = ~0u;
  each(strand, block, touch, [&](Granule& granule, std::size_t unit, const Accessor& accessor) {
    const bool known =
        granule.write == good && accessor.warp == good_warp && good.kind() != Record::Kind::Thread;
    if (!known) {
      check_read(strand, step, accessor, touch, unit, granule.write);
      good = granule.write;
      good_warp = accessor.warp;
    }
    if (touch.atomic) return;  // atomic writes do not race with it
    if (granule.read == old_read && merged_thread == accessor.thread) {
      granule.read = new_read;
      return;
    }
    old_read = granule.read;
    merged_thread = accessor.thread;
    new_read = granule.read = merged(granule.read, record_of(strand, touch, accessor), accessor);
  });
}

void Hazards::write(Strand& strand, const Step& step, Block& block, const Touch& touch) {
  each(strand, block, touch, [&](Granule& granule, std::size_t unit, const Accessor& accessor) {
    if (touch.reads_old && granule.write.none())
      check_read(strand, step, accessor, touch, unit, granule.write);
    check_write(strand, step, accessor, touch, unit, granule, false);
    const Record mine = record_of(strand, touch, accessor);
    const bool joins = touch.atomic && granule.write.atomic();
    granule.write = joins ? merged(granule.write, mine, accessor) : mine;
    granule.read = {};
  });
}

// ---- Flights ------------------------------------------------------------------------------------

namespace {

template <class Flights>
std::uint32_t take_flight(Flights& flights, std::vector<std::uint32_t>& free) {
  if (free.empty()) {
    flights.emplace_back();
    return static_cast<std::uint32_t>(flights.size() - 1);
  }
  const std::uint32_t id = free.back();
  free.pop_back();
  return id;
}

}  // namespace

std::uint32_t Hazards::start_write(Strand& strand, const Step& step, Block& block,
                                   const Touch& touch) {
  const std::uint32_t id = take_flight(flights_, free_flights_);
  flights_[id] = {&step, strand.describe(), false};
  const Record mark(Record::Kind::Flight, id, cluster_.tick);
  each(strand, block, touch, [&](Granule& granule, std::size_t unit, const Accessor& accessor) {
    if (granule.write == mark) return;  // an element of fewer than 8 bits, behind its neighbour
    check_write(strand, step, accessor, touch, unit, granule, true);
    granule.write = mark;
    granule.read = {};
  });
  return id;
}

void Hazards::note_landing(Record as, const Step* started) {
  if (started_by_.size() >= kHistory) started_by_.clear();
  started_by_[as.bits()] = started;
}

void Hazards::land_write(std::uint32_t flight, Block& block, const Touch& touch, Record as) {
  note_landing(as, flights_[flight].step);
  std::vector<Granule>& shadow = shadow_[static_cast<std::size_t>(block.rank)];
  const std::int64_t per_unit = std::max<std::int64_t>(1, touch.width >> granule_shift_);
  for (std::size_t unit = 0; unit < touch.count; ++unit) {
    if (touch.address[unit] == kInactive) continue;
    const std::int64_t first = (touch.address[unit] + touch.offset) >> granule_shift_;
    for (std::int64_t g = first; g < first + per_unit; ++g) {
      Record& write = shadow[static_cast<std::size_t>(g)].write;
      if (write.kind() == Record::Kind::Flight && write.id() == flight) write = as;
    }
  }
}

std::uint32_t Hazards::start_read(Strand& strand, const Step& step, Block& block,
                                  const Touch& touch) {
  const std::uint32_t id = take_flight(flights_, free_flights_);
  flights_[id] = {&step, strand.describe(), true};
  const Record mark(Record::Kind::Flight, id, cluster_.tick);
  Record good, old_read, new_read;
  each(strand, block, touch, [&](Granule& granule, std::size_t unit, const Accessor& accessor) {
    if (granule.write != good || good.none()) {
      check_read(strand, step, accessor, touch, unit, granule.write);
      good = granule.write;
    }
    if (granule.read != old_read || new_read.none()) {
      old_read = granule.read;
      new_read = merged(granule.read, mark, accessor);
    }
    granule.read = new_read;
  });
  return id;
}

void Hazards::land_read(std::uint32_t flight, Block& block, const Touch& touch, Record as) {
  note_landing(as, flights_[flight].step);
  std::vector<Granule>& shadow = shadow_[static_cast<std::size_t>(block.rank)];
  const std::int64_t per_unit = std::max<std::int64_t>(1, touch.width >> granule_shift_);
  const auto is_mine = [&](Record r) {
    return r.kind() == Record::Kind::Flight && r.id() == flight;
  };
  Record old_set, new_set;
  for (std::size_t unit = 0; unit < touch.count; ++unit) {
    if (touch.address[unit] == kInactive) continue;
    const std::int64_t first = (touch.address[unit] + touch.offset) >> granule_shift_;
    for (std::int64_t g = first; g < first + per_unit; ++g) {
      Record& read = shadow[static_cast<std::size_t>(g)].read;
      if (is_mine(read)) {
        read = as;
      } else if (read.kind() == Record::Kind::Set) {
        if (read != old_set) {
          old_set = read;
          Record others;
          bool found = false;
          const std::vector<Record> members = sets_[read.id()];
          for (Record member : members) {
            if (is_mine(member)) {
              found = true;
            } else {
              others = others.none() ? member : set_of(others, member);
            }
          }
          new_set = !found ? read : others.none() ? as : set_of(others, as);
        }
        read = new_set;
      }
    }
  }
}

void Hazards::end_flight(std::uint32_t flight) {
  free_flights_.push_back(flight);
}

// ---- History and held registers -----------------------------------------------------------------

void Hazards::before(Strand& strand, const Step& step) {
  const Tick now = cluster_.tick;
  if (now >= history_.size() && history_.size() < kHistory) history_.resize(2 * history_.size());
  history_[now & (history_.size() - 1)] = step.number;
  if (held_.empty()) return;
  const auto found = held_.find(strand.id);
  if (found == held_.end() || found->second.empty() || !step.instruction) return;
  const bool is_dot = step.instruction->opcode == Opcode::DotAsync;
  for (const Held& held : found->second) {
    const bool changes =
        std::find(step.changes.begin(), step.changes.end(), held.tile) != step.changes.end();
    const bool reads =
        std::find(step.reads.begin(), step.reads.end(), held.tile) != step.reads.end();
    if (held.accumulator ? (is_dot ? reads : reads || changes) : changes)
      report_held(strand, step, *held.step, held.accumulator);
  }
}

void Hazards::hold(Strand& strand, const Step& step, std::uint32_t tile, bool accumulator) {
  auto& list = held_[strand.id];
  for (Held& held : list) {
    if (held.tile == tile && held.accumulator == accumulator) {
      ++held.times;
      held.step = &step;
      return;
    }
  }
  list.push_back({tile, &step, accumulator, 1});
}

void Hazards::let_go(Strand& strand, std::uint32_t tile) {
  const auto found = held_.find(strand.id);
  if (found == held_.end()) return;
  for (Held& held : found->second)
    if (held.tile == tile) --held.times;
  std::erase_if(found->second, [](const Held& held) { return held.times <= 0; });
  if (found->second.empty()) held_.erase(found);
}

}  // namespace bitloom::vm::interpreter
