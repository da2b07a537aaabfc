#include "dsl/sema/memory.h"

#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/arguments.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/operators.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;
using vm::Shape;
using vm::Space;

constexpr std::int64_t kAtom = 64;  // packed tensors: rows and columns of an atom

// Inside memory that is packed, does this dimension count in atoms?
bool in_atoms(const vm::Type& type, int dim) {
  return type.packed && dim >= type.rank() - 2;
}

// The extent as views carry it: a constant, or what the launch computes.
layouts::SizeExpr extent_of(const vm::Type& type, std::size_t dim) {
  return type.extents.empty() ? layouts::SizeExpr(type.shape[dim]) : type.extents[dim];
}

// A view of `base`. Constant extents become its shape; otherwise it keeps expressions, as a
// parameter does.
vm::Type view_of(const vm::Type& base, std::vector<layouts::SizeExpr> extents) {
  vm::Type type;
  type.space = base.space;
  type.element = base.element;
  type.packed = base.packed;
  for (const layouts::SizeExpr& extent : extents)
    type.shape.push_back(extent.constant().value_or(-1));
  if (std::ranges::find(type.shape, -1) == type.shape.end()) return type;
  type.shape.assign(extents.size(), -1);
  type.extents = std::move(extents);
  return type;
}

}  // namespace

std::optional<std::int64_t> constant_extent(const Context& c, const Memory& memory, int dim) {
  const vm::Type type = c.type(memory.id);
  const auto at = static_cast<std::size_t>(dim);
  if (!type.extents.empty()) return type.extents[at].constant();
  return type.shape[at] >= 0 ? std::optional(type.shape[at]) : std::nullopt;
}

std::optional<Shape> constant_extents(Context& c, const Memory& memory, Place place, int except) {
  const vm::Type type = c.type(memory.id);
  Shape shape;
  for (int dim = 0; dim < type.rank(); ++dim) {
    const auto extent = constant_extent(c, memory, dim);
    if (!extent && dim != except) {
      return c.error("BL0210", place).hint(fmt::format("say how much of it: start +: extent"))
             << "dimension " << dim << " of " << describe(type) << " is known only at launch";
    }
    shape.push_back(extent.value_or(-1));
  }
  return shape;
}

Shape clip_of(const Context& c, const Memory& memory) {
  const vm::Type type = c.type(memory.id);
  const bool by_form = memory.clipping == Clipping::ByForm && c.comfortable();
  if (type.space != Space::Global || !(by_form || memory.clipping == Clipping::Clipped)) return {};
  return Shape(static_cast<std::size_t>(std::max(1, type.rank())), 1);
}

void set_clip(Context& c, vm::Instruction& instruction, const Memory& memory) {
  if (Shape clip = clip_of(c, memory); !clip.empty()) instruction.set("clip", std::move(clip));
}

std::optional<Register> mask_tile(Context& c, const Value& mask, const Shape& shape, Place place) {
  return fit(c, mask, vm::kBool, shape, place, "the mask", {});
}

Value load(Context& c, const Memory& memory, const Access& access, Place place) {
  const auto shape = constant_extents(c, memory, place);
  if (!shape || !valid_shape(c, *shape, place)) return Poison{};
  const vm::ValueId mask = access.mask ? access.mask->id : vm::kNoValue;
  const vm::ValueId id = c.emit(
      place, Opcode::Load, vm::register_type(c.type(memory.id).element, *shape), {memory.id, mask});
  set_clip(c, c.build.last(), memory);
  if (!access.cache.empty()) c.build.last().set("cache", access.cache);
  return Register{id};
}

Value loaded(Context& c, Value value, Place place) {
  const auto* memory = value.as<Memory>();
  return memory ? load(c, *memory, {}, place) : value;
}

void store(Context& c, const Memory& target, const Value& value, const Access& access, Place place,
           Place value_place) {
  const auto shape = constant_extents(c, target, place);
  if (!shape || !valid_shape(c, *shape, place)) return;
  const vm::Type type = c.type(target.id);
  const auto tile = fit(c, value, type.element, *shape, value_place, "the window", {});
  if (!tile) return;
  const vm::ValueId mask = access.mask ? access.mask->id : vm::kNoValue;
  vm::Instruction& instruction = c.emit(place, Opcode::Store, {target.id, tile->id, mask});
  set_clip(c, instruction, target);
  if (!access.cache.empty()) instruction.set("cache", access.cache);
}

