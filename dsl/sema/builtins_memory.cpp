// Functions on memory: loads and stores that say more, rows by an index, atomics, flags.
#include <fmt/format.h>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/memory.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;
using vm::Shape;
using vm::ValueId;

Memory memory_argument(const BuiltinCall& call, std::size_t i) {
  return *call[i].as<Memory>();
}

// An optional mask of this shape; false when it was given and does not fit.
bool read_mask(Context& c, const BuiltinCall& call, std::size_t i, const Shape& shape,
               std::optional<Register>& mask) {
  if (!call.has(i)) return true;
  mask = mask_tile(c, call[i], shape, call.places[i]);
  return mask.has_value();
}

ValueId id_or_none(const std::optional<Register>& tile) {
  return tile ? tile->id : vm::kNoValue;
}

// ---- load, store, clip --------------------------------------------------------------------------

Value load_window(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  Access access;
  access.cache = call.word(2);
  if (call.has(1)) {
    const auto shape = constant_extents(c, memory, call.places[0]);
    if (!shape || !read_mask(c, call, 1, *shape, access.mask)) return Poison{};
  }
  return load(c, memory, access, call.place);
}

Value store_window(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  Access access;
  access.cache = call.word(3);
  if (call.has(2)) {
    const auto shape = constant_extents(c, memory, call.places[0]);
    if (!shape || !read_mask(c, call, 2, *shape, access.mask)) return Poison{};
  }
  store(c, memory, call[1], access, call.place, call.places[1]);
  return Nothing{};
}

template <Clipping clipping>
Value with_clipping(Context& c, const BuiltinCall& call) {
  Memory memory = memory_argument(call, 0);
  if (c.type(memory.id).space == vm::Space::Shared)
    return c.error("BL0206", call.places[0]) << "shared memory has no edge to clip at";
  memory.clipping = clipping;
  return memory;
}

Value bytes(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  const auto shape = constant_extents(c, memory, call.places[0]);
  return shape ? Value(bytes_of(c.type(memory.id).element, *shape)) : Value(Poison{});
}

Value prefetch(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  if (c.type(memory.id).space != vm::Space::Global)
    return c.error("BL0206", call.places[0])
           << "prefetch brings global memory into L2, and this is " << c.describe(call[0]);
  if (!constant_extents(c, memory, call.places[0])) return Poison{};
  set_clip(c, c.emit(call.place, Opcode::Prefetch, {memory.id}), memory);
  return Nothing{};
}

// ---- By an index tile ---------------------------------------------------------------------------

struct Indexed {
  Memory memory;
  Register index;
  std::int64_t dim = 0;
  Shape shape;  // of the elements that are read or written
};

// gather(window, index, dim): rows along `dim` with an index of rank 1; else element by element, in
// the shape of the index.
std::optional<Indexed> indexed(Context& c, const BuiltinCall& call, std::size_t index_at,
                               std::size_t dim_at) {
  Indexed result;
  result.memory = memory_argument(call, 0);
  const vm::Type type = c.type(result.memory.id);
  const auto index = tile_argument(c, call, index_at);
  const auto dim = dimension(c, call.integer(dim_at), type.rank(), call.places[dim_at]);
  if (!index || !dim) return std::nullopt;
  const vm::Type index_type = c.type(index->id);
  if (!index_type.element.is_integer() || index_type.element.bits < 32)
    return c.error("BL0212", call.places[index_at])
           << call.builtin->name << " takes indexes of 32 or 64 bits, and these are "
           << describe(index_type);
  if (index_type.shape.empty())
    return c.error("BL0212", call.places[index_at])
               .hint(fmt::format("{}[i]", c.text(call.places[0])))
           << "one index is a place in a window, not a tile";
  if (type.packed)
    return c.error("BL0206", call.places[0])
           << "packed tensors have no single rows: " << describe(type);
  const auto extents = constant_extents(c, result.memory, call.places[0], static_cast<int>(*dim));
  if (!extents) return std::nullopt;
  result.index = *index;
  result.dim = *dim;
  const auto at = static_cast<std::size_t>(*dim);
  if (index_type.rank() == 1) {
    result.shape = *extents;
    result.shape[at] = index_type.shape[0];
  } else {
    result.shape = index_type.shape;
    Shape others = *extents, own = index_type.shape;
    if (type.rank() == index_type.rank()) others[at] = own[at] = 1;
    if (type.rank() != 1 && others != own)
      return c.error("BL0202", call.place)
             << call.builtin->name
             << " element by element wants an index like the window in all dimensions but " << *dim
             << ": the window is " << describe(type) << ", the index " << describe(index_type);
  }
  if (!valid_shape(c, result.shape, call.place)) return std::nullopt;
  return result;
}

// The same elements as a tile of one dimension; costs nothing.
ValueId flattened(Context& c, Place place, ValueId tile) {
  const vm::Type type = c.type(tile);
  return c.emit(place, Opcode::Reshape,
                vm::register_type(type.element, {layouts::size(type.shape)}), {tile});
}

