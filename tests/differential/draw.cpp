#include "tests/differential/draw.h"

#include <fmt/format.h>

#include <cstdlib>

#include "tests/differential/drawer.h"
#include "tests/differential/idioms.h"

namespace bitloom::test {
namespace {

constexpr int kMostOutputs = 8;
constexpr std::int64_t kMostElements = 4096;

}  // namespace

void Drawer::head() {
  static const std::vector<Shape> kTiles = {{32},    {128},    {256},    {1024},     {16, 32},
                                            {64, 8}, {32, 32}, {8, 128}, {4, 8, 16}, {2, 64, 4}};
  vm::Function& f = program_.function;
  f.name = fmt::format("drawn_{}", program_.seed);  // programs share a module
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

void Drawer::take_back(const Mark& mark) {
  b_.region().body.resize(mark.instructions);
  program_.function.values.resize(mark.values);
  program_.function.parameters.resize(mark.parameters);
  program_.tensors.resize(mark.parameters);
}

// This block's tile of a tensor of its own; accesses clip it along the first dimension.
ValueId Drawer::tile_window(ElementType element, const Fill& fill) {
  std::vector<layouts::SizeExpr> extents = {layouts::SizeExpr::symbol("n")};
  Shape known = {program_.sizes["n"]};
  std::vector<ValueId> offsets = {row_};
  for (std::size_t d = 1; d < tile_.size(); ++d) {
    extents.emplace_back(tile_[d]);
    known.push_back(tile_[d]);
    offsets.push_back(zero_);
  }
  const ValueId memory = parameter(element, std::move(extents), known, false, fill);
  return window(memory, offsets, tile_, Shape(tile_.size(), 1));
}

Shape Drawer::clip_first() const {
  Shape clip(tile_.size(), 0);
  clip[0] = 1;
  return clip;
}

// A condition for every element of a tile, sometimes, where there is one.
ValueId Drawer::mask_like(const Shape& shape) {
  std::vector<ValueId> masks;
  for (const ValueId id : pool_)
    if (type(id).element.is_bool() && type(id).shape == shape) masks.push_back(id);
  if (masks.empty() || chance(50)) return vm::kNoValue;
  const ValueId mask = pick(masks);
  used_.insert(mask);
  return mask;
}

ValueId Drawer::load_input(ElementType element, const Fill& fill) {
  const ValueId view = tile_window(element, fill);
  const ValueId loaded = b_.emit(Opcode::Load, tile_type(element, tile_), {view, mask_like(tile_)});
  b_.last().set("clip", clip_first());
  return loaded;
}

// The same for all blocks.
ValueId Drawer::load_shared_input(ElementType element, const Shape& shape, Fill fill) {
  std::vector<layouts::SizeExpr> extents;
  for (const std::int64_t extent : shape) extents.emplace_back(extent);
  const ValueId memory = parameter(element, extents, shape, false, fill);
  const ValueId view =
      window(memory, std::vector<ValueId>(shape.size(), zero_), shape, Shape(shape.size(), 1));
  return b_.emit(Opcode::Load, tile_type(element, shape), {view, vm::kNoValue});
}

void Drawer::store_output(ValueId value, Tolerance tolerance) {
  // Rows of narrow types that do not fill bytes would be two threads' bytes: those go out as f32.
  if (shares_bytes(type(value)))
    value = b_.emit(Opcode::Cast, tile_type(vm::kF32, Shape(type(value).shape)), {value});
  if (type(value).element.is_bool())
    value = b_.emit(Opcode::Cast, tile_type(vm::kU8, Shape(type(value).shape)), {value});
  const vm::Type stored = type(value);
  const ValueId view = block_output(stored.element, stored.shape);
  program_.tensors.back().tolerance = tolerance;
  b_.emit(Opcode::Store, {view, value, mask_like(stored.shape)});
}

ValueId Drawer::block_output(ElementType element, const Shape& shape) {
  Shape known = {blocks_}, extents = {1}, keep = {0};
  std::vector<layouts::SizeExpr> sizes = {layouts::SizeExpr(blocks_)};
  std::vector<ValueId> offsets = {block_};
  for (const std::int64_t extent : shape) {
    known.push_back(extent);
    extents.push_back(extent);
    keep.push_back(1);
    sizes.emplace_back(extent);
    offsets.push_back(zero_);
  }
  const ValueId memory = parameter(element, sizes, known, true, Fill::Zero);
  return window(memory, offsets, extents, keep);
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

static Shape factored(std::int64_t size, std::mt19937_64& random) {
  Shape shape;
  while (size > 1 && shape.size() < 2) {
    std::int64_t extent = 1;
    while (size % (2 * extent) == 0 && random() % 3 != 0) extent *= 2;
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
      instruction.set("rounding", std::string(pick(kRoundings)));  // see try_row
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

// Whether the row computes on values of the pool.
static bool is_drawn(const vm::InstructionInfo& row) {
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

// Another value than x, as ptxas sees it: the smaller of a NaN and itself is one more NaN, with
// bits that nobody promises (docs/numerics.md).
ValueId Drawer::distinct(ValueId x) {
  if (type(x).element != vm::kF32) return x;
  const vm::Type tile = type(x);
  return b_.emit(Opcode::Add, tile, {x, b_.constant(vm::kF32, 1.0, tile.shape)});
}

bool Drawer::try_row(const vm::InstructionInfo& row) {
  const Mark begin = mark();
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
    const std::int64_t odd = divisor.element.bits == 1 && divisor.element.is_signed() ? -1 : 1;
    const ValueId one = b_.constant(divisor.element, odd, divisor.shape);
    instruction->inputs[1] = b_.emit(Opcode::Or, divisor, {instruction->inputs[1], one});
  }
  // Directed rounding has word programs and instructions for wide types alone (BL0311, BL0905).
  if (row.opcode == Opcode::Cast && types->front().element.is_narrow() &&
      !types->front().element.is_integer() && instruction->find("rounding"))
    instruction->set("rounding", std::string("nearest"));
  if (row.opcode == Opcode::Min || row.opcode == Opcode::Max)
    instruction->inputs[1] = distinct(instruction->inputs[1]);
  for (const vm::Type& result : *types)
    instruction->outputs.push_back(program_.function.add_value("", result));
  vm::Region& region = b_.region();
  region.body.push_back(std::move(instruction));
  if (!legal()) {
    take_back(begin);
    return false;
  }
  const vm::Instruction& done = *region.body.back();
  used_.insert(done.inputs.begin(), done.inputs.end());
  pool_.insert(pool_.end(), done.outputs.begin(), done.outputs.end());
  return true;
}

const std::vector<const vm::InstructionInfo*>& drawn_rows() {
  static const auto rows = [] {
    std::vector<const vm::InstructionInfo*> all;
    for (const vm::InstructionInfo& row : vm::all_instructions())
      if (is_drawn(row)) all.push_back(&row);
    return all;
  }();
  return rows;
}

// One row with operands of one element type: seeds in a row go through all of them, so that every
// instruction meets every type that it takes.
void Drawer::focus() {
  const auto& rows = drawn_rows();
  const auto& elements = vm::all_element_types();
  const std::uint64_t turn = program_.seed % (rows.size() * elements.size());
  const vm::InstructionInfo& row = *rows[turn % rows.size()];
  const ElementType element = elements[turn / rows.size()];
  std::vector<ValueId> others = std::exchange(pool_, {});
  const auto condition = [&](const Shape& shape) {
    const ValueId x = load_shared_input(vm::kI32, shape, Fill::Small);
    const ValueId zero = b_.constant(vm::kI32, std::int64_t{0}, shape);
    const ValueId d = b_.emit(Opcode::Compare, tile_type(vm::kBool, shape), {x, zero});
    b_.last().set("predicate", std::string("lt"));
    return d;
  };
  pool_.push_back(condition(tile_));
  if (element.is_bool()) {
    for (const Shape& shape : {tile_, Shape{16, 1}, Shape{1}}) pool_.push_back(condition(shape));
  } else {
    pool_.push_back(load_input(element, Fill::Any));
    pool_.push_back(load_input(element, Fill::Plain));
    // What broadcasts, and what is a scalar.
    pool_.push_back(load_shared_input(element, {16, 1}, Fill::Any));
    pool_.push_back(load_shared_input(element, {1}, Fill::Any));
  }
  for (int tries = 0; tries < 100 && !try_row(row); ++tries) {
  }
  pool_.insert(pool_.begin(), others.begin(), others.end());
}

void Drawer::one_step() {
  switch (number(0, 29)) {
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
    case 7:
      return copied();
    case 8:
      return scatter();
    case 9:
      return chance(60) ? atomic() : atomic_float();
    case 10:
      return chance(50) ? fetch() : flags();
    case 11:
      return compacted();
    case 12:
      return chance(50) ? roles() : warps();
    case 13:
      return chance(50) ? endless_loop() : claims();
    default:
      break;
  }
  // A row first, then operands for it, until some fit: all rows are met alike.
  const vm::InstructionInfo& row = *pick(drawn_rows());
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
  if (chance(30)) {
    pool_.push_back(b_.emit(Opcode::BlockCount, vm::register_type(vm::kI32), {}));
    b_.last().set("axis", std::int64_t{0});
  }
  for (std::int64_t i = number(2, 4); i > 0; --i) {
    const bool wide = chance(75);
    ElementType element = wide ? pick(kFirst) : pick(vm::all_element_types());
    if (element.is_bool()) element = vm::kU32;
    pool_.push_back(load_input(element, chance(50) ? Fill::Any : Fill::Plain));
  }
  focus();
  for (int i = 0; i < options_.instructions; ++i) one_step();
  outputs();
  return std::move(program_);
}

TestProgram draw_program(std::uint64_t seed, const DrawOptions& options) {
  constexpr std::uint64_t kIdiomEach = 3;
  if (seed % kIdiomEach == 0) {
    std::string complaint;
    if (auto drawn = draw_idiom(seed, seed / kIdiomEach, options.sm, complaint))
      return std::move(*drawn);
    // A fault of the idiom: the tests try all of them.
    fmt::print(stderr, "seed {}: {}\n", seed, complaint);
    std::abort();
  }
  return Drawer(seed, options).draw();
}

}  // namespace bitloom::test
