#include "tests/differential/draw.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <set>

#include "tests/differential/values.h"
#include "vm/builder.h"
#include "vm/verify.h"

namespace bitloom::test {
namespace {

using vm::ElementType;
using vm::Opcode;
using vm::Shape;
using vm::ValueId;

constexpr int kMostOutputs = 8;
constexpr std::int64_t kMostElements = 4096;

class Drawer {
 public:
  Drawer(std::uint64_t seed, const DrawOptions& options)
      : options_(options), random_(seed), b_(program_.function) {
    program_.seed = seed;
  }
  TestProgram draw();

 private:
  // ---- Chance ----
  std::int64_t number(std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most - least + 1));
  }
  bool chance(int percent) { return number(1, 100) <= percent; }
  template <class List>
  auto pick(const List& list) {
    return *(std::begin(list) + number(0, static_cast<std::int64_t>(std::size(list)) - 1));
  }

  const vm::Type& type(ValueId id) const { return program_.function.type(id); }
  vm::Type tile_type(ElementType element, Shape shape) {
    return vm::register_type(element, std::move(shape));
  }

  void head();
  ValueId parameter(ElementType element, std::vector<layouts::SizeExpr> extents, Shape known,
                    bool output, const Fill& fill);
  ValueId window(ValueId memory, std::vector<ValueId> offsets, const Shape& extents, Shape keep);
  ValueId load_input(ElementType element, const Fill& fill);
  ValueId load_small(ElementType element, const Shape& shape);
  void store_output(ValueId value, Tolerance tolerance);

  std::optional<ValueId> operand(const vm::OperandInfo& info, ValueId like);
  std::optional<std::vector<vm::Type>> results(vm::Instruction& instruction);
  void attributes(vm::Instruction& instruction);
  bool try_row(const vm::InstructionInfo& row);
  bool legal() {
    vm::Diagnostics diagnostics;
    return vm::verify(program_.function, diagnostics, vm::VerifyStage::Checked);
  }

  void approximate();
  void product();
  void through_shared();
  void gather();
  void loop();
  void branch();
  void one_step();
  void outputs();

  DrawOptions options_;
  std::mt19937_64 random_;
  TestProgram program_;
  vm::Builder b_;
  Shape tile_;
  std::int64_t blocks_ = 1;
  ValueId block_ = 0, zero_ = 0, row_ = 0;
  std::vector<ValueId> pool_;  // exact tiles and scalars
  std::set<ValueId> used_, stored_;
};

void Drawer::head() {
  static const std::vector<Shape> kTiles = {{32},    {128},    {256},    {1024},     {16, 32},
                                            {64, 8}, {32, 32}, {8, 128}, {4, 8, 16}, {2, 64, 4}};
  vm::Function& f = program_.function;
  f.name = "drawn";
  tile_ = pick(kTiles);
  blocks_ = number(1, 3);
  f.threads = static_cast<int>(32 << number(0, 3));
  f.grid = {layouts::SizeExpr(blocks_)};
  vm::Type size;
  size.element = vm::kI64;
  f.sizes.push_back(f.add_value("n", size));
  program_.sizes["n"] = blocks_ * tile_[0] - (chance(50) ? number(0, tile_[0] - 1) : 0);
  block_ = b_.emit(Opcode::BlockIndex, vm::register_type(vm::kI32), {}, "block");
  b_.last().set("axis", std::int64_t{0});
  zero_ = b_.integer(0);
  row_ = b_.emit(Opcode::Mul, vm::register_type(vm::kI32), {block_, b_.integer(tile_[0])});
}

ValueId Drawer::parameter(ElementType element, std::vector<layouts::SizeExpr> extents, Shape known,
                          bool output, const Fill& fill) {
  vm::Function& f = program_.function;
  const ValueId id = f.add_value(fmt::format("{}{}", output ? "out" : "in", f.parameters.size()),
                                 vm::global_type(element, std::move(extents)));
  f.parameters.push_back({id, false, true});
  ProgramTensor tensor{element, known, {}, output, {}};
  tensor.bytes = fill_codes(element, layouts::size(known), fill, random_());
  program_.tensors.push_back(std::move(tensor));
  return id;
}

