// Typed views of instructions: DotOp{instruction}.a() is the id of operand `a`. Generated from
// vm/isa.def.
//
//   if (const auto dot = as<DotOp>(instruction)) use(dot->a(), dot->b());
//
// A view is a pointer; it owns nothing. Optional operands give kNoValue when absent, variadic ones
// a span.
#pragma once

#include <optional>
#include <span>

#include "vm/ir.h"

namespace bitloom::vm {

namespace detail {

// Where operand `name` of an opcode stands among the instruction's outputs or inputs.
constexpr int operand_slot(std::span<const OperandInfo> operands, std::string_view name) {
  int outputs = 0, inputs = 0;
  for (const OperandInfo& operand : operands) {
    const bool out = operand.role == OperandRole::Out || operand.role == OperandRole::VariadicOut;
    if (operand.name == name) return out ? outputs : inputs;
    ++(out ? outputs : inputs);
  }
  return -1;
}

}  // namespace detail

struct OpView {
  const Instruction* instruction = nullptr;

  const Instruction* operator->() const { return instruction; }
  const Instruction& operator*() const { return *instruction; }

 protected:
  int slot(std::string_view name) const {
    return detail::operand_slot(info(instruction->opcode).operands, name);
  }
  ValueId out(std::string_view name) const { return instruction->outputs[slot(name)]; }
  ValueId in(std::string_view name) const { return instruction->inputs[slot(name)]; }
  std::span<const ValueId> ins(std::string_view name) const {
    return std::span<const ValueId>(instruction->inputs).subspan(slot(name));
  }
  std::span<const ValueId> outs(std::string_view name) const {
    return std::span<const ValueId>(instruction->outputs).subspan(slot(name));
  }
};

#define OUT(name, spaces)      \
  ValueId name() const {       \
    return OpView::out(#name); \
  }
#define IN(name, spaces)      \
  ValueId name() const {      \
    return OpView::in(#name); \
  }
#define INOUT(name, spaces)   \
  ValueId name() const {      \
    return OpView::in(#name); \
  }
#define OPT(name, spaces)     \
  ValueId name() const {      \
    return OpView::in(#name); \
  }
#define INS(name, spaces)                 \
  std::span<const ValueId> name() const { \
    return OpView::ins(#name);            \
  }
#define OUTS(name, spaces)                \
  std::span<const ValueId> name() const { \
    return OpView::outs(#name);           \
  }
#define ATTR(name, kind) static constexpr std::string_view k_##name = #name;
#define INSTRUCTION(Name, mnemonic, group, operands, attributes, regions, effect, cost, sm, doc) \
  struct Name##Op : OpView {                                                                     \
    static constexpr Opcode kOpcode = Opcode::Name;                                              \
    explicit Name##Op(const Instruction& i) : OpView{&i} {}                                      \
    operands attributes                                                                          \
  };
#include "vm/isa.def"
#undef OUT
#undef IN
#undef INOUT
#undef OPT
#undef INS
#undef OUTS
#undef ATTR

template <class Op>
std::optional<Op> as(const Instruction& instruction) {
  if (instruction.opcode != Op::kOpcode) return std::nullopt;
  return Op(instruction);
}

// Calls f with the typed view of the instruction; f must take every op, so that a missing function
// does not compile.
template <class F>
decltype(auto) visit(const Instruction& instruction, F&& f) {
  switch (instruction.opcode) {
#define INSTRUCTION(Name, ...) \
  case Opcode::Name:           \
    return f(Name##Op(instruction));
#include "vm/isa.def"
  }
  __builtin_unreachable();
}

}  // namespace bitloom::vm
