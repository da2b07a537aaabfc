// Accesses that more than one thread or block takes part in, and strands: copies, scatters,
// atomics, flags, compaction, roles and warps. Results do not depend on who comes first: scattered
// places are permutations, atomic operations commute exactly, and what is fetched belongs to one
// block.
#include "tests/differential/drawer.h"

namespace bitloom::test {
namespace {

constexpr std::int64_t kMostElements = 4096;

bool is_power_of_two(std::int64_t n) {
  return n > 0 && (n & (n - 1)) == 0;
}

}  // namespace

std::optional<ValueId> Drawer::tile_of(std::initializer_list<ElementType> elements) {
  std::vector<ValueId> fitting;
  for (const ValueId id : pool_) {
    const vm::Type& tile = type(id);
    if (tile.is_scalar() || layouts::size(tile.shape) > kMostElements) continue;
    const bool named = std::find(elements.begin(), elements.end(), tile.element) != elements.end();
    const bool whole_bytes = !tile.element.is_bool() && tile.element.bits >= 8;
    if (elements.size() == 0 ? whole_bytes : named) fitting.push_back(id);
  }
  if (fitting.empty()) return std::nullopt;
  return pick(fitting);
}

// The window of all of a tensor, or of a tile in shared memory.
ValueId Drawer::whole(ValueId memory, const Shape& shape) {
  return window(memory, std::vector<ValueId>(shape.size(), zero_), shape, Shape(shape.size(), 1));
}

// From global into shared memory and from there into registers.
void Drawer::copied() {
  const ElementType element = pick(vm::all_element_types());
  if (element.is_bool() || shares_bytes(tile_type(element, tile_))) return;
  const Mark begin = mark();
  const ValueId memory = b_.emit(Opcode::SharedAlloc, vm::shared_type(element, tile_), {});
  const ValueId shared = whole(memory, tile_), global = tile_window(element, Fill::Any);
  b_.emit(Opcode::Copy, {shared, global}).set("clip", clip_first());
  const ValueId loaded = b_.emit(Opcode::Load, tile_type(element, tile_), {shared, vm::kNoValue});
  if (!legal()) return take_back(begin);
  pool_.push_back(loaded);
}

// Rows in another order.
void Drawer::scatter() {
  const auto value = tile_of({});
  if (!value || !is_power_of_two(type(*value).shape[0])) return;
  const vm::Type tile = type(*value);
  const Shape list = {tile.shape[0]};
  const Mark begin = mark();
  const vm::Type index_type = tile_type(vm::kI32, list);
  ValueId index = b_.emit(Opcode::Iota, index_type, {});
  b_.last().set("dim", std::int64_t{0});
  const auto with = [&](Opcode opcode, std::int64_t n) {
    index = b_.emit(opcode, index_type, {index, b_.constant(vm::kI32, n, Shape(list))});
  };
  with(Opcode::Mul, 2 * number(0, 20) + 1);
  with(Opcode::Add, number(0, 1000));
  with(Opcode::And, list[0] - 1);
  const ValueId view = block_output(tile.element, tile.shape);
  b_.emit(Opcode::Scatter, {view, index, *value, mask_like(tile.shape)})
      .set("dim", std::int64_t{0});
  if (!legal()) return take_back(begin);
  used_.insert(*value);
}

// Integers that all blocks combine.
void Drawer::atomic() {
  const auto value = tile_of({vm::kI32, vm::kU32, vm::kI64, vm::kU64});
  if (!value) return;
  static constexpr const char* kOps[] = {"add", "min", "max", "and", "or", "xor"};
  const vm::Type tile = type(*value);
  const Mark begin = mark();
  Shape target = tile.shape;
  ValueId index = vm::kNoValue;
  if (chance(50)) {
    // Several rows meet in one.
    const Shape list = {tile.shape[0]};
    target[0] = std::int64_t{1} << number(0, 5);
    index = b_.emit(Opcode::Iota, tile_type(vm::kI32, list), {});
    b_.last().set("dim", std::int64_t{0});
    index = b_.emit(Opcode::And, tile_type(vm::kI32, list),
                    {index, b_.constant(vm::kI32, target[0] - 1, Shape(list))});
  }
  std::vector<layouts::SizeExpr> sizes;
  for (const std::int64_t extent : target) sizes.emplace_back(extent);
  const ValueId memory = parameter(tile.element, sizes, target, true, Fill::Any);
  const ValueId view = whole(memory, target);
  vm::Instruction& atomic = b_.emit(Opcode::Atomic, {view, *value, index, mask_like(tile.shape)});
  atomic.set("op", std::string(pick(kOps)));
  if (index != vm::kNoValue) atomic.set("dim", std::int64_t{0});
  if (!legal()) return take_back(begin);
  used_.insert(*value);
}

// Sums of small whole numbers are exact in any order.
void Drawer::atomic_float() {
  static const ElementType kElements[] = {vm::kF32, vm::kF16, vm::kF64, vm::kBF16};
  ElementType element = pick(kElements);
  if (element == vm::kBF16 && options_.sm < 90) element = vm::kF32;  // no sums of it there
  const Mark begin = mark();
  const ValueId value = load_small(element, tile_);
  std::vector<layouts::SizeExpr> sizes;
  for (const std::int64_t extent : tile_) sizes.emplace_back(extent);
  const ValueId memory = parameter(element, sizes, tile_, true, Fill::Small);
  b_.emit(Opcode::Atomic, {whole(memory, tile_), value, vm::kNoValue, mask_like(tile_)})
      .set("op", std::string("add"));
  if (!legal()) take_back(begin);
}

// The old value of an element that belongs to this block.
void Drawer::fetch() {
  static const ElementType kElements[] = {vm::kI32, vm::kU32, vm::kI64, vm::kU64, vm::kF32};
  static constexpr const char* kOps[] = {"add", "min", "max", "and", "or", "xor", "exchange"};
  static constexpr const char* kOrders[] = {"relaxed", "release", "acquire", "acq_rel"};
  const ElementType element = pick(kElements);
  const Mark begin = mark();
  const ValueId memory =
      parameter(element, {layouts::SizeExpr(blocks_)}, {blocks_}, true, Fill::Small);
  const ValueId place = window(memory, {block_}, {1}, {0});
  const ValueId x =
      element.is_float() ? b_.constant(element, 3.0) : b_.constant(element, number(0, 100));
  const ValueId old = b_.emit(Opcode::AtomicFetch, tile_type(element, {}), {place, x});
  b_.last().set("op", std::string(pick(kOps)));
  b_.last().set("order", std::string(pick(kOrders)));
  if (!legal()) return take_back(begin);
  pool_.push_back(old);
}

// A flag that is read, and one that is set.
void Drawer::flags() {
  static const ElementType kElements[] = {vm::kI32, vm::kU32, vm::kI64, vm::kU64};
  const ElementType element = pick(kElements);
  const Mark begin = mark();
  const auto place = [&](bool output) {
    const ValueId memory =
        parameter(element, {layouts::SizeExpr(blocks_)}, {blocks_}, output, Fill::Any);
    return window(memory, {block_}, {1}, {0});
  };
  const ValueId read = b_.emit(Opcode::LoadAcquire, tile_type(element, {}), {place(false)});
  b_.emit(Opcode::StoreRelease, {place(true), read});
  if (!legal()) return take_back(begin);
  pool_.push_back(read);
}

// The elements that a condition leaves, dense, and their number.
void Drawer::compacted() {
  std::vector<std::pair<ValueId, ValueId>> pairs;
  for (const ValueId mask : pool_) {
    if (!type(mask).element.is_bool() || type(mask).shape.size() != 1) continue;
    for (const ValueId x : pool_)
      if (type(x).shape == type(mask).shape && type(x).element.bits >= 8 &&
          !type(x).element.is_bool())
        pairs.emplace_back(mask, x);
  }
  if (pairs.empty()) return;
  const auto [mask, x] = pick(pairs);
  const vm::Type tile = type(x);
  const Mark begin = mark();
  const ValueId memory =
      b_.emit(Opcode::SharedAlloc, vm::shared_type(tile.element, tile.shape), {});
  const ValueId view = whole(memory, tile.shape);
  const ValueId nothing = tile.element.is_float()
                              ? b_.constant(tile.element, 0.0, Shape(tile.shape))
                              : b_.constant(tile.element, std::int64_t{0}, Shape(tile.shape));
  b_.emit(Opcode::Store, {view, nothing, vm::kNoValue});
  const ValueId count = b_.emit(Opcode::Compact, tile_type(vm::kI32, {}), {view, mask, x});
  const ValueId loaded =
      b_.emit(Opcode::Load, tile_type(tile.element, tile.shape), {view, vm::kNoValue});
  if (!legal()) return take_back(begin);
  used_.insert({mask, x});
  pool_.insert(pool_.end(), {count, loaded});
}

// A row or two on a tile of this strand's own, and where it goes.
void Drawer::strand_body(const std::function<ValueId(ElementType)>& input,
                         const std::function<void(ValueId)>& output) {
  static const ElementType kElements[] = {vm::kF32, vm::kF16, vm::kI32, vm::kU32,
                                          vm::kI64, vm::kU8,  vm::kF64, vm::kBF16};
  const std::vector<ValueId> outside = std::exchange(pool_, {});
  const ElementType element = pick(kElements);
  pool_.push_back(input(element));
  pool_.push_back(input(element));
  for (int i = 0, rows = 0; i < 40 && rows < 3; ++i) rows += try_row(*pick(drawn_rows()));
  ValueId last = pool_.front();
  for (const ValueId id : pool_)
    if (!type(id).is_scalar() && !shares_bytes(type(id)) && !type(id).element.is_bool()) last = id;
  output(last);
  pool_ = outside;
}

// Two halves of the block, each with an instruction stream of its own.
void Drawer::roles() {
  const std::int64_t threads = program_.function.threads;
  if (threads < 64) return;
  const Mark begin = mark();
  vm::Instruction& roles = b_.emit(Opcode::Roles, {});
  roles.set("threads", Shape{threads / 2, threads / 2});
  roles.set("copies", Shape{1, 1});
  roles.set("names", std::string("first,second"));
  roles.regions.resize(2);
  for (int role = 0; role < 2; ++role) {
    roles.regions[static_cast<std::size_t>(role)].arguments.push_back(
        program_.function.add_value("copy", vm::register_type(vm::kI32)));
    b_.open(roles, role);
    strand_body([&](ElementType element) { return load_input(element, Fill::Any); },
                [&](ValueId value) { store_output(value, {}); });
    b_.close();
  }
  if (!legal()) take_back(begin);
}

// Every warp by itself, on its row of a tensor.
void Drawer::warps() {
  const std::int64_t count = program_.function.threads / 32;
  const Mark begin = mark();
  vm::Instruction& warps = b_.emit(Opcode::Warps, {});
  const ValueId warp = program_.function.add_value("warp", vm::register_type(vm::kI32));
  warps.regions[0].arguments.push_back(warp);
  b_.open(warps, 0);
  const auto input = [&](ElementType element) {
    constexpr std::int64_t kColumns = 64;
    const ValueId memory =
        parameter(element, {layouts::SizeExpr(count), layouts::SizeExpr(kColumns)},
                  {count, kColumns}, false, Fill::Any);
    const ValueId view = window(memory, {warp, zero_}, {1, kColumns}, {0, 1});
    return b_.emit(Opcode::Load, tile_type(element, {kColumns}), {view, vm::kNoValue});
  };
  strand_body(input, [&](ValueId value) {
    const vm::Type tile = type(value);
    Shape known = {blocks_, count}, extents = {1, 1}, keep = {0, 0};
    std::vector<layouts::SizeExpr> sizes = {layouts::SizeExpr(blocks_), layouts::SizeExpr(count)};
    std::vector<ValueId> offsets = {block_, warp};
    for (const std::int64_t extent : tile.shape) {
      known.push_back(extent);
      extents.push_back(extent);
      keep.push_back(1);
      sizes.emplace_back(extent);
      offsets.push_back(zero_);
    }
    const ValueId memory = parameter(tile.element, sizes, known, true, Fill::Zero);
    b_.emit(Opcode::Store, {window(memory, offsets, extents, keep), value, vm::kNoValue});
  });
  b_.close();
  if (!legal()) take_back(begin);
}

}  // namespace bitloom::test
