// The host threads: which cluster runs where and when.
//
// Clusters start in order. One that only waits for others is parked and taken up again when global
// memory has changed. When every cluster that was started is parked, all that is left to start is
// started; then the parked ones have a number of turns more, because a loop that polls may count
// its turns and give up; and if still nothing changes, the grid is in a deadlock.
#include <condition_variable>
#include <thread>

#include "vm/interpreter/deadlock.h"
#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {
namespace {

constexpr int kLastTurns = 20000;  // of parked clusters together, with nothing changing

class Scheduler {
 public:
  Scheduler(Grid& grid, int workers) : grid_(grid), workers_(workers) {}

  void run(std::vector<Profile>* profiles) {
    std::vector<std::thread> threads;
    for (int i = 1; i < workers_; ++i)
      threads.emplace_back([this, profiles, i] { work(profiles ? &(*profiles)[i] : nullptr); });
    work(profiles ? &profiles->front() : nullptr);
    for (std::thread& thread : threads) thread.join();
    if (grid_.limit_reached || grid_.stopped) report_interrupted(grid_, parked_);
  }

 private:
  void work(Profile* profile) {
    while (std::unique_ptr<Cluster> cluster = take()) {
      cluster->profile = profile;
      const Turn turn = cluster->run();
      give(std::move(cluster), turn);
    }
  }

  // The next cluster to run; null when there is nothing left to do.
  std::unique_ptr<Cluster> take() {
    std::unique_lock lock(mutex_);
    while (true) {
      if (grid_.ending.load(std::memory_order_relaxed)) return nullptr;
      const std::uint64_t changes = grid_.changes.load(std::memory_order_acquire);
      if (!parked_.empty() && parked_.front()->changes_seen != changes) return pop(parked_);
      if (!ready_.empty()) return pop(ready_);
      if (next_ < grid_.clusters) {
        const std::int64_t number = next_++;
        ++running_;
        lock.unlock();
        return std::make_unique<Cluster>(grid_, number);
      }
      if (running_ == 0) {
        if (parked_.empty()) return nullptr;
        if (changes != last_changes_) {
          last_changes_ = changes;
          last_turns_ = 0;
        }
        if (last_turns_++ >= kLastTurns) {
          report_deadlock(grid_, parked_);
          grid_.ending.store(true, std::memory_order_relaxed);
          wake_.notify_all();
          return nullptr;
        }
        return pop(parked_);
      }
      wake_.wait_for(lock, std::chrono::microseconds(200));
    }
  }

  std::unique_ptr<Cluster> pop(std::deque<std::unique_ptr<Cluster>>& from) {
    std::unique_ptr<Cluster> cluster = std::move(from.front());
    from.pop_front();
    ++running_;
    return cluster;
  }

  void give(std::unique_ptr<Cluster> cluster, Turn turn) {
    if (turn == Turn::Stuck) {
      // Its own strands wait for one another; the others may still end well.
      report_stuck(*cluster);
      turn = Turn::Done;
    }
    const std::lock_guard lock(mutex_);
    --running_;
    if (turn == Turn::Running) {
      ready_.push_back(std::move(cluster));
    } else if (turn != Turn::Done) {
      parked_.push_back(std::move(cluster));
    }
    wake_.notify_all();
  }

  Grid& grid_;
  const int workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::int64_t next_ = 0;
  int running_ = 0;
  std::deque<std::unique_ptr<Cluster>> ready_;   // whose time was up
  std::deque<std::unique_ptr<Cluster>> parked_;  // that wait for others, longest first
  std::uint64_t last_changes_ = 0;
  int last_turns_ = 0;
};

}  // namespace

void run_grid(Grid& grid, int workers, std::vector<Profile>* profiles) {
  Scheduler(grid, workers).run(profiles);
}

}  // namespace bitloom::vm::interpreter
