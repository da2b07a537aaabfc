// Builds a Function instruction by instruction.
//
//   Builder b(function);
//   ValueId x = b.emit(Opcode::Add, register_type(kF32, {16, 8}), {lhs, rhs});
//   b.open(*loop, 0);  …  b.close();      // the following instructions go into region 0 of `loop`
//
// The builder checks nothing: vm/verify.h does.
#pragma once

#include <initializer_list>

#include "vm/ir.h"

namespace bitloom::vm {

Type register_type(ElementType element, Shape shape = {});
Type shared_type(ElementType element, Shape shape);
Type global_type(ElementType element, std::vector<layouts::SizeExpr> extents);
Type barrier_type(Shape shape);

class Builder {
 public:
  explicit Builder(Function& function) : Builder(function, function.body) {}
  // Appends to any region; passes build the new body of a region beside the old one.
  Builder(Function& function, Region& region) : function_(function) { stack_.push_back(&region); }

  Function& function() { return function_; }
  void at(Span span) { span_ = span; }
  Span span() const { return span_; }

  // An instruction without outputs.
  Instruction& emit(Opcode opcode, std::vector<ValueId> inputs);
  // An instruction with one output of the given type.
  ValueId emit(Opcode opcode, Type type, std::vector<ValueId> inputs, std::string name = {});
  // The instruction emitted last (to set attributes).
  Instruction& last() { return *stack_.back()->body.back(); }

  ValueId constant(ElementType element, std::int64_t value, Shape shape = {});
  ValueId constant(ElementType element, double value, Shape shape = {});
  ValueId integer(std::int64_t value) { return constant(kI32, value); }

  // Regions: `open` appends to region `index` of an instruction until `close`.
  void open(Instruction& instruction, int index);
  void close() { stack_.pop_back(); }
  Region& region() { return *stack_.back(); }

 private:
  Function& function_;
  std::vector<Region*> stack_;
  Span span_;
};

}  // namespace bitloom::vm
