// Finds what is wrong with a kernel's use of shared memory and asynchronous work, and with the use
// that the threads of one block make of global memory.
//
// Every granule of shared memory (as many bytes as every access is made of) has two records: who
// wrote it last, and who has read it since. A record names a thread, an agent, a strand (all of its
// warps) or a copy that is under way, and a tick. An access is right when what it depends on is
// certain by the clock of its warp (vm/interpreter/clock.h), or was done by the same thread:
//
//   read    the last write is certain, and no copy into the place is under way
//   write   the last write and all reads since are certain
//
// Reads of several threads are kept as one record: their warp, or their strand, or a set of
// records. That is coarser than the truth only within a strand, whose threads reach every barrier
// together, so nothing that is right is reported.
//
// Global memory that the kernel may write is kept the same way, in pages that a cluster makes when
// it first touches them. What it holds at launch is written; races with other clusters are the
// business of vm/interpreter/global_shadow.h.
//
// Asynchronous work ("a flight") marks the places that it will write or read. Copies land at their
// wait, products at theirs; only then their writes and reads become records of the agent that did
// them. Writes of threads become visible to the async proxy by a fence on the way.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "vm/interpreter/access.h"
#include "vm/interpreter/clock.h"
#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {

// What happened to a granule: kind, who, when. 0: nothing.
class Record {
 public:
  enum class Kind : std::uint8_t { None, Thread, Agent, Strand, Set, Flight };

  Record() = default;
  Record(Kind kind, std::uint32_t id, Tick tick, bool atomic = false)
      : bits_(static_cast<std::uint64_t>(kind) << 61 | std::uint64_t{atomic} << 60 |
              std::uint64_t{id} << 38 | tick) {}

  Kind kind() const { return static_cast<Kind>(bits_ >> 61); }
  bool atomic() const { return bits_ >> 60 & 1; }
  std::uint32_t id() const { return static_cast<std::uint32_t>(bits_ >> 38) & 0x3fffff; }
  Tick tick() const { return bits_ & ((Tick{1} << 38) - 1); }
  bool operator==(const Record&) const = default;
  bool none() const { return bits_ == 0; }
  std::uint64_t bits() const { return bits_; }

 private:
  std::uint64_t bits_ = 0;
};

// The bytes of an access, one address a unit.
struct Touch {
  const std::int64_t* address = nullptr;  // relative to `offset`; kInactive: not touched
  std::int64_t offset = 0;                // in the block's shared memory
  std::size_t count = 0;
  int width = 4;  // bytes of a unit
  // Unit i belongs to thread i % threads of the strand, unless all share it.
  int threads = 1;
  const std::vector<std::uint32_t>* subset = nullptr;  // the units meant, if not all
  enum class By : std::uint8_t { Threads, Warps, Strand } by = By::Threads;
  bool atomic = false;
  bool reads_old = false;  // a write that reads what was there
  bool async_proxy = false;
  bool global = false;
  // For messages: which element stands in unit i.
  std::function<std::string(std::size_t)> element;
};

class Hazards {
 public:
  explicit Hazards(Cluster& cluster);
  ~Hazards();

  void born(const Strand& strand);
  void finished(Strand& strand);
  // Before every step: its tick in the history, and no register of a running dot among its tiles.
  void before(Strand& strand, const Step& step);

  // ---- Order ----
  void sync(const Strand& strand);
  void sync_warps(const Strand& strand);
  void fence_async(const Strand& strand);
  enum class Arrival : std::uint8_t { Threads, Warps, First };
  void release(const Strand& strand, Arrival arrival, Clock& into);
  void acquire(const Strand& strand, const Clock& from);
  // Copies that an mbarrier counted have landed.
  void release_agent(std::uint32_t agent, Clock& into);
  std::uint32_t barrier_agent(const Block& block, std::int64_t barrier) const;
  // Flags: the clock that goes with a place in memory.
  Clock& flag(const std::byte* place) { return flags_[place]; }
  // A flag that relaxed atomics carry, with fences of memory before and behind them.
  void fence_memory(const Strand& strand);
  void relaxed(const Strand& strand, const std::byte* place, bool reads, bool writes);
  // Order that comes back through another cluster: it has seen what this one released up to a time
  // of vm/interpreter/global_shadow.h.
  void released_outside(std::uint32_t time, const Clock& clock);
  void returned(const Strand& strand, std::uint32_t time);

  // ---- Shared memory ----
  void read(Strand& strand, const Step& step, Block& block, const Touch& touch);
  void write(Strand& strand, const Step& step, Block& block, const Touch& touch);

  // ---- Global memory ----
  // Cells of `granule` bytes; `arena` and the number of a cell name it. Addresses count from
  // `base`.
  struct Cells {
    const void* arena = nullptr;
    std::int64_t base = 0, granule = 1;
  };
  void global(Strand& strand, const Step& step, const Touch& touch, const Cells& cells, bool write);

  // ---- Asynchronous work ----
  // A copy into shared memory is checked like a write and lands as one.
  std::uint32_t start_write(Strand& strand, const Step& step, Block& block, const Touch& touch);
  void land_write(std::uint32_t flight, Block& block, const Touch& touch, Record as);
  // Work that reads shared memory until it lands.
  std::uint32_t start_read(Strand& strand, const Step& step, Block& block, const Touch& touch);
  void land_read(std::uint32_t flight, Block& block, const Touch& touch, Record as);
  void end_flight(std::uint32_t flight);

