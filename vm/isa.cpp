#include "vm/isa.h"

#include <array>
#include <cstddef>

namespace bitloom::vm {
namespace {

// One array of operands and one of attributes an instruction, each ended by an entry without a name
// so that empty lists are arrays too.
#define OUT(name, spaces) OperandInfo{OperandRole::Out, #name, spaces},
#define IN(name, spaces) OperandInfo{OperandRole::In, #name, spaces},
#define INOUT(name, spaces) OperandInfo{OperandRole::InOut, #name, spaces},
#define OPT(name, spaces) OperandInfo{OperandRole::Optional, #name, spaces},
#define INS(name, spaces) OperandInfo{OperandRole::Variadic, #name, spaces},
#define OUTS(name, spaces) OperandInfo{OperandRole::VariadicOut, #name, spaces},
#define ATTR(name, kind) AttributeInfo{AttributeKind::kind, #name},
#define INSTRUCTION(Name, mnemonic, group, operands, attributes, ...)                          \
  constexpr OperandInfo k##Name##Operands[] = {operands OperandInfo{OperandRole::Out, {}, 0}}; \
  constexpr AttributeInfo k##Name##Attributes[] = {                                            \
      attributes AttributeInfo{AttributeKind::Int, {}}};
#include "vm/isa.def"

template <class T, std::size_t N>
constexpr std::span<const T> all_but_last(const T (&list)[N]) {
  return std::span<const T>(list, N - 1);
}

const InstructionInfo kTable[] = {
#define INSTRUCTION(Name, mnemonic, group, operands, attributes, regions, effect, cost, sm, doc) \
  {Opcode::Name,                                                                                 \
   #Name,                                                                                        \
   #mnemonic,                                                                                    \
   Group::group,                                                                                 \
   all_but_last(k##Name##Operands),                                                              \
   all_but_last(k##Name##Attributes),                                                            \
   regions,                                                                                      \
   Effect::effect,                                                                               \
   Cost::cost,                                                                                   \
   sm,                                                                                           \
   doc},
#include "vm/isa.def"
};

}  // namespace

const InstructionInfo& info(Opcode opcode) {
  return kTable[static_cast<std::size_t>(opcode)];
}

std::span<const InstructionInfo> all_instructions() {
  return kTable;
}

std::optional<Opcode> parse_mnemonic(std::string_view mnemonic) {
  for (const InstructionInfo& row : kTable) {
    if (row.mnemonic == mnemonic) return row.opcode;
  }
  return std::nullopt;
}

std::string_view to_string(Group group) {
  switch (group) {
    case Group::Control:
      return "control";
    case Group::Creation:
      return "creation";
    case Group::Elementwise:
      return "elementwise";
    case Group::Shape:
      return "shape";
    case Group::Reduction:
      return "reduction";
    case Group::Contraction:
      return "contraction";
    case Group::Allocation:
      return "allocation";
    case Group::Memory:
      return "memory";
    case Group::Copying:
      return "copying";
    case Group::Synchronization:
      return "synchronization";
    case Group::Debug:
      return "debug";
  }
  return "";
}

std::string_view to_string(Effect effect) {
  switch (effect) {
    case Effect::Pure:
      return "pure";
    case Effect::Reads:
      return "reads";
    case Effect::Writes:
      return "writes";
    case Effect::ReadsWrites:
      return "reads and writes";
    case Effect::Async:
      return "async";
    case Effect::Sync:
      return "synchronizes";
    case Effect::Control:
      return "control";
  }
  return "";
}

std::string_view to_string(Cost cost) {
  switch (cost) {
    case Cost::Free:
      return "free";
    case Cost::Alu:
      return "alu";
    case Cost::Sfu:
      return "sfu";
    case Cost::Tensor:
      return "tensor";
    case Cost::Memory:
      return "memory";
    case Cost::Barrier:
      return "barrier";
    case Cost::Branch:
      return "branch";
  }
  return "";
}

std::string_view to_string(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::Int:
      return "int";
    case AttributeKind::Real:
      return "real";
    case AttributeKind::Bool:
      return "bool";
    case AttributeKind::Name:
      return "name";
    case AttributeKind::Text:
      return "text";
    case AttributeKind::Type:
      return "type";
    case AttributeKind::Shape:
      return "shape";
    case AttributeKind::Layout:
      return "layout";
    case AttributeKind::Words:
      return "words";
  }
  return "";
}

}  // namespace bitloom::vm
