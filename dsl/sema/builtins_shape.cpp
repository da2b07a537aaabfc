// Functions that make tiles, and that give tiles another shape, type or layout without computing
// anything.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/layout_values.h"
#include "dsl/sema/memory.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;
using vm::Shape;

Value tile_or_poison(const std::optional<Register>& tile) {
  return tile ? Value(*tile) : Value(Poison{});
}

// ---- New tiles ----------------------------------------------------------------------------------

Value filled(Context& c, const BuiltinCall& call, const Value& number, Place place) {
  const auto type = generic_type(c, call, 0);
  const auto shape = generic_shape(c, call, 1);
  if (!type || !shape) return Poison{};
  return tile_or_poison(fit(c, number, *type, *shape, place, call.builtin->name, {}));
}

Value zeros(Context& c, const BuiltinCall& call) {
  const auto* type = call.generics[0].as<vm::ElementType>();
  return filled(c, call, type && type->is_bool() ? Value(false) : Value(std::int64_t{0}),
                call.place);
}
Value full(Context& c, const BuiltinCall& call) {
  return filled(c, call, call[0], call.places[0]);
}

Value iota(Context& c, const BuiltinCall& call) {
  const auto shape = generic_shape(c, call, 0);
  if (!shape) return Poison{};
  const auto dim = dimension(c, call.integer(0), static_cast<int>(shape->size()), call.places[0]);
  if (!dim) return Poison{};
  const vm::ValueId id = c.emit(call.place, Opcode::Iota, vm::register_type(vm::kI32, *shape), {});
  c.build.last().set("dim", *dim);
  return Register{id};
}

// ---- Other shapes -------------------------------------------------------------------------------

// The operand of a function that works on tiles, and on views of memory that are written with
// `ref`.
std::optional<Value> tile_or_view(Context& c, const BuiltinCall& call, std::size_t i) {
  if (const auto* memory = call[i].as<Memory>(); memory && memory->reference) return call[i];
  const Value value = loaded(c, call[i], call.places[i]);
  if (value.poisoned()) return std::nullopt;
  const auto tile = as_register(c, value, call.places[i]);
  return tile ? std::optional(Value(*tile)) : std::nullopt;
}

int rank_of(const Context& c, const Value& value) {
  const auto* memory = value.as<Memory>();
  return c.type(memory ? memory->id : value.as<Register>()->id).rank();
}

Value permuted(Context& c, const Value& value, const Shape& permutation, Place place) {
  if (const auto* memory = value.as<Memory>()) return permute_view(c, *memory, permutation, place);
  const auto* tile = value.as<Register>();
  const vm::Type own = c.type(tile->id);
  vm::Type type = vm::register_type(own.element);
  for (const std::int64_t dim : permutation)
    type.shape.push_back(own.shape[static_cast<std::size_t>(dim)]);
  const vm::ValueId id = c.emit(place, Opcode::Transpose, std::move(type), {tile->id});
  c.build.last().set("permutation", permutation);
  return Register{id};
}

// Exchanges the last two dimensions.
Value transpose(Context& c, const BuiltinCall& call) {
  const auto value = tile_or_view(c, call, 0);
  if (!value) return Poison{};
  const int rank = rank_of(c, *value);
  if (rank < 2)
    return c.error("BL0213", call.places[0])
           << "transpose exchanges the last two dimensions, and this is " << c.describe(*value);
  Shape permutation(static_cast<std::size_t>(rank));
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
  return permuted(c, *value, permutation, call.place);
}

Value permute(Context& c, const BuiltinCall& call) {
  Shape permutation;
  for (std::size_t i = 0; i < call.generics.size(); ++i) {
    const auto dim = generic_integer(c, call, i, "a dimension");
    if (!dim) return Poison{};
    permutation.push_back(*dim);
  }
  const auto value = tile_or_view(c, call, 0);
  if (!value) return Poison{};
  Shape sorted = permutation;
  std::ranges::sort(sorted);
  Shape all(static_cast<std::size_t>(rank_of(c, *value)));
  std::iota(all.begin(), all.end(), 0);
  if (sorted != all)
    return c.error("BL0213", call.place)
           << "permute names each of the " << all.size() << " dimensions of " << c.describe(*value)
           << " once, and this is <" << fmt::format("{}", fmt::join(permutation, ", ")) << ">";
  return permuted(c, *value, permutation, call.place);
}

