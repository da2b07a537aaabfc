#include "vm/passes/lower_conversions.h"

#include <unordered_map>

#include "vm/packed_type.h"
#include "vm/passes/conversion_programs.h"
#include "vm/passes/layout_tools.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

using layouts::PackedAtom;

class ConversionLowering {
 public:
  ConversionLowering(Function& function, PassContext& context)
      : function_(function), context_(context), programs_(context.target.sm) {}

  PassResult run() {
    find_encoded();
    count_uses(function_.body);
    find_reordered(function_.body);
    visit(function_.body);
    if (failed_) return PassResult::Failed;
    return changed_ ? PassResult::Changed : PassResult::Unchanged;
  }

 private:
  void find_encoded();
  void find_reordered(Region& region);
  void count_uses(const Region& region);
  void visit(Region& region);
  void visit_cast(Instruction& cast, Builder& out);
  void visit_scaled(const Instruction& cast, Builder& out);
  void cast_bool(const Instruction& cast, ValueId x, Builder& out);
  ValueId step_towards(const Instruction& cast, ValueId x, Builder& out);
  ValueId round_first(const Instruction& cast, ValueId x, Builder& out);
  ValueId clamp(ValueId x, ElementType to, Builder& out);
  bool emit_words(ValueId d, ValueId x, Rounding rounding, const Instruction& at, Builder& out);
  ValueId words(ValueId x, ElementType to, const Instruction& at, Builder& out);

  bool keeps_encoding(const Instruction& instruction, std::size_t input) const;
  ValueId dense(ValueId x, const Instruction& user, Builder& out);
  ValueId rounded_to_odd(ValueId x, Builder& out);
  ValueId encoded(ValueId x, const PackedAtom& atom, const Instruction& user, Builder& out);
  const PackedAtom* atom(ValueId value) const {
    const auto found = encoded_.find(value);
    return found == encoded_.end() ? nullptr : found->second;
  }
  ValueId like(ValueId value, ElementType element, Builder& out, Opcode opcode,
               std::vector<ValueId> inputs) {
    Type type = function_.type(value);
    type.element = element;
    return out.emit(opcode, std::move(type), std::move(inputs));
  }
  void fail(const Instruction& at, const std::string& sentence,
            const char* hint = "cast in two steps, through a type of 32 bits");

  Function& function_;
  PassContext& context_;
  ConversionPrograms programs_;
  std::unordered_map<ValueId, const PackedAtom*> encoded_;
  std::vector<std::unique_ptr<PackedAtom>> owned_;
  std::unordered_map<ValueId, int> uses_;
  // A scaled cast gives its result in the order of a layout conversion that stood behind it.
  std::unordered_map<ValueId, std::vector<std::int64_t>> orders_;
  bool changed_ = false, failed_ = false;
};

void ConversionLowering::fail(const Instruction& at, const std::string& sentence,
                              const char* hint) {
  failed_ = true;
  context_.diagnostics.error("BL0311", at.span, sentence).hint(hint);
}

// ---- Encodings of tiles ----

// Packed loads, and what they reach without a bit being moved. Variables that were given such a
// tile hold it in every iteration; what they begin with is never looked at as numbers.
void ConversionLowering::find_encoded() {
  walk(function_.body, [&](const Instruction& instruction) {
    if (instruction.opcode != Opcode::Load) return;
    const auto& packed = function_.type(instruction.inputs[0]).packed;
    const auto& layout = function_.type(instruction.outputs[0]).layout;
    if (!packed || !layout || !is_packed_layout(*layout, *packed)) return;
    owned_.push_back(std::make_unique<PackedAtom>(*packed));
    encoded_[instruction.outputs[0]] = owned_.back().get();
  });
  for (std::size_t known = 0; known != encoded_.size();) {
    known = encoded_.size();
    walk(function_.body, [&](const Instruction& instruction) {
      switch (instruction.opcode) {
        case Opcode::Var:
        case Opcode::Transpose:
        case Opcode::Reshape:
          if (const PackedAtom* found = atom(instruction.inputs[0])) {
            encoded_[instruction.outputs[0]] = found;
          }
          break;
        case Opcode::Assign:
          if (const PackedAtom* found = atom(instruction.inputs[1])) {
            encoded_[instruction.inputs[0]] = found;
          }
          break;
        default:
          break;
      }
    });
  }
}

// ---- Order within a thread ----

void ConversionLowering::count_uses(const Region& region) {
  walk(region, [&](const Instruction& instruction) {
    for (const ValueId input : instruction.inputs) ++uses_[input];
  });
}

// For every register of `to`, the register of `from` that holds its element, in every thread.
std::vector<std::int64_t> register_order(const RegisterLayout& from, const RegisterLayout& to) {
  std::vector<std::int64_t> order;
  for (std::int64_t reg = 0; reg < to.registers(); ++reg) {
    std::int64_t found = 0;
    while (found < from.registers() && from.element(0, found) != to.element(0, reg)) ++found;
    order.push_back(found);
  }
  return order;
}