// ---- target <- value ----------------------------------------------------------------------------

namespace {

// Whether `target <- source` is a copy from global to shared memory; reports what keeps it from
// being one.
bool is_copy(Context& c, const Memory& target, const Memory& source) {
  return c.type(target.id).space == Space::Shared && c.type(source.id).space == Space::Global &&
         c.type(target.id).rank() > 0;
}

void copy(Context& c, const Memory& target, const Memory& source, Place place, Place value_place) {
  if (!c.comfortable()) {
    c.error("BL0223", place)
            .hint("copy_async, copy_bulk or copy_tensor; or load the window and store it")
        << "in an explicit kernel a copy to shared memory says which kind it is";
    return;
  }
  const auto to = constant_extents(c, target, place);
  const auto from = constant_extents(c, source, value_place);
  if (!to || !from) return;
  const vm::Type target_type = c.type(target.id), source_type = c.type(source.id);
  if (target_type.element != source_type.element || *to != *from ||
      target_type.packed.has_value() != source_type.packed.has_value()) {
    auto report = c.error("BL0207", place);
    report << "a copy moves bytes between equal types and shapes, and this is "
           << describe(source_type) << " to " << describe(target_type);
    c.note_origin(report, "the source", source);
    c.note_origin(report, "the target", target);
    if (target_type.element != source_type.element)
      report.hint(
          fmt::format("cast<{}>({})", vm::to_string(target_type.element), c.text(value_place)));
    return;
  }
  set_clip(c, c.emit(place, Opcode::Copy, {target.id, source.id}), source);
}

}  // namespace

void move(Context& c, const Move& node, Place place) {
  const Value target = evaluate(c, *node.target);
  const Value value = evaluate(c, *node.value);
  if (target.poisoned() || value.poisoned()) return;
  const auto* memory = target.as<Memory>();
  if (!memory) {
    auto report = c.error("BL0124", node.target->place);
    report << "'<-' stores to memory, and '" << c.text(node.target->place) << "' is "
           << c.describe(target);
    if (target.is<Register>() && std::holds_alternative<Name>(node.target->node))
      report.hint("a variable changes by '='");
    return;
  }
  const auto* source = value.as<Memory>();
  const bool copies = source && is_copy(c, *memory, *source);
  if (c.in_load && !copies) {
    c.error("BL0224", place)
        << "the load part of a pipeline copies from global to shared memory, and this stores "
        << c.describe(value) << " to " << c.describe(target);
    return;
  }
  if (copies) return copy(c, *memory, *source, place, node.value->place);
  const Value tile = loaded(c, value, node.value->place);
  if (!tile.poisoned()) store(c, *memory, tile, {}, place, node.value->place);
}

// ---- Other views of the same memory -------------------------------------------------------------

Value permute_view(Context& c, const Memory& memory, const Shape& permutation, Place place) {
  const vm::Type base = c.type(memory.id);
  if (base.packed)
    return c.error("BL0217", place)
           << "the atoms of a packed tensor have one order: load it, and transpose the tile";
  // Of a parameter, whose extents are expressions even where they are constant.
  std::vector<layouts::SizeExpr> extents;
  for (const std::int64_t dim : permutation)
    extents.push_back(extent_of(base, static_cast<std::size_t>(dim)));
  vm::Type type =
      base.extents.empty() ? view_of(base, extents) : vm::global_type(base.element, extents);
  Memory view = memory;
  view.id = c.emit(place, Opcode::PermuteView, std::move(type), {memory.id});
  c.build.last().set("permutation", permutation);
  return view;
}

std::int64_t bytes_of(vm::ElementType element, const Shape& shape) {
  return (layouts::size(shape) * element.bits + 7) / 8;
}

