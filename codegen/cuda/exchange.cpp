#include "codegen/cuda/exchange.h"

#include <algorithm>
#include <unordered_map>

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/plain_access.h"

namespace bitloom::codegen {

using layouts::Index;
using layouts::RegisterLayout;
using vm::Shape;

namespace {

// A register of a source.
struct Held {
  std::size_t source = 0;
  std::int64_t reg = 0;
  bool operator==(const Held&) const = default;
};

// For every register of the result, the register of the same thread that holds its element.
std::optional<std::vector<Held>> local_sources(const RegisterLayout& layout,
                                               const std::vector<MoveSource>& sources,
                                               const Shape& common,
                                               const std::function<Index(const Index&)>& from) {
  std::vector<std::vector<std::int64_t>>
      places;  // of every element of a source, in the common tile
  for (const MoveSource& source : sources) {
    if (source.layout.threads() != layout.threads()) return std::nullopt;
    const Shape& shape = source.layout.shape();
    std::vector<std::int64_t> place(static_cast<std::size_t>(layouts::size(shape)));
    for (std::size_t e = 0; e < place.size(); ++e) {
      place[e] = layouts::linear(
          source.place(layouts::unlinear(static_cast<std::int64_t>(e), shape)), common);
    }
    places.push_back(std::move(place));
  }
  const Shape& shape = layout.shape();
  std::vector<std::int64_t> wanted(static_cast<std::size_t>(layouts::size(shape)));
  for (std::size_t e = 0; e < wanted.size(); ++e) {
    wanted[e] =
        layouts::linear(from(layouts::unlinear(static_cast<std::int64_t>(e), shape)), common);
  }
  // Thread 0 proposes, all others have to agree.
  std::unordered_map<std::int64_t, std::vector<Held>> held;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    for (std::int64_t r = 0; r < sources[s].layout.registers(); ++r) {
      held[places[s][static_cast<std::size_t>(sources[s].layout.linear_element(0, r))]].push_back(
          {s, r});
    }
  }
  const auto agree = [&](const Held& candidate, std::int64_t reg) {
    const RegisterLayout& source = sources[candidate.source].layout;
    for (std::int64_t t = 0; t < layout.threads(); ++t) {
      const auto has = static_cast<std::size_t>(source.linear_element(t, candidate.reg));
      const auto wants = static_cast<std::size_t>(layout.linear_element(t, reg));
      if (places[candidate.source][has] != wanted[wants]) return false;
    }
    return true;
  };
  std::vector<Held> result;
  for (std::int64_t r = 0; r < layout.registers(); ++r) {
    const auto candidates =
        held.find(wanted[static_cast<std::size_t>(layout.linear_element(0, r))]);
    if (candidates == held.end()) return std::nullopt;
    const auto found = std::find_if(candidates->second.begin(), candidates->second.end(),
                                    [&](const Held& candidate) { return agree(candidate, r); });
    if (found == candidates->second.end()) return std::nullopt;
    result.push_back(*found);
  }
  return result;
}

// Words of the result that are words of one source are moved whole.
void assign_locally(KernelWriter& out, const Register& d, const std::vector<MoveSource>& sources,
                    const std::vector<Held>& held) {
  const std::int64_t period = d.is_bool() ? 1 : period_of(d.bits());
  const std::int64_t count = static_cast<std::int64_t>(held.size());
  for (std::int64_t first = 0; first < count; first += period) {
    const std::int64_t last = std::min(first + period, count);
    const Held& begin = held[static_cast<std::size_t>(first)];
    const Register& source = sources[begin.source].reg;
    bool whole = !d.is_bool() && d.bits() <= 32 && source.kind == Register::Kind::Array &&
                 begin.reg % period == 0;
    for (std::int64_t r = first; whole && r < last; ++r) {
      whole = held[static_cast<std::size_t>(r)] == Held{begin.source, begin.reg + r - first};
    }
    if (whole) {
      const std::int64_t words = (period * d.bits()) / 32;
      for (std::int64_t w = 0; w < words && first * d.bits() / 32 + w < d.words(); ++w) {
        out.line("{} = {};", d.word(first * d.bits() / 32 + w),
                 source.word(begin.reg * d.bits() / 32 + w));
      }
      continue;
    }
    Codes codes;
    for (std::int64_t r = first; r < last; ++r) {
      const Held& own = held[static_cast<std::size_t>(r)];
      codes.push_back(sources[own.source].reg.code(own.reg));
    }
    write_elements(out, d, first, codes);
  }
}

// What lies in scratch for an element.
vm::ElementType stored_type(vm::ElementType element) {
  return element.is_bool() || element.bits < 8 ? vm::kU8 : element;
}

bool same_storage(vm::ElementType element) {
  return stored_type(element) == element;
}

}  // namespace

