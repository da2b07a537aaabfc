#include "vm/passes/assign_layouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <unordered_set>

#include "vm/passes/copy_granule.h"
#include "vm/passes/insert_conversions.h"
#include "vm/passes/layout_tools.h"
#include "vm/passes/layout_transfer.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

class LayoutAssigner {
 public:
  LayoutAssigner(Function& function, PassContext& context)
      : function_(function), context_(context), facts_(function) {
    walk_strands(function.body, function.threads, [&](Instruction& instruction, std::int64_t n) {
      order_.push_back(&instruction);
      threads_[&instruction] = n;
      for (const Slot slot : tile_slots(function_, instruction)) {
        users_[value_at(instruction, slot)].push_back(&instruction);
      }
      if (atom_of(instruction)) packed_tiles_.emplace(packed_tile(instruction), &instruction);
    });
  }

  PassResult run() {
    take_text();
    assign_products();
    assign_packed();
    assign_memory();
    assign_rest();
    if (failed_) return PassResult::Failed;
    if (choices_.of.empty()) return PassResult::Unchanged;
    return insert_conversions(function_, context_, choices_) ? PassResult::Changed
                                                             : PassResult::Failed;
  }

 private:
  struct PackedSource {
    Instruction* load = nullptr;
    RegisterLayout wanted;
  };

  void take_text();
  void assign_products();
  void assign_packed();
  void assign_memory();
  void assign_rest();

  void assign_dot(Instruction& dot);
  bool choose_unit(Instruction& dot, const DotShape& shape);
  void assign_mma(Instruction& dot, const DotShape& shape);
  void assign_fma(Instruction& dot, const DotShape& shape);
  void assign_dot_async(Instruction& dot);
  void adopt(Instruction& dot, const DotLayouts& layouts);
  std::int64_t cost(ValueId value, const RegisterLayout& wanted) const;
  bool feeds_operand_a(ValueId value) const;
  DotShape shape_of(const Instruction& dot, std::size_t a, std::size_t b, ValueId sum) const;

  std::vector<PackedSource> packed_sources(ValueId value, const RegisterLayout& wanted) const;
  const layouts::PackedAtom* atom_of(const Instruction& access) const;
  static ValueId packed_tile(const Instruction& access) {
    return access.opcode == Opcode::Load ? access.outputs[0] : access.inputs[1];
  }
  void settle_packed(Instruction& access, const RegisterLayout* wanted);

  void set(ValueId value, const RegisterLayout& layout, Span span, std::string reason);
  void propagate();
  void spread(ValueId value);
  const LayoutChoice* known(ValueId value) const {
    const auto found = choices_.of.find(value);
    return found == choices_.of.end() ? nullptr : &found->second;
  }
  RegisterLayout default_layout(ValueId value, std::int64_t threads, int vector_bits = 128) const {
    const Type& type = function_.type(value);
    return coalesced_layout(type.shape, type.element.bits, threads, vector_bits);
  }

  Function& function_;
  PassContext& context_;
  ScalarFacts facts_;
  std::vector<Instruction*> order_;
  std::unordered_map<const Instruction*, std::int64_t> threads_;
  std::unordered_map<ValueId, std::vector<Instruction*>> users_;  // definitions among them
  std::unordered_map<ValueId, Instruction*> packed_tiles_;        // loaded from, or stored to
  LayoutChoices choices_;
  std::deque<ValueId> pending_;
  bool failed_ = false;
};

void LayoutAssigner::set(ValueId value, const RegisterLayout& layout, Span span,
                         std::string reason) {
  if (choices_.of.try_emplace(value, LayoutChoice{layout, span, std::move(reason)}).second) {
    pending_.push_back(value);
  }
}

void LayoutAssigner::propagate() {
  while (!pending_.empty()) {
    const ValueId value = pending_.front();
    pending_.pop_front();
    spread(value);
  }
}

void LayoutAssigner::spread(ValueId value) {
  const LayoutChoice choice = *known(value);
  const auto users = users_.find(value);
  if (users == users_.end()) return;
  for (Instruction* user : users->second) {
    const std::vector<Slot> slots = tile_slots(function_, *user);
    for (const Slot from : slots) {
      if (value_at(*user, from) != value) continue;
      for (const Slot to : slots) {
        if (known(value_at(*user, to))) continue;
        const auto implied = implied_layout(function_, *user, from, choice.layout, to);
        if (!implied) continue;
        const auto packed = packed_tiles_.find(value_at(*user, to));
        if (packed != packed_tiles_.end() &&
            !is_packed_layout(*implied, *atom_of(*packed->second))) {
          settle_packed(*packed->second, &*implied);
          continue;
        }
        set(value_at(*user, to), *implied, choice.span, choice.reason);
      }
    }
  }
}

// ---- The text ----

