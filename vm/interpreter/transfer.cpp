#include "vm/interpreter/transfer.h"

#include <algorithm>
#include <cstring>

#include "vm/interpreter/global_shadow.h"
#include "vm/interpreter/memory_checks.h"

namespace bitloom::vm::interpreter {
namespace {

// The bytes in which an access of an element of a root is counted.
int element_width(const Root& root) {
  return root.order == Root::Order::Packed ? 4 : std::max(1, root.bits / 8);
}

std::shared_ptr<std::vector<std::int64_t>> addresses(const AccessPlan::Units& units,
                                                     std::size_t count) {
  auto list = std::make_shared<std::vector<std::int64_t>>(count);
  for (std::size_t i = 0; i < count; ++i) (*list)[i] = units[i];
  return list;
}

std::shared_ptr<std::vector<std::int64_t>> numbers(const AccessPlan::Elements& elements,
                                                   std::size_t count) {
  return std::make_shared<std::vector<std::int64_t>>(elements.number.get(),
                                                     elements.number.get() + count);
}

std::shared_ptr<std::vector<std::int64_t>> first_bytes(const Root& root,
                                                       const std::vector<std::int64_t>& number) {
  auto list = std::make_shared<std::vector<std::int64_t>>(number.size(), kInactive);
  for (std::size_t i = 0; i < number.size(); ++i)
    if (number[i] != kInactive) (*list)[i] = root.bytes_of(number[i]).first;
  return list;
}

}  // namespace

std::shared_ptr<const TransferPlan> TransferPlan::make(const Instruction& op, Compiler& compiler,
                                                       ValueId target, ValueId source,
                                                       const Shape& clip) {
  const ViewInfo to = compiler.view(target), from = compiler.view(source);
  const Root &to_root = *to.root, &from_root = *from.root;
  const auto fail = [&](const char* text) {
    compiler.fail(op, text);
    return nullptr;
  };
  const bool one_each = (to_root.space == Space::Shared && from_root.space == Space::Global) ||
                        (to_root.space == Space::Global && from_root.space == Space::Shared);
  if (!one_each) return fail("a copy goes between global and shared memory");
  const std::int64_t size = layouts::size(to.extents);
  if (size != layouts::size(from.extents)) return fail("the windows have different shapes");
  if (to_root.bits != from_root.bits) return fail("the windows have different element types");
  auto plan = std::make_shared<TransferPlan>();
  plan->bytes_ = (size * to_root.bits + 7) / 8;
  const Shape& to_clip = to_root.space == Space::Global ? clip : Shape{};
  const Shape& from_clip = from_root.space == Space::Global ? clip : Shape{};
  const bool packed = to_root.order == Root::Order::Packed;
  if (packed != (from_root.order == Root::Order::Packed))
    return fail("one window is packed and the other is not");
  if (packed) {
    if (!(to_root.packed->atom() == from_root.packed->atom()))
      return fail("the windows are packed in different atoms");
    plan->target_ = std::make_shared<AccessPlan>(AccessPlan::packed_atoms(to, to_clip));
    plan->source_ = std::make_shared<AccessPlan>(AccessPlan::packed_atoms(from, from_clip));
    if (plan->target_->units() != plan->source_->units() || plan->target_->units() == 0)
      return fail("a packed window does not consist of whole atoms");
    return plan;
  }
  int unit = 16;
  while (true) {
    plan->target_ = std::make_shared<AccessPlan>(to, LaneShape::whole(to), to_clip, unit);
    plan->source_ = std::make_shared<AccessPlan>(from, LaneShape::whole(from), from_clip, unit);
    const int both = std::min(plan->target_->unit(), plan->source_->unit());
    if (plan->target_->unit() == plan->source_->unit() || both == 0) return plan;
    unit = both;
  }
}

Transfer::Transfer(std::shared_ptr<const TransferPlan> plan, Strand& strand, const Step& step,
                   const View& target, const View& source)
    : plan_(std::move(plan)), target_view_(target), source_view_(source) {
  const AccessPlan &to = plan_->target(), &from = plan_->source();
  if (to.unit() > 0 && to.unit() == from.unit() && to.inside(target) && from.inside(source)) {
    const auto to_units = to.units_at(target), from_units = from.units_at(source);
    if (to_units && from_units) {
      by_unit_ = true;
      to_ = addresses(*to_units, to.units());
      from_ = addresses(*from_units, from.units());
      return;
    }
  }
  const auto outside = [&](const AccessPlan& side, const View& view,
                           const AccessPlan::Elements& elements) {
    if (elements.fault) report_outside(strand, step, side, view, *elements.fault);
  };
  if (to.raw()) {
    by_unit_ = true;
    const auto to_units = to.raw_units_at(target), from_units = from.raw_units_at(source);
    outside(to, target, to_units);
    outside(from, source, from_units);
    to_ = numbers(to_units, to.units());
    from_ = numbers(from_units, from.units());
    return;
  }
  const auto to_elements = to.elements_at(target, nullptr);
  const auto from_elements = from.elements_at(source, nullptr);
  outside(to, target, to_elements);
  outside(from, source, from_elements);
  to_ = numbers(to_elements, to.lanes());
  from_ = numbers(from_elements, from.lanes());
  to_bytes_ = first_bytes(to.root(), *to_);
  from_bytes_ = first_bytes(from.root(), *from_);
}

void Transfer::perform() const {
  const AccessPlan &to = plan_->target(), &from = plan_->source();
  std::byte* target = base_of(to.root(), target_view_);
  const std::byte* source = base_of(from.root(), source_view_);
  const auto unit = static_cast<std::size_t>(to.unit());
  for (std::size_t i = 0; i < to_->size(); ++i) {
    const std::int64_t at = (*to_)[i], origin = (*from_)[i];
    if (at == kInactive) continue;
    if (!by_unit_) {
      to.root().write(target, at, origin == kInactive ? 0 : from.root().read(source, origin));
    } else if (origin == kInactive) {
      std::memset(target + at, 0, unit);
    } else {
      std::memcpy(target + at, source + origin, unit);
    }
  }
}

std::vector<std::uint64_t> Transfer::read() const {
  const AccessPlan& from = plan_->source();
  const std::byte* source = base_of(from.root(), source_view_);
  const auto unit = static_cast<std::size_t>(from.unit());
  std::vector<std::uint64_t> data(2 * from_->size());
  for (std::size_t i = 0; i < from_->size(); ++i) {
    const std::int64_t origin = (*from_)[i];
    if (origin == kInactive) continue;
    if (by_unit_) {
      std::memcpy(&data[2 * i], source + origin, unit);
    } else {
      data[2 * i] = from.root().read(source, origin);
    }
  }
  return data;
}

void Transfer::write(const std::vector<std::uint64_t>& data) const {
  const AccessPlan& to = plan_->target();
  std::byte* target = base_of(to.root(), target_view_);
  const auto unit = static_cast<std::size_t>(to.unit());
  for (std::size_t i = 0; i < to_->size(); ++i) {
    const std::int64_t at = (*to_)[i];
    if (at == kInactive) continue;
    if (by_unit_) {
      std::memcpy(target + at, &data[2 * i], unit);
    } else {
      to.root().write(target, at, data[2 * i]);
    }
  }
}

Touch Transfer::bytes_of(bool target) const {
  const AccessPlan& side = target ? plan_->target() : plan_->source();
  const View& view = target ? target_view_ : source_view_;
  const auto& list = by_unit_ ? (target ? to_ : from_) : (target ? to_bytes_ : from_bytes_);
  Touch touch;
  touch.address = list->data();
  touch.offset = view.base;
  touch.count = list->size();
  touch.width = by_unit_ ? side.unit() : element_width(side.root());
  touch.element = [plan = plan_, view, target, by_unit = by_unit_](std::size_t i) {
    const AccessPlan& shown = target ? plan->target() : plan->source();
    return element_name(shown.root(),
                        shown.coordinates(view, by_unit ? shown.lane_of_unit(i, 1) : i));
  };
  return touch;
}

void Transfer::touch_global(Strand& strand, const Step& step, bool write, Touch::By by) const {
  GlobalShadow* shadow = strand.cluster->grid.shadow;
  if (!shadow) return;
  const AccessPlan& side = write ? plan_->target() : plan_->source();
  Touch touch = bytes_of(write);
  touch.offset = 0;
  touch.by = by;
  touch.global = true;
  shadow->touch(strand, step, side.root(), write, touch);
}

bool Transfer::contiguous() const {
  if (!by_unit_ || plan_->target().unit() != 16) return false;
  for (const auto* list : {to_.get(), from_.get()}) {
    if (!list->empty() && list->front() % 16 != 0) return false;
    for (std::size_t i = 1; i < list->size(); ++i)
      if ((*list)[i] != (*list)[i - 1] + 16) return false;
  }
  return true;
}

}  // namespace bitloom::vm::interpreter
