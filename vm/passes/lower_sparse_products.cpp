#include "vm/passes/lower_sparse_products.h"

#include "vm/ops.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

// Puts the instructions of one sparse product behind `out`.
class Expansion {
 public:
  Expansion(Function& function, const Instruction& product, Builder& out)
      : function_(function), product_(product), out_(out) {}

  void emit() {
    const SparseDotOp op(product_);
    const Type a = function_.type(op.a());
    const std::int64_t m = a.shape[0], k = 2 * a.shape[1], groups = k / 4;
    const Shape dense{m, groups, 4};

    // The nibble of each group, and in it the places of its two elements.
    ValueId bits = reshape(op.metadata(), {m, k / 8, 1});
    bits = tile(Opcode::Cast, kU32, {m, k / 8, 1}, {bits});
    bits = tile(Opcode::Broadcast, kU32, {m, k / 8, 2}, {bits});
    const ValueId shift = tile(Opcode::Mul, kU32, {m, k / 8, 2},
                               {along(kU32, {m, k / 8, 2}), constant(4, {m, k / 8, 2})});
    bits = reshape(tile(Opcode::Shr, kU32, {m, k / 8, 2}, {bits, shift}), {m, groups, 1});

    const ValueId pairs = reshape(op.a(), {m, groups, 2});
    const ValueId column = along(kU32, dense);
    ValueId value = a.element.is_float() ? out_.constant(a.element, 0.0, Shape(dense))
                                         : out_.constant(a.element, std::int64_t{0}, Shape(dense));
    for (const std::int64_t i : {0, 1}) {
      const Shape one{m, groups, 1};
      ValueId place = tile(Opcode::Shr, kU32, one, {bits, constant(2 * i, one)});
      place = tile(Opcode::And, kU32, one, {place, constant(3, one)});
      place = tile(Opcode::Broadcast, kU32, dense, {place});
      ValueId element = tile(Opcode::Slice, a.element, one, {pairs});
      out_.last().set("offsets", Shape{0, 0, i});
      element = tile(Opcode::Broadcast, a.element, dense, {element});
      const ValueId here = tile(Opcode::Compare, kBool, dense, {column, place});
      out_.last().set("predicate", std::string("eq"));
      value = tile(Opcode::Select, a.element, dense, {here, element, value});
    }
    Instruction& dot = out_.emit(Opcode::Dot, {reshape(value, {m, k}), op.b(), op.c()});
    dot.outputs = product_.outputs;
    dot.set("unit", std::string("auto"));
  }

 private:
  ValueId tile(Opcode opcode, ElementType element, Shape shape, std::vector<ValueId> inputs) {
    return out_.emit(opcode, register_type(element, std::move(shape)), std::move(inputs));
  }
  ValueId reshape(ValueId x, Shape shape) {
    return tile(Opcode::Reshape, function_.type(x).element, std::move(shape), {x});
  }
  ValueId constant(std::int64_t number, Shape shape) {
    return out_.constant(kU32, number, std::move(shape));
  }
  // The place along the last dimension.
  ValueId along(ElementType element, const Shape& shape) {
    const ValueId index = tile(Opcode::Iota, element, shape, {});
    out_.last().set("dim", static_cast<std::int64_t>(shape.size()) - 1);
    return index;
  }

  Function& function_;
  const Instruction& product_;
  Builder& out_;
};

bool expand(Function& function, Region& region) {
  bool changed = false;
  std::vector<InstructionPtr> before = std::move(region.body);
  region.body.clear();
  Builder out(function, region);
  for (InstructionPtr& instruction : before) {
    for (Region& inner : instruction->regions) changed |= expand(function, inner);
    if (instruction->opcode != Opcode::SparseDot) {
      region.body.push_back(std::move(instruction));
      continue;
    }
    changed = true;
    out.at(instruction->span);
    Expansion(function, *instruction, out).emit();
  }
  return changed;
}

}  // namespace

PassResult lower_sparse_products(Function& function, PassContext&) {
  return expand(function, function.body) ? PassResult::Changed : PassResult::Unchanged;
}

}  // namespace bitloom::vm
