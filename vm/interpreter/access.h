// How a register tile meets memory: the bytes that each thread touches.
//
// Everything that does not depend on where a window begins is computed when the program is
// compiled. Mostly a thread's registers are whole units of 4, 2 or 1 bytes that lie together in
// memory too; then an access is one address a unit, and loads and stores are loops over words.
// Where units are torn (by a mask, by the edge of the tensor, by odd widths) it is one number an
// element.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "vm/interpreter/compiler.h"

namespace bitloom::vm::interpreter {

inline constexpr std::int64_t kInactive = -1;

// The tile's side of an access: which element of the window is in which lane.
struct LaneShape {
  std::vector<std::int64_t> element_of_lane;  // row-major over the window
  int threads = 1, registers = 1, bits = 32;

  static LaneShape of(const Tile& tile);
  // All of a window, as one thread would hold it.
  static LaneShape whole(const ViewInfo& view);
};

class AccessPlan {
 public:
  // `unit_limit`: no unit is wider, in bytes. `clip` as the attribute of the instruction.
  AccessPlan(const ViewInfo& view, const LaneShape& lanes, const Shape& clip, int unit_limit);
  // For a packed window whose runs a tile takes as they are; nullopt when the tile does not.
  static std::optional<AccessPlan> packed_runs(const ViewInfo& view, const LaneShape& lanes,
                                               const Shape& clip);
  // For a packed window, all its bytes in the order of its atoms, in units of 16 bytes.
  static AccessPlan packed_atoms(const ViewInfo& view, const Shape& clip);

  const Root& root() const { return *view_.root; }
  const ViewInfo& view() const { return view_; }
  int unit() const { return unit_; }  // bytes, 0: elements only
  std::size_t units() const { return unit_rel_.size(); }
  std::size_t lanes() const { return number_.size(); }
  bool raw() const { return raw_; }  // packed bytes as they are

  // Whether the whole window lies in its tensor.
  bool inside(const View& view) const;
  // Byte addresses of the units, relative to the root; nullopt when they do not fit where the
  // window begins. The window must lie inside.
  struct Units {
    const std::int64_t* address;
    std::int64_t offset;  // to be added
    std::unique_ptr<std::int64_t[]> buffer;
    std::int64_t operator[](std::size_t i) const { return address[i] + offset; }
  };
  std::optional<Units> units_at(const View& view) const;

  // Root numbers of the elements, kInactive where the mask is false or a clipped dimension is left.
  // `fault` gets the first lane that lies outside without being clipped, which is inactive then.
  struct Elements {
    std::unique_ptr<std::int64_t[]> number;
    std::optional<std::size_t> fault;
  };
  Elements elements_at(const View& view, const std::uint32_t* mask) const;
  // Of raw plans: byte addresses of the units, those of atoms outside inactive.
  Elements raw_units_at(const View& view) const;

  // The lane of the first element in a unit.
  std::size_t lane_of_unit(std::size_t unit, int threads) const;
  // The root's coordinates of the element in a lane (raw plans: in a unit).
  Shape coordinates(const View& view, std::size_t lane) const;

 private:
  AccessPlan(const ViewInfo& view, const Shape& clip);
  bool make_units(int unit, const LaneShape& lanes);
  std::int64_t number_at(const View& view) const;

  ViewInfo view_;
  std::vector<std::uint8_t> clipped_;  // by dimension of the root
  std::vector<std::int64_t> extent_;   // of the window, by dimension of the root
  int unit_ = 0;
  std::int64_t group_ = 1;  // elements after which units begin at whole bytes again
  bool raw_ = false;
  std::vector<std::int64_t> unit_rel_;  // bytes; numbers of elements with Order::Table
  std::vector<std::int32_t> unit_sub_;  // Order::Table: bytes from that element on
  std::vector<std::int64_t> number_;    // of each lane's element, relative to the window's first
  std::vector<std::int64_t> element_;   // of each lane (raw: of each unit), row-major
};

// Where a root begins in the memory of the host.
std::byte* base_of(const Root& root, const View& view);

}  // namespace bitloom::vm::interpreter