// A scaled cast whose result is only wanted in other registers of the same threads: where codes
// are collected bit by bit anyway, the order costs nothing, and often less. Packed weights, which
// lie in the order of 16-bit operands, so become operands of 8 bits.
void ConversionLowering::find_reordered(Region& region) {
  std::unordered_map<ValueId, Instruction*> casts;
  std::vector<InstructionPtr> kept;
  for (InstructionPtr& instruction : region.body) {
    for (Region& inner : instruction->regions) find_reordered(inner);
    if (instruction->opcode == Opcode::CastScaled) {
      casts[instruction->outputs[0]] = instruction.get();
    } else if (instruction->opcode == Opcode::ConvertLayout) {
      const ValueId x = instruction->inputs[0], d = instruction->outputs[0];
      const auto cast = casts.find(x);
      if (cast != casts.end() && uses_[x] == 1) {
        const RegisterLayout &from = *function_.type(x).layout, &to = *function_.type(d).layout;
        if (movement(from, to) == Movement::Registers && from.registers() == to.registers()) {
          orders_[d] = register_order(from, to);
          cast->second->outputs[0] = d;
          changed_ = true;
          continue;
        }
      }
    }
    kept.push_back(std::move(instruction));
  }
  region.body = std::move(kept);
}

bool ConversionLowering::keeps_encoding(const Instruction& instruction, std::size_t input) const {
  switch (instruction.opcode) {
    case Opcode::Cast:
    case Opcode::CastScaled:
    case Opcode::View:
    case Opcode::Transpose:
    case Opcode::Reshape:
    case Opcode::Var:
      return true;
    case Opcode::Assign:
      return atom(instruction.inputs[0]) != nullptr;
    case Opcode::Store: {
      const auto& packed = function_.type(instruction.inputs[0]).packed;
      return input == 1 && packed && *packed == *atom(instruction.inputs[1]);
    }
    default:
      return false;
  }
}

ValueId ConversionLowering::dense(ValueId x, const Instruction& user, Builder& out) {
  const ElementType type = function_.type(x).element;
  return words(x, type, user, out);
}

ValueId ConversionLowering::encoded(ValueId x, const PackedAtom& packed, const Instruction& user,
                                    Builder& out) {
  const Type type = function_.type(x);
  const auto program = programs_.encode(type.element, type.layout->registers(), packed.encoding());
  if (!program) {
    fail(user, program.error());
    return x;
  }
  const ValueId result = like(x, type.element, out, Opcode::Words, {x});
  out.last().set("program", *program);
  return result;
}

void ConversionLowering::visit(Region& region) {
  std::vector<InstructionPtr> body = std::move(region.body);
  region.body.clear();
  Builder out(function_, region);
  for (InstructionPtr& instruction : body) {
    out.at(instruction->span);
    for (std::size_t i = 0; i < instruction->inputs.size(); ++i) {
      ValueId& input = instruction->inputs[i];
      if (input == kNoValue || !atom(input) || keeps_encoding(*instruction, i)) continue;
      const bool variable = instruction->opcode == Opcode::Assign && i == 0;
      if (variable) continue;
      input = dense(input, *instruction, out);
      changed_ = true;
    }
    if (instruction->opcode == Opcode::Assign && atom(instruction->inputs[0]) &&
        !atom(instruction->inputs[1])) {
      ValueId& x = instruction->inputs[1];
      x = encoded(x, *atom(instruction->inputs[0]), *instruction, out);
    }
    if (instruction->opcode == Opcode::Store) {
      const auto packed = function_.type(instruction->inputs[0]).packed;
      const Type& tile = function_.type(instruction->inputs[1]);
      if (packed && !atom(instruction->inputs[1]) && is_packed_layout(*tile.layout, *packed)) {
        instruction->inputs[1] = encoded(instruction->inputs[1], *packed, *instruction, out);
        changed_ = true;
      }
    }
    if (instruction->opcode == Opcode::Cast) {
      const Type& to = function_.type(instruction->outputs[0]);
      const ElementType from = function_.type(instruction->inputs[0]).element;
      if (!to.is_scalar() && (from.is_narrow() || to.element.is_narrow())) {
        visit_cast(*instruction, out);
        changed_ = true;
        continue;
      }
    }
    if (instruction->opcode == Opcode::CastScaled) {
      visit_scaled(*instruction, out);
      changed_ = true;
      continue;
    }
    for (Region& inner : instruction->regions) visit(inner);
    region.body.push_back(std::move(instruction));
  }
}

// ---- Casts ----

