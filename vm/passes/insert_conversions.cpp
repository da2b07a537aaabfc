#include "vm/passes/insert_conversions.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "vm/passes/layout_tools.h"
#include "vm/passes/layout_transfer.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

using Demand = std::pair<Slot, RegisterLayout>;

// Beyond this, a thread that holds a whole tile is a mistake rather than a way out.
constexpr std::int64_t kMostLocalElements = 128;

class ConversionInserter {
 public:
  ConversionInserter(Function& function, PassContext& context, LayoutChoices& choices)
      : function_(function), context_(context), choices_(choices) {
    index(function.body, false);
  }

  bool run() {
    const std::vector<Instruction*> order = order_;
    for (Instruction* instruction : order) agree(*instruction);
    if (failed_) return false;
    place(function_.body);
    for (const auto& [value, choice] : choices_.of) {
      function_.value(value).type.layout = choice.layout;
    }
    return true;
  }

 private:
  void index(Region& region, bool in_loop);
  void agree(Instruction& instruction);
  std::vector<Demand> demands(const Instruction& instruction);
  bool shares_bytes(const Instruction& store);
  std::vector<Demand> way_out(const Instruction& instruction);
  std::vector<Demand> whole_parts(const Instruction& instruction);
  std::vector<Demand> common_reshape(const Instruction& instruction);
  void check_view(const Instruction& view);

  ValueId provide(ValueId value, const RegisterLayout& layout, Instruction& user,
                  const std::string& reason);
  ValueId make_again(ValueId value, const RegisterLayout& layout, Instruction& user,
                     const std::string& reason);
  void convert_result(Instruction& instruction, Slot slot, const RegisterLayout& layout);
  InstructionPtr conversion(ValueId from, ValueId to, Span span);
  void remark(ValueId value, const RegisterLayout& to, const Instruction& user,
              const std::string& reason);
  ValueId fresh(ValueId like, const RegisterLayout& layout, const std::string& reason, Span span);
  void place(Region& region);

  const RegisterLayout& layout(ValueId value) const { return choices_.of.at(value).layout; }

  Function& function_;
  PassContext& context_;
  LayoutChoices& choices_;
  std::vector<Instruction*> order_;
  std::unordered_map<ValueId, Instruction*> definition_;
  std::unordered_map<const Instruction*, bool> in_loop_;
  std::unordered_map<const Instruction*, std::vector<InstructionPtr>> before_, behind_;
  std::vector<std::pair<ValueId, ValueId>> provided_;  // a value, and a copy of it
  bool failed_ = false;
};

void ConversionInserter::index(Region& region, bool in_loop) {
  for (InstructionPtr& instruction : region.body) {
    order_.push_back(instruction.get());
    in_loop_[instruction.get()] = in_loop;
    for (ValueId output : instruction->outputs) definition_[output] = instruction.get();
    const bool loop = instruction->opcode == Opcode::For || instruction->opcode == Opcode::Loop;
    for (Region& inner : instruction->regions) index(inner, in_loop || loop);
  }
}

// ---- What an instruction asks of its tiles ----

// Whether threads would store parts of one byte of a dense narrow tensor, where rows of whole bytes
// allow better.
bool ConversionInserter::shares_bytes(const Instruction& store) {
  const Type& tile = function_.type(store.inputs[1]);
  if (tile.is_scalar() || tile.element.bits >= 8) return false;
  ValueId root = store.inputs[0];
  for (auto found = definition_.find(root); found != definition_.end();
       found = definition_.find(root)) {
    if (found->second->inputs.empty()) break;
    root = found->second->inputs[0];  // views take what they view first
  }
  const std::int64_t whole = 8 / std::gcd(int{tile.element.bits}, 8);
  if (function_.type(root).packed || tile.shape.back() % whole != 0) return false;
  return !has_runs(layout(store.inputs[1]), whole);
}

