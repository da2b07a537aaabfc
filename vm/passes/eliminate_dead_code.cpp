#include "vm/passes/eliminate_dead_code.h"

#include <unordered_map>
#include <unordered_set>

#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

bool has_effect(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::Assign:
      return false;  // lives with its variable
    case Opcode::For:
    case Opcode::Loop:
    case Opcode::If:
    case Opcode::Warps:
    case Opcode::Roles:
    case Opcode::Pipeline:
      return false;  // lives with what it contains
    default:
      break;
  }
  const Effect effect = info(instruction.opcode).effect;
  return effect != Effect::Pure && effect != Effect::Reads;
}

class Liveness {
 public:
  explicit Liveness(const Function& function) : live_value_(function.values.size(), false) {
    index(function.body, nullptr);
    walk(function.body, [&](const Instruction& instruction) {
      if (has_effect(instruction)) mark(&instruction);
    });
    while (!pending_.empty()) {
      const Instruction* instruction = pending_.back();
      pending_.pop_back();
      for (ValueId input : instruction->inputs) use(input);
    }
  }

  bool live(const Instruction& instruction) const { return live_.count(&instruction) != 0; }

 private:
  void index(const Region& region, const Instruction* parent) {
    for (const InstructionPtr& instruction : region.body) {
      parent_[instruction.get()] = parent;
      for (ValueId output : instruction->outputs) writers_[output].push_back(instruction.get());
      if (instruction->opcode == Opcode::Assign) {
        writers_[instruction->inputs[0]].push_back(instruction.get());
      }
      for (const Region& inner : instruction->regions) index(inner, instruction.get());
    }
  }

  void mark(const Instruction* instruction) {
    while (instruction && live_.insert(instruction).second) {
      pending_.push_back(instruction);
      instruction = parent_[instruction];
    }
  }

  void use(ValueId value) {
    if (value == kNoValue || live_value_[value]) return;
    live_value_[value] = true;
    for (const Instruction* writer : writers_[value]) mark(writer);
  }

  std::unordered_map<const Instruction*, const Instruction*> parent_;
  std::unordered_map<ValueId, std::vector<const Instruction*>> writers_;
  std::vector<bool> live_value_;
  std::unordered_set<const Instruction*> live_;
  std::vector<const Instruction*> pending_;
};

bool sweep(Region& region, const Liveness& liveness) {
  const std::size_t removed = std::erase_if(
      region.body, [&](const InstructionPtr& instruction) { return !liveness.live(*instruction); });
  bool changed = removed > 0;
  for (InstructionPtr& instruction : region.body) {
    for (Region& inner : instruction->regions) changed |= sweep(inner, liveness);
  }
  return changed;
}

}  // namespace

PassResult eliminate_dead_code(Function& function, PassContext&) {
  const Liveness liveness(function);
  return sweep(function.body, liveness) ? PassResult::Changed : PassResult::Unchanged;
}

}  // namespace bitloom::vm