void LayoutAssigner::take_text() {
  for (Instruction* instruction : order_) {
    for (ValueId output : instruction->outputs) {
      const Value& value = function_.value(output);
      if (!value.type.layout) continue;
      if (value.type.layout->threads() != threads_[instruction]) {
        context_.diagnostics.error("BL0304", value.span.known() ? value.span : instruction->span)
            << "the layout " << value.type.layout->to_string() << " of '" << value.name
            << "' is for " << value.type.layout->threads() << " threads where "
            << threads_[instruction] << " run this code";
        failed_ = true;
        continue;
      }
      set(output, *value.type.layout, instruction->span, "said in the text");
    }
  }
  propagate();
}

// ---- Matrix products ----

DotShape LayoutAssigner::shape_of(const Instruction& dot, std::size_t a, std::size_t b,
                                  ValueId sum) const {
  const Type& left = function_.type(dot.inputs[a]);
  const Type& right = function_.type(dot.inputs[b]);
  const Type& result = function_.type(sum);
  return {result.shape[0], result.shape[1], right.shape[0],
          left.element,    right.element,   result.element};
}

// Products whose result is known by then go first: they leave no choice.
void LayoutAssigner::assign_products() {
  std::vector<Instruction*> open;
  for (Instruction* instruction : order_) {
    if (instruction->opcode == Opcode::DotAsync) assign_dot_async(*instruction);
    if (instruction->opcode == Opcode::Dot) open.push_back(instruction);
  }
  while (!open.empty() && !failed_) {
    auto next = std::find_if(open.begin(), open.end(), [&](const Instruction* dot) {
      return known(dot->outputs[0]) != nullptr;
    });
    if (next == open.end()) next = open.begin();
    Instruction& dot = **next;
    open.erase(next);
    assign_dot(dot);
  }
}

void LayoutAssigner::assign_dot(Instruction& dot) {
  const DotShape shape = shape_of(dot, 0, 1, dot.outputs[0]);
  if (!choose_unit(dot, shape)) {
    failed_ = true;
    return;
  }
  if (dot.word("unit") == "mma") {
    assign_mma(dot, shape);
  } else {
    assign_fma(dot, shape);
  }
  propagate();
}

bool LayoutAssigner::choose_unit(Instruction& dot, const DotShape& shape) {
  const std::string asked(dot.word("unit", "auto"));
  if (asked == "wgmma") {
    context_.diagnostics
        .error("BL0305", dot.span,
               "dot takes its operands from registers, and wgmma takes b from shared memory")
        .hint("use dot_async with b in shared memory, or leave `unit` out");
    return false;
  }
  const std::string reason = why_no_mma(shape, threads_[&dot], context_.target);
  const bool fma_first = asked == "auto" && shape.a == kF64;
  if (asked != "fma" && !fma_first && reason.empty()) {
    dot.set("unit", std::string("mma"));
    return true;
  }
  if (asked != "mma" && has_fma(shape)) {
    if (asked == "auto" && shape.a.bits == 16) {
      context_.remarks.push_back(
          {"assign-layouts", dot.span, "the product is computed without tensor cores: " + reason});
    }
    dot.set("unit", std::string("fma"));
    return true;
  }
  context_.diagnostics.error("BL0305", dot.span)
      << "the product " << to_string(shape.a) << "[" << shape.m << ", " << shape.k << "] · "
      << to_string(shape.b) << "[" << shape.k << ", " << shape.n << "] cannot be computed: "
      << (asked == "fma" ? "there is no fma of " + to_string(shape.a) : reason);
  context_.diagnostics.last().hint(
      fmt::format("tiles of mma have m in multiples of 16, n of 8, and k of {}",
                  std::max(128 / shape.a.bits, 1)));
  return false;
}

// What it takes to bring a value into a layout, in elements moved; through memory counts four
// times.
std::int64_t LayoutAssigner::cost(ValueId value, const RegisterLayout& wanted) const {
  const auto price = [&](Movement how) -> std::int64_t {
    const std::int64_t elements = layouts::size(wanted.shape());
    return how == Movement::Block ? 4 * elements : how == Movement::Warp ? elements : 0;
  };
  if (const LayoutChoice* choice = known(value)) return price(movement(choice->layout, wanted));
  std::int64_t sum = 0;
  for (const PackedSource& source : packed_sources(value, wanted)) {
    const layouts::PackedAtom* atom = atom_of(*source.load);
    const auto settled =
        packed_layout(*atom, source.wanted.shape(), source.wanted.threads(), &source.wanted);
    if (!settled) sum += price(Movement::Block);
  }
  return sum;
}

