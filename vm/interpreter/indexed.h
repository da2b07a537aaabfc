// Accesses whose place follows from data: gather, scatter, and atomics with an index.
#pragma once

#include <optional>

#include "vm/interpreter/access.h"
#include "vm/interpreter/memory_checks.h"

namespace bitloom::vm::interpreter {

// How a tile's elements find their places in a window. With an index, the coordinate along `dim` is
// index[i] for row i of the tile (an index of rank 1), or the index element of the same number.
class IndexedPlan {
 public:
  // nullopt, reported, when the shapes do not fit.
  static std::optional<IndexedPlan> make(const Instruction& op, Compiler& compiler,
                                         const ViewInfo& view, const Tile& tile,
                                         std::optional<Tile> index, std::optional<Tile> mask);

  const AccessPlan& access() const { return *access_; }
  // Numbers in the root of all lanes; kInactive where masked, clipped, or reported to lie outside.
  std::unique_ptr<std::int64_t[]> numbers(Strand& strand, const Step& step, const View& view) const;

 private:
  std::shared_ptr<const AccessPlan> access_;  // of the window's elements, for bounds and names
  Tile tile_;
  std::optional<Tile> index_, mask_;
  std::int64_t extent_ = 0;  // of the window along the index's dimension
  int root_dim_ = 0;
  bool clipped_ = false;                  // an index outside is left out instead of reported
  std::vector<std::int32_t> index_lane_;  // by lane of the tile
};

// Leaves of several holders of an element the first: what is stored is stored once.
void keep_first_holders(const Tile& tile, std::int64_t* number);

}  // namespace bitloom::vm::interpreter