std::vector<Demand> ConversionInserter::demands(const Instruction& instruction) {
  const auto product = choices_.products.find(&instruction);
  if (product != choices_.products.end()) {
    const DotLayouts& l = product->second;
    if (instruction.opcode == Opcode::Dot) {
      return {{{true, 0}, l.c}, {{false, 0}, l.a}, {{false, 1}, l.b}, {{false, 2}, l.c}};
    }
    if (function_.type(instruction.inputs[1]).is_register()) return {{{false, 1}, l.a}};
    return {};
  }
  const auto anchor = anchor_of(function_, instruction);
  if (!anchor) return {};
  const std::vector<Slot> slots = tile_slots(function_, instruction);
  if (instruction.opcode == Opcode::Store && shares_bytes(instruction)) {
    // The tile came from a wider type, whose layout gives a thread parts of bytes: two threads
    // would change one byte.
    const Type& tile = function_.type(instruction.inputs[1]);
    const RegisterLayout whole =
        coalesced_layout(tile.shape, tile.element.bits, layout(instruction.inputs[1]).threads());
    std::vector<Demand> result;
    for (const Slot slot : slots) result.emplace_back(slot, whole);
    return result;
  }
  if (std::find(slots.begin(), slots.end(), *anchor) == slots.end()) return {};
  const RegisterLayout& decided = layout(value_at(instruction, *anchor));
  std::vector<Demand> result;
  for (const Slot slot : slots) {
    const auto implied = implied_layout(function_, instruction, *anchor, decided, slot);
    if (!implied) return way_out(instruction);
    result.emplace_back(slot, *implied);
  }
  // What an operand must be to give this result may give another one all the same (a reshape whose
  // result has copies in odd places): then go the sure way.
  const bool shape_op =
      instruction.opcode == Opcode::Transpose || instruction.opcode == Opcode::Reshape;
  const bool from_tile = result.size() > 1;  // a scalar has no layout to agree on
  if (shape_op && from_tile &&
      implied_layout(function_, instruction, result[1].first, result[1].second, *anchor) !=
          decided) {
    return way_out(instruction);
  }
  return result;
}

// For shape instructions whose result lies so that no layout of the operand gives it.
std::vector<Demand> ConversionInserter::way_out(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::Slice:
    case Opcode::Concat:
      return whole_parts(instruction);
    case Opcode::Reshape:
      return common_reshape(instruction);
    case Opcode::View:
      check_view(instruction);
      return {};
    default:
      return {};
  }
}

// Parts whose borders are multiples of g along each dimension: registers count the pieces of g, and
// any layout of one piece will do.
std::vector<Demand> ConversionInserter::whole_parts(const Instruction& instruction) {
  const bool slice = instruction.opcode == Opcode::Slice;
  const std::vector<Slot> slots = tile_slots(function_, instruction);
  const Shape whole = function_.type(value_at(instruction, slots[slice ? 1 : 0])).shape;
  Shape piece = whole;
  for (const Slot slot : slots) {
    const Shape& shape = function_.type(value_at(instruction, slot)).shape;
    for (std::size_t d = 0; d < piece.size(); ++d) piece[d] = std::gcd(piece[d], shape[d]);
  }
  if (slice) {
    const Shape& offsets = instruction.shape("offsets");
    for (std::size_t d = 0; d < piece.size(); ++d) piece[d] = std::gcd(piece[d], offsets[d]);
  }
  const ValueId first = value_at(instruction, slots[0]);
  const RegisterLayout small =
      coalesced_layout(piece, function_.type(first).element.bits, layout(first).threads());
  std::vector<Demand> result;
  for (const Slot slot : slots) {
    Shape repeat = function_.type(value_at(instruction, slot)).shape;
    for (std::size_t d = 0; d < piece.size(); ++d) repeat[d] /= piece[d];
    result.emplace_back(slot, layouts::local(repeat) * small);
  }
  return result;
}

