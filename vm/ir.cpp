#include "vm/ir.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::vm {
namespace {

std::string extents_text(const Type& type) {
  std::string text = "[";
  const bool symbolic = type.space == Space::Global && !type.extents.empty();
  for (int i = 0; i < type.rank(); ++i) {
    if (i > 0) text += ", ";
    text += symbolic ? type.extents[i].to_string() : fmt::to_string(type.shape[i]);
  }
  return text + "]";
}

}  // namespace

std::string to_string(const Type& type) {
  if (type.space == Space::Barrier) return "mbarrier" + extents_text(type);
  std::string text;
  if (type.space == Space::Shared) text += "shared ";
  if (type.space == Space::Global) text += "global ";
  if (type.packed) text += "packed ";
  text += to_string(type.element);
  return type.rank() == 0 ? text : text + extents_text(type);
}

const AttributeValue* Instruction::find(std::string_view name) const {
  for (const auto& [key, attribute] : attributes) {
    if (key == name) return &attribute;
  }
  return nullptr;
}

void Instruction::set(std::string_view name, AttributeValue value) {
  for (auto& [key, attribute] : attributes) {
    if (key == name) {
      attribute = std::move(value);
      return;
    }
  }
  // Attributes stand in the order of the row, so that printing is deterministic.
  const auto rank = [&](std::string_view key) {
    const auto row = info(opcode).attributes;
    return std::find_if(row.begin(), row.end(),
                        [&](const AttributeInfo& a) { return a.name == key; }) -
           row.begin();
  };
  auto at = std::find_if(attributes.begin(), attributes.end(),
                         [&](const auto& entry) { return rank(entry.first) > rank(name); });
  attributes.insert(at, {std::string(name), std::move(value)});
}

void Instruction::erase(std::string_view name) {
  std::erase_if(attributes, [&](const auto& entry) { return entry.first == name; });
}

std::int64_t Instruction::integer(std::string_view name, std::int64_t otherwise) const {
  const AttributeValue* found = find(name);
  const auto* number = found ? std::get_if<std::int64_t>(found) : nullptr;
  return number ? *number : otherwise;
}

double Instruction::real(std::string_view name, double otherwise) const {
  const AttributeValue* found = find(name);
  const auto* number = found ? std::get_if<double>(found) : nullptr;
  return number ? *number : otherwise;
}

bool Instruction::flag(std::string_view name) const {
  const AttributeValue* found = find(name);
  const auto* value = found ? std::get_if<bool>(found) : nullptr;
  return value && *value;
}

std::string_view Instruction::word(std::string_view name, std::string_view otherwise) const {
  const AttributeValue* found = find(name);
  const auto* text = found ? std::get_if<std::string>(found) : nullptr;
  return text ? std::string_view(*text) : otherwise;
}

const Shape& Instruction::shape(std::string_view name) const {
  static const Shape empty;
  const AttributeValue* found = find(name);
  const auto* list = found ? std::get_if<Shape>(found) : nullptr;
  return list ? *list : empty;
}

ValueId Function::add_value(std::string value_name, Type type, Span where, bool variable) {
  values.push_back({std::move(value_name), std::move(type), where, variable});
  return static_cast<ValueId>(values.size() - 1);
}

InstructionPtr clone(const Instruction& instruction) {
  auto copy = std::make_unique<Instruction>();
  copy->opcode = instruction.opcode;
  copy->outputs = instruction.outputs;
  copy->inputs = instruction.inputs;
  copy->attributes = instruction.attributes;
  copy->span = instruction.span;
  for (const Region& region : instruction.regions) copy->regions.push_back(clone(region));
  return copy;
}

Region clone(const Region& region) {
  Region copy;
  copy.arguments = region.arguments;
  for (const InstructionPtr& instruction : region.body) copy.body.push_back(clone(*instruction));
  return copy;
}

Function Function::clone() const {
  Function copy;
  copy.name = name;
  copy.span = span;
  copy.specialization = specialization;
  copy.values = values;
  copy.sizes = sizes;
  copy.parameters = parameters;
  copy.grid = grid;
  copy.constraints = constraints;
  copy.threads = threads;
  copy.cluster = cluster;
  copy.min_blocks = min_blocks;
  copy.resident = resident;
  copy.comfortable = comfortable;
  copy.shared_bytes = shared_bytes;
  copy.target_sm = target_sm;
  copy.body = vm::clone(body);
  return copy;
}

std::vector<const Instruction*> definitions(const Function& function) {
  std::vector<const Instruction*> result(function.values.size(), nullptr);
  walk(function.body, [&](const Instruction& instruction) {
    for (ValueId output : instruction.outputs) result[output] = &instruction;
  });
  return result;
}

ValueId root_of(const Function&, const std::vector<const Instruction*>& definitions, ValueId view) {
  while (const Instruction* definition = definitions[view]) {
    switch (definition->opcode) {
      case Opcode::Window:
      case Opcode::PermuteView:
      case Opcode::MemoryView:
      case Opcode::MapShared:
        view = definition->inputs[0];
        break;
      default:
        return view;
    }
  }
  return view;
}

}  // namespace bitloom::vm
