// Races between blocks on global memory.
//
// Every element of a tensor that the kernel may write has a cell: which cluster wrote it last and
// which read it, each with that cluster's time. A cluster's time advances when it releases
// something; what it knows of the others comes through flags that it acquired: a release leaves the
// releaser's knowledge at an address, an acquire of that address takes it. Two accesses of
// different clusters to one element, one of them a write and not both atomic, are a race unless the
// later one knows of the earlier one. Blocks of one cluster count as one: what their threads do to
// one another is found by vm/interpreter/hazards.h, with the cells that are cut here.
//
// Tensors that the kernel only reads have no cells and cost nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "vm/interpreter/hazards.h"
#include "vm/interpreter/machine.h"

namespace bitloom::vm::interpreter {

class GlobalShadow {
 public:
  GlobalShadow(const Program& program, std::int64_t clusters);

  // An access to bytes of the root.
  void touch(Strand& strand, const Step& step, const Root& root, bool write, const Touch& touch);

  // Order through a place in memory.
  void release(Cluster& cluster, const std::byte* place);
  // `strand` takes the knowledge for its cluster.
  void acquire(Strand& strand, const std::byte* place);
  void relaxed(Cluster& cluster, const std::byte* place, bool reads, bool writes);
  void fence(Cluster& cluster);

 private:
  struct Cell {
    std::uint32_t writer = 0, write_time = 0;  // cluster + 1; 0: nobody
    std::uint32_t reader = 0, read_time = 0;
    std::uint32_t write_step = 0, read_step = 0;
    bool atomic = false, many = false;
  };
  static constexpr std::size_t kPage = 1024;  // cells
  struct Page {
    std::mutex mutex;
    std::vector<Cell> cells = std::vector<Cell>(kPage);
    std::unordered_map<std::uint32_t, ClusterTimes> readers;  // of cells with `many`
  };
  // A range of host memory that one or more tensors occupy.
  struct Arena {
    const std::byte* begin = nullptr;
    const std::byte* end = nullptr;
    std::int64_t granule = 1;
    std::vector<std::atomic<Page*>> pages;
    std::vector<std::unique_ptr<Page>> owned;
    std::mutex mutex;
  };

  // One access of an element (or of the bytes around it).
  struct Access {
    const Root* root = nullptr;
    bool write = false, atomic = false;
  };
  void touch_clusters(Strand& strand, const Step& step, const Access& access, Arena& arena,
                      const Touch& touch);
  Page& page_at(Arena& arena, std::size_t index);
  bool visit(Page& page, std::size_t cell, Strand& strand, const Step& step, const Access& access,
             std::uint32_t& other_step, std::uint32_t& other_cluster);
  void fault(Strand& strand, const Step& step, const Access& access, std::int64_t address,
             std::uint32_t other_step, std::uint32_t other_cluster);

  const Program& program_;
  const bool alone_;  // one cluster has nobody to race with
  std::vector<std::unique_ptr<Arena>> arenas_;
  std::unordered_map<const Root*, Arena*> arena_of_;
  std::mutex flags_mutex_;
  std::unordered_map<const std::byte*, ClusterTimes> flags_;
};

}  // namespace bitloom::vm::interpreter
