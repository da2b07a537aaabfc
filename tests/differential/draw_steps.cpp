// Control, products, approximate instructions, shared memory.
#include <cmath>

#include "tests/differential/drawer.h"

namespace bitloom::test {

// ---- What needs more than a row -----------------------------------------------------------------

Tolerance tolerance_of(Opcode opcode) {
  switch (opcode) {
    case Opcode::Ex2Approx:
    case Opcode::Lg2Approx:
    case Opcode::RsqrtApprox:
      return {4, std::ldexp(1.0, -21)};
    case Opcode::RcpApprox:
      return {2, 0};
    default:
      return {0, std::ldexp(1.0, -10)};
  }
}

void Drawer::approximate() {
  std::vector<Opcode> all;
  for (const vm::InstructionInfo& row : vm::all_instructions())
    if (is_approximate(row.opcode)) all.push_back(row.opcode);
  const Opcode opcode = pick(all);
  const bool positive = opcode == Opcode::Lg2Approx || opcode == Opcode::RsqrtApprox;
  ValueId x = load_small(vm::kF32, tile_);
  if (positive || opcode == Opcode::RcpApprox) {
    const vm::Type like = type(x);
    x = b_.emit(Opcode::Fma, like, {x, x, b_.constant(vm::kF32, 0.625, like.shape)});
  }
  const ValueId y = b_.emit(opcode, tile_type(vm::kF32, tile_), {x});
  store_output(y, tolerance_of(opcode));
}

void Drawer::product() {
  struct Kind {
    ElementType operands, sum;
  };
  static const Kind kKinds[] = {
      {vm::kF16, vm::kF32},  {vm::kBF16, vm::kF32}, {vm::kF16, vm::kF16},
      {vm::kI8, vm::kI32},   {vm::kU8, vm::kI32},   {vm::kF32, vm::kF32},
      {vm::kTF32, vm::kF32}, {vm::kF64, vm::kF64},  {vm::kE4M3, vm::kF32}};
  static constexpr const char* kUnits[] = {"auto", "mma", "fma"};
  Kind kind = pick(kKinds);
  if (kind.operands == vm::kE4M3 && options_.sm < 89) kind = kKinds[0];  // there is none
  const bool fp8 =
      kind.operands.bits == 8 && kind.operands.is_float();  // no half of a step along k
  const std::int64_t m = 16 << number(0, 2), n = 8 << number(0, 3), k = 16 << number(fp8, 2);
  const Mark begin = mark();
  const ValueId a = load_small(kind.operands, {m, k}), w = load_small(kind.operands, {k, n});
  const ValueId c =
      chance(50) ? load_small(kind.sum, {m, n}) : b_.constant(kind.sum, std::int64_t{0}, {m, n});
  const ValueId d = b_.emit(Opcode::Dot, tile_type(kind.sum, {m, n}), {a, w, c});
  b_.last().set("unit", std::string(pick(kUnits)));
  if (legal()) {
    pool_.push_back(d);
    return;
  }
  take_back(begin);
}

// Into shared memory, and out of it transposed.
void Drawer::through_shared() {
  const auto value = operand({vm::OperandRole::In, "x", vm::Reg}, vm::kNoValue);
  if (!value || type(*value).is_scalar() || type(*value).element.is_bool() ||
      shares_bytes(type(*value)))
    return;
  const vm::Type tile = type(*value);
  const Mark begin = mark();
  const ValueId memory =
      b_.emit(Opcode::SharedAlloc, vm::shared_type(tile.element, tile.shape), {});
  const std::vector<ValueId> offsets(tile.shape.size(), zero_);
  const Shape keep(tile.shape.size(), 1);
  ValueId view = window(memory, offsets, tile.shape, keep);
  b_.emit(Opcode::Store, {view, *value, vm::kNoValue});
  Shape shape = tile.shape;
  if (shape.size() == 2 && chance(60)) {
    std::swap(shape[0], shape[1]);
    view = b_.emit(Opcode::PermuteView, vm::shared_type(tile.element, shape), {view});
    b_.last().set("permutation", Shape{1, 0});
  }
  const ValueId loaded =
      b_.emit(Opcode::Load, tile_type(tile.element, shape), {view, vm::kNoValue});
  if (!legal()) return take_back(begin);
  used_.insert(*value);
  pool_.push_back(loaded);
}

// Single elements of a table, at places that a tile of integers says.
void Drawer::gather() {
  std::vector<ValueId> indexes;
  for (const ValueId id : pool_)
    if (type(id).element == vm::kI32 && !type(id).is_scalar()) indexes.push_back(id);
  if (indexes.empty()) return;
  const ValueId wild = pick(indexes);
  const Shape shape = type(wild).shape;
  const std::int64_t entries = std::int64_t{8} << number(0, 4);
  static const ElementType kElements[] = {vm::kF16, vm::kF32,  vm::kU8,
                                          vm::kI64, vm::kE4M3, vm::kBF16};
  const ElementType element = pick(kElements);
  const ValueId table =
      parameter(element, {layouts::SizeExpr(entries)}, {entries}, false, Fill::Any);
  const ValueId view = window(table, {zero_}, {entries}, {1});
  const ValueId most = b_.constant(vm::kI32, entries - 1, Shape(shape));
  const ValueId index = b_.emit(Opcode::And, tile_type(vm::kI32, shape), {wild, most});
  const ValueId d = b_.emit(Opcode::Gather, tile_type(element, shape), {view, index, vm::kNoValue});
  b_.last().set("dim", std::int64_t{0});
  used_.insert(wild);
  pool_.push_back(d);
}

// A variable that a loop changes a number of times.
void Drawer::loop() {
  const auto start = operand({vm::OperandRole::In, "x", vm::Reg}, vm::kNoValue);
  if (!start) return;
  const auto other = operand({vm::OperandRole::In, "x", vm::Reg}, *start);
  if (!other || type(*other).element != type(*start).element) return;
  const vm::Type tile = type(*start);
  static constexpr Opcode kOps[] = {Opcode::Add, Opcode::Sub, Opcode::Xor, Opcode::Max,
                                    Opcode::Mul};
  const Mark begin = mark();
  const ValueId variable = b_.emit(Opcode::Var, tile, {*start});
  vm::Instruction& loop = b_.emit(Opcode::For, {zero_, b_.integer(number(1, 4)), b_.integer(1)});
  if (chance(30)) loop.set("unroll", true);
  loop.regions[0].arguments.push_back(
      program_.function.add_value("i", vm::register_type(vm::kI32)));
  b_.open(loop, 0);
  const Opcode opcode = pick(kOps);
  const ValueId second = opcode == Opcode::Max ? distinct(*other) : *other;
  const ValueId next = b_.emit(opcode, tile, {variable, second});
  b_.emit(Opcode::Assign, {variable, next});
  b_.close();
  if (!legal()) return take_back(begin);
  used_.insert({*start, *other});
  pool_.push_back(variable);
}

// A variable that blocks, or what they found in their data, set in different ways.
void Drawer::branch() {
  const auto start = operand({vm::OperandRole::In, "x", vm::Reg}, vm::kNoValue);
  if (!start) return;
  const auto other = operand({vm::OperandRole::In, "x", vm::Reg}, *start);
  if (!other || type(*other).element != type(*start).element) return;
  std::vector<ValueId> conditions;
  for (const ValueId id : pool_)
    if (type(id).is_scalar() && type(id).element.is_bool()) conditions.push_back(id);
  ValueId condition = vm::kNoValue;
  if (!conditions.empty() && chance(70)) {
    condition = pick(conditions);
  } else {
    condition = b_.emit(Opcode::Compare, vm::register_type(vm::kBool), {block_, b_.integer(1)});
    b_.last().set("predicate", std::string("lt"));
  }
  const ValueId variable = b_.emit(Opcode::Var, type(*start), {*start});
  vm::Instruction& chosen = b_.emit(Opcode::If, {condition});
  b_.open(chosen, 0);
  b_.emit(Opcode::Assign, {variable, *other});
  b_.close();
  used_.insert({*start, *other, condition});
  pool_.push_back(variable);
}

// A loop that a break ends, and in which a continue leaves out some turns.
void Drawer::endless_loop() {
  const auto start = operand({vm::OperandRole::In, "x", vm::Reg}, vm::kNoValue);
  if (!start) return;
  const auto other = operand({vm::OperandRole::In, "x", vm::Reg}, *start);
  if (!other || type(*other).element != type(*start).element) return;
  const vm::Type tile = type(*start), scalar = vm::register_type(vm::kI32);
  const Mark begin = mark();
  const ValueId variable = b_.emit(Opcode::Var, tile, {*start});
  const ValueId turn = b_.emit(Opcode::Var, scalar, {zero_});
  vm::Instruction& loop = b_.emit(Opcode::Loop, {});
  b_.open(loop, 0);
  b_.emit(Opcode::Assign, {turn, b_.emit(Opcode::Add, scalar, {turn, b_.integer(1)})});
  const auto when = [&](const char* predicate, std::int64_t bound, Opcode leaves) {
    const ValueId condition =
        b_.emit(Opcode::Compare, vm::register_type(vm::kBool), {turn, b_.integer(bound)});
    b_.last().set("predicate", std::string(predicate));
    vm::Instruction& chosen = b_.emit(Opcode::If, {condition});
    b_.open(chosen, 0);
    b_.emit(leaves, {});
    b_.close();
  };
  when("gt", number(1, 4), Opcode::Break);
  if (chance(50)) when("eq", number(1, 3), Opcode::Continue);
  b_.emit(Opcode::Assign, {variable, b_.emit(Opcode::Sub, tile, {variable, *other})});
  b_.close();
  if (!legal()) return take_back(begin);
  used_.insert({*start, *other});
  pool_.push_back(variable);
}

// What changes no result: facts that hold, and a prefetch.
void Drawer::claims() {
  const Mark begin = mark();
  const ValueId fact = b_.emit(Opcode::Compare, vm::register_type(vm::kBool), {block_, zero_});
  b_.last().set("predicate", std::string("ge"));
  b_.emit(chance(50) ? Opcode::Assume : Opcode::Assert, {fact});
  if (const auto value = tile_of({vm::kI32, vm::kU32, vm::kI64, vm::kU8})) {
    const vm::Type tile = type(*value);
    const ValueId same =
        b_.emit(Opcode::Compare, tile_type(vm::kBool, tile.shape), {*value, *value});
    b_.last().set("predicate", std::string("eq"));
    b_.emit(Opcode::Assert, {same}).set("message", std::string("a number is itself"));
  }
  b_.emit(Opcode::Prefetch, {tile_window(vm::kF32, Fill::Plain)}).set("clip", clip_first());
  if (!legal()) take_back(begin);
}

}  // namespace bitloom::test