std::vector<Demand> ConversionInserter::common_reshape(const Instruction& instruction) {
  const ValueId x = instruction.inputs[0], d = instruction.outputs[0];
  const Shape& from = function_.type(x).shape;
  const Shape& to = function_.type(d).shape;
  const std::int64_t threads = layout(d).threads();
  std::vector<RegisterLayout> candidates{
      layout(x), coalesced_layout(from, function_.type(x).element.bits, threads)};
  if (layouts::size(from) <= kMostLocalElements) {
    candidates.push_back(layouts::replicated(threads) * layouts::local(from));
  }
  for (const RegisterLayout& candidate : candidates) {
    const auto reshaped = candidate.reshape(to);
    if (reshaped) return {{{true, 0}, *reshaped}, {{false, 0}, candidate}};
  }
  context_.diagnostics.error("BL0308", instruction.span)
      << "reshape from " << layouts::to_string(from) << " to " << layouts::to_string(to)
      << " moves elements between threads in no regular way";
  context_.diagnostics.last().hint("go through shared memory: store one shape, load the other");
  failed_ = true;
  return {};
}

void ConversionInserter::check_view(const Instruction& view) {
  const ValueId x = view.inputs[0], d = view.outputs[0];
  const auto bits = [&](ValueId value) {
    return layout(value).registers() * function_.type(value).element.bits;
  };
  if (bits(x) == bits(d) && layout(x).threads() == layout(d).threads()) return;
  Diagnostic& error = context_.diagnostics.error("BL0309", view.span);
  error << "a view keeps the bits of every thread, but the operand has " << bits(x)
        << " bits in each of " << layout(x).threads() << " threads and the result " << bits(d)
        << " in each of " << layout(d).threads();
  for (const ValueId value : {x, d}) {
    const LayoutChoice& choice = choices_.of.at(value);
    error.note(choice.span,
               fmt::format("{} lies as {}: {}", value == x ? "the operand" : "the result",
                           choice.layout.to_string(), choice.reason));
  }
  error.hint("give both tiles a layout, with as many bits a thread");
  failed_ = true;
}

void ConversionInserter::agree(Instruction& instruction) {
  for (const auto& [slot, wanted] : demands(instruction)) {
    const ValueId value = value_at(instruction, slot);
    if (layout(value) == wanted) continue;
    if (slot.output) {
      convert_result(instruction, slot, wanted);
    } else {
      const std::string reason =
          fmt::format("an operand of this {}", info(instruction.opcode).mnemonic);
      instruction.inputs[slot.index] = provide(value, wanted, instruction, reason);
    }
  }
}

// ---- Providing a value in another layout ----

ValueId ConversionInserter::fresh(ValueId like, const RegisterLayout& layout,
                                  const std::string& reason, Span span) {
  const Value original = function_.value(like);
  const ValueId value = function_.add_value(original.name, original.type, original.span);
  function_.value(value).type.layout.reset();
  choices_.of.insert_or_assign(value, LayoutChoice{layout, span, reason});
  return value;
}

InstructionPtr ConversionInserter::conversion(ValueId from, ValueId to, Span span) {
  auto instruction = std::make_unique<Instruction>();
  instruction->opcode = Opcode::ConvertLayout;
  instruction->inputs = {from};
  instruction->outputs = {to};
  instruction->span = span;
  return instruction;
}

void ConversionInserter::remark(ValueId value, const RegisterLayout& to, const Instruction& user,
                                const std::string& reason) {
  const LayoutChoice& choice = choices_.of.at(value);
  const Movement how = movement(choice.layout, to);
  const Type& type = function_.type(value);
  const auto place = [](Span span) {
    return span.known() ? fmt::format(" at {}:{}", span.line, span.column) : std::string();
  };
  std::string text =
      fmt::format("{}{} goes from {} ({}{}) to {} ({}{}): {}",
                  function_.value(value).name.empty() ? std::string()
                                                      : "'" + function_.value(value).name + "' ",
                  to_string(type), choice.layout.to_string(), choice.reason, place(choice.span),
                  to.to_string(), reason, place(user.span), to_string(how));
  if (how == Movement::Block) {
    text += fmt::format(", {} bytes", (layouts::size(type.shape) * type.element.bits + 7) / 8);
  }
  if (how > Movement::Registers && in_loop_[&user]) text += ", in a loop";
  context_.remarks.push_back({"assign-layouts", user.span, std::move(text)});
}

