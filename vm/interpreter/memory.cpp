// Loads and stores of register tiles.
#include <cstring>

#include "vm/interpreter/access.h"
#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/memory_checks.h"
#include "vm/interpreter/report.h"

namespace bitloom::vm::interpreter {
namespace {

// A plan for a tile that is loaded or stored; packed bytes are taken as they are where they can be.
std::optional<AccessPlan> plan_of(const Instruction& op, Compiler& compiler, const ViewInfo& view,
                                  const Tile& tile) {
  const Shape& clip = op.shape("clip");
  if (view.root->space != Space::Shared && view.root->space != Space::Global) {
    compiler.fail(op, "the memory operand is not memory");
    return std::nullopt;
  }
  if (layouts::size(view.extents) != layouts::size(tile.shape)) {
    compiler.fail(op, "window and tile have different shapes");
    return std::nullopt;
  }
  if (view.root->bits != tile.bits) {
    compiler.fail(op, "window and tile have different element types");
    return std::nullopt;
  }
  if (auto packed = AccessPlan::packed_runs(view, LaneShape::of(tile), clip)) return packed;
  return AccessPlan(view, LaneShape::of(tile), clip, 4);
}

// ---- Units of bytes -----------------------------------------------------------------------------

template <class Address>
void load_units(const std::byte* base, const Address& address, const Tile& tile, int unit,
                std::uint32_t* out) {
  const std::size_t threads = static_cast<std::size_t>(tile.threads);
  const std::size_t units = static_cast<std::size_t>(tile.registers) * tile.bits / (8 * unit);
  if (unit == 4) {
    for (std::size_t i = 0; i < units * threads; ++i) {
      const std::int64_t at = address[i];
      out[i] = 0;
      if (at != kInactive) std::memcpy(&out[i], base + at, 4);
    }
    return;
  }
  const int per_word = 4 / unit;
  std::memset(out, 0, tile.frame_words() * sizeof *out);
  for (std::size_t k = 0; k < units; ++k) {
    std::uint32_t* row = out + k / per_word * threads;
    const int shift = 8 * unit * static_cast<int>(k % per_word);
    for (std::size_t t = 0; t < threads; ++t) {
      const std::int64_t at = address[k * threads + t];
      std::uint32_t value = 0;
      if (unit == 2) {
        std::uint16_t half;
        std::memcpy(&half, base + at, 2);
        value = half;
      } else {
        value = static_cast<std::uint8_t>(base[at]);
      }
      row[t] |= value << shift;
    }
  }
}

// `indices`: the units that are stored, empty for all.
template <class Address>
void store_units(std::byte* base, const Address& address, const Tile& tile, int unit,
                 const std::vector<std::uint32_t>& indices, const std::uint32_t* in) {
  const std::size_t threads = static_cast<std::size_t>(tile.threads);
  const std::size_t units = static_cast<std::size_t>(tile.registers) * tile.bits / (8 * unit);
  const int per_word = 4 / unit;
  const auto one = [&](std::size_t i) {
    const std::int64_t at = address[i];
    if (at == kInactive) return;
    const std::size_t k = i / threads, t = i % threads;
    const std::uint32_t value =
        in[k / per_word * threads + t] >> (8 * unit * static_cast<int>(k % per_word));
    std::memcpy(base + at, &value, static_cast<std::size_t>(unit));
  };
  if (!indices.empty()) {
    for (std::uint32_t i : indices) one(i);
  } else if (unit == 4) {
    for (std::size_t i = 0; i < units * threads; ++i) {
      if (const std::int64_t at = address[i]; at != kInactive) std::memcpy(base + at, &in[i], 4);
    }
  } else {
    for (std::size_t i = 0; i < units * threads; ++i) one(i);
  }
}

std::unique_ptr<std::uint32_t[]> mask_lanes(Strand& strand, const Tile& mask) {
  auto lanes = buffer<std::uint32_t>(mask.lanes());
  unpack(strand.words(mask), mask, lanes.get());
  return lanes;
}

// The mask operand, checked; nullopt when absent.
std::optional<Tile> mask_of(const Instruction& op, Compiler& compiler, ValueId mask,
                            const Tile& tile) {
  if (mask == kNoValue) return std::nullopt;
  const Tile found = compiler.tile(mask);
  aligned(op, compiler, tile, found);
  return found;
}

}  // namespace

void compile(const LoadOp& op, Compiler& compiler) {
  const ViewInfo view = compiler.view(op.source());
  const Tile d = compiler.define(op.d());
  const auto mask = mask_of(*op, compiler, op.mask(), d);
  auto made = plan_of(*op, compiler, view, d);
  if (!made) return;
  const auto plan = std::make_shared<const AccessPlan>(std::move(*made));
  // With ldmatrix the lanes of a warp fetch for one another; a scalar is read by all threads.
  const Touch::By by = d.scalar                                   ? Touch::By::Strand
                       : op->word("form").starts_with("ldmatrix") ? Touch::By::Warps
                                                                  : Touch::By::Threads;
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const View& at = strand.views[view.slot];
    const std::byte* base = base_of(plan->root(), at);
    std::uint32_t* out = strand.words(d);
    MemoryCheck check(strand, step, *plan, at, {by, false, false});
    if (!mask && plan->inside(at)) {
      if (const auto units = plan->units_at(at)) {
        check.units(false, *units, d.threads);
        load_units(base, *units, d, plan->unit(), out);
        return Flow::Next;
      }
    }
    if (plan->raw()) {
      const auto units = plan->raw_units_at(at);
      if (units.fault) report_outside(strand, step, *plan, at, *units.fault);
      check.raw_units(false, units.number.get(), d.threads);
      load_units(base, units.number, d, plan->unit(), out);
      return Flow::Next;
    }
    const auto lanes = mask ? mask_lanes(strand, *mask) : nullptr;
    const auto elements = plan->elements_at(at, lanes.get());
    if (elements.fault) report_outside(strand, step, *plan, at, *elements.fault);
    check.elements(false, elements.number.get(), d.lanes(), d.threads);
    const auto codes = buffer<std::uint64_t>(d.lanes());
    for (std::size_t lane = 0; lane < d.lanes(); ++lane)
      codes[lane] =
          elements.number[lane] == kInactive ? 0 : plan->root().read(base, elements.number[lane]);
    pack64(codes.get(), d, out);
    return Flow::Next;
  });
}