Index same_index(const Index& index) {
  return index;
}

std::int64_t scratch_bytes(vm::ElementType element, const Shape& shape) {
  return layouts::size(shape) * stored_type(element).bits / 8;
}

MemoryView scratch_view(KernelWriter& out, vm::ElementType element, const Shape& shape,
                        std::int64_t at) {
  auto root = std::make_shared<MemoryRoot>();
  root->space = vm::Space::Shared;
  root->element = stored_type(element);
  root->shape = shape;
  root->base = out.scratch(at + scratch_bytes(element, shape));
  if (at != 0) root->base = fmt::format("({} + {})", root->base, at);
  MemoryView view;
  view.origin.resize(shape.size());
  for (std::size_t d = 0; d < shape.size(); ++d) view.dims.push_back(static_cast<int>(d));
  view.extents = shape;
  view.root = std::move(root);
  return view;
}

namespace {

ElementMap mapped(const RegisterLayout& layout, const std::function<Index(const Index&)>& place) {
  ElementMap map = ElementMap::of(layout);
  if (place) {
    map.element = [layout, place](std::int64_t thread, std::int64_t reg) {
      return place(layout.element(thread, reg));
    };
  }
  return map;
}

}  // namespace

void store_scratch(KernelWriter& out, const MemoryView& view, const Register& x,
                   const RegisterLayout& layout, const std::function<Index(const Index&)>& place) {
  WindowAccess access(out, view, mapped(layout, place), {});
  access.begin();
  Register stored = x;
  if (!same_storage(x.element)) {
    stored = out.temporary(vm::kU8, x.count, "bytes");
    for (std::int64_t first = 0; first < x.count; first += 4) {
      Codes codes;
      for (std::int64_t r = first; r < std::min(first + 4, x.count); ++r) {
        codes.push_back(x.is_bool() ? fmt::format("(u32){}", parenthesized(x.code(r))) : x.code(r));
      }
      write_elements(out, stored, first, codes);
    }
  }
  store_registers(out, access, stored, access.aligned_run(16 * 8 / stored.bits()));
}

void load_scratch(KernelWriter& out, const MemoryView& view, const Register& d,
                  const RegisterLayout& layout, const std::function<Index(const Index&)>& from) {
  WindowAccess access(out, view, mapped(layout, from), {});
  access.begin();
  if (same_storage(d.element)) {
    return load_registers(out, access, d, access.aligned_run(16 * 8 / d.bits()));
  }
  const Register bytes = out.temporary(vm::kU8, d.count, "bytes");
  load_registers(out, access, bytes, access.aligned_run(16));
  const std::int64_t period = d.is_bool() ? 1 : period_of(d.bits());
  for (std::int64_t first = 0; first < d.count; first += period) {
    Codes codes;
    for (std::int64_t r = first; r < std::min(first + period, d.count); ++r) {
      codes.push_back(d.is_bool() ? bytes.code(r) + " != 0" : bytes.code(r));
    }
    write_elements(out, d, first, codes);
  }
}

void move_registers(KernelWriter& out, const Register& d, const RegisterLayout& layout,
                    const std::vector<MoveSource>& sources, const Shape& common,
                    const std::function<Index(const Index&)>& from) {
  if (const auto held = local_sources(layout, sources, common, from)) {
    return assign_locally(out, d, sources, *held);
  }
  const MemoryView view = scratch_view(out, d.element, common);
  out.barrier();
  for (const MoveSource& source : sources) {
    store_scratch(out, view, source.reg, source.layout, source.place);
  }
  out.barrier();
  load_scratch(out, view, d, layout, from);
}

void move_tile(KernelWriter& out, vm::ValueId d, const std::vector<MoveSource>& sources,
               const Shape& common, const std::function<Index(const Index&)>& from) {
  const Register reg = out.define(d);
  move_registers(out, reg, *out.type(d).layout, sources, common, from);
}

}  // namespace bitloom::codegen
