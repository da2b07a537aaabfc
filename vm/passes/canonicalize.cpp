#include "vm/passes/canonicalize.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "vm/passes/fold.h"
#include "vm/passes/rewrite.h"

namespace bitloom::vm {
namespace {

// Unrolling further than this is a slip of the pen: the code would not fit any cache.
constexpr std::int64_t kMostTurns = 4096;

class Canonicalizer {
 public:
  Canonicalizer(Function& function, PassContext& context) : function_(function), context_(context) {
    walk(function.body, [&](const Instruction& instruction) {
      if (changes_variable(instruction)) assigned_.insert(instruction.inputs[0]);
    });
  }

  PassResult run() {
    visit_region(function_.body);
    if (failed_) return PassResult::Failed;
    return changed_ ? PassResult::Changed : PassResult::Unchanged;
  }

 private:
  void visit_region(Region& region);
  void visit(InstructionPtr instruction, Region& out);
  void keep(InstructionPtr instruction, Region& out);
  bool visit_for(Instruction& loop, Region& out);
  void unroll(Instruction& loop, std::int64_t lower, std::int64_t upper, std::int64_t step,
              Region& out);
  bool visit_if(Instruction& branch, Region& out);

  bool fold(const Instruction& instruction, Region& out);
  bool fold_cast_to_float(const Instruction& instruction, Region& out);
  bool forward(const Instruction& instruction);
  bool share(const Instruction& instruction);
  ValueId neutral(const Instruction& instruction) const;

  void replace(const Instruction& instruction, ValueId by) {
    substitution_.set(instruction.outputs[0], by);
    changed_ = true;
  }
  bool is_variable(ValueId value) const { return function_.value(value).variable; }
  bool is_constant(ValueId value, std::int64_t number) const {
    const auto known = constant(value);
    return known && *known == number;
  }
  std::optional<std::int64_t> constant(ValueId value) const {
    const auto found = constants_.find(value);
    return found == constants_.end() ? std::nullopt : std::optional(found->second);
  }
  std::string key(const Instruction& instruction) const;

