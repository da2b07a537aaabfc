#include <algorithm>

#include "vm/verify/rules.h"
#include "vm/verify/structure.h"

namespace bitloom::vm {
namespace {

bool is_output(const OperandInfo& operand) {
  return operand.role == OperandRole::Out || operand.role == OperandRole::VariadicOut;
}

// BL0244: as many as the row says.
void verify_count(VerifyContext& context, std::size_t found, bool outputs) {
  const InstructionInfo& row = info(context.instruction->opcode);
  std::size_t fixed = 0;
  bool open = false;
  for (const OperandInfo& operand : row.operands) {
    if (is_output(operand) != outputs) continue;
    const bool variadic =
        operand.role == OperandRole::Variadic || operand.role == OperandRole::VariadicOut;
    open = open || variadic;
    fixed += !variadic;
  }
  if (found == fixed || (open && found > fixed)) return;
  context.fail("BL0244") << "has " << found << (outputs ? " results" : " operands") << " where "
                         << (open ? "at least " : "") << fixed << " belong";
}

void verify_ids(VerifyContext& context) {
  const Instruction& instruction = *context.instruction;
  const InstructionInfo& row = info(instruction.opcode);
  const std::size_t count = context.function.values.size();
  std::vector<OperandRole> roles;
  for (const OperandInfo& operand : row.operands) {
    if (!is_output(operand)) roles.push_back(operand.role);
  }
  for (std::size_t i = 0; i < instruction.inputs.size(); ++i) {
    const ValueId id = instruction.inputs[i];
    const bool optional = i < roles.size() && roles[i] == OperandRole::Optional;
    if (id < count || (id == kNoValue && optional)) continue;
    context.fail("BL0244") << "operand " << i << (id == kNoValue ? " is missing" : " is no value");
  }
  const auto check = [&](const std::vector<ValueId>& list) {
    if (std::ranges::all_of(list, [&](ValueId id) { return id < count; })) return;
    context.fail("BL0244") << "a result or an argument of a region is no value";
  };
  check(instruction.outputs);
  for (const Region& region : instruction.regions) check(region.arguments);
}

bool has_kind(const AttributeValue& value, AttributeKind kind) {
  switch (kind) {
    case AttributeKind::Int:
      return std::holds_alternative<std::int64_t>(value);
    case AttributeKind::Real:
      return std::holds_alternative<double>(value);
    case AttributeKind::Bool:
      return std::holds_alternative<bool>(value);
    case AttributeKind::Name:
    case AttributeKind::Text:
      return std::holds_alternative<std::string>(value);
    case AttributeKind::Type:
      return std::holds_alternative<ElementType>(value);
    case AttributeKind::Shape:
      return std::holds_alternative<Shape>(value);
    case AttributeKind::Layout:
      return std::holds_alternative<layouts::RegisterLayout>(value);
    case AttributeKind::Words: {
      const auto* program = std::get_if<std::shared_ptr<const WordProgram>>(&value);
      return program && *program;
    }
  }
  return false;
}

void verify_attributes(VerifyContext& context) {
  const InstructionInfo& row = info(context.instruction->opcode);
  for (const auto& [name, value] : context.instruction->attributes) {
    const auto known = std::ranges::find_if(
        row.attributes,
        [name = std::string_view(name)](const auto& entry) { return entry.name == name; });
    if (known == row.attributes.end()) {
      context.fail("BL0243") << "has no attribute '" << name << "'";
    } else if (!has_kind(value, known->kind)) {
      context.fail("BL0243") << "attribute '" << name << "' is a value of another kind than "
                             << to_string(known->kind);
    }
  }
}

void verify_regions(VerifyContext& context) {
  const int wanted = info(context.instruction->opcode).regions;
  const auto found = static_cast<int>(context.instruction->regions.size());
  if (wanted == found || (wanted < 0 && found > 0)) return;
  context.fail("BL0244") << "has " << found << " regions where "
                         << (wanted < 0 ? "at least 1" : fmt::to_string(wanted)) << " belong";
}

}  // namespace

void verify_well_formed(VerifyContext& context) {
  const Function& function = context.function;
  const auto is_value = [&](ValueId id) { return id < function.values.size(); };
  if (!std::ranges::all_of(function.sizes, is_value)) {
    context.fail("BL0244") << "a size is no value";
  }
  if (!std::ranges::all_of(function.parameters, is_value, &Parameter::value)) {
    context.fail("BL0244") << "a parameter is no value";
  }
  if (!context.function.body.arguments.empty()) {
    context.fail("BL0244") << "the body of a kernel has no arguments";
  }
  walk(context.function.body, [&](const Instruction& instruction) {
    context.instruction = &instruction;
    verify_count(context, instruction.outputs.size(), true);
    verify_count(context, instruction.inputs.size(), false);
    verify_ids(context);
    verify_attributes(context);
    verify_regions(context);
  });
  context.instruction = nullptr;
}

}  // namespace bitloom::vm
