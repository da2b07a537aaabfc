#include "vm/verify/context.h"

#include <algorithm>

namespace bitloom::vm {

std::optional<std::int64_t> VerifyContext::constant(ValueId id) const {
  const Instruction* definition = definitions[id];
  if (!definition || definition->opcode != Opcode::Constant || function.value(id).variable) {
    return std::nullopt;
  }
  if (!type(id).shape.empty() || !type(id).element.is_integer()) return std::nullopt;
  return definition->integer("integer");
}

std::optional<std::int64_t> VerifyContext::extent(ValueId id, int dim) const {
  const Type& tile = type(id);
  const auto place = static_cast<std::size_t>(dim);
  if (!tile.extents.empty()) return tile.extents[place].constant();
  return tile.shape[place] < 0 ? std::nullopt : std::optional(tile.shape[place]);
}

std::string VerifyContext::name(ValueId id) const {
  if (const std::string& given = function.value(id).name; !given.empty()) return given;
  if (!instruction) return fmt::format("%{}", id);
  const InstructionInfo& row = info(instruction->opcode);
  std::size_t output = 0, input = 0;
  for (const OperandInfo& operand : row.operands) {
    const bool out = operand.role == OperandRole::Out || operand.role == OperandRole::VariadicOut;
    const auto& list = out ? instruction->outputs : instruction->inputs;
    const std::size_t place = out ? output++ : input++;
    if (place < list.size() && list[place] == id) return std::string(operand.name);
  }
  return fmt::format("%{}", id);
}

std::string VerifyContext::described(ValueId id) const {
  return fmt::format("{} is {}", name(id), to_string(type(id)));
}

Diagnostic& VerifyContext::fail(std::string_view code, std::initializer_list<ValueId> about) {
  Diagnostic& error = diagnostics.error(code, instruction ? instruction->span : function.span);
  if (instruction) error << info(instruction->opcode).mnemonic << ": ";
  std::vector<ValueId> told;
  for (const ValueId id : about) {
    if (id == kNoValue || std::find(told.begin(), told.end(), id) != told.end()) continue;
    told.push_back(id);
    error.note(function.value(id).span, described(id));
  }
  return error;
}

}  // namespace bitloom::vm