  Record by_strand(const Strand& strand) const;
  Record by_first_thread(const Strand& strand) const;
  Record by_barrier(const Block& block, std::int64_t barrier) const;
  // The tensor cores of a strand; `dots_done` makes their reads certain for all of it, and what it
  // had read when the dot was issued.
  Record by_tensor(const Strand& strand) const;
  void dots_done(const Strand& strand, Tick issued);

  // Registers of dots that run: frame offsets that nobody may touch.
  void hold(Strand& strand, const Step& step, std::uint32_t tile, bool accumulator);
  void let_go(Strand& strand, std::uint32_t tile);

 private:
  struct Granule {
    Record write, read;
  };
  struct StrandInfo {
    std::uint32_t first_warp = 0, warps = 0;  // of the cluster
    int block = 0, first = 0, threads = 0;
  };
  struct Flight {
    const Step* step = nullptr;
    std::string who;
    bool reads = false;
  };
  struct Held {
    std::uint32_t tile = 0;
    const Step* step = nullptr;
    bool accumulator = false;
    int times = 0;
  };
  // Who makes an access: a thread with its warp, or a whole strand.
  struct Accessor {
    std::uint32_t warp = 0;  // index of the warp in the cluster
    std::uint32_t thread = 0;
    bool single = true;  // false: all threads of `strand`
    const Strand* strand = nullptr;
  };

  std::uint32_t thread_id(const Strand& strand, int thread) const;
  std::uint32_t warp_of_thread(std::uint32_t thread) const {
    return thread / 1024 * warps_ + thread % 1024 / 32;
  }
  std::uint32_t warp_agent(std::uint32_t warp) const {
    return warp / warps_ * agents_a_block_ + warp % warps_;
  }
  const StrandInfo& strand_info(std::uint32_t id) const { return strand_infos_[id]; }
  bool certain(Record record, const Clock& clock, const Accessor& accessor, bool as_read) const;
  bool certain_for(Record record, const Accessor& accessor, bool as_read) const;
  bool fenced(Record record, const Clock& clock, const Accessor& accessor) const;
  bool fenced_for(Record record, const Accessor& accessor) const;
  Record merged(Record old, Record now, const Accessor& accessor);
  Record set_of(Record a, Record b);
  bool same_strand(Record record, std::uint32_t strand) const;

  template <class F>
  void each(const Strand& strand, Block& block, const Touch& touch, F&& f);
  // f(unit, accessor) for every unit that is touched.
  template <class F>
  void each_unit(const Strand& strand, const Touch& touch, F&& f) const {
    Accessor accessor;
    accessor.strand = &strand;
    accessor.single = touch.by != Touch::By::Strand;
    const std::uint32_t base = thread_id(strand, 0);
    accessor.thread = base;
    accessor.warp = warp_of_thread(base);
    const auto one = [&](std::size_t unit) {
      if (touch.address[unit] == kInactive) return;
      if (accessor.single) {
        accessor.thread =
            base + static_cast<std::uint32_t>(unit % static_cast<std::size_t>(touch.threads));
        accessor.warp = warp_of_thread(accessor.thread);
      }
      f(unit, accessor);
    };
    if (touch.subset && !touch.subset->empty()) {
      for (std::uint32_t unit : *touch.subset) one(unit);
    } else {
      for (std::size_t unit = 0; unit < touch.count; ++unit) one(unit);
    }
  }
  Record record_of(const Strand& strand, const Touch& touch, const Accessor& accessor) const;
  void check_read(Strand& strand, const Step& step, const Accessor& accessor, const Touch& touch,
                  std::size_t unit, Record write);
  void check_write(Strand& strand, const Step& step, const Accessor& accessor, const Touch& touch,
                   std::size_t unit, const Granule& granule, bool starts_copy);
  void fault(Strand& strand, const Step& step, std::string_view code, const Touch& touch,
             std::size_t unit, const Accessor& accessor, std::string_view what, Record other,
             std::string_view other_did);
  void report_held(Strand& strand, const Step& step, const Step& dot, bool accumulator);
  void note_landing(Record as, const Step* started);
  std::string who(Record record) const;
  std::string who(const Strand& strand, const Accessor& accessor) const;
  const Step* step_at(Record record) const;

  Cluster& cluster_;
  std::uint32_t warps_ = 1, agents_a_block_ = 1;
  std::size_t agents_ = 0;
  std::int64_t granule_ = 1;
  int granule_shift_ = 0;
  std::vector<Clock> knows_;                  // by warp
  std::vector<std::vector<Granule>> shadow_;  // by block
  std::vector<StrandInfo> strand_infos_;      // by strand
  static constexpr std::int64_t kPage = 256;  // cells
  using Page = std::array<Granule, kPage>;
  std::map<const void*, std::unordered_map<std::int64_t, std::unique_ptr<Page>>> global_;
  std::unordered_map<const std::byte*, Clock> flags_;
  // By strand: what a relaxed write hands on since the last fence, and what relaxed reads saw.
  std::unordered_map<std::uint32_t, Clock> fenced_, pending_;
  std::map<std::uint32_t, Clock> released_;  // all that was released up to a time
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  std::vector<std::vector<Record>> sets_;
  std::map<std::vector<std::uint64_t>, std::uint32_t> set_ids_;
  std::unordered_map<std::uint32_t, std::vector<Held>> held_;  // by strand
  std::vector<std::uint32_t> history_;                         // step of each of the last ticks
  // Of records of work that has landed, the step that started it.
  std::unordered_map<std::uint64_t, const Step*> started_by_;
  std::unordered_set<std::uint64_t> told_;  // (step, other step) pairs that were reported
};

}  // namespace bitloom::vm::interpreter