ValueId Drawer::window(ValueId memory, std::vector<ValueId> offsets, const Shape& extents,
                       Shape keep) {
  vm::Type view = type(memory);
  view.extents.clear();
  view.shape.clear();
  view.shared.reset();
  for (std::size_t d = 0; d < keep.size(); ++d)
    if (keep[d]) view.shape.push_back(extents[d]);
  offsets.insert(offsets.begin(), memory);
  const ValueId id = b_.emit(Opcode::Window, view, offsets);
  b_.last().set("extents", extents);
  b_.last().set("keep", std::move(keep));
  return id;
}

// This block's tile of a tensor of its own, clipped along the first dimension.
ValueId Drawer::load_input(ElementType element, const Fill& fill) {
  std::vector<layouts::SizeExpr> extents = {layouts::SizeExpr::symbol("n")};
  Shape known = {program_.sizes["n"]};
  std::vector<ValueId> offsets = {row_};
  for (std::size_t d = 1; d < tile_.size(); ++d) {
    extents.emplace_back(tile_[d]);
    known.push_back(tile_[d]);
    offsets.push_back(zero_);
  }
  const ValueId memory = parameter(element, std::move(extents), known, false, fill);
  const ValueId view = window(memory, offsets, tile_, Shape(tile_.size(), 1));
  const ValueId loaded = b_.emit(Opcode::Load, tile_type(element, tile_), {view, vm::kNoValue});
  Shape clip(tile_.size(), 0);
  clip[0] = 1;
  b_.last().set("clip", clip);
  return loaded;
}

// The same for all blocks, of whole numbers from -4 to 4.
ValueId Drawer::load_small(ElementType element, const Shape& shape) {
  std::vector<layouts::SizeExpr> extents;
  for (const std::int64_t extent : shape) extents.emplace_back(extent);
  const ValueId memory = parameter(element, extents, shape, false, Fill::Small);
  const ValueId view =
      window(memory, std::vector<ValueId>(shape.size(), zero_), shape, Shape(shape.size(), 1));
  return b_.emit(Opcode::Load, tile_type(element, shape), {view, vm::kNoValue});
}

bool shares_bytes(const vm::Type& tile) {
  return tile.element.bits < 8 && (tile.is_scalar() || tile.shape.back() % 8 != 0);
}

void Drawer::store_output(ValueId value, Tolerance tolerance) {
  // Rows of narrow types that do not fill bytes would be two threads' bytes: those go out as f32.
  if (shares_bytes(type(value)))
    value = b_.emit(Opcode::Cast, tile_type(vm::kF32, Shape(type(value).shape)), {value});
  if (type(value).element.is_bool())
    value = b_.emit(Opcode::Cast, tile_type(vm::kU8, Shape(type(value).shape)), {value});
  const vm::Type stored = type(value);
  Shape known = {blocks_}, extents = {1}, keep = {0};
  std::vector<layouts::SizeExpr> sizes = {layouts::SizeExpr(blocks_)};
  std::vector<ValueId> offsets = {block_};
  for (const std::int64_t extent : stored.shape) {
    known.push_back(extent);
    extents.push_back(extent);
    keep.push_back(1);
    sizes.emplace_back(extent);
    offsets.push_back(zero_);
  }
  const ValueId memory = parameter(stored.element, sizes, known, true, Fill::Zero);
  program_.tensors.back().tolerance = tolerance;
  const ValueId view = window(memory, offsets, extents, keep);
  b_.emit(Opcode::Store, {view, value, vm::kNoValue});
}

// ---- Rows of the table --------------------------------------------------------------------------

// A value for an operand; `like`: the first one, whose shape and mostly type the others have.
std::optional<ValueId> Drawer::operand(const vm::OperandInfo& info, ValueId like) {
  const bool condition = info.name == "condition" || info.name == "mask";
  std::vector<ValueId> fitting;
  for (const ValueId id : pool_) {
    if ((info.spaces & vm::Reg) == 0 && !type(id).is_scalar()) continue;
    if (condition != type(id).element.is_bool() && (condition || chance(80))) continue;
    if (like != vm::kNoValue && type(id).shape != type(like).shape) continue;
    if (like != vm::kNoValue && !condition && type(id).element != type(like).element &&
        !type(like).element.is_bool())
      continue;
    fitting.push_back(id);
  }
  if (fitting.empty()) return std::nullopt;
  return pick(fitting);
}