bool ConversionLowering::emit_words(ValueId d, ValueId x, Rounding rounding, const Instruction& at,
                                    Builder& out) {
  const Type& from = function_.type(x);
  const PackedAtom* packed = atom(x);
  const auto program =
      programs_.convert(from.element, function_.type(d).element, from.layout->registers(), rounding,
                        packed ? &packed->encoding() : nullptr);
  if (!program) {
    if (rounding == Rounding::NearestEven)
      fail(at, program.error());
    else
      fail(at, program.error(), "leave `rounding` out, or cast to a type of 16 bits or more");
    return false;
  }
  Instruction& instruction = out.emit(Opcode::Words, {x});
  instruction.outputs = {d};
  instruction.set("program", *program);
  return true;
}

ValueId ConversionLowering::words(ValueId x, ElementType to, const Instruction& at, Builder& out) {
  Type type = function_.type(x);
  type.element = to;
  const ValueId result = function_.add_value(function_.value(x).name, std::move(type), at.span);
  emit_words(result, x, Rounding::NearestEven, at, out);
  return result;
}

// The numbers as a type of 32 bits, exactly.
ValueId ConversionLowering::step_towards(const Instruction& cast, ValueId x, Builder& out) {
  const ElementType from = function_.type(x).element;
  const bool whole = from.is_integer() || from.type_class == TypeClass::Codebook;
  return words(x, whole ? kI32 : kF32, cast, out);
}

// Integers of 64 bits brought into the range of a narrow type.
ValueId ConversionLowering::clamp(ValueId x, ElementType to, Builder& out) {
  const Type type = function_.type(x);
  const auto limit = [&](Opcode opcode, std::int64_t bound) {
    const ValueId tile = like(x, type.element, out, Opcode::Constant, {});
    out.last().set("integer", bound);
    x = like(x, type.element, out, opcode, {x, tile});
  };
  // Wide enough for every narrow type; the word program saturates the rest.
  limit(Opcode::Min, to.is_float() ? 1 << 24 : 255);
  if (type.element.is_signed()) limit(Opcode::Max, to.is_float() ? -(1 << 24) : -255);
  return x;
}

// Rounding down or up to a narrow integer: first to a whole number, then exactly.
ValueId ConversionLowering::round_first(const Instruction& cast, ValueId x, Builder& out) {
  const std::string_view rounding = cast.word("rounding");
  if (rounding != "down" && rounding != "up") return x;
  const ElementType from = function_.type(x).element;
  const ElementType to = function_.type(cast.outputs[0]).element;
  if ((!from.is_float() && from != kE8M0) || !to.is_integer()) return x;
  if (from.is_narrow() || from == kTF32) x = words(x, kF32, cast, out);
  return like(x, function_.type(x).element, out, rounding == "down" ? Opcode::Floor : Opcode::Ceil,
              {x});
}

// f64 as f32 whose last bit is set where something was lost: rounded once more, to a type that is
// narrower by two bits at least, it gives what one rounding gives (docs/numerics.md).
ValueId ConversionLowering::rounded_to_odd(ValueId x, Builder& out) {
  const ValueId near = like(x, kF32, out, Opcode::Cast, {x});
  out.last().set("rounding", std::string("zero"));
  const ValueId back = like(x, kF64, out, Opcode::Cast, {near});
  const ValueId exact = like(x, kBool, out, Opcode::Compare, {back, x});
  out.last().set("predicate", std::string("eq"));
  const ValueId bits = like(x, kU32, out, Opcode::View, {near});
  const ValueId one = like(x, kU32, out, Opcode::Constant, {});
  out.last().set("integer", std::int64_t{1});
  const ValueId odd = like(x, kU32, out, Opcode::Or, {bits, one});
  return like(x, kF32, out, Opcode::View, {like(x, kU32, out, Opcode::Select, {exact, bits, odd})});
}

// Between integers nothing is rounded, whatever the text says; for an integer type round_first has
// rounded down or up already.
Rounding rounding_of(const Instruction& cast, ElementType from, ElementType to) {
  const std::string_view rounding = cast.word("rounding");
  if (from.is_integer() && to.is_integer()) return Rounding::NearestEven;
  if (rounding == "zero") return Rounding::TowardZero;
  if (to.is_integer()) return Rounding::NearestEven;
  return rounding == "down" ? Rounding::Down
         : rounding == "up" ? Rounding::Up
                            : Rounding::NearestEven;
}