Value reinterpret_view(Context& c, const Memory& memory, vm::ElementType element,
                       const Shape& shape, Place place) {
  const vm::Type base = c.type(memory.id);
  if (base.space != Space::Shared || base.packed)
    return c.error("BL0206", place) << "only a plain tile in shared memory can be seen under "
                                       "another shape or type, and this is "
                                    << describe(base);
  if (bytes_of(base.element, base.shape) != bytes_of(element, shape))
    return c.error("BL0214", place)
           << describe(base) << " has " << bytes_of(base.element, base.shape) << " bytes, and "
           << describe(vm::register_type(element, shape)) << " has " << bytes_of(element, shape);
  Memory view = memory;
  view.id = c.emit(place, Opcode::MemoryView, vm::shared_type(element, shape), {memory.id});
  return view;
}

// ---- Windows ------------------------------------------------------------------------------------

namespace {

// One place of an index, evaluated.
struct Item {
  IndexKind kind = IndexKind::All;
  Value start = std::int64_t{0};
  std::int64_t extent = -1;  // of a range
  Place place;
};

std::optional<std::vector<Item>> evaluate_items(Context& c, const Index& node) {
  std::vector<Item> items;
  bool good = true;
  for (const IndexItem& written : node.items) {
    Item item{written.kind, std::int64_t{0}, 1, written.place};
    if (written.kind != IndexKind::All) {
      item.start = value_of(c, *written.start);
      good = good && !item.start.poisoned();
    }
    if (written.kind == IndexKind::Range) {
      const auto extent = constant_integer(c, *written.extent, "the extent of a range");
      if (extent && *extent <= 0)
        c.error("BL0214", written.extent->place)
            << "a range has a positive extent, and this is " << *extent;
      good = good && extent && *extent > 0;
      item.extent = extent.value_or(1);
    }
    items.push_back(std::move(item));
  }
  return good ? std::optional(std::move(items)) : std::nullopt;
}

bool few_enough(Context& c, const std::vector<Item>& items, int rank, const Value& base,
                Place place) {
  if (static_cast<int>(items.size()) <= rank) return true;
  c.error("BL0209", place) << "an index of " << counted(items.size(), "place") << " into "
                           << c.describe(base) << ", which has "
                           << counted(static_cast<std::size_t>(rank), "dimension");
  return false;
}

// Constant places against constant extents. `partly`: a range may leave the tensor in part, since
// it will be clipped.
bool inside(Context& c, const Item& item, std::optional<std::int64_t> extent, bool partly) {
  const auto* start = item.start.as<std::int64_t>();
  if (!start || item.kind == IndexKind::All) return true;
  const std::int64_t end = *start + item.extent;
  const bool wrong = partly && item.kind == IndexKind::Range
                         ? end <= 0 || (extent && *start >= *extent)
                         : *start < 0 || (extent && end > *extent);
  if (!wrong) return true;
  auto report = c.error("BL0208", item.place);
  if (item.kind == IndexKind::At)
    report << "index " << *start;
  else
    report << "the range from " << *start << " to " << end - 1;
  if (extent)
    report << " of a dimension of extent " << *extent;
  else
    report << " begins before the tensor";
  return false;
}

bool whole_atoms(Context& c, const Item& item) {
  const auto* start = item.start.as<std::int64_t>();
  if (item.kind == IndexKind::All) return true;
  if (item.kind == IndexKind::Range && item.extent % kAtom == 0 && (!start || *start % kAtom == 0))
    return true;
  auto report = c.error("BL0217", item.place);
  report << "a window of a packed tensor begins at multiples of " << kAtom
         << " and extends over multiples of " << kAtom;
  if (item.kind == IndexKind::At)
    report << ", and this is one place";
  else if (item.extent % kAtom != 0)
    report << ", and this extends over " << item.extent;
  else
    report << ", and this begins at " << *start;
  return false;
}

std::optional<vm::ValueId> offset_of(Context& c, const Item& item) {
  if (const auto* start = item.start.as<std::int64_t>()) return c.offset(item.place, *start);
  const auto scalar = integer_scalar(c, item.start, item.place, "a place in an index");
  return scalar ? std::optional(c.offset(item.place, scalar->id)) : std::nullopt;
}

// A window of memory or of barriers.
Value window(Context& c, vm::ValueId base, std::vector<Item> items, Place place) {
  const vm::Type type = c.type(base);
  const int rank = type.rank();
  items.resize(static_cast<std::size_t>(rank));
  const bool whole =
      std::ranges::all_of(items, [](const Item& item) { return item.kind == IndexKind::All; });
  std::vector<vm::ValueId> inputs = {base};
  Shape extents, keep;
  std::vector<layouts::SizeExpr> kept;
  bool good = true, constant = true;
  for (int dim = 0; dim < rank; ++dim) {
    Item& item = items[static_cast<std::size_t>(dim)];
    if (item.kind == IndexKind::All) item.place = place;
    const auto extent = constant_extent(c, Memory{base}, dim);
    if (!inside(c, item, extent, type.space == Space::Global) ||
        (in_atoms(type, dim) && !whole_atoms(c, item))) {
      good = false;
      continue;
    }
    const auto offset = offset_of(c, item);
    good = good && offset.has_value();
    inputs.push_back(offset.value_or(vm::kNoValue));
    extents.push_back(item.kind == IndexKind::All ? extent.value_or(-1) : item.extent);
    keep.push_back(item.kind == IndexKind::At ? 0 : 1);
    if (item.kind != IndexKind::At)
      kept.push_back(extents.back() < 0 ? extent_of(type, static_cast<std::size_t>(dim))
                                        : layouts::SizeExpr(extents.back()));
    constant = constant && extents.back() >= 0;
  }
  if (!good) return Poison{};
  // A whole tensor of unknown extents is its own window; so is a whole tile in shared memory.
  if (whole && (!constant || type.space != Space::Global)) return Memory{base};
  const vm::ValueId id =
      c.emit(place, Opcode::Window, view_of(type, std::move(kept)), std::move(inputs));
  c.build.last().set("extents", std::move(extents));
  c.build.last().set("keep", std::move(keep));
  return Memory{id};
}

// A part of a register tile.
Value slice(Context& c, Register tile, std::vector<Item> items, Place place) {
  const vm::Type type = c.type(tile.id);
  Shape offsets, extents, shape;
  for (std::size_t dim = 0; dim < type.shape.size(); ++dim) {
    const Item item = dim < items.size() ? items[dim] : Item{};
    const auto start = constant_integer(c, item.start, item.place, "a place in a register tile");
    if (!start || !inside(c, item, type.shape[dim], false)) return Poison{};
    offsets.push_back(*start);
    extents.push_back(item.kind == IndexKind::All ? type.shape[dim] : item.extent);
    if (item.kind != IndexKind::At) shape.push_back(extents.back());
  }
  vm::ValueId id = tile.id;
  if (extents != type.shape) {
    id = c.emit(place, Opcode::Slice, vm::register_type(type.element, extents), {id});
    c.build.last().set("offsets", std::move(offsets));
  }
  if (shape == extents) return Register{id};
  const Opcode drop = shape.empty() ? Opcode::ScalarOf : Opcode::Reshape;
  return Register{c.emit(place, drop, vm::register_type(type.element, shape), {id})};
}

}  // namespace

