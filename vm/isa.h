// The instruction set as data: everything that generic code wants to know of an opcode, from
// vm/isa.def.
//
//   info(Opcode::Dot).mnemonic            "dot"
//   info(Opcode::Dot).operands            {out d: Reg} {in a: Reg} {in b: Reg} {in c: Reg}
//   parse_mnemonic("dot")                 Opcode::Dot
//
// An instruction that is added to the table without its verify, evaluate and emit functions does
// not compile.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace bitloom::vm {

enum class Opcode : std::uint8_t {
#define INSTRUCTION(Name, ...) Name,
#include "vm/isa.def"
};

enum class Group : std::uint8_t {
  Control,
  Creation,
  Elementwise,
  Shape,
  Reduction,
  Contraction,
  Allocation,
  Memory,
  Copying,
  Synchronization,
  Debug
};
enum class Effect : std::uint8_t { Pure, Reads, Writes, ReadsWrites, Async, Sync, Control };
enum class Cost : std::uint8_t { Free, Alu, Sfu, Tensor, Memory, Barrier, Branch };

// What an operand may be. A Scalar is a register tile of rank 0 that has one value in the whole
// strand.
enum Spaces : std::uint8_t {
  Reg = 1,
  Scalar = 2,
  Shared = 4,
  Global = 8,
  Mem = Shared | Global,
  Bar = 16
};
enum class OperandRole : std::uint8_t { Out, In, InOut, Optional, Variadic, VariadicOut };
struct OperandInfo {
  OperandRole role;
  std::string_view name;
  std::uint8_t spaces;
};

enum class AttributeKind : std::uint8_t { Int, Real, Bool, Name, Text, Type, Shape, Layout, Words };
struct AttributeInfo {
  AttributeKind kind;
  std::string_view name;
};

struct InstructionInfo {
  Opcode opcode;
  std::string_view name;      // "CopyAsync"
  std::string_view mnemonic;  // "copy_async"
  Group group;
  std::span<const OperandInfo> operands;
  std::span<const AttributeInfo> attributes;
  int regions;  // how many; -1: any number
  Effect effect;
  Cost cost;
  int least_sm;
  std::string_view documentation;
};

const InstructionInfo& info(Opcode opcode);
std::span<const InstructionInfo> all_instructions();
std::optional<Opcode> parse_mnemonic(std::string_view mnemonic);
std::string_view to_string(Group group);
std::string_view to_string(Effect effect);
std::string_view to_string(Cost cost);
std::string_view to_string(AttributeKind kind);

}  // namespace bitloom::vm
