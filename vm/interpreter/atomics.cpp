// Atomic operations, and flags that carry order.
//
// In global memory they are atomic operations of the host, because blocks run on several threads.
#include <atomic>

#include "vm/interpreter/combination.h"
#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/global_shadow.h"
#include "vm/interpreter/indexed.h"
#include "vm/interpreter/scalars.h"

namespace bitloom::vm::interpreter {
namespace {

template <class Word>
std::uint64_t change_word(std::byte* place, ElementType type, Combination combine,
                          std::uint64_t operand) {
  std::atomic_ref<Word> word(*reinterpret_cast<Word*>(place));
  Word old = word.load(std::memory_order_acquire);
  while (!word.compare_exchange_weak(old, static_cast<Word>(combine(type, old, operand)),
                                     std::memory_order_acq_rel)) {
  }
  return old;
}

// place op= operand; the old value.
std::uint64_t change(std::byte* place, ElementType type, Combination combine,
                     std::uint64_t operand) {
  switch (type.bits) {
    case 8:
      return change_word<std::uint8_t>(place, type, combine, operand);
    case 16:
      return change_word<std::uint16_t>(place, type, combine, operand);
    case 32:
      return change_word<std::uint32_t>(place, type, combine, operand);
    default:
      return change_word<std::uint64_t>(place, type, combine, operand);
  }
}

std::uint64_t load_word(std::byte* place, int bits) {
  switch (bits) {
    case 8:
      return std::atomic_ref(*reinterpret_cast<std::uint8_t*>(place)).load();
    case 16:
      return std::atomic_ref(*reinterpret_cast<std::uint16_t*>(place)).load();
    case 32:
      return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(place)).load();
    default:
      return std::atomic_ref(*reinterpret_cast<std::uint64_t*>(place)).load();
  }
}

// Which way an order word binds.
struct Order {
  bool acquire = false, release = false;
};

Order order_of(std::string_view name) {
  return {name == "acquire" || name == "acq_rel", name == "release" || name == "acq_rel"};
}

// Flags hand clocks on: to the strands of the cluster, and between clusters.
void release_at(Strand& strand, const std::byte* place, bool wide) {
  Cluster& cluster = *strand.cluster;
  if (cluster.hazards) {
    cluster.hazards->sync(strand);
    Clock& flag = cluster.hazards->flag(place);
    cluster.hazards->release(strand, Hazards::Arrival::Threads, flag);
    if (cluster.grid.shadow && wide) cluster.hazards->released_outside(cluster.order.time, flag);
  }
  if (cluster.grid.shadow && wide) cluster.grid.shadow->release(cluster, place);
}

void acquire_at(Strand& strand, const std::byte* place, bool wide) {
  Cluster& cluster = *strand.cluster;
  if (cluster.hazards) cluster.hazards->acquire(strand, cluster.hazards->flag(place));
  if (cluster.grid.shadow && wide) cluster.grid.shadow->acquire(strand, place);
}

// What a relaxed atomic carries from fence to fence.
void carry(Strand& strand, const std::byte* place, bool wide) {
  Cluster& cluster = *strand.cluster;
  if (cluster.hazards) cluster.hazards->relaxed(strand, place, true, true);
  if (cluster.grid.shadow && wide) cluster.grid.shadow->relaxed(cluster, place, true, true);
}

bool is_wide(std::string_view scope) {
  return scope != "block";
}

// A strand that polls the same value again has only been waiting, and gives way.
Flow poll(Strand& strand, const Step& step, const std::byte* place, std::uint64_t value) {
  for (Strand::Poll& last : strand.polls) {
    if (last.step != &step) continue;
    const bool same = last.place == place && last.value == value && last.effects == strand.effects;
    last = {&step, place, value, strand.effects};
    if (!same) return Flow::Next;
    strand.spinning_on = &last;
    return Flow::Yield;
  }
  strand.polls.push_back({&step, place, value, strand.effects});
  return Flow::Next;
}

// The single element of a window.
struct ElementPlan {
  std::shared_ptr<const AccessPlan> plan;
  std::uint32_t slot = 0;

  static std::optional<ElementPlan> make(const Instruction& op, Compiler& compiler, ValueId value) {
    const ViewInfo view = compiler.view(value);
    const bool memory = view.root->space == Space::Shared || view.root->space == Space::Global;
    if (!memory || layouts::size(view.extents) != 1 || view.root->bits < 8 ||
        view.root->order == Root::Order::Packed) {
      compiler.fail(op, "the operand is not a single element of whole bytes in memory");
      return std::nullopt;
    }
    return ElementPlan{
        std::make_shared<const AccessPlan>(view, LaneShape::whole(view), op.shape("clip"), 0),
        view.slot};
  }

  // Its place; null, reported, when it lies outside.
  std::byte* place(Strand& strand, const Step& step, bool write, bool reads_old = false) const {
    const View& view = strand.views[slot];
    const auto elements = plan->elements_at(view, nullptr);
    if (elements.number[0] == kInactive) {
      report_outside(strand, step, *plan, view, 0);
      return nullptr;
    }
    MemoryCheck(strand, step, *plan, view, {Touch::By::Threads, true, reads_old})
        .elements(write, elements.number.get(), 1, 1);
    return base_of(plan->root(), view) + plan->root().bytes_of(elements.number[0]).first;
  }
};

}  // namespace

