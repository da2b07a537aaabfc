// The running machine: a grid of clusters of blocks of strands.
//
// A cluster (of one block, mostly) is what one host thread works on at a time: `Cluster::run` lets
// its strands take turns until all are done, or none can go on by itself. So nothing inside a
// cluster needs a lock; between clusters there is only global memory, whose flags and atomics are
// real atomic operations.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "vm/interpreter/clock.h"
#include "vm/interpreter/faults.h"
#include "vm/interpreter/interpreter.h"
#include "vm/interpreter/program.h"

namespace bitloom::vm::interpreter {

struct Cluster;
struct Grid;
class Hazards;
class GlobalShadow;

// What a cluster knows of the others' accesses to global memory, by cluster and time: see
// vm/interpreter/global_shadow.h.
using ClusterTimes = std::unordered_map<std::uint32_t, std::uint32_t>;
struct GlobalOrder {
  std::uint32_t time = 1;
  ClusterTimes knows;
  ClusterTimes fenced;   // what a relaxed write hands on since the last fence
  ClusterTimes pending;  // what relaxed reads saw, to be known at the next fence
};

// A copy or a dot that was started and has not happened yet. `finish` makes it happen; a store from
// shared memory happens in two parts, and has read its bytes before it `writes` them.
struct Pending {
  std::function<void(Strand&)> finish;
  std::function<void(Strand&)> writes;
  const Step* step = nullptr;
  bool has_read = false;
};

// Groups of pending work that waits count: the open one, and the closed ones, oldest first.
struct PendingGroups {
  std::vector<Pending> open;
  std::deque<std::vector<Pending>> closed;

  bool empty() const { return open.empty() && closed.empty(); }
  void commit() {
    closed.push_back(std::move(open));
    open.clear();
  }
};

// Frames begin at cache lines, so that loops over tiles may use aligned vectors.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) {}
  T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* p, std::size_t) { ::operator delete (p, std::align_val_t{64}); }
  bool operator==(const LineAllocator&) const { return true; }
};
template <class T>
using LineVector = std::vector<T, LineAllocator<T>>;

struct Strand {
  enum class State : std::uint8_t { Ready, Blocked, Forked, Done };

  Cluster* cluster = nullptr;
  Block* block = nullptr;
  Strand* parent = nullptr;
  const Body* body = nullptr;
  std::uint32_t id = 0;  // in its cluster, by birth
  std::uint32_t pc = 0;
  int first = 0, threads = 0;  // of the block
  State state = State::Ready;
  int children = 0;          // that still run
  bool arrived = false;      // the step at pc has arrived at its barrier and waits for the others
  std::uint64_t ticket = 0;  // which filling of that barrier
  std::string waits_for;     // of a blocked strand, in words
  LineVector<std::uint32_t> frame;
  std::vector<View> views;

  PendingGroups copies, stores, dots;

  // What the last polls of flags saw, one a step. A strand that sees the same again, and has done
  // nothing since, has only been waiting.
  struct Poll {
    const Step* step = nullptr;
    const std::byte* place = nullptr;
    std::uint64_t value = 0, effects = 0;
  };
  std::vector<Poll> polls;
  std::uint64_t effects = 0;
  const Poll* spinning_on = nullptr;
  bool spinning() const { return spinning_on != nullptr; }

  std::uint32_t* words(const Tile& tile) { return frame.data() + tile.offset; }
  std::string describe() const;  // "threads 0 to 127 of block (3, 0, 0)"
};

struct Mbarrier {
  std::int64_t count = 1;    // arrivals a phase
  std::int64_t pending = 1;  // that are still to come
  std::int64_t bytes = 0;    // announced and not yet copied
  std::uint32_t phase = 0;   // its parity is what waits compare
  const Step* expected_at = nullptr;
  std::vector<Pending> copies;  // that count down on it
  Clock gathering, completed;   // with the checks on: what the arrivals of a phase hand on
};

struct NamedBarrier {
  int expected = 0;  // threads, 0 when nobody has come yet
  int arrived = 0;
  std::uint64_t generation = 0;
  const Step* opened_by = nullptr;
  Clock gathering, completed;
};

struct Block {
  Cluster* cluster = nullptr;
  int rank = 0;             // in the cluster
  std::int64_t linear = 0;  // in the grid
  std::array<std::int64_t, 3> index{};
  LineVector<std::byte> shared;
  std::vector<Mbarrier> barriers;
  std::array<NamedBarrier, 16> named;

  std::string describe() const;  // "block (3, 0, 0)"
};

struct ClusterBarrier {
  int arrived = 0, expected = 0;
  std::uint64_t generation = 0;
  Clock gathering, completed;
};

// What became of a cluster's turn.
enum class Turn : std::uint8_t {
  Done,
  Parked,   // every strand waits, some for other blocks
  Running,  // its time is up
  Stuck,    // every strand waits for something in its own cluster
  Stopped,  // the grid is being ended
};

struct Cluster {
  Cluster(Grid& grid, std::int64_t number);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  Turn run();
  // Starts a strand; `argument` goes into its frame.
  Strand& start(const Body& body, Block& block, Strand* parent, int first, std::int64_t argument);

  Grid& grid;
  std::int64_t number;
  std::vector<Block> blocks;
  std::vector<std::unique_ptr<Strand>> strands;  // alive
  std::uint32_t strands_born = 0;
  ClusterBarrier barrier;
  std::uint64_t tick = 0;            // steps so far
  std::uint64_t changes_seen = 0;    // Grid::changes when it was parked
  std::unique_ptr<Hazards> hazards;  // null with the checks off
  GlobalOrder order;
  std::minstd_rand random;
  struct Profile* profile = nullptr;

 private:
  std::uint64_t counted = 0;  // ticks that Grid::steps has
  Flow timed(const Step& step, Strand& strand);
  bool run_strand(Strand& strand, int turns);  // whether it did anything
  void finish(Strand& strand);
};

// Time and count of every step, one set a host thread.
struct Profile {
  std::vector<std::uint64_t> count;
  std::vector<std::int64_t> nanoseconds;
};

struct Grid {
  Grid(const Program& the_program, const LaunchOptions& the_options, Faults& the_faults)
      : program(the_program), options(the_options), faults(the_faults) {}

  const Program& program;
  const LaunchOptions& options;
  Faults& faults;
  std::int64_t clusters = 0;

  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> changes{0};  // writes to global memory
  std::atomic<bool> ending{false};        // a fault, the limit or the user ends the run
  std::atomic<bool> limit_reached{false}, stopped{false};
  std::mutex print_mutex;

  GlobalShadow* shadow = nullptr;  // null with the checks off

  // Counts steps; whether the run is to end.
  bool must_end(std::uint64_t new_steps);
};

// Runs every cluster on the host threads; faults that end the run are reported.
void run_grid(Grid& grid, int workers, std::vector<Profile>* profiles);

}  // namespace bitloom::vm::interpreter
