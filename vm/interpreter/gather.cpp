// Accesses by an index tile, and dense lists.
#include <algorithm>

#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/indexed.h"
#include "vm/interpreter/report.h"
#include "vm/interpreter/scalars.h"

namespace bitloom::vm::interpreter {
namespace {

std::optional<Tile> optional_tile(Compiler& compiler, ValueId value) {
  if (value == kNoValue) return std::nullopt;
  return compiler.tile(value);
}

}  // namespace

void compile(const GatherOp& op, Compiler& compiler) {
  const ViewInfo view = compiler.view(op.source());
  const Tile index = compiler.tile(op.index());
  const auto mask = optional_tile(compiler, op.mask());
  const Tile d = compiler.define(op.d());
  const auto made = IndexedPlan::make(*op, compiler, view, d, index, mask);
  if (!made) return;
  const auto plan = std::make_shared<const IndexedPlan>(*made);
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const View& at = strand.views[view.slot];
    const auto numbers = plan->numbers(strand, step, at);
    MemoryCheck(strand, step, plan->access(), at)
        .elements(false, numbers.get(), d.lanes(), d.threads);
    const Root& root = plan->access().root();
    const std::byte* base = base_of(root, at);
    const auto codes = buffer<std::uint64_t>(d.lanes());
    for (std::size_t lane = 0; lane < d.lanes(); ++lane)
      codes[lane] = numbers[lane] == kInactive ? 0 : root.read(base, numbers[lane]);
    pack64(codes.get(), d, strand.words(d));
    return Flow::Next;
  });
}

namespace {

// Where several lanes write one place, one write is left; false when their values differ.
bool drop_duplicates(std::int64_t* number, const std::uint64_t* codes, std::size_t n,
                     std::pair<std::size_t, std::size_t>& conflict) {
  std::vector<std::size_t> order;
  for (std::size_t lane = 0; lane < n; ++lane)
    if (number[lane] != kInactive) order.push_back(lane);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return number[a] < number[b]; });
  bool good = true;
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (number[order[i]] != number[order[i - 1]]) continue;
    if (codes[order[i]] != codes[order[i - 1]] && good) {
      good = false;
      conflict = {order[i - 1], order[i]};
    }
    number[order[i - 1]] = kInactive;
  }
  return good;
}

}  // namespace

void compile(const ScatterOp& op, Compiler& compiler) {
  const ViewInfo view = compiler.view(op.target());
  const Tile index = compiler.tile(op.index()), x = compiler.tile(op.x());
  const auto mask = optional_tile(compiler, op.mask());
  const auto made = IndexedPlan::make(*op, compiler, view, x, index, mask);
  if (!made) return;
  const auto plan = std::make_shared<const IndexedPlan>(*made);
  const bool global = view.root->space == Space::Global;
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const View& at = strand.views[view.slot];
    const auto numbers = plan->numbers(strand, step, at);
    keep_first_holders(x, numbers.get());
    const auto codes = buffer<std::uint64_t>(x.lanes());
    unpack64(strand.words(x), x, codes.get());
    std::pair<std::size_t, std::size_t> conflict;
    if (!drop_duplicates(numbers.get(), codes.get(), x.lanes(), conflict)) {
      report(strand, step, "BL0505",
             fmt::format("scatter: the elements{} and{} are written to one place and differ, in {}",
                         element_text(x, conflict.first).substr(11),
                         element_text(x, conflict.second).substr(11), strand.block->describe()));
    }
    MemoryCheck(strand, step, plan->access(), at)
        .elements(true, numbers.get(), x.lanes(), x.threads);
    const Root& root = plan->access().root();
    std::byte* base = base_of(root, at);
    if (global) strand.cluster->grid.changes.fetch_add(1, std::memory_order_release);
    for (std::size_t lane = 0; lane < x.lanes(); ++lane)
      if (numbers[lane] != kInactive) root.write(base, numbers[lane], codes[lane]);
    return Flow::Next;
  });
}

void compile(const CompactOp& op, Compiler& compiler) {
  const Tile mask = compiler.tile(op.mask()), x = compiler.tile(op.x());
  const ViewInfo view = compiler.view(op.target());
  const Tile count = compiler.define(op.count());
  if (!aligned(*op, compiler, x, mask)) return;
  if (view.root->space != Space::Shared || view.root->bits != x.bits)
    return compiler.fail(*op, "the target is a shared tile of the elements' type");
  const std::size_t room = static_cast<std::size_t>(layouts::size(view.extents));
  const auto places = std::make_shared<const AccessPlan>(view, LaneShape::whole(view), Shape{}, 0);
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const View& at = strand.views[view.slot];
    const auto holds = buffer<std::uint32_t>(x.lanes());
    unpack(strand.words(mask), mask, holds.get());
    const auto codes = buffer<std::uint64_t>(x.lanes());
    unpack64(strand.words(x), x, codes.get());
    const auto target = places->elements_at(at, nullptr);
    if (target.fault) report_outside(strand, step, *places, at, *target.fault);
    const auto numbers = buffer<std::int64_t>(x.lanes());
    std::fill_n(numbers.get(), x.lanes(), kInactive);
    std::size_t found = 0;
    for (std::int32_t lane : x.table->lane_of_element) {
      if (!holds[lane]) continue;
      if (found < room) numbers[lane] = target.number[found];
      ++found;
    }
    if (found > room) {
      report(strand, step, "BL0502",
             fmt::format("compact: {} elements are chosen and the target has room for {}, in {}",
                         found, room, strand.block->describe()));
    }
    // Elements are named by their place in the target; the lanes are those of x.
    MemoryCheck(strand, step, *places, at).elements(true, numbers.get(), x.lanes(), x.threads);
    const Root& root = places->root();
    std::byte* base = base_of(root, at);
    for (std::size_t lane = 0; lane < x.lanes(); ++lane)
      if (numbers[lane] != kInactive) root.write(base, numbers[lane], codes[lane]);
    set_integer(strand, count, static_cast<std::int64_t>(found));
    return Flow::Next;
  });
}

// Changes nothing that a program can see.
void compile(const PrefetchOp& op, Compiler& compiler) {
  const ViewInfo view = compiler.view(op.source());
  if (view.root->space != Space::Global) return compiler.fail(*op, "the source is not global");
  compiler.step(*op, [](Strand&, const Step&) { return Flow::Next; });
}

}  // namespace bitloom::vm::interpreter