  Function& function_;
  PassContext& context_;
  Substitution substitution_;
  std::unordered_set<ValueId> assigned_;  // variables that change
  std::unordered_map<ValueId, std::int64_t> constants_;
  std::vector<std::map<std::string, ValueId>> shared_;  // one table a region, outermost first
  bool changed_ = false, failed_ = false;
};

void Canonicalizer::visit_region(Region& region) {
  std::vector<InstructionPtr> body = std::move(region.body);
  region.body.clear();
  shared_.emplace_back();
  for (InstructionPtr& instruction : body) visit(std::move(instruction), region);
  shared_.pop_back();
}

void Canonicalizer::visit(InstructionPtr instruction, Region& out) {
  substitute_inputs(*instruction, substitution_);
  if (instruction->opcode == Opcode::For && visit_for(*instruction, out)) return;
  if (instruction->opcode == Opcode::If && visit_if(*instruction, out)) return;
  if (info(instruction->opcode).effect == Effect::Pure && instruction->outputs.size() == 1) {
    if (fold(*instruction, out) || forward(*instruction) || share(*instruction)) return;
  }
  keep(std::move(instruction), out);
}

void Canonicalizer::keep(InstructionPtr instruction, Region& out) {
  if (instruction->opcode == Opcode::Constant) {
    const Type& type = function_.type(instruction->outputs[0]);
    if (type.is_scalar() && (type.element.is_integer() || type.element.is_bool())) {
      constants_[instruction->outputs[0]] = instruction->integer("integer");
    }
  }
  Instruction& kept = *instruction;
  out.body.push_back(std::move(instruction));
  for (Region& inner : kept.regions) visit_region(inner);
}

// True when the loop is gone.
bool Canonicalizer::visit_for(Instruction& loop, Region& out) {
  const auto lower = constant(loop.inputs[0]), upper = constant(loop.inputs[1]),
             step = constant(loop.inputs[2]);
  if (lower && upper && *lower >= *upper) return changed_ = true;
  if (!loop.flag("unroll")) return false;
  if (!lower || !upper || !step || *step <= 0) {
    context_.diagnostics
        .error("BL0301", loop.span,
               "a loop with `unroll` needs bounds that are known when the kernel is compiled")
        .hint("leave `unroll` out, or make the bounds constants");
    return failed_ = true;
  }
  if ((*upper - *lower) / *step >= kMostTurns) {
    context_.diagnostics.error("BL0301", loop.span)
        << "a loop of " << (*upper - *lower + *step - 1) / *step << " turns is not unrolled; "
        << kMostTurns << " is the most";
    return failed_ = true;
  }
  for (const Opcode jump : {Opcode::Break, Opcode::Continue}) {
    if (!contains_jump_of_this_loop(loop.regions[0], jump)) continue;
    context_.diagnostics
        .error("BL0301", loop.span,
               fmt::format("a loop with `{}` in its body is not unrolled", info(jump).mnemonic))
        .hint("leave `unroll` out, or write the condition as an `if` around the rest");
    return failed_ = true;
  }
  unroll(loop, *lower, *upper, *step, out);
  return changed_ = true;
}

void Canonicalizer::unroll(Instruction& loop, std::int64_t lower, std::int64_t upper,
                           std::int64_t step, Region& out) {
  for (std::int64_t i = lower; i < upper && !failed_; i += step) {
    Region turn;
    Builder builder(function_, turn);
    builder.at(loop.span);
    Substitution fresh;
    const Region& body = loop.regions[0];
    const ElementType type = function_.type(body.arguments[0]).element;
    fresh.set(body.arguments[0], builder.constant(type, i));
    clone_fresh_body(function_, body, fresh, turn);
    for (InstructionPtr& instruction : turn.body) visit(std::move(instruction), out);
  }
}

bool Canonicalizer::visit_if(Instruction& branch, Region& out) {
  const auto condition = constant(branch.inputs[0]);
  if (!condition) return false;
  Region& taken = branch.regions[*condition != 0 ? 0 : 1];
  for (InstructionPtr& instruction : taken.body) visit(std::move(instruction), out);
  return changed_ = true;
}

// Integer scalars whose operands are known become constants.
bool Canonicalizer::fold(const Instruction& instruction, Region& out) {
  const Type type = function_.type(instruction.outputs[0]);
  if (!type.is_scalar() || info(instruction.opcode).group != Group::Elementwise) return false;
  if (instruction.inputs.empty()) return false;
  std::vector<std::int64_t> operands;
  for (ValueId input : instruction.inputs) {
    const auto known = constant(input);
    if (!known) return false;
    operands.push_back(*known);
  }
  if (fold_cast_to_float(instruction, out)) return true;
  if (!type.element.is_integer() && !type.element.is_bool()) return false;
  const ElementType operand = function_.type(instruction.inputs.back()).element;
  const auto value = fold_integer(instruction, type.element, operand, operands);
  if (!value) return false;
  Region folded;
  Builder builder(function_, folded);
  builder.at(instruction.span);
  const ValueId number = builder.constant(type.element, *value);
  visit(std::move(folded.body.front()), out);
  replace(instruction, substitution_(number));
  return true;
}

// cast<f32>(3): exact below 2^24, so no rounding is decided here.
bool Canonicalizer::fold_cast_to_float(const Instruction& instruction, Region& out) {
  if (instruction.opcode != Opcode::Cast) return false;
  const Type type = function_.type(instruction.outputs[0]);
  if (type.element != kF32 && type.element != kF64) return false;
  const std::int64_t value = *constant(instruction.inputs[0]);
  if (value > (1 << 24) || value < -(1 << 24)) return false;
  Region folded;
  Builder builder(function_, folded);
  builder.at(instruction.span);
  const ValueId number = builder.constant(type.element, static_cast<double>(value));
  visit(std::move(folded.body.front()), out);
  replace(instruction, substitution_(number));
  return true;
}

// x + 0, x * 1, x / 1 and their kin: the operand that is the result, or kNoValue.
ValueId Canonicalizer::neutral(const Instruction& instruction) const {
  const auto& in = instruction.inputs;
  switch (instruction.opcode) {
    case Opcode::Add:
    case Opcode::Or:
    case Opcode::Xor:
      if (is_constant(in[0], 0)) return in[1];
      return is_constant(in[1], 0) ? in[0] : kNoValue;
    case Opcode::Sub:
    case Opcode::Shl:
    case Opcode::Shr:
      return is_constant(in[1], 0) ? in[0] : kNoValue;
    case Opcode::Mul:
      if (is_constant(in[0], 1) || is_constant(in[1], 0)) return in[1];
      return is_constant(in[1], 1) || is_constant(in[0], 0) ? in[0] : kNoValue;
    case Opcode::Div:
      return is_constant(in[1], 1) ? in[0] : kNoValue;
    case Opcode::Min:
    case Opcode::Max:
      return in[0] == in[1] ? in[0] : kNoValue;
    case Opcode::Select: {
      const auto condition = constant(in[0]);
      return condition ? in[*condition != 0 ? 1 : 2] : kNoValue;
    }
    default:
      return kNoValue;
  }
}

// Copies in disguise. A variable is not forwarded: the copy is what it was at that moment.
bool Canonicalizer::forward(const Instruction& instruction) {
  const ValueId output = instruction.outputs[0];
  const Type& type = function_.type(output);
  ValueId source = kNoValue;
  switch (instruction.opcode) {
    case Opcode::Var:
      if (assigned_.count(output) == 0) source = instruction.inputs[0];
      break;
    case Opcode::Cast:
    case Opcode::Broadcast:
    case Opcode::Reshape:
      source = instruction.inputs[0];
      break;
    default:
      if (type.is_scalar()) source = neutral(instruction);
      break;
  }
  if (source == kNoValue || is_variable(source)) return false;
  const Type& from = function_.type(source);
  if (!from.is_register() || from.element != type.element || from.shape != type.shape) {
    return false;
  }
  if (type.layout && from.layout != type.layout) return false;  // the text asked for it
  replace(instruction, source);
  return true;
}

std::string Canonicalizer::key(const Instruction& instruction) const {
  std::string text(info(instruction.opcode).mnemonic);
  text += ' ' + to_string(function_.type(instruction.outputs[0]));
  for (ValueId input : instruction.inputs) text += fmt::format(" {}", input);
  for (const auto& [name, attribute] : instruction.attributes) {
    text += ' ' + name + '=';
    if (const auto* number = std::get_if<std::int64_t>(&attribute)) {
      text += fmt::to_string(*number);
    } else if (const auto* real = std::get_if<double>(&attribute)) {
      text += fmt::format("{:a}", *real);
    } else if (const auto* word = std::get_if<std::string>(&attribute)) {
      text += *word;
    } else {
      return {};
    }
  }
  return text;
}

// One value for scalar expressions that are computed twice.
bool Canonicalizer::share(const Instruction& instruction) {
  const Group group = info(instruction.opcode).group;
  if (!function_.type(instruction.outputs[0]).is_scalar()) return false;
  if (group != Group::Elementwise && group != Group::Creation) return false;
  if (instruction.opcode == Opcode::Var) return false;
  for (ValueId input : instruction.inputs) {
    if (is_variable(input)) return false;  // may have another value by now
  }
  const std::string text = key(instruction);
  if (text.empty()) return false;
  for (const auto& table : shared_) {
    const auto found = table.find(text);
    if (found == table.end()) continue;
    replace(instruction, found->second);
    return true;
  }
  shared_.back().emplace(text, instruction.outputs[0]);
  return false;
}

}  // namespace

PassResult canonicalize(Function& function, PassContext& context) {
  return Canonicalizer(function, context).run();
}

}  // namespace bitloom::vm
