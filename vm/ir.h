// The IR of a kernel: what the language lowers to, the passes rewrite, the interpreter runs and
// codegen prints.
//
// A Function is one kernel, specialised: every type, tile shape and unroll count is a constant;
// only the sizes of global tensors (and scalar parameters) are known at launch. It owns its Values;
// instructions name them by id.
//
//   Value         a register tile, a shared tile, a global tensor, mbarriers, or a view (window) of
//   one of those Instruction   opcode, outputs, inputs, attributes, nested regions, the place in
//   the text it came from Region        arguments (a loop's index) and a list of instructions;
//   control flow is structured, there are no jumps
//
// **Strands.** A block begins as one strand: all its threads, running one instruction stream.
// `roles` splits a strand into several that run at the same time, `warps` into one a warp. A rank-0
// register value (a scalar) has one value in a strand; a register tile is spread over the threads
// of the strand that defined it, as its layout says.
//
// **Registers are not SSA.** A value is defined by one instruction, but a variable (`var`) may be
// changed later by `assign` and `dot_async`. Passes that move code must respect that;
// `Value::variable` says which values may change.
//
// **Memory views.** A window keeps the number of dimensions that its `keep` says; its offsets are
// in elements of the viewed value, so windows of windows add up. Views own nothing and are never
// copied. A dimension whose extent only the launch knows may stay whole (extent -1, offset 0): the
// view then has `extents`, and serves gather, scatter and atomics with an index along it. Clipping
// is a property of the access (attribute `clip`), not of the view: which elements lie outside is
// judged against the root tensor's extents. `clip` has one entry for each dimension of the accessed
// view; places in the dimensions that the view has dropped are clipped when any entry is 1, and a
// view that has dropped all of them has the one entry [1].
//
// Two stages of one IR: before vm/passes, layouts may be missing and comfortable instructions
// (`pipeline`, `copy`) are there; after `lower_all` every register tile has a layout, every
// conversion is a word program, shared memory has offsets, and the program is what the interpreter
// runs and codegen prints for the target.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "layouts/packing.h"
#include "layouts/register_layout.h"
#include "layouts/shape.h"
#include "layouts/shared_layout.h"
#include "layouts/size_expr.h"
#include "vm/element_type.h"
#include "vm/isa.h"
#include "vm/source.h"

namespace bitloom::vm {

struct WordProgram;  // vm/words/word_program.h

using layouts::Shape;

using ValueId = std::uint32_t;
inline constexpr ValueId kNoValue = 0xffffffffu;  // an absent optional operand

enum class Space : std::uint8_t { Register, Shared, Global, Barrier };

struct Type {
  Space space = Space::Register;
  ElementType element = kI32;
  Shape shape;  // constant extents; for a global parameter all -1: its extents stand in `extents`
  std::vector<layouts::SizeExpr> extents;  // global parameters only
  std::optional<layouts::RegisterLayout>
      layout;  // register tiles, after assign_layouts (or by the text)
  std::optional<layouts::SharedLayout> shared;  // shared tiles that are not packed, roots only
  std::optional<layouts::PackedAtom> packed;    // packed global and shared tensors; the last two
                                                // dimensions of the root are the atom's (k, n)
  bool is_register() const { return space == Space::Register; }
  bool is_scalar() const { return space == Space::Register && shape.empty(); }
  bool is_memory() const { return space == Space::Shared || space == Space::Global; }
  int rank() const {
    return static_cast<int>(space == Space::Global && !extents.empty() ? extents.size()
                                                                       : shape.size());
  }
};
std::string to_string(const Type& type);  // "f16[16, 64]", "global packed u4[k, n]", "shared f16[4,
                                          // 16, 64]", "mbarrier[4]"

struct Value {
  std::string name;  // as in the text, may be empty; printed as %name.id
  Type type;
  Span span;
  bool variable = false;
};

using AttributeValue = std::variant<std::int64_t, double, bool, std::string, ElementType, Shape,
                                    layouts::RegisterLayout, std::shared_ptr<const WordProgram>>;

struct Instruction;
using InstructionPtr = std::unique_ptr<Instruction>;

struct Region {
  std::vector<ValueId> arguments;
  std::vector<InstructionPtr> body;
};

struct Instruction {
  Opcode opcode = Opcode::Constant;
  std::vector<ValueId> outputs;  // Out operands, then VariadicOut
  std::vector<ValueId>
      inputs;  // InOut, In, Optional (kNoValue when absent) in the order of the row, then Variadic
  std::vector<std::pair<std::string, AttributeValue>>
      attributes;  // in the order of the row; absent: its default
  std::vector<Region> regions;
  Span span;