Register reshaped(Context& c, Register tile, const Shape& shape, Place place) {
  const vm::Type own = c.type(tile.id);
  if (own.shape == shape) return tile;
  return {c.emit(place, Opcode::Reshape, vm::register_type(own.element, shape), {tile.id})};
}

Value reshape(Context& c, const BuiltinCall& call) {
  const auto shape = generic_shape(c, call, 0);
  const auto value = tile_or_view(c, call, 0);
  if (!shape || !value) return Poison{};
  if (const auto* memory = value->as<Memory>())
    return reinterpret_view(c, *memory, c.type(memory->id).element, *shape, call.place);
  const Register tile = *value->as<Register>();
  const Shape own = c.type(tile.id).shape;
  if (layouts::size(own) != layouts::size(*shape))
    return c.error("BL0214", call.place)
           << "reshape keeps the number of elements: " << c.describe(tile) << " has "
           << layouts::size(own) << ", and " << layouts::to_string(*shape) << " has "
           << layouts::size(*shape);
  if (own.empty() || shape->empty()) {
    // A scalar is what every thread holds; a tile of one element is spread.
    if (shape->empty() && !own.empty())
      return Register{c.emit(call.place, Opcode::ScalarOf,
                             vm::register_type(c.type(tile.id).element), {tile.id})};
    return Register{broadcast(c, tile.id, *shape, call.place)};
  }
  return reshaped(c, tile, *shape, call.place);
}

Value expand(Context& c, const BuiltinCall& call) {
  const auto tile = tile_argument(c, call, 0);
  if (!tile) return Poison{};
  Shape shape = c.type(tile->id).shape;
  const std::int64_t dim = call.integer(1);
  if (dim < 0 || dim > static_cast<std::int64_t>(shape.size()))
    return c.error("BL0213", call.places[1])
           << "expand puts a dimension at 0 to " << shape.size() << " of " << c.describe(*tile)
           << ", and this is " << dim;
  shape.insert(shape.begin() + dim, 1);
  if (shape.size() == 1) return Register{broadcast(c, tile->id, shape, call.place)};
  return reshaped(c, *tile, shape, call.place);
}

Value broadcast_to(Context& c, const BuiltinCall& call) {
  const auto shape = generic_shape(c, call, 0);
  if (!shape) return Poison{};
  if (call[0].is_number())
    return tile_or_poison(as_tile(c, call[0], default_type(call[0]), *shape, call.places[0]));
  const auto tile = tile_argument(c, call, 0);
  if (!tile) return Poison{};
  const auto joined = broadcast_shape(c.type(tile->id).shape, *shape);
  if (!joined || *joined != *shape)
    return c.error("BL0202", call.place)
           << c.describe(*tile) << " does not repeat to " << layouts::to_string(*shape);
  return Register{broadcast(c, tile->id, *shape, call.place)};
}

// Each element `times` times in a row along the dimension.
Value repeat(Context& c, const BuiltinCall& call) {
  const auto tile = tile_argument(c, call, 0);
  if (!tile) return Poison{};
  const Shape own = c.type(tile->id).shape;
  const auto dim = dimension(c, call.integer(2), static_cast<int>(own.size()), call.places[2]);
  if (!dim) return Poison{};
  const std::int64_t times = call.integer(1);
  const auto at = static_cast<std::size_t>(*dim);
  constexpr std::int64_t kMost = std::int64_t{1} << 20;
  if (times < 1 || times > kMost)
    return c.error("BL0214", call.places[1])
           << "repeat takes 1 to " << kMost << " times, and this is " << times;
  if (times == 1) return *tile;
  Shape result = own, split = own, wide = own;
  split.insert(split.begin() + *dim + 1, 1);
  wide.insert(wide.begin() + *dim + 1, times);
  result[at] *= times;
  if (!valid_shape(c, result, call.place)) return Poison{};
  const Register thin = reshaped(c, *tile, split, call.place);
  return reshaped(c, {broadcast(c, thin.id, wide, call.place)}, result, call.place);
}

Value concat(Context& c, const BuiltinCall& call) {
  const auto a = tile_argument(c, call, 0), b = tile_argument(c, call, 1);
  if (!a || !b) return Poison{};
  const vm::Type x = c.type(a->id), y = c.type(b->id);
  const auto dim = dimension(c, call.integer(2), x.rank(), call.places[2]);
  if (!dim) return Poison{};
  if (x.element != y.element)
    return c.error("BL0201", call.place) << "concat of " << describe(x) << " and " << describe(y);
  const auto at = static_cast<std::size_t>(*dim);
  Shape one = x.shape, other = y.shape;
  Shape result = x.shape;
  if (x.rank() == y.rank()) {
    result[at] += y.shape[at];
    one[at] = other[at] = 1;
  }
  if (one != other || x.rank() != y.rank())
    return c.error("BL0214", call.place) << "concat along dimension " << *dim
                                         << " joins tiles that agree in the others, and these are "
                                         << describe(x) << " and " << describe(y);
  if (!valid_shape(c, result, call.place)) return Poison{};
  const vm::ValueId id =
      c.emit(call.place, Opcode::Concat, vm::register_type(x.element, result), {a->id, b->id});
  c.build.last().set("dim", *dim);
  return Register{id};
}

