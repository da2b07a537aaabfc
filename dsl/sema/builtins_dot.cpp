// Matrix products: dot with its typing, sparse dot, and the asynchronous products of warpgroups.
#include <fmt/format.h>

#include <algorithm>

#include "dsl/sema/builtins.h"
#include "dsl/sema/evaluate.h"
#include "dsl/sema/memory.h"

namespace bitloom::dsl::sema {
namespace {

using vm::ElementType;
using vm::Opcode;

bool is_byte_integer(ElementType type) {
  return type.is_integer() && type.bits == 8;
}
bool is_byte_float(ElementType type) {
  return type == vm::kE4M3 || type == vm::kE5M2;
}

// The type that sums have by default; nullopt where there is no product.
std::optional<ElementType> accumulator(ElementType a, ElementType b) {
  if (is_byte_integer(a) && is_byte_integer(b)) return vm::kI32;
  if (is_byte_float(a) && is_byte_float(b)) return vm::kF32;
  if (a != b) return std::nullopt;
  if (a == vm::kF64) return vm::kF64;
  if (a == vm::kF16 || a == vm::kBF16 || a == vm::kTF32 || a == vm::kF32) return vm::kF32;
  return std::nullopt;
}

bool sums_in(ElementType operand, ElementType sum, ElementType natural) {
  return sum == natural || (sum == vm::kF16 && (operand == vm::kF16 || is_byte_float(operand)));
}

// An operand in registers or memory, as the messages of dot need it.
struct Side {
  Value value;
  Place place;
  ElementType element;
  vm::Shape shape;
};

std::optional<Side> side(Context& c, std::string_view name, std::string_view which,
                         const Value& value, Place place) {
  Side result{value, place, {}, {}};
  if (const auto* memory = value.as<Memory>()) {
    const auto shape = constant_extents(c, *memory, place);
    if (!shape) return std::nullopt;
    result.shape = *shape;
    result.element = c.type(memory->id).element;
  } else if (const auto* tile = value.as<Register>()) {
    result.shape = c.type(tile->id).shape;
    result.element = c.type(tile->id).element;
  } else {
    return c.error("BL0206", place)
           << name << ": " << which << " is a tile, and this is " << c.describe(value);
  }
  if (result.shape.size() == 2) return result;
  return c.error("BL0203", place) << name << " multiplies matrices, and " << which << " is "
                                  << c.describe(value);
}

void note_sides(Context& c, Report& report, const Side& a, const Side& b) {
  c.note_origin(report, fmt::format("a, '{}',", c.text(a.place)), a.value);
  c.note_origin(report, fmt::format("b, '{}',", c.text(b.place)), b.value);
}

// Types and the common k of a[m, k] and b[k, n]; the natural type of the sums.
std::optional<ElementType> check_sides(Context& c, std::string_view name, const Side& a,
                                       const Side& b, std::int64_t k_of_a, Place place) {
  const auto sum = accumulator(a.element, b.element);
  if (!sum) {
    auto report = c.error("BL0215", place);
    report << name << " of " << vm::to_string(a.element) << " and " << vm::to_string(b.element)
           << " does not exist";
    note_sides(c, report, a, b);
    const bool a_wide = a.element.bits >= b.element.bits;
    const ElementType wide = a_wide ? a.element : b.element;
    if (accumulator(wide, wide)) {
      report.hint(
          fmt::format("cast<{}>({})", vm::to_string(wide), c.text(a_wide ? b.place : a.place)));
    } else {
      report.hint(fmt::format("cast<f16>({}) and cast<f16>({})", c.text(a.place), c.text(b.place)));
    }
    return report;
  }
  if (k_of_a != b.shape[0]) {
    auto report = c.error("BL0203", place);
    report << name << ": a has k = " << k_of_a << " where b has k = " << b.shape[0];
    note_sides(c, report, a, b);
    if (k_of_a == b.shape[1]) report.hint(fmt::format("transpose({})", c.text(b.place)));
    return report;
  }
  return sum;
}

// The accumulator: c as it is given, a number as a filled tile, zeros when left out.
std::optional<Register> sums(Context& c, const BuiltinCall& call, std::size_t i,
                             ElementType operand, ElementType natural, const vm::Shape& shape) {
  if (!call.has(i) || call[i].is_number()) {
    const Value number = call.has(i) ? call[i] : Value(std::int64_t{0});
    return as_tile(c, number, natural, shape, call.places[i]);
  }
  const auto* tile = call[i].as<Register>();
  if (!tile) return std::nullopt;
  const vm::Type type = c.type(tile->id);
  if (!sums_in(operand, type.element, natural))
    return c.error("BL0215", call.places[i])
           << call.builtin->name << " of " << vm::to_string(operand) << " sums in "
           << vm::to_string(natural) << ", and c is " << describe(type);
  if (type.shape != shape)
    return c.error("BL0203", call.place)
           << call.builtin->name << ": the product is " << layouts::to_string(shape)
           << " where c is " << describe(type);
  return *tile;
}

std::optional<Value> in_registers(Context& c, const BuiltinCall& call, std::size_t i) {
  Value value = loaded(c, call[i], call.places[i]);
  return value.poisoned() ? std::nullopt : std::optional(std::move(value));
}

Value dot(Context& c, const BuiltinCall& call) {
  const auto left = in_registers(c, call, 0), right = in_registers(c, call, 1);
  if (!left || !right) return Poison{};
  const auto a = side(c, "dot", "a", *left, call.places[0]);
  const auto b = side(c, "dot", "b", *right, call.places[1]);
  if (!a || !b) return Poison{};
  const auto natural = check_sides(c, "dot", *a, *b, a->shape[1], call.place);
  if (!natural) return Poison{};
  const vm::Shape shape = {a->shape[0], b->shape[1]};
  const auto sum = sums(c, call, 2, a->element, *natural, shape);
  if (!sum) return Poison{};
  const vm::ValueId id =
      c.emit(call.place, Opcode::Dot, vm::register_type(c.type(sum->id).element, shape),
             {a->value.as<Register>()->id, b->value.as<Register>()->id, sum->id});
  if (call.has(3)) c.build.last().set("unit", call.word(3));
  return Register{id};
}

Value sparse_dot(Context& c, const BuiltinCall& call) {
  const auto left = in_registers(c, call, 0), right = in_registers(c, call, 2);
  if (!left || !right) return Poison{};
  const auto a = side(c, "sparse_dot", "a", *left, call.places[0]);
  const auto b = side(c, "sparse_dot", "b", *right, call.places[2]);
  const auto* metadata = call[1].as<Register>();
  if (!a || !b || !metadata) return Poison{};
  const auto natural = check_sides(c, "sparse_dot", *a, *b, 2 * a->shape[1], call.place);
  if (!natural) return Poison{};
  const vm::Type meta = c.type(metadata->id);
  const vm::Shape wanted = {a->shape[0], b->shape[0] / 8};
  if (meta.element != vm::kU8 || meta.shape != wanted)
    return c.error("BL0203", call.places[1])
           << "sparse_dot: the metadata of " << c.describe(a->value) << " is "
           << describe(vm::register_type(vm::kU8, wanted)) << ", and this is " << describe(meta);
  const vm::Shape shape = {a->shape[0], b->shape[1]};
  const auto sum = sums(c, call, 3, a->element, *natural, shape);
  if (!sum) return Poison{};
  return Register{
      c.emit(call.place, Opcode::SparseDot, vm::register_type(c.type(sum->id).element, shape),
             {a->value.as<Register>()->id, metadata->id, b->value.as<Register>()->id, sum->id})};
}

// ---- Warpgroup products -------------------------------------------------------------------------

Value dot_async(Context& c, const BuiltinCall& call) {
  const Register acc = *call[0].as<Register>();
  const auto a = side(c, "dot_async", "a", call[1], call.places[1]);
  const auto b = side(c, "dot_async", "b", call[2], call.places[2]);
  if (!a || !b) return Poison{};
  const auto space = [&](const Side& one) {
    const auto* memory = one.value.as<Memory>();
    return c.type(memory ? memory->id : one.value.as<Register>()->id).space;
  };
  if (space(*b) != vm::Space::Shared || space(*a) == vm::Space::Global)
    return c.error("BL0206", call.place)
           << "dot_async takes a from registers or shared memory and b from shared memory; a is "
           << c.describe(a->value) << ", b is " << c.describe(b->value);
  const auto natural = check_sides(c, "dot_async", *a, *b, a->shape[1], call.place);
  if (!natural) return Poison{};
  const vm::Type sum = c.type(acc.id);
  const vm::Shape shape = {a->shape[0], b->shape[1]};
  if (!sums_in(a->element, sum.element, *natural))
    return c.error("BL0215", call.places[0])
           << "dot_async of " << vm::to_string(a->element) << " sums in " << vm::to_string(*natural)
           << ", and the variable is " << describe(sum);
  if (sum.shape != shape) {
    auto report = c.error("BL0203", call.place);
    report << "dot_async: the product is " << layouts::to_string(shape) << " where the variable is "
           << describe(sum);
    note_sides(c, report, *a, *b);
    return report;
  }
  const auto id = [](const Side& one) {
    return one.value.is<Memory>() ? one.value.as<Memory>()->id : one.value.as<Register>()->id;
  };
  vm::Instruction& instruction = c.emit(call.place, Opcode::DotAsync, {acc.id, id(*a), id(*b)});
  if (call.flag(3)) instruction.set("zero", true);
  return Nothing{};
}

Value dot_commit(Context& c, const BuiltinCall& call) {
  c.emit(call.place, Opcode::DotCommit, {});
  return Nothing{};
}

Value dot_wait(Context& c, const BuiltinCall& call) {
  const auto pending = generic_integer(c, call, 0, "the number of groups that may still run");
  if (!pending) return Poison{};
  if (*pending < 0 || *pending > 7)
    return c.error("BL0214", call.generic_places[0])
           << "dot_wait leaves 0 to 7 groups running, and this is " << *pending;
  c.emit(call.place, Opcode::DotWait, {}).set("pending", *pending);
  return Nothing{};
}

}  // namespace

const std::vector<Builtin>& dot_builtins() {
  static const std::vector<Builtin> table = {
      {"dot", 0, 0, "a: either, b: either, c?, unit?: auto|mma|wgmma|fma", dot},
      {"sparse_dot", 0, 0, "a: either, metadata, b: either, c?", sparse_dot},
      {"dot_async", 0, 0, "variable: variable, a: either, b: either, zero?: bool", dot_async,
       BuiltinForm::Explicit},
      {"dot_commit", 0, 0, "", dot_commit, BuiltinForm::Explicit},
      {"dot_wait", 1, 1, "", dot_wait, BuiltinForm::Explicit},
  };
  return table;
}

}  // namespace bitloom::dsl::sema
