#include "vm/interpreter/access.h"

#include <algorithm>
#include <numeric>

namespace bitloom::vm::interpreter {
namespace {

// The number in the root, relative to the window's first element, of an element of the window.
std::int64_t number_in_root(const ViewInfo& view, std::int64_t element) {
  std::int64_t number = 0;
  for (std::size_t d = view.extents.size(); d-- > 0;) {
    const std::int64_t extent = std::max<std::int64_t>(1, view.extents[d]);
    number += element % extent * view.root->strides[static_cast<std::size_t>(view.dims[d])];
    element /= extent;
  }
  return number;
}

std::int64_t ceil_to(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

LaneShape LaneShape::of(const Tile& tile) {
  const auto& elements = tile.table->element_of_lane;
  return {{elements.begin(), elements.end()}, tile.threads, tile.registers, tile.bits};
}

LaneShape LaneShape::whole(const ViewInfo& view) {
  LaneShape lanes;
  lanes.element_of_lane.resize(static_cast<std::size_t>(layouts::size(view.extents)));
  std::iota(lanes.element_of_lane.begin(), lanes.element_of_lane.end(), 0);
  lanes.registers = static_cast<int>(lanes.element_of_lane.size());
  lanes.bits = view.root->bits;
  return lanes;
}

AccessPlan::AccessPlan(const ViewInfo& view, const Shape& clip) : view_(view) {
  const std::size_t rank = view.root->extents.size();
  const bool any_clip = std::any_of(clip.begin(), clip.end(), [](std::int64_t c) { return c; });
  // A dimension that the window has dropped is judged like the others.
  clipped_.assign(rank, any_clip);
  extent_.assign(rank, 1);
  for (std::size_t d = 0; d < view.dims.size(); ++d) {
    extent_[static_cast<std::size_t>(view.dims[d])] = view.extents[d];
    clipped_[static_cast<std::size_t>(view.dims[d])] = d < clip.size() && clip[d];
  }
}

AccessPlan::AccessPlan(const ViewInfo& view, const LaneShape& lanes, const Shape& clip,
                       int unit_limit)
    : AccessPlan(view, clip) {
  element_ = lanes.element_of_lane;
  number_.resize(element_.size());
  for (std::size_t lane = 0; lane < number_.size(); ++lane)
    number_[lane] = number_in_root(view, element_[lane]);
  if (root().order == Root::Order::Packed) return;
  for (int unit = unit_limit; unit > 0 && unit_ == 0; unit /= 2) {
    if (make_units(unit, lanes)) unit_ = unit;
  }
}

// Units of so many bytes, if groups of elements that fill whole units lie together and begin where
// they should.
bool AccessPlan::make_units(int unit, const LaneShape& lanes) {
  const std::int64_t unit_bits = 8 * unit;
  const std::int64_t group = std::lcm<std::int64_t>(unit_bits, lanes.bits) / lanes.bits;
  const std::int64_t per_group = group * lanes.bits / unit_bits;
  const bool table = root().order == Root::Order::Table;
  const bool must_align = table || lanes.bits < 8;
  if (lanes.registers % group != 0 || (table && root().chunk % group != 0)) return false;
  const std::size_t threads = static_cast<std::size_t>(lanes.threads);
  const std::size_t groups = static_cast<std::size_t>(lanes.registers / group);
  std::vector<std::int64_t> rel(groups * per_group * threads);
  std::vector<std::int32_t> sub(table ? rel.size() : 0);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t t = 0; t < threads; ++t) {
      const std::int64_t first = number_[g * group * threads + t];
      if (must_align && first % group != 0) return false;
      for (std::int64_t i = 1; i < group; ++i) {
        if (number_[(g * group + i) * threads + t] != first + i) return false;
      }
      for (std::int64_t j = 0; j < per_group; ++j) {
        const std::size_t at = (g * per_group + j) * threads + t;
        rel[at] = table ? first : first * lanes.bits / 8 + j * unit;
        if (table) sub[at] = static_cast<std::int32_t>(j * unit);
      }
    }
  }
  group_ = must_align ? group : 1;
  unit_rel_ = std::move(rel);
  unit_sub_ = std::move(sub);
  return true;
}

// ---- Packed windows -----------------------------------------------------------------------------

namespace {

// Byte of an atom of a packed root, by the coordinates of one of its elements.
std::int64_t atom_at(const Root& root, const Shape& at) {
  const layouts::PackedTensorLayout& tensor = *root.packed;
  const std::size_t rank = at.size();
  std::int64_t matrix = 0;
  for (std::size_t d = 0; d + 2 < rank; ++d) matrix = matrix * root.extents[d] + at[d];
  const std::int64_t atom = at[rank - 1] / tensor.atom().rows() * tensor.atoms_k() +
                            at[rank - 2] / tensor.atom().columns();
  return matrix * tensor.bytes() + atom * tensor.atom().bytes();
}

// Whether the window spans whole atoms, its last dimensions being the root's.
bool spans_atoms(const ViewInfo& view) {
  const Root& root = *view.root;
  const auto rank = static_cast<int>(root.extents.size());
  const std::size_t kept = view.dims.size();
  if (root.order != Root::Order::Packed || kept < 2) return false;
  const layouts::PackedAtom& atom = root.packed->atom();
  return view.dims[kept - 2] == rank - 2 && view.dims[kept - 1] == rank - 1 &&
         view.extents[kept - 2] % atom.columns() == 0 && view.extents[kept - 1] % atom.rows() == 0;
}

// The coordinates in the root of an element of a window that begins at zero.
Shape root_coordinates(const ViewInfo& view, std::int64_t element) {
  Shape at(view.root->extents.size(), 0);
  const layouts::Index index = layouts::unlinear(element, view.extents);
  for (std::size_t d = 0; d < index.size(); ++d) at[view.dims[d]] = index[d];
  return at;
}

}  // namespace

std::optional<AccessPlan> AccessPlan::packed_runs(const ViewInfo& view, const LaneShape& lanes,
                                                  const Shape& clip) {
  if (!spans_atoms(view)) return std::nullopt;
  const Root& root = *view.root;
  const layouts::PackedAtom& atom = root.packed->atom();
  const layouts::Encoding& encoding = atom.encoding();
  const int run = encoding.elements(), words = encoding.words();
  if (lanes.registers % run != 0) return std::nullopt;
  AccessPlan plan(view, clip);
  const std::size_t threads = static_cast<std::size_t>(lanes.threads);
  const std::size_t runs = static_cast<std::size_t>(lanes.registers / run);
  plan.unit_rel_.resize(runs * words * threads);
  plan.element_.resize(plan.unit_rel_.size());
  const auto owner_of = [&](const Shape& at) {
    const std::size_t rank = at.size();
    return root.owners[static_cast<std::size_t>(at[rank - 1] % atom.rows() * atom.columns() +
                                                at[rank - 2] % atom.columns())];
  };
  for (std::size_t r = 0; r < runs; ++r) {
    for (std::size_t t = 0; t < threads; ++t) {
      const std::int64_t element = lanes.element_of_lane[r * run * threads + t];
      const Shape first = root_coordinates(view, element);
      const layouts::Owner owner = owner_of(first);
      if (owner.reg % run != 0) return std::nullopt;
      for (int i = 1; i < run; ++i) {
        const Shape at = root_coordinates(view, lanes.element_of_lane[(r * run + i) * threads + t]);
        if (atom_at(root, at) != atom_at(root, first) ||
            owner_of(at) != layouts::Owner{owner.thread, owner.reg + i})
          return std::nullopt;
      }
      for (int j = 0; j < words; ++j) {
        const std::int64_t w = owner.reg / run * words + j;
        const std::size_t unit = (r * words + j) * threads + t;
        plan.unit_rel_[unit] = atom_at(root, first) + w / 4 * 512 + owner.thread * 16 + w % 4 * 4;
        plan.element_[unit] = element;
      }
    }
  }
  plan.unit_ = 4;
  plan.raw_ = true;
  return plan;
}

AccessPlan AccessPlan::packed_atoms(const ViewInfo& view, const Shape& clip) {
  AccessPlan plan(view, clip);
  plan.raw_ = true;
  if (!spans_atoms(view)) return plan;
  const layouts::PackedAtom& atom = view.root->packed->atom();
  const std::size_t kept = view.extents.size();
  const std::int64_t n = view.extents[kept - 1], k = view.extents[kept - 2];
  const std::int64_t matrices = layouts::size(view.extents) / (n * k);
  for (std::int64_t matrix = 0; matrix < matrices; ++matrix) {
    for (std::int64_t n0 = 0; n0 < n; n0 += atom.rows()) {
      for (std::int64_t k0 = 0; k0 < k; k0 += atom.columns()) {
        const std::int64_t element = matrix * n * k + k0 * n + n0;
        const std::int64_t first = atom_at(*view.root, root_coordinates(view, element));
        for (std::int64_t byte = 0; byte < atom.bytes(); byte += 16) {
          plan.unit_rel_.push_back(first + byte);
          plan.element_.push_back(element);
        }
      }
    }
  }
  plan.unit_ = 16;
  return plan;
}

// ---- At run time --------------------------------------------------------------------------------

std::int64_t AccessPlan::number_at(const View& view) const {
  std::int64_t number = 0;
  for (std::size_t d = 0; d < extent_.size(); ++d) number += view.origin[d] * root().strides[d];
  return number;
}

bool AccessPlan::inside(const View& view) const {
  const std::size_t rank = extent_.size();
  for (std::size_t d = 0; d < rank; ++d) {
    std::int64_t limit = root().extents[d];
    if (raw_ && d + 2 == rank) limit = ceil_to(limit, root().packed->atom().columns());
    if (raw_ && d + 1 == rank) limit = ceil_to(limit, root().packed->atom().rows());
    if (view.origin[d] < 0 || view.origin[d] > limit - extent_[d]) return false;
  }
  return true;
}

std::optional<AccessPlan::Units> AccessPlan::units_at(const View& view) const {
  if (unit_ == 0) return std::nullopt;
  if (raw_) {
    const std::size_t rank = extent_.size();
    const layouts::PackedAtom& atom = root().packed->atom();
    if (view.origin[rank - 1] % atom.rows() != 0 || view.origin[rank - 2] % atom.columns() != 0)
      return std::nullopt;
    const Shape origin(view.origin.begin(), view.origin.begin() + static_cast<std::int64_t>(rank));
    return Units{unit_rel_.data(), atom_at(root(), origin), nullptr};
  }
  const std::int64_t first = number_at(view);
  if (group_ > 1 && first % group_ != 0) return std::nullopt;
  if (root().order == Root::Order::Dense)
    return Units{unit_rel_.data(), first * root().bits / 8, nullptr};
  auto buffer = std::make_unique_for_overwrite<std::int64_t[]>(unit_rel_.size());
  const std::int32_t* place = root().place.data() + first;
  for (std::size_t i = 0; i < unit_rel_.size(); ++i)
    buffer[i] = place[unit_rel_[i]] / 8 + unit_sub_[i];
  const std::int64_t* address = buffer.get();
  return Units{address, 0, std::move(buffer)};
}

std::size_t AccessPlan::lane_of_unit(std::size_t unit, int threads) const {
  if (raw_) return unit;
  const std::size_t row = static_cast<std::size_t>(threads);
  const std::size_t bit = unit / row * static_cast<std::size_t>(8 * unit_);
  return bit / static_cast<std::size_t>(root().bits) * row + unit % row;
}

Shape AccessPlan::coordinates(const View& view, std::size_t lane) const {
  Shape at = root_coordinates(view_, element_[lane]);
  for (std::size_t d = 0; d < at.size(); ++d) at[d] += view.origin[d];
  return at;
}

AccessPlan::Elements AccessPlan::elements_at(const View& view, const std::uint32_t* mask) const {
  Elements result;
  const std::size_t n = number_.size();
  result.number = std::make_unique_for_overwrite<std::int64_t[]>(n);
  const std::int64_t first = number_at(view);
  const bool all = inside(view);
  for (std::size_t lane = 0; lane < n; ++lane) {
    result.number[lane] = kInactive;
    if (mask && !mask[lane]) continue;
    if (!all) {
      const Shape at = coordinates(view, lane);
      bool outside = false, clipped = false;
      for (std::size_t d = 0; d < at.size(); ++d) {
        if (at[d] >= 0 && at[d] < root().extents[d]) continue;
        outside = true;
        clipped |= clipped_[d];
      }
      if (outside && !clipped && !result.fault) result.fault = lane;
      if (outside) continue;
    }
    result.number[lane] = first + number_[lane];
  }
  return result;
}

AccessPlan::Elements AccessPlan::raw_units_at(const View& view) const {
  Elements result;
  const std::size_t n = unit_rel_.size(), rank = extent_.size();
  result.number = std::make_unique_for_overwrite<std::int64_t[]>(n);
  const auto units = units_at(view);
  Shape limit = root().extents;
  limit[rank - 2] = ceil_to(limit[rank - 2], root().packed->atom().columns());
  limit[rank - 1] = ceil_to(limit[rank - 1], root().packed->atom().rows());
  for (std::size_t i = 0; i < n; ++i) {
    const Shape at = coordinates(view, i);
    bool outside = false, clipped = false;
    for (std::size_t d = 0; d < rank; ++d) {
      if (at[d] >= 0 && at[d] < limit[d]) continue;
      outside = true;
      clipped |= clipped_[d];
    }
    const bool torn = !units;
    if ((torn || (outside && !clipped)) && !result.fault) result.fault = i;
    result.number[i] = torn || outside ? kInactive : (*units)[i];
  }
  return result;
}

std::byte* base_of(const Root& root, const View& view) {
  return root.space == Space::Global ? root.data : view.block->shared.data() + view.base;
}

}  // namespace bitloom::vm::interpreter