// ---- Other bits, other layouts ------------------------------------------------------------------

Value refuse_view(Context& c, const BuiltinCall& call, const vm::Type& from, const vm::Type& to) {
  const auto side = [](const vm::Type& type) {
    return fmt::format("{} threads of {} bits", type.layout->threads(),
                       type.layout->registers() * type.element.bits);
  };
  return c.error("BL0216", call.place)
         << "view from " << describe(from) << " (" << side(from) << ") to " << describe(to) << " ("
         << side(to) << "): the bits of each thread differ";
}

// view<T>(x) keeps shape and layout; view<T, L>(x) takes the shape of L; a fragment takes its shape
// from view<T, L, …>(x).
Value view(Context& c, const BuiltinCall& call) {
  const auto element = generic_type(c, call, 0);
  const auto value = tile_or_view(c, call, 0);
  if (!element || !value) return Poison{};
  if (const auto* memory = value->as<Memory>()) {
    const auto shape = generic_shape(c, call, 1);
    return shape ? reinterpret_view(c, *memory, *element, *shape, call.place) : Value(Poison{});
  }
  const Register tile = *value->as<Register>();
  const vm::Type own = c.type(tile.id);
  vm::Type type = vm::register_type(*element, own.shape);
  if (element->is_bool() || own.element.is_bool())
    return c.error("BL0216", call.place) << "a bool has no bits to be seen as another type";
  if (call.generics.size() == 1) {
    if (element->bits != own.element.bits)
      return c.error("BL0216", call.place).hint("view<T, L>(x)")
             << "an element of " << vm::to_string(own.element) << " has " << int{own.element.bits}
             << " bits, and one of " << vm::to_string(*element) << " has " << int{element->bits}
             << ": say the layout";
    type.layout = own.layout;
  } else {
    const bool shaped = call.generics.size() > 2;
    const auto shape = shaped ? generic_shape(c, call, 2) : std::optional(Shape());
    if (!shape) return Poison{};
    type.layout = shaped ? layout_of(c, call.generics[1], *element, *shape, call.generic_places[1])
                         : whole_layout(c, call.generics[1], call.generic_places[1]);
    if (!type.layout) return Poison{};
    type.shape = type.layout->shape();
    const std::int64_t bits = own.layout ? own.layout->registers() * own.element.bits : 0;
    if (own.layout && bits != type.layout->registers() * element->bits)
      return refuse_view(c, call, own, type);
  }
  return Register{c.emit(call.place, Opcode::View, std::move(type), {tile.id})};
}

Value convert(Context& c, const BuiltinCall& call) {
  const auto tile = tile_argument(c, call, 0);
  if (!tile) return Poison{};
  vm::Type type = vm::register_type(c.type(tile->id).element, c.type(tile->id).shape);
  type.layout = layout_of(c, call.generics[0], type.element, type.shape, call.generic_places[0]);
  if (!type.layout) return Poison{};
  return Register{c.emit(call.place, Opcode::ConvertLayout, std::move(type), {tile->id})};
}

}  // namespace

const std::vector<Builtin>& shape_builtins() {
  static const std::vector<Builtin> table = {
      {"zeros", 1, -1, "", zeros},
      {"full", 1, -1, "value", full},
      {"iota", 1, -1, "dim?: integer", iota},
      {"transpose", 0, 0, "x: either", transpose},
      {"permute", 1, -1, "x: either", permute},
      {"reshape", 0, -1, "x: either", reshape},
      {"expand", 0, 0, "x, dim: integer", expand},
      {"broadcast", 0, -1, "x", broadcast_to},
      {"repeat", 0, 0, "x, times: integer, dim: integer", repeat},
      {"concat", 0, 0, "a, b, dim: integer", concat},
      {"view", 1, -1, "x: either", view},
      {"convert", 1, 1, "x", convert},
  };
  return table;
}

}  // namespace bitloom::dsl::sema