Value index(Context& c, const Index& node, Place place) {
  const Value base = evaluate(c, *node.base);
  auto items = evaluate_items(c, node);
  if (base.poisoned() || !items) return Poison{};
  if (const auto* memory = base.as<Memory>()) {
    if (!few_enough(c, *items, c.type(memory->id).rank(), base, place)) return Poison{};
    Value result = window(c, memory->id, std::move(*items), place);
    if (auto* view = std::get_if<Memory>(&result.node)) view->clipping = memory->clipping;
    return result;
  }
  if (const auto* barrier = base.as<Barrier>()) {
    if (!few_enough(c, *items, c.type(barrier->id).rank(), base, place)) return Poison{};
    const Value result = window(c, barrier->id, std::move(*items), place);
    const auto* view = result.as<Memory>();
    return view ? Value(Barrier{view->id}) : result;
  }
  if (const auto* tile = base.as<Register>()) {
    if (!few_enough(c, *items, c.type(tile->id).rank(), base, place)) return Poison{};
    return slice(c, *tile, std::move(*items), place);
  }
  if (base.is<Absent>()) return not_given(c, *node.base);
  return c.error("BL0126", node.base->place)
         << "memory, tiles and barriers have places, and '" << c.text(node.base->place) << "' is "
         << c.describe(base);
}

}  // namespace bitloom::dsl::sema
