#include "tests/differential/coverage.h"

#include <fmt/format.h>

namespace bitloom::test {

void Coverage::add(const vm::Function& function) {
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    const auto named = [&](vm::ValueId id) {
      return id != vm::kNoValue && function.type(id).is_register();
    };
    for (const auto* list : {&instruction.inputs, &instruction.outputs}) {
      for (const vm::ValueId id : *list) {
        if (!named(id)) continue;
        return add(std::string(vm::info(instruction.opcode).mnemonic),
                   to_string(function.type(id).element), 1);
      }
    }
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