void compile(const AtomicOp& op, Compiler& compiler) {
  const ViewInfo view = compiler.view(op.target());
  const Tile x = compiler.tile(op.x());
  std::optional<Tile> index, mask;
  if (op.index() != kNoValue) index = compiler.tile(op.index());
  if (op.mask() != kNoValue) mask = compiler.tile(op.mask());
  const auto made = IndexedPlan::make(*op, compiler, view, x, index, mask);
  if (!made) return;
  const auto plan = std::make_shared<const IndexedPlan>(*made);
  const Combination combine = combination(op->word("op"), x.element);
  if (!combine || x.bits < 8 || view.root->order == Root::Order::Packed)
    return compiler.fail(*op, "no such atomic operation");
  const Order order = order_of(op->word("order"));
  const bool wide = is_wide(op->word("scope"));
  const bool global = view.root->space == Space::Global;
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const View& at = strand.views[view.slot];
    const auto numbers = plan->numbers(strand, step, at);
    keep_first_holders(x, numbers.get());
    Cluster& cluster = *strand.cluster;
    MemoryCheck(strand, step, plan->access(), at, {Touch::By::Threads, true, true})
        .elements(true, numbers.get(), x.lanes(), x.threads);
    const auto codes = buffer<std::uint64_t>(x.lanes());
    unpack64(strand.words(x), x, codes.get());
    const Root& root = plan->access().root();
    std::byte* base = base_of(root, at);
    for (std::size_t lane = 0; lane < x.lanes(); ++lane) {
      if (numbers[lane] == kInactive) continue;
      std::byte* place = base + root.bytes_of(numbers[lane]).first;
      if (order.release) release_at(strand, place, wide);
      if (global) carry(strand, place, wide);
      change(place, x.element, combine, codes[lane]);
      if (order.acquire) acquire_at(strand, place, wide);
    }
    if (global) cluster.grid.changes.fetch_add(1, std::memory_order_release);
    return Flow::Next;
  });
}

void compile(const AtomicFetchOp& op, Compiler& compiler) {
  const auto element = ElementPlan::make(*op, compiler, op.target());
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (!element) return;
  const ElementType type = element->plan->root().element;
  const Combination combine = combination(op->word("op"), type);
  if (!combine || x.bits != type.bits || d.bits != type.bits)
    return compiler.fail(*op, "no such atomic operation");
  const Order order = order_of(op->word("order"));
  const bool wide = is_wide(op->word("scope"));
  const bool global = element->plan->root().space == Space::Global;
  compiler.step(*op, [=, element = *element](Strand& strand, const Step& step) {
    std::byte* place = element.place(strand, step, true, true);
    if (!place) {
      set_code(strand, d, 0);
      return Flow::Next;
    }
    Cluster& cluster = *strand.cluster;
    if (order.release) release_at(strand, place, wide);
    if (global) carry(strand, place, wide);
    const std::uint64_t operand = get_code(strand, x);
    const std::uint64_t old = change(place, type, combine, operand);
    if (order.acquire) acquire_at(strand, place, wide);
    set_code(strand, d, old);
    if (combine(type, old, operand) != old) {
      ++strand.effects;
      if (global) cluster.grid.changes.fetch_add(1, std::memory_order_release);
    }
    return poll(strand, step, place, old);
  });
}

void compile(const LoadAcquireOp& op, Compiler& compiler) {
  const auto element = ElementPlan::make(*op, compiler, op.source());
  const Tile d = compiler.define(op.d());
  if (!element) return;
  const bool wide = is_wide(op->word("scope"));
  const int bits = element->plan->root().bits;
  compiler.step(*op, [=, element = *element](Strand& strand, const Step& step) {
    std::byte* place = element.place(strand, step, false);
    if (!place) {
      set_code(strand, d, 0);
      return Flow::Next;
    }
    const std::uint64_t value = load_word(place, bits);
    acquire_at(strand, place, wide);
    set_code(strand, d, value);
    return poll(strand, step, place, value);
  });
}

void compile(const StoreReleaseOp& op, Compiler& compiler) {
  const auto element = ElementPlan::make(*op, compiler, op.target());
  const Tile x = compiler.tile(op.x());
  if (!element) return;
  const bool wide = is_wide(op->word("scope"));
  const ElementType type = element->plan->root().element;
  const bool global = element->plan->root().space == Space::Global;
  if (x.bits != type.bits) return compiler.fail(*op, "the value is of another type");
  const Combination exchange = combination("exchange", type);
  compiler.step(*op, [=, element = *element](Strand& strand, const Step& step) {
    Cluster& cluster = *strand.cluster;
    if (cluster.hazards) cluster.hazards->sync(strand);
    std::byte* place = element.place(strand, step, true);
    if (!place) return Flow::Next;
    release_at(strand, place, wide);
    change(place, type, exchange, get_code(strand, x));
    if (global) cluster.grid.changes.fetch_add(1, std::memory_order_release);
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