void ConversionLowering::visit_cast(Instruction& cast, Builder& out) {
  const ValueId d = cast.outputs[0];
  const ElementType to = function_.type(d).element;
  ValueId x = round_first(cast, cast.inputs[0], out);
  const ElementType from = function_.type(x).element;
  if (from.is_bool() || to.is_bool()) return cast_bool(cast, x, out);
  if (to.bits == 64) {
    x = step_towards(cast, x, out);
    Instruction& rest = out.emit(Opcode::Cast, {x});
    rest.outputs = {d};
    if (cast.find("rounding")) rest.set("rounding", std::string(cast.word("rounding")));
    return;
  }
  if (from.bits == 64) {
    if (from.is_float() && (to.is_float() || to == kE8M0)) {
      x = rounded_to_odd(x, out);
    } else {
      if (to == kE8M0) {
        return fail(cast, "a cast from " + to_string(from) + " to " + to_string(to) +
                              " has no word program: through f32 it would round twice");
      }
      if (!from.is_float()) x = clamp(x, to, out);
      x = like(x, to.is_float() ? kF32 : kI32, out, Opcode::Cast, {x});
      if (from.is_float() && cast.find("rounding")) {
        out.last().set("rounding", std::string(cast.word("rounding")));
      }
    }
  }
  emit_words(d, x, rounding_of(cast, from, to), cast, out);
}

// Which register of the scale belongs to each register of the tile, in every thread alike.
std::optional<std::vector<std::uint32_t>> scale_registers(const RegisterLayout& tile,
                                                          const RegisterLayout& scale) {
  std::vector<std::uint32_t> result;
  for (std::int64_t reg = 0; reg < tile.registers(); ++reg) {
    const auto column = [&](std::int64_t t) { return tile.element(t, reg)[1]; };
    std::int64_t found = 0;
    while (found < scale.registers() && scale.element(0, found)[1] != column(0)) ++found;
    for (std::int64_t t = 0; t < tile.threads(); ++t) {
      if (found == scale.registers() || scale.element(t, found)[1] != column(t))
        return std::nullopt;
    }
    result.push_back(static_cast<std::uint32_t>(found));
  }
  return result;
}

// The exponent of the row of each register; nothing if it differs from thread to thread.
std::optional<std::vector<int>> exponents_of_rows(const RegisterLayout& tile, ElementType from,
                                                  ElementType to) {
  std::vector<int> result;
  for (std::int64_t reg = 0; reg < tile.registers(); ++reg) {
    const auto exponent = [&](std::int64_t thread) {
      return row_exponent(from, to, tile.element(thread, reg)[0]);
    };
    for (std::int64_t thread = 1; thread < tile.threads(); ++thread)
      if (exponent(thread) != exponent(0)) return std::nullopt;
    result.push_back(exponent(0));
  }
  return result;
}

// One program gives both results: the scales are constants that it found.
void ConversionLowering::visit_scaled(const Instruction& cast, Builder& out) {
  const ValueId x = cast.inputs[0];
  const Type &from = function_.type(x), &scale = function_.type(cast.outputs[1]);
  const auto groups = scale_registers(*from.layout, *scale.layout);
  if (!groups) return fail(cast, "the columns of the tile and of its scale lie in other threads");
  const ElementType to = function_.type(cast.outputs[0]).element;
  std::vector<int> rows;
  if (cast.flag("rows")) {
    const auto exponents = exponents_of_rows(*from.layout, from.element, to);
    if (!exponents) return fail(cast, "the threads have rows of different exponents");
    rows = *exponents;
  }
  const auto order = orders_.find(cast.outputs[0]);
  const auto program = programs_.convert_scaled(
      from.element, to, *groups, scale.layout->registers(), rows,
      atom(x) ? &atom(x)->encoding() : nullptr,
      order == orders_.end() ? std::vector<std::int64_t>() : order->second);
  if (!program) return fail(cast, program.error());
  Instruction& instruction = out.emit(Opcode::Words, {x});
  instruction.outputs = cast.outputs;
  instruction.set("program", *program);
}

// Truth values: compared with zero, or chosen between 0 and 1.
void ConversionLowering::cast_bool(const Instruction& cast, ValueId x, Builder& out) {
  const ValueId d = cast.outputs[0];
  const ElementType to = function_.type(d).element;
  const auto number = [&](ValueId tile, ElementType element, int value) {
    const ValueId result = like(tile, element, out, Opcode::Constant, {});
    if (element.is_float() || element == kE8M0) {
      out.last().set("value", static_cast<double>(value));
    } else {
      out.last().set("integer", std::int64_t{value});
    }
    return result;
  };
  if (to.is_bool()) {
    x = step_towards(cast, x, out);
    const ValueId zero = number(x, function_.type(x).element, 0);
    Instruction& compare = out.emit(Opcode::Compare, {x, zero});
    compare.outputs = {d};
    compare.set("predicate", std::string("ne"));
    return;
  }
  const ValueId one = number(d, to, 1), zero = number(d, to, 0);
  out.emit(Opcode::Select, {x, one, zero}).outputs = {d};
}

}  // namespace

PassResult lower_conversions(Function& function, PassContext& context) {
  return ConversionLowering(function, context).run();
}

}  // namespace bitloom::vm