Shape factored(std::int64_t size, std::mt19937_64& random) {
  Shape shape;
  while (size > 1 && shape.size() < 2) {
    std::int64_t extent = 1;
    for (std::int64_t most = size; extent < most && random() % 3 != 0;) extent *= 2;
    shape.push_back(extent);
    size /= extent;
  }
  shape.push_back(size);
  return shape;
}

void Drawer::attributes(vm::Instruction& instruction) {
  static constexpr const char* kOps[] = {"add", "mul", "min", "max", "and",
                                         "or",  "xor", "any", "all"};
  static constexpr const char* kPredicates[] = {"eq", "ne", "lt", "le", "gt", "ge"};
  static constexpr const char* kRoundings[] = {"nearest", "zero", "down", "up"};
  const auto rank = instruction.inputs.empty()
                        ? std::int64_t{1}
                        : static_cast<std::int64_t>(type(instruction.inputs[0]).shape.size());
  for (const vm::AttributeInfo& info : vm::info(instruction.opcode).attributes) {
    if (info.name == "dim" && rank > 0) instruction.set("dim", number(0, rank - 1));
    if (info.name == "k") instruction.set("k", number(1, 4));
    if (info.name == "lut") instruction.set("lut", number(0, 255));
    if (info.name == "exclusive" && chance(50)) instruction.set("exclusive", true);
    if (info.name == "op") instruction.set("op", std::string(pick(kOps)));
    if (info.name == "predicate") instruction.set("predicate", std::string(pick(kPredicates)));
    if (info.name == "rounding" && chance(30))
      instruction.set("rounding", std::string(pick(kRoundings)));
    if (info.name == "permutation") {
      Shape order;
      for (std::int64_t d = 0; d < rank; ++d) order.push_back(d);
      std::shuffle(order.begin(), order.end(), random_);
      instruction.set("permutation", order);
    }
  }
}

// The types of the results; nullopt when the instruction makes no sense with these operands.
std::optional<std::vector<vm::Type>> Drawer::results(vm::Instruction& i) {
  const vm::Type first = i.inputs.empty() ? tile_type(vm::kI32, tile_) : type(i.inputs[0]);
  const auto dim = static_cast<std::size_t>(i.integer("dim"));
  const auto along = [&](std::int64_t extent) {
    Shape shape = first.shape;
    if (dim < shape.size()) shape[dim] = extent;
    return shape;
  };
  switch (i.opcode) {
    case Opcode::Compare:
      return {{tile_type(vm::kBool, first.shape)}};
    case Opcode::Popcount:
    case Opcode::Clz:
      return {{tile_type(vm::kU32, first.shape)}};
    case Opcode::Select:
      return {{tile_type(type(i.inputs[1]).element, first.shape)}};
    case Opcode::Cast:
      return {{tile_type(pick(vm::all_element_types()), first.shape)}};
    case Opcode::View: {
      const ElementType to = pick(vm::all_element_types());
      // NaNs of f64 have bits that differ between machines.
      if (first.element == vm::kF64 || to.bits != first.element.bits) return std::nullopt;
      return {{tile_type(to, first.shape)}};
    }
    case Opcode::Broadcast: {
      Shape shape = first.shape;
      for (std::int64_t& extent : shape)
        if (extent == 1) extent = std::int64_t{1} << number(0, 5);
      if (shape == first.shape || layouts::size(shape) > kMostElements) return std::nullopt;
      return {{tile_type(first.element, shape)}};
    }
    case Opcode::Transpose: {
      Shape shape;
      for (const std::int64_t from : i.shape("permutation"))
        shape.push_back(first.shape[static_cast<std::size_t>(from)]);
      return {{tile_type(first.element, shape)}};
    }
    case Opcode::Reshape:
      return {{tile_type(first.element, factored(layouts::size(first.shape), random_))}};
    case Opcode::Slice: {
      Shape shape = first.shape, offsets;
      for (std::int64_t& extent : shape) {
        const bool half = extent > 1 && chance(50);
        if (half) extent /= 2;
        offsets.push_back(half && chance(50) ? extent : 0);
      }
      i.set("offsets", offsets);
      return {{tile_type(first.element, shape)}};
    }
    case Opcode::Concat: {
      i.inputs = {i.inputs[0], i.inputs[0]};
      if (const auto other = operand({vm::OperandRole::In, "x", vm::Reg}, i.inputs[0]))
        i.inputs[1] = *other;
      if (dim >= first.shape.size() || layouts::size(first.shape) * 2 > kMostElements)
        return std::nullopt;
      return {{tile_type(first.element, along(2 * first.shape[dim]))}};
    }
    case Opcode::Reduce:
      return {{tile_type(first.element, along(1))}};
    case Opcode::ArgReduce:
      return {{tile_type(first.element, along(1)), tile_type(vm::kI32, along(1))}};
    case Opcode::TopK:
      return {{tile_type(first.element, along(i.integer("k"))),
               tile_type(vm::kI32, along(i.integer("k")))}};
    case Opcode::Vote:
      return {{tile_type(vm::kBool, {})}};
    case Opcode::ScalarOf:
      return {{tile_type(first.element, {})}};
    default:
      return {{tile_type(first.element, first.shape)}};
  }
}