Value gather(Context& c, const BuiltinCall& call) {
  const auto what = indexed(c, call, 1, 2);
  std::optional<Register> mask;
  if (!what || !read_mask(c, call, 3, what->shape, mask)) return Poison{};
  // A table of one dimension takes indexes of any shape: the instruction sees a row of them.
  const bool flat = c.type(what->memory.id).rank() == 1 && what->shape.size() > 1;
  ValueId index = what->index.id, mask_id = id_or_none(mask);
  Shape shape = what->shape;
  if (flat) {
    index = flattened(c, call.place, index);
    if (mask) mask_id = flattened(c, call.place, mask_id);
    shape = {layouts::size(shape)};
  }
  const vm::ElementType element = c.type(what->memory.id).element;
  ValueId id = c.emit(call.place, Opcode::Gather, vm::register_type(element, shape),
                      {what->memory.id, index, mask_id});
  c.build.last().set("dim", what->dim);
  set_clip(c, c.build.last(), what->memory);
  if (call.has(4)) c.build.last().set("cache", call.word(4));
  if (flat) id = c.emit(call.place, Opcode::Reshape, vm::register_type(element, what->shape), {id});
  return Register{id};
}

Value scatter(Context& c, const BuiltinCall& call) {
  const auto what = indexed(c, call, 1, 3);
  if (!what) return Poison{};
  const auto x = fit(c, call[2], c.type(what->memory.id).element, what->shape, call.places[2],
                     "the window", {});
  std::optional<Register> mask;
  if (!x || !read_mask(c, call, 4, what->shape, mask)) return Poison{};
  vm::Instruction& instruction = c.emit(call.place, Opcode::Scatter,
                                        {what->memory.id, what->index.id, x->id, id_or_none(mask)});
  instruction.set("dim", what->dim);
  set_clip(c, instruction, what->memory);
  return Nothing{};
}

// ---- Atomics ------------------------------------------------------------------------------------

constexpr std::string_view kOrders = "relaxed|acquire|release|acq_rel";

std::string operation(std::string_view builtin) {
  if (builtin == "exchange") return "exchange";
  return std::string(builtin.substr(builtin.find('_') + 1));
}

// add of floats and of i32, u32, u64; min, max and bitwise operations of integers of 32 and 64
// bits; exchange of anything with 32 or 64 bits.
bool atomic_type(Context& c, const BuiltinCall& call, const Memory& memory) {
  const std::string op = operation(call.builtin->name);
  const vm::ElementType element = c.type(memory.id).element;
  const bool integer = in_domain(Domain::Wide, element);
  const bool good = op == "add"
                        ? (integer && element != vm::kI64) || in_domain(Domain::Float, element)
                    : op == "exchange" ? element.bits == 32 || element.bits == 64
                                       : integer;
  if (!good)
    c.error("BL0204", call.places[0])
        << call.builtin->name << " does not exist for " << vm::to_string(element);
  return good;
}

// atomic_add(window, x, index, dim, mask, order, scope)
Value atomic(Context& c, const BuiltinCall& call) {
  Memory memory = memory_argument(call, 0);
  if (!atomic_type(c, call, memory)) return Poison{};
  ValueId index = vm::kNoValue;
  std::optional<std::int64_t> dim;
  Shape shape;
  if (call.has(2)) {
    const auto what = indexed(c, call, 2, 3);
    if (!what) return Poison{};
    index = what->index.id;
    dim = what->dim;
    shape = what->shape;
  } else {
    const auto extents = constant_extents(c, memory, call.places[0]);
    if (!extents) return Poison{};
    shape = *extents;
  }
  const auto x =
      fit(c, call[1], c.type(memory.id).element, shape, call.places[1], "the window", {});
  std::optional<Register> mask;
  if (!x || !read_mask(c, call, 4, shape, mask)) return Poison{};
  vm::Instruction& instruction =
      c.emit(call.place, Opcode::Atomic, {memory.id, x->id, index, id_or_none(mask)});
  instruction.set("op", operation(call.builtin->name));
  if (dim) instruction.set("dim", *dim);
  set_clip(c, instruction, memory);
  instruction.set("order", call.word(5, "relaxed"));
  instruction.set("scope", call.word(6, "gpu"));
  return Nothing{};
}

bool single_element(Context& c, const BuiltinCall& call) {
  if (c.type(memory_argument(call, 0).id).rank() == 0) return true;
  c.error("BL0212", call.places[0])
      << call.builtin->name << " works on one element, and this is " << c.describe(call[0]);
  return false;
}

// Flags are integers of 32 and 64 bits.
bool flag(Context& c, const BuiltinCall& call) {
  if (!single_element(c, call)) return false;
  const vm::ElementType element = c.type(memory_argument(call, 0).id).element;
  if (in_domain(Domain::Wide, element)) return true;
  c.error("BL0204", call.places[0])
      << call.builtin->name << " works on integers of 32 and 64 bits, and this is "
      << vm::to_string(element);
  return false;
}