void compile(const StoreOp& op, Compiler& compiler) {
  const ViewInfo view = compiler.view(op.target());
  const Tile x = compiler.tile(op.x());
  const auto mask = mask_of(*op, compiler, op.mask(), x);
  auto made = plan_of(*op, compiler, view, x);
  if (!made) return;
  const auto plan = std::make_shared<const AccessPlan>(std::move(*made));
  const bool global = view.root->space == Space::Global;
  // Of elements that several threads hold the first one writes.
  std::vector<std::uint32_t> indices;
  if (!x.table->unique && plan->unit() > 0) {
    const std::size_t bits = 8 * static_cast<std::size_t>(plan->unit());
    for (std::size_t i = 0; i < plan->units(); ++i) {
      const std::size_t k = i / x.threads, t = i % x.threads;
      if (x.table->is_first[k * bits / x.bits * x.threads + t])
        indices.push_back(static_cast<std::uint32_t>(i));
    }
  }
  compiler.step(*op, [=](Strand& strand, const Step& step) {
    const View& at = strand.views[view.slot];
    std::byte* base = base_of(plan->root(), at);
    const std::uint32_t* in = strand.words(x);
    MemoryCheck check(strand, step, *plan, at);
    if (global) strand.cluster->grid.changes.fetch_add(1, std::memory_order_release);
    if (!mask && plan->inside(at)) {
      if (const auto units = plan->units_at(at)) {
        check.units(true, *units, x.threads, &indices);
        store_units(base, *units, x, plan->unit(), indices, in);
        return Flow::Next;
      }
    }
    if (plan->raw()) {
      const auto units = plan->raw_units_at(at);
      if (units.fault) report_outside(strand, step, *plan, at, *units.fault);
      check.raw_units(true, units.number.get(), x.threads, &indices);
      store_units(base, units.number, x, plan->unit(), indices, in);
      return Flow::Next;
    }
    const auto lanes = mask ? mask_lanes(strand, *mask) : nullptr;
    const auto elements = plan->elements_at(at, lanes.get());
    if (elements.fault) report_outside(strand, step, *plan, at, *elements.fault);
    if (!x.table->unique) {
      for (std::size_t lane = 0; lane < x.lanes(); ++lane)
        if (!x.table->is_first[lane]) elements.number[lane] = kInactive;
    }
    check.elements(true, elements.number.get(), x.lanes(), x.threads);
    const auto codes = buffer<std::uint64_t>(x.lanes());
    unpack64(in, x, codes.get());
    for (std::size_t lane = 0; lane < x.lanes(); ++lane)
      if (elements.number[lane] != kInactive)
        plan->root().write(base, elements.number[lane], codes[lane]);
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