bool is_approximate(Opcode opcode) {
  return vm::info(opcode).name.ends_with("Approx");
}

// Whether the row computes on values of the pool.
bool is_drawn(const vm::InstructionInfo& row) {
  if (is_approximate(row.opcode)) return false;
  switch (row.opcode) {
    case Opcode::Words:          // what lowering makes
    case Opcode::ConvertLayout:  // likewise
    case Opcode::Compact:        // writes shared memory
      return false;
    case Opcode::Iota:
      return true;
    default:
      return row.group == vm::Group::Elementwise || row.group == vm::Group::Shape ||
             row.group == vm::Group::Reduction;
  }
}

bool Drawer::try_row(const vm::InstructionInfo& row) {
  auto instruction = std::make_unique<vm::Instruction>();
  instruction->opcode = row.opcode;
  ValueId like = vm::kNoValue;
  for (const vm::OperandInfo& info : row.operands) {
    if (info.role != vm::OperandRole::In && info.role != vm::OperandRole::Variadic) continue;
    const auto chosen = operand(info, like);
    if (!chosen) return false;
    if (like == vm::kNoValue || type(like).element.is_bool()) like = *chosen;
    instruction->inputs.push_back(*chosen);
  }
  attributes(*instruction);
  const auto types = results(*instruction);
  if (!types) return false;
  // Division by zero is a fault, not a result.
  const bool divides = row.opcode == Opcode::Div || row.opcode == Opcode::Rem;
  if (divides && type(instruction->inputs[1]).element.is_integer()) {
    const vm::Type divisor = type(instruction->inputs[1]);
    const ValueId one = b_.constant(divisor.element, std::int64_t{1}, divisor.shape);
    instruction->inputs[1] = b_.emit(Opcode::Or, divisor, {instruction->inputs[1], one});
  }
  for (const vm::Type& result : *types)
    instruction->outputs.push_back(program_.function.add_value("", result));
  vm::Region& region = b_.region();
  region.body.push_back(std::move(instruction));
  if (!legal()) {
    region.body.pop_back();
    return false;
  }
  const vm::Instruction& done = *region.body.back();
  used_.insert(done.inputs.begin(), done.inputs.end());
  pool_.insert(pool_.end(), done.outputs.begin(), done.outputs.end());
  return true;
}

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
  const Kind kind = pick(kKinds);
  const std::int64_t m = 16 << number(0, 2), n = 8 << number(0, 3), k = 16 << number(0, 2);
  const std::size_t before = b_.region().body.size();
  const std::size_t parameters = program_.function.parameters.size();
  const ValueId a = load_small(kind.operands, {m, k}), w = load_small(kind.operands, {k, n});
  const ValueId c =
      chance(50) ? load_small(kind.sum, {m, n}) : b_.constant(kind.sum, std::int64_t{0}, {m, n});
  const ValueId d = b_.emit(Opcode::Dot, tile_type(kind.sum, {m, n}), {a, w, c});
  b_.last().set("unit", std::string(pick(kUnits)));
  if (legal()) {
    pool_.push_back(d);
    return;
  }
  b_.region().body.resize(before);
  program_.function.parameters.resize(parameters);
  program_.tensors.resize(parameters);
}