Value fetch(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  if (!single_element(c, call) || !atomic_type(c, call, memory)) return Poison{};
  const vm::ElementType element = c.type(memory.id).element;
  const auto x = fit(c, call[1], element, {}, call.places[1], "the element", {});
  if (!x) return Poison{};
  const ValueId id =
      c.emit(call.place, Opcode::AtomicFetch, vm::register_type(element), {memory.id, x->id});
  c.build.last().set("op", operation(call.builtin->name));
  c.build.last().set("order", call.word(2, "relaxed"));
  c.build.last().set("scope", call.word(3, "gpu"));
  return Register{id};
}

Value load_acquire(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  if (!flag(c, call)) return Poison{};
  const ValueId id = c.emit(call.place, Opcode::LoadAcquire,
                            vm::register_type(c.type(memory.id).element), {memory.id});
  c.build.last().set("scope", call.word(1, "gpu"));
  return Register{id};
}

Value store_release(Context& c, const BuiltinCall& call) {
  const Memory memory = memory_argument(call, 0);
  if (!flag(c, call)) return Poison{};
  const auto x = fit(c, call[1], c.type(memory.id).element, {}, call.places[1], "the element", {});
  if (!x) return Poison{};
  c.emit(call.place, Opcode::StoreRelease, {memory.id, x->id}).set("scope", call.word(2, "gpu"));
  return Nothing{};
}

// ---- compact ------------------------------------------------------------------------------------

Value compact(Context& c, const BuiltinCall& call) {
  const Memory target = memory_argument(call, 0);
  const vm::Type type = c.type(target.id);
  const auto x = tile_argument(c, call, 2);
  if (!x) return Poison{};
  const vm::Type values = c.type(x->id);
  if (type.space != vm::Space::Shared || type.rank() != 1)
    return c.error("BL0206", call.places[0])
           << "compact writes to a tile of one dimension in shared memory, and this is "
           << describe(type);
  if (type.element != values.element || type.shape[0] < layouts::size(values.shape)) {
    auto report = c.error("BL0207", call.place);
    report << "compact may write all of " << describe(values) << ", and the target is "
           << describe(type);
    c.note_origin(report, "the target", call[0]);
    return report;
  }
  const auto mask = mask_tile(c, call[1], values.shape, call.places[1]);
  if (!mask) return Poison{};
  return Register{c.emit(call.place, Opcode::Compact, vm::register_type(vm::kI32),
                         {target.id, mask->id, x->id})};
}

}  // namespace

const std::vector<Builtin>& memory_builtins() {
  static const std::vector<Builtin> table = [] {
    constexpr std::string_view kCaches = "default|evict_first|evict_last|no_allocate|nc";
    static const std::string load_signature =
        fmt::format("window: memory, mask?, cache?: {}", kCaches);
    static const std::string store_signature =
        fmt::format("window: memory, x, mask?, cache?: {}", kCaches);
    static const std::string gather_signature =
        fmt::format("window: memory, index, dim?: integer, mask?, cache?: {}", kCaches);
    static const std::string atomic_signature = fmt::format(
        "window: memory, x, index?, dim?: integer, mask?, order?: {}, scope?: block|gpu|system",
        kOrders);
    static const std::string fetch_signature =
        fmt::format("element: memory, x, order?: {}, scope?: block|gpu|system", kOrders);
    std::vector<Builtin> rows = {
        {"load", 0, 0, load_signature, load_window},
        {"store", 0, 0, store_signature, store_window},
        {"clip", 0, 0, "window: memory", with_clipping<Clipping::Clipped>},
        {"inside", 0, 0, "window: memory", with_clipping<Clipping::Inside>},
        {"gather", 0, 0, gather_signature, gather},
        {"scatter", 0, 0, "window: memory, index, x, dim?: integer, mask?", scatter},
        {"exchange", 0, 0, fetch_signature, fetch},
        {"load_acquire", 0, 0, "element: memory, scope?: block|gpu|system", load_acquire},
        {"store_release", 0, 0, "element: memory, x, scope?: block|gpu|system", store_release},
        {"compact", 0, 0, "target: memory, mask, x", compact},
        {"prefetch", 0, 0, "window: memory", prefetch},
        {"bytes", 0, 0, "window: memory", bytes},
    };
    for (const std::string_view name :
         {"atomic_add", "atomic_min", "atomic_max", "atomic_and", "atomic_or", "atomic_xor"})
      rows.emplace_back(name, 0, 0, atomic_signature, atomic);
    for (const std::string_view name :
         {"fetch_add", "fetch_min", "fetch_max", "fetch_and", "fetch_or", "fetch_xor"})
      rows.emplace_back(name, 0, 0, fetch_signature, fetch);
    return rows;
  }();
  return table;
}

}  // namespace bitloom::dsl::sema