// A result that becomes operand a of another product, as in attention: with all warps along m the
// accumulators of one are the fragments of the other.
bool LayoutAssigner::feeds_operand_a(ValueId value) const {
  std::vector<ValueId> open{value};
  std::unordered_set<ValueId> seen{value};
  while (!open.empty()) {
    const ValueId next = open.back();
    open.pop_back();
    const auto users = users_.find(next);
    if (users == users_.end()) continue;
    for (const Instruction* user : users->second) {
      if (user->opcode == Opcode::Dot) {
        if (user->inputs[0] == next) return true;
        continue;
      }
      const Group group = info(user->opcode).group;
      if (group != Group::Elementwise && group != Group::Creation) continue;
      const std::vector<ValueId> results =
          user->opcode == Opcode::Assign ? std::vector{user->inputs[0]} : user->outputs;
      for (ValueId result : results) {
        if (seen.insert(result).second) open.push_back(result);
      }
    }
  }
  return false;
}

void LayoutAssigner::assign_mma(Instruction& dot, const DotShape& shape) {
  const std::vector<DotLayouts> all = mma_layouts(shape, threads_[&dot]);
  const bool chained = feeds_operand_a(dot.outputs[0]);
  const DotLayouts* best = nullptr;
  std::array<std::int64_t, 5> best_score{};
  for (const DotLayouts& candidate : all) {
    const std::int64_t moved = cost(dot.inputs[0], candidate.a) + cost(dot.inputs[1], candidate.b) +
                               cost(dot.outputs[0], candidate.c);
    const std::array<std::int64_t, 5> score{moved, candidate.copies,
                                            chained && candidate.warps_n > 1,
                                            candidate.traffic(shape), candidate.warps_m};
    if (best && score >= best_score) continue;
    best = &candidate;
    best_score = score;
  }
  adopt(dot, *best);  // there is one: why_no_mma said so
}

void LayoutAssigner::assign_fma(Instruction& dot, const DotShape& shape) {
  const LayoutChoice* sum = known(dot.outputs[0]);
  const RegisterLayout c = sum ? sum->layout : fma_result(shape, threads_[&dot]);
  const auto layouts = fma_layouts(shape, c);
  if (layouts) adopt(dot, *layouts);
}

void LayoutAssigner::adopt(Instruction& dot, const DotLayouts& layouts) {
  choices_.products.emplace(&dot, layouts);
  set(dot.outputs[0], layouts.c, dot.span, "the result of this dot");
  propagate();
  const std::pair<std::size_t, const RegisterLayout*> operands[] = {{0, &layouts.a},
                                                                    {1, &layouts.b}};
  for (const auto& [index, wanted] : operands) {
    for (const PackedSource& source : packed_sources(dot.inputs[index], *wanted)) {
      settle_packed(*source.load, &source.wanted);
    }
    propagate();
    set(dot.inputs[index], *wanted, dot.span,
        index == 0 ? "operand a of this dot" : "operand b of this dot");
    propagate();
  }
}

void LayoutAssigner::assign_dot_async(Instruction& dot) {
  const ValueId accumulator = dot.inputs[0];
  const DotShape shape = shape_of(dot, 1, 2, accumulator);
  const std::vector<DotLayouts> all = wgmma_layouts(shape, threads_[&dot]);
  if (all.empty()) {
    context_.diagnostics.error("BL0305", dot.span)
        << "the product of [" << shape.m << ", " << shape.k << "] and [" << shape.k << ", "
        << shape.n << "] cannot be shared out among the " << threads_[&dot]
        << " threads of this strand: wgmma takes 64 rows a warpgroup and columns in multiples of 8";
    failed_ = true;
    return;
  }
  const LayoutChoice* sum = known(accumulator);
  const auto fits = [&](const DotLayouts& l) { return !sum || sum->layout == l.c; };
  const auto found = std::find_if(all.begin(), all.end(), fits);
  if (found == all.end()) {
    Diagnostic& error = context_.diagnostics.error("BL0306", dot.span);
    error << "the accumulator lies as " << sum->layout.to_string() << " where wgmma needs "
          << all.front().c.to_string();
    error.note(sum->span, "the first is " + sum->reason);
    failed_ = true;
    return;
  }
  choices_.products.emplace(&dot, *found);
  set(accumulator, found->c, dot.span, "the accumulator of this dot_async");
  if (function_.type(dot.inputs[1]).is_register()) {
    set(dot.inputs[1], found->a, dot.span, "operand a of this dot_async");
  }
  propagate();
}

// ---- Packed tensors ----

// The atom of the memory that a load reads or a store writes; nullptr when it is not packed.
const layouts::PackedAtom* LayoutAssigner::atom_of(const Instruction& access) const {
  if (access.opcode != Opcode::Load && access.opcode != Opcode::Store) return nullptr;
  const auto& packed = function_.type(access.inputs[0]).packed;
  return packed ? &*packed : nullptr;
}