// Into shared memory, and out of it transposed.
void Drawer::through_shared() {
  const auto value = operand({vm::OperandRole::In, "x", vm::Reg}, vm::kNoValue);
  if (!value || type(*value).is_scalar() || type(*value).element.is_bool() ||
      shares_bytes(type(*value)))
    return;
  const vm::Type tile = type(*value);
  const std::size_t before = b_.region().body.size();
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
  if (!legal()) {
    b_.region().body.resize(before);
    return;
  }
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
  if (!other) return;
  const vm::Type tile = type(*start);
  static constexpr Opcode kOps[] = {Opcode::Add, Opcode::Sub, Opcode::Xor, Opcode::Max,
                                    Opcode::Mul};
  const std::size_t before = b_.region().body.size();
  const ValueId variable = b_.emit(Opcode::Var, tile, {*start});
  vm::Instruction& loop = b_.emit(Opcode::For, {zero_, b_.integer(number(1, 4)), b_.integer(1)});
  if (chance(30)) loop.set("unroll", true);
  loop.regions[0].arguments.push_back(
      program_.function.add_value("i", vm::register_type(vm::kI32)));
  b_.open(loop, 0);
  const ValueId next = b_.emit(pick(kOps), tile, {variable, *other});
  b_.emit(Opcode::Assign, {variable, next});
  b_.close();
  if (!legal()) {
    b_.region().body.resize(before);
    return;
  }
  used_.insert({*start, *other});
  pool_.push_back(variable);
}

// A variable that blocks, or what they found in their data, set in different ways.
void Drawer::branch() {
  const auto start = operand({vm::OperandRole::In, "x", vm::Reg}, vm::kNoValue);
  if (!start) return;
  const auto other = operand({vm::OperandRole::In, "x", vm::Reg}, *start);
  if (!other) return;
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

void Drawer::one_step() {
  switch (number(0, 19)) {
    case 0:
      return approximate();
    case 1:
      return product();
    case 2:
      return through_shared();
    case 3:
      return gather();
    case 4:
      return loop();
    case 5:
      return branch();
    case 6:
      if (const ElementType element = pick(vm::all_element_types()); !element.is_bool())
        pool_.push_back(load_input(element, Fill::Any));
      return;
    default:
      break;
  }
  std::vector<const vm::InstructionInfo*> rows;
  for (const vm::InstructionInfo& row : vm::all_instructions())
    if (is_drawn(row)) rows.push_back(&row);
  // A row first, then operands for it, until some fit: all rows are met alike.
  const vm::InstructionInfo& row = *pick(rows);
  for (int tries = 0; tries < 30 && !try_row(row); ++tries) {
  }
}

void Drawer::outputs() {
  std::vector<ValueId> open;
  for (const ValueId id : pool_)
    if (!used_.contains(id)) open.push_back(id);
  std::shuffle(open.begin(), open.end(), random_);
  if (open.size() > kMostOutputs) open.resize(kMostOutputs);
  if (open.empty()) open.push_back(pool_.back());
  for (const ValueId id : open) store_output(id, {});
}

TestProgram Drawer::draw() {
  head();
  static const ElementType kFirst[] = {vm::kF32, vm::kF16, vm::kI32, vm::kU32, vm::kBF16, vm::kF64,
                                       vm::kI8,  vm::kU8,  vm::kI16, vm::kU16, vm::kI64,  vm::kU64};
  pool_.push_back(block_);
  for (std::int64_t i = number(2, 4); i > 0; --i) {
    const bool wide = chance(75);
    ElementType element = wide ? pick(kFirst) : pick(vm::all_element_types());
    if (element.is_bool()) element = vm::kU32;
    pool_.push_back(load_input(element, chance(50) ? Fill::Any : Fill::Plain));
  }
  for (int i = 0; i < options_.instructions; ++i) one_step();
  outputs();
  return std::move(program_);
}

}  // namespace

TestProgram draw_program(std::uint64_t seed, const DrawOptions& options) {
  return Drawer(seed, options).draw();
}

}  // namespace bitloom::test