// Constants, index tiles and broadcasts cost nothing (or next to it) to make a second time.
ValueId ConversionInserter::make_again(ValueId value, const RegisterLayout& wanted,
                                       Instruction& user, const std::string& reason) {
  const auto found = definition_.find(value);
  if (found == definition_.end() || function_.value(value).variable) return kNoValue;
  Instruction& original = *found->second;
  std::vector<ValueId> inputs = original.inputs;
  switch (original.opcode) {
    case Opcode::Constant:
    case Opcode::Iota:
      break;
    case Opcode::Broadcast: {
      const Type& x = function_.type(inputs[0]);
      if (x.is_scalar()) break;
      const auto small = unbroadcast_layout(wanted, x.shape);
      if (!small) return kNoValue;
      // A variable may have changed since the first broadcast: only what is fixed is read again.
      if (function_.value(inputs[0]).variable) return kNoValue;
      inputs[0] = provide(inputs[0], *small, user, reason);
      break;
    }
    default:
      return kNoValue;
  }
  auto again = std::make_unique<Instruction>();
  again->opcode = original.opcode;
  again->attributes = original.attributes;
  again->span = original.span;
  again->inputs = std::move(inputs);
  const ValueId result = fresh(value, wanted, reason, user.span);
  again->outputs = {result};
  definition_[result] = again.get();
  in_loop_[again.get()] = in_loop_[&original];
  behind_[&original].push_back(std::move(again));
  return result;
}

ValueId ConversionInserter::provide(ValueId value, const RegisterLayout& wanted, Instruction& user,
                                    const std::string& reason) {
  if (layout(value) == wanted) return value;
  const bool variable = function_.value(value).variable;
  for (const auto& [original, copy] : provided_) {
    if (original == value && layout(copy) == wanted) return copy;
  }
  ValueId result = make_again(value, wanted, user, reason);
  if (result == kNoValue) {
    remark(value, wanted, user, reason);
    result = fresh(value, wanted, reason, user.span);
    InstructionPtr convert = conversion(value, result, user.span);
    const auto definition = definition_.find(value);
    const bool at_user = variable || definition == definition_.end();
    auto& list = at_user ? before_[&user] : behind_[definition->second];
    definition_[result] = convert.get();
    list.push_back(std::move(convert));
    if (at_user) return result;
  }
  provided_.emplace_back(value, result);
  return result;
}

// The instruction gives its result in its own layout; users get it in the one that was chosen.
void ConversionInserter::convert_result(Instruction& instruction, Slot slot,
                                        const RegisterLayout& given) {
  const ValueId result = instruction.outputs[slot.index];
  const ValueId own =
      fresh(result, given, fmt::format("the result of this {}", info(instruction.opcode).mnemonic),
            instruction.span);
  remark(own, layout(result), instruction, choices_.of.at(result).reason);
  instruction.outputs[slot.index] = own;
  InstructionPtr convert = conversion(own, result, instruction.span);
  definition_[own] = &instruction;
  definition_[result] = convert.get();
  auto& list = behind_[&instruction];
  list.insert(list.begin(), std::move(convert));
}

// Puts the new instructions into the regions, those behind a new one included.
void ConversionInserter::place(Region& region) {
  std::vector<InstructionPtr> old = std::move(region.body);
  region.body.clear();
  const auto put = [&](auto&& self, InstructionPtr instruction) -> void {
    const Instruction* key = instruction.get();
    if (const auto found = before_.find(key); found != before_.end()) {
      for (InstructionPtr& extra : found->second) self(self, std::move(extra));
    }
    for (Region& inner : instruction->regions) place(inner);
    region.body.push_back(std::move(instruction));
    if (const auto found = behind_.find(key); found != behind_.end()) {
      for (InstructionPtr& extra : found->second) self(self, std::move(extra));
    }
  };
  for (InstructionPtr& instruction : old) put(put, std::move(instruction));
}

}  // namespace

bool insert_conversions(Function& function, PassContext& context, LayoutChoices& choices) {
  return ConversionInserter(function, context, choices).run();
}

}  // namespace bitloom::vm
