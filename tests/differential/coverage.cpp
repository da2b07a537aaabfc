#include "tests/differential/coverage.h"

#include <fmt/format.h>

namespace bitloom::test {
namespace {

// The operand whose type an instruction is counted under: of accesses what they move, of a choice
// what is chosen, else the first one.
vm::ValueId typed_by(const vm::Instruction& instruction, vm::ValueId first) {
  switch (instruction.opcode) {
    case vm::Opcode::Load:
    case vm::Opcode::Gather:
    case vm::Opcode::Window:
    case vm::Opcode::Copy:
    case vm::Opcode::CopyAsync:
    case vm::Opcode::Scatter:
    case vm::Opcode::Atomic:
    case vm::Opcode::Compact:
    case vm::Opcode::CopyBulk:
    case vm::Opcode::CopyTensor:
    case vm::Opcode::StoreBulk:
    case vm::Opcode::StoreTensor:
    case vm::Opcode::MapShared:
      return instruction.inputs[0];
    case vm::Opcode::DotAsync:  // not the sum
    case vm::Opcode::Select:
      return instruction.inputs[1];
    default:
      return first;
  }
}

}  // namespace

void Coverage::add(const vm::Function& function) {
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    const std::string name(vm::info(instruction.opcode).mnemonic);
    for (const bool registers : {true, false}) {
      for (const auto* list : {&instruction.inputs, &instruction.outputs}) {
        for (const vm::ValueId id : *list) {
          if (id == vm::kNoValue || (registers && !function.type(id).is_register())) continue;
          // What an access moves, not where: offsets are integers, a condition is a bool.
          return add(name, to_string(function.type(typed_by(instruction, id)).element), 1);
        }
      }
    }
    add(name, "-", 1);
  });
}

void Coverage::add(const std::string& mnemonic, const std::string& element, std::uint64_t times) {
  counts_[{mnemonic, element}] += times;
}

std::string Coverage::table() const {
  std::string text, last;
  for (const auto& [key, times] : counts_) {
    if (key.first != last) text += fmt::format("{}{:<16}", last.empty() ? "" : "\n", key.first);
    last = key.first;
    text += fmt::format(" {}:{}", key.second, times);
  }
  return text + "\n";
}

}  // namespace bitloom::test