  const AttributeValue* find(std::string_view name) const;
  void set(std::string_view name, AttributeValue value);
  void erase(std::string_view name);
  // The attribute's value, or the default when it is absent (0, 0.0, false, "", empty).
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const;
  double real(std::string_view name, double otherwise = 0) const;
  bool flag(std::string_view name) const;
  std::string_view word(std::string_view name, std::string_view otherwise = {}) const;
  const Shape& shape(std::string_view name) const;  // empty when absent
};

// A condition on sizes that holds at every launch, with the text that a message shows.
struct Constraint {
  layouts::SizeExpr condition;
  std::string text;
  std::string message;  // may be empty
  Span span;
};

struct Parameter {
  ValueId value = kNoValue;  // a global tensor, or a scalar
  bool optional = false;  // written `optional`; `present` says whether this specialisation has it
  bool present = true;
};

struct Function {
  std::string name;
  Span span;
  std::vector<std::pair<std::string, std::string>>
      specialization;  // ("W", "u4"), in the order of the text

  std::vector<Value> values;
  std::vector<ValueId>
      sizes;  // i64 scalars named as in the text (m, n, k): the symbols of every SizeExpr
  std::vector<Parameter> parameters;
  std::vector<layouts::SizeExpr>
      grid;  // one to three; may use the symbols of `sizes` and "device.sms"
  std::vector<Constraint> constraints;
  int threads = 0;                 // of a block
  int cluster = 1;                 // blocks of a cluster, along the first axis
  int min_blocks = 0;              // least blocks an SM; 0: not said
  bool resident = false;           // the whole grid must be resident at once
  bool comfortable = true;         // barriers and clipping are the compiler's
  std::int64_t shared_bytes = -1;  // after plan_shared_memory
  int target_sm = 0;               // 80, 86, 89, 90 after lowering
  Region body;

  Value& value(ValueId id) { return values[id]; }
  const Value& value(ValueId id) const { return values[id]; }
  const Type& type(ValueId id) const { return values[id].type; }
  ValueId add_value(std::string value_name, Type type, Span span = {}, bool variable = false);

  Function clone() const;
};

struct Module {
  std::vector<Function> functions;
};

// Calls f(Instruction&) for every instruction of a region, outer before inner, in order.
template <class F>
void walk(Region& region, F&& f) {
  for (InstructionPtr& instruction : region.body) {
    f(*instruction);
    for (Region& inner : instruction->regions) walk(inner, f);
  }
}
template <class F>
void walk(const Region& region, F&& f) {
  for (const InstructionPtr& instruction : region.body) {
    f(static_cast<const Instruction&>(*instruction));
    for (const Region& inner : instruction->regions) walk(inner, f);
  }
}

// The instruction that defines each value; nullptr for parameters, sizes and region arguments.
std::vector<const Instruction*> definitions(const Function& function);
// The value that a chain of views (window, permute_view, memory_view, map_shared) began with.
ValueId root_of(const Function& function, const std::vector<const Instruction*>& definitions,
                ValueId view);

InstructionPtr clone(const Instruction& instruction);
Region clone(const Region& region);

}  // namespace bitloom::vm