// The packed loads that a value comes from, and the layout each would need for the value to lie as
// wanted if nothing were converted on the way.
std::vector<LayoutAssigner::PackedSource> LayoutAssigner::packed_sources(
    ValueId value, const RegisterLayout& wanted) const {
  std::vector<PackedSource> found;
  std::vector<std::pair<ValueId, RegisterLayout>> open{{value, wanted}};
  std::unordered_set<ValueId> seen{value};
  while (!open.empty()) {
    const auto [next, layout] = open.back();
    open.pop_back();
    const auto users = users_.find(next);
    if (users == users_.end()) continue;
    for (Instruction* user : users->second) {
      const bool assigns = user->opcode == Opcode::Assign && user->inputs[0] == next;
      const auto output = std::find(user->outputs.begin(), user->outputs.end(), next);
      if (!assigns && output == user->outputs.end()) continue;
      if (user->opcode == Opcode::Load && atom_of(*user)) found.push_back({user, layout});
      const Slot from = assigns
                            ? Slot{false, 0}
                            : Slot{true, static_cast<std::size_t>(output - user->outputs.begin())};
      for (const Slot to : tile_slots(function_, *user)) {
        if (to.output || known(value_at(*user, to)) || !seen.insert(value_at(*user, to)).second) {
          continue;
        }
        const auto implied = implied_layout(function_, *user, from, layout, to);
        if (implied) open.emplace_back(value_at(*user, to), *implied);
      }
    }
  }
  return found;
}

// Fixes the tile of a packed access, near to what is wanted if that can be.
void LayoutAssigner::settle_packed(Instruction& access, const RegisterLayout* wanted) {
  const ValueId tile = packed_tile(access);
  const Shape shape = function_.type(tile).shape;
  const layouts::PackedAtom& atom = *atom_of(access);
  auto layout = packed_layout(atom, shape, threads_[&access], wanted);
  if (!layout && wanted) layout = packed_layout(atom, shape, threads_[&access]);
  if (layout) {
    set(tile, *layout, access.span,
        access.opcode == Opcode::Load ? "the order of this packed load"
                                      : "the order of this packed store");
    return;
  }
  context_.diagnostics.error("BL0307", access.span)
      << "a packed tile of " << layouts::to_string(shape) << " cannot be spread over "
      << threads_[&access] << " threads in whole atoms of " << atom.columns() << " x "
      << atom.rows() << " (k, n)";
  failed_ = true;
}

void LayoutAssigner::assign_packed() {
  for (Instruction* access : order_) {
    if (!atom_of(*access) || known(packed_tile(*access))) continue;
    settle_packed(*access, nullptr);
    propagate();
  }
}

// ---- Memory, and the rest ----

// The data that an access moves; kNoValue when it moves no tile.
ValueId accessed_tile(const Instruction& access) {
  switch (access.opcode) {
    case Opcode::Load:
    case Opcode::Gather:
      return access.outputs[0];
    case Opcode::Store:
    case Opcode::Atomic:
      return access.inputs[1];
    case Opcode::Scatter:
      return access.inputs[2];
    default:
      return kNoValue;
  }
}

void LayoutAssigner::assign_memory() {
  struct Access {
    Instruction* instruction;
    ValueId tile;
    std::int64_t elements;
  };
  std::vector<Access> accesses;
  for (Instruction* instruction : order_) {
    const ValueId tile = accessed_tile(*instruction);
    if (tile == kNoValue || function_.type(tile).is_scalar()) continue;
    accesses.push_back({instruction, tile, layouts::size(function_.type(tile).shape)});
  }
  std::stable_sort(accesses.begin(), accesses.end(),
                   [](const Access& a, const Access& b) { return a.elements > b.elements; });
  for (const Access& access : accesses) {
    if (known(access.tile)) continue;
    const Instruction& instruction = *access.instruction;
    const int bytes =
        aligned_bytes(function_, facts_, instruction.inputs[0], instruction.shape("clip"));
    const int bits = function_.type(access.tile).element.bits;
    set(access.tile, default_layout(access.tile, threads_[&instruction], std::max(8 * bytes, bits)),
        instruction.span, fmt::format("coalesced for this {}", info(instruction.opcode).mnemonic));
    propagate();
  }
}

void LayoutAssigner::assign_rest() {
  for (Instruction* instruction : order_) {
    for (const Slot slot : tile_slots(function_, *instruction)) {
      const ValueId value = value_at(*instruction, slot);
      if (known(value)) continue;
      set(value, default_layout(value, threads_[instruction]), instruction->span,
          "nothing else asked for one");
      propagate();
    }
  }
}

}  // namespace

PassResult assign_layouts(Function& function, PassContext& context) {
  return LayoutAssigner(function, context).run();
}

}  // namespace bitloom::vm
