#include "vm/passes/rewrite.h"

namespace bitloom::vm {

void substitute_inputs(Instruction& instruction, const Substitution& substitution) {
  for (ValueId& input : instruction.inputs) input = substitution(input);
}

void substitute(Region& region, const Substitution& substitution) {
  walk(region, [&](Instruction& instruction) { substitute_inputs(instruction, substitution); });
}

namespace {

ValueId fresh_like(Function& function, ValueId value) {
  const Value original = function.value(value);  // a copy: add_value may move the values
  return function.add_value(original.name, original.type, original.span, original.variable);
}

}  // namespace

InstructionPtr clone_fresh(Function& function, const Instruction& instruction,
                           Substitution& substitution) {
  auto copy = std::make_unique<Instruction>();
  copy->opcode = instruction.opcode;
  copy->attributes = instruction.attributes;
  copy->span = instruction.span;
  copy->inputs = instruction.inputs;
  substitute_inputs(*copy, substitution);
  for (ValueId output : instruction.outputs) {
    copy->outputs.push_back(fresh_like(function, output));
    substitution.set(output, copy->outputs.back());
  }
  for (const Region& region : instruction.regions) {
    Region& fresh = copy->regions.emplace_back();
    for (ValueId argument : region.arguments) {
      fresh.arguments.push_back(fresh_like(function, argument));
      substitution.set(argument, fresh.arguments.back());
    }
    clone_fresh_body(function, region, substitution, fresh);
  }
  return copy;
}

void clone_fresh_body(Function& function, const Region& from, Substitution& substitution,
                      Region& to) {
  for (const InstructionPtr& instruction : from.body) {
    to.body.push_back(clone_fresh(function, *instruction, substitution));
  }
}

bool contains_jump_of_this_loop(const Region& body, Opcode jump) {
  for (const InstructionPtr& instruction : body.body) {
    if (instruction->opcode == jump) return true;
    if (instruction->opcode == Opcode::For || instruction->opcode == Opcode::Loop ||
        instruction->opcode == Opcode::Pipeline) {
      continue;
    }
    for (const Region& region : instruction->regions) {
      if (contains_jump_of_this_loop(region, jump)) return true;
    }
  }
  return false;
}

bool changes_variable(const Instruction& instruction) {
  return instruction.opcode == Opcode::Assign || instruction.opcode == Opcode::DotAsync;
}

}  // namespace bitloom::vm
