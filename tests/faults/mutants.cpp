#include "tests/faults/mutants.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace bitloom::test {
namespace {

using vm::Opcode;

// Whether the instruction is there for order only.
bool orders(Opcode opcode) {
  switch (opcode) {
    case Opcode::Sync:
    case Opcode::SyncWarp:
    case Opcode::NamedSync:
    case Opcode::NamedArrive:
    case Opcode::Arrive:
    case Opcode::ArriveExpect:
    case Opcode::Wait:
    case Opcode::Fence:
    case Opcode::ClusterSync:
    case Opcode::CopyCommit:
    case Opcode::CopyWait:
    case Opcode::StoreCommit:
    case Opcode::StoreWait:
    case Opcode::DotCommit:
    case Opcode::DotWait:
      return true;
    default:
      return false;
  }
}

// Where the row of the instruction has its mask among the inputs.
std::optional<std::size_t> place_of_mask(const vm::Instruction& instruction) {
  std::size_t place = 0;
  for (const vm::OperandInfo& operand : vm::info(instruction.opcode).operands) {
    if (operand.role == vm::OperandRole::Out || operand.role == vm::OperandRole::VariadicOut)
      continue;
    if (operand.role == vm::OperandRole::Optional && operand.name == "mask" &&
        place < instruction.inputs.size() && instruction.inputs[place] != vm::kNoValue)
      return place;
    ++place;
  }
  return std::nullopt;
}

void change(vm::Instruction& instruction, const Mutant& mutant) {
  switch (mutant.change) {
    case Mutant::Change::Drop:
      break;
    case Mutant::Change::Clip: {
      vm::Shape clip = instruction.shape("clip");
      clip[static_cast<std::size_t>(mutant.dimension)] = 0;
      instruction.set("clip", clip);
      break;
    }
    case Mutant::Change::Mask:
      instruction.inputs[*place_of_mask(instruction)] = vm::kNoValue;
      break;
    case Mutant::Change::Order:
      instruction.set("order", std::string("relaxed"));
      break;
    case Mutant::Change::Scope:
      instruction.set("scope", std::string("block"));
      break;
  }
}

// Walks as vm::walk does; true when the instruction was found.
bool apply(vm::Region& region, const Mutant& mutant, std::size_t& number) {
  for (auto it = region.body.begin(); it != region.body.end(); ++it) {
    vm::Instruction& instruction = **it;
    if (number++ == mutant.instruction) {
      change(instruction, mutant);
      if (mutant.change == Mutant::Change::Drop) region.body.erase(it);
      return true;
    }
    for (vm::Region& inner : instruction.regions)
      if (apply(inner, mutant, number)) return true;
  }
  return false;
}

}  // namespace

std::string Mutant::text() const {
  const std::string_view name = vm::info(opcode).mnemonic;
  switch (change) {
    case Change::Drop:
      return std::string(name);
    case Change::Clip:
      return fmt::format("clip {} of {}", dimension, name);
    case Change::Mask:
      return fmt::format("mask of {}", name);
    case Change::Order:
      return fmt::format("order of {}", name);
    case Change::Scope:
      return fmt::format("scope of {}", name);
  }
  return {};
}

std::vector<Mutant> mutants_of(const vm::Function& function) {
  std::vector<Mutant> mutants;
  std::size_t number = 0;
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    const auto add = [&](Mutant::Change change, int dimension = 0) {
      mutants.push_back({number, change, dimension, instruction.opcode, instruction.span});
    };
    if (orders(instruction.opcode)) add(Mutant::Change::Drop);
    const vm::Shape& clip = instruction.shape("clip");
    // Prefetched bytes are not used: outside of a tensor or not is all the same.
    if (instruction.opcode != Opcode::Prefetch) {
      for (std::size_t d = 0; d < clip.size(); ++d)
        if (clip[d] != 0) add(Mutant::Change::Clip, static_cast<int>(d));
    }
    if (place_of_mask(instruction)) add(Mutant::Change::Mask);
    const std::string_view order = instruction.word("order", "relaxed");
    if (order != "relaxed") add(Mutant::Change::Order);
    if (instruction.opcode == Opcode::LoadAcquire || instruction.opcode == Opcode::StoreRelease)
      if (instruction.word("scope", "gpu") != "block") add(Mutant::Change::Scope);
    ++number;
  });
  return mutants;
}

vm::Function mutated(const vm::Function& function, const Mutant& mutant) {
  vm::Function copy = function.clone();
  std::size_t number = 0;
  apply(copy.body, mutant, number);
  return copy;
}

}  // namespace bitloom::test
