#include "vm/builder.h"

namespace bitloom::vm {

Type register_type(ElementType element, Shape shape) {
  Type type;
  type.space = Space::Register;
  type.element = element;
  type.shape = std::move(shape);
  return type;
}

Type shared_type(ElementType element, Shape shape) {
  Type type = register_type(element, std::move(shape));
  type.space = Space::Shared;
  return type;
}

Type global_type(ElementType element, std::vector<layouts::SizeExpr> extents) {
  Type type = register_type(element, Shape(extents.size(), -1));
  type.space = Space::Global;
  type.extents = std::move(extents);
  return type;
}

Type barrier_type(Shape shape) {
  Type type = register_type(kU64, std::move(shape));
  type.space = Space::Barrier;
  return type;
}

Instruction& Builder::emit(Opcode opcode, std::vector<ValueId> inputs) {
  auto instruction = std::make_unique<Instruction>();
  instruction->opcode = opcode;
  instruction->inputs = std::move(inputs);
  instruction->span = span_;
  const int regions = info(opcode).regions;
  if (regions > 0) instruction->regions.resize(static_cast<std::size_t>(regions));
  stack_.back()->body.push_back(std::move(instruction));
  return last();
}

ValueId Builder::emit(Opcode opcode, Type type, std::vector<ValueId> inputs, std::string name) {
  Instruction& instruction = emit(opcode, std::move(inputs));
  const ValueId output =
      function_.add_value(std::move(name), std::move(type), span_, opcode == Opcode::Var);
  instruction.outputs.push_back(output);
  return output;
}

ValueId Builder::constant(ElementType element, std::int64_t value, Shape shape) {
  const bool real = element.is_float() || element.type_class == TypeClass::Scale;
  if (real) return constant(element, static_cast<double>(value), std::move(shape));
  const ValueId output = emit(Opcode::Constant, register_type(element, std::move(shape)), {});
  last().set("integer", value);
  return output;
}

ValueId Builder::constant(ElementType element, double value, Shape shape) {
  const ValueId output = emit(Opcode::Constant, register_type(element, std::move(shape)), {});
  last().set("value", value);
  return output;
}

void Builder::open(Instruction& instruction, int index) {
  stack_.push_back(&instruction.regions[static_cast<std::size_t>(index)]);
}

}  // namespace bitloom::vm
