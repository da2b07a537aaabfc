#include "vm/interpreter/memory_checks.h"

#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/global_shadow.h"
#include "vm/interpreter/report.h"

namespace bitloom::vm::interpreter {

std::string element_name(const Root& root, const Shape& at) {
  return fmt::format("element {} of {}", layouts::to_string(at),
                     root.name.empty() ? std::string("the tensor") : root.name);
}

void report_outside(Strand& strand, const Step& step, const AccessPlan& plan, const View& view,
                    std::size_t lane) {
  const Root& root = plan.root();
  const bool shared = root.space == Space::Shared;
  Diagnostic diagnostic{
      Severity::Error, shared ? "BL0502" : "BL0501", step.instruction->span, {}, {}, {}};
  diagnostic << info(step.instruction->opcode).mnemonic << ": "
             << element_name(root, plan.coordinates(view, lane)) << " lies outside of its extents "
             << layouts::to_string(root.extents) << ", in " << strand.describe();
  if (root.span.known()) diagnostic.note(root.span, "it is declared here");
  diagnostic.hint(shared ? "take the index modulo the extent, or make the tile larger"
                         : "clip the access, or give it a mask");
  report(strand, step, root.value, std::move(diagnostic));
}

MemoryCheck::MemoryCheck(Strand& strand, const Step& step, const AccessPlan& plan, const View& view,
                         Kind kind)
    : strand_(strand), step_(step), plan_(plan), view_(view), kind_(kind) {
  const Root& root = plan.root();
  shared_ = strand.cluster->hazards && root.space == Space::Shared;
  global_ = strand.cluster->grid.shadow && root.space == Space::Global;
}

void MemoryCheck::touch(bool write, const std::int64_t* address, std::int64_t offset,
                        std::size_t count, int width, int threads,
                        const std::vector<std::uint32_t>* subset, bool by_unit) {
  Touch touch;
  touch.address = address;
  touch.offset = global_ ? offset : offset + view_.base;
  touch.count = count;
  touch.width = width;
  touch.threads = threads;
  touch.subset = subset;
  touch.by = kind_.by;
  touch.atomic = kind_.atomic;
  touch.reads_old = kind_.reads_old;
  touch.element = [this, by_unit, threads](std::size_t unit) {
    const std::size_t lane = by_unit ? plan_.lane_of_unit(unit, threads) : unit;
    return element_name(plan_.root(), plan_.coordinates(view_, lane));
  };
  if (global_) {
    touch.global = true;
    strand_.cluster->grid.shadow->touch(strand_, step_, plan_.root(), write, touch);
    return;
  }
  Hazards& hazards = *strand_.cluster->hazards;
  write ? hazards.write(strand_, step_, *view_.block, touch)
        : hazards.read(strand_, step_, *view_.block, touch);
}

void MemoryCheck::units(bool write, const AccessPlan::Units& units, int threads,
                        const std::vector<std::uint32_t>* subset) {
  if (active())
    touch(write, units.address, units.offset, plan_.units(), plan_.unit(), threads, subset, true);
}

void MemoryCheck::raw_units(bool write, const std::int64_t* address, int threads,
                            const std::vector<std::uint32_t>* subset) {
  if (active()) touch(write, address, 0, plan_.units(), plan_.unit(), threads, subset, true);
}

void MemoryCheck::elements(bool write, const std::int64_t* number, std::size_t count, int threads) {
  if (!active()) return;
  const Root& root = plan_.root();
  const bool whole = root.order == Root::Order::Packed || root.bits % 8 == 0;
  const auto first = buffer<std::int64_t>(count), second = buffer<std::int64_t>(count);
  bool straddles = false;
  for (std::size_t i = 0; i < count; ++i) {
    first[i] = second[i] = kInactive;
    if (number[i] == kInactive) continue;
    const auto [at, bytes] = root.bytes_of(number[i]);
    first[i] = at;
    if (!whole && bytes > 1) second[i] = at + 1, straddles = true;
  }
  const int width = root.order == Root::Order::Packed ? 4 : std::max(1, root.bits / 8);
  // A store of parts of bytes changes its own bits atomically (Root::write), so that neighbours in
  // one byte do not disturb one another.
  kind_.atomic |= write && !whole;
  touch(write, first.get(), 0, count, width, threads, nullptr, false);
  if (straddles) touch(write, second.get(), 0, count, width, threads, nullptr, false);
}

}  // namespace bitloom::vm::interpreter
