#include "vm/passes/scalar_facts.h"

#include <fmt/format.h>

#include <numeric>

#include "vm/passes/linear_form.h"

namespace bitloom::vm {

using layouts::SizeExpr;
using Op = SizeExpr::Op;

void LinearForm::add(const SizeExpr& expr, std::int64_t factor,
                     const layouts::Assumptions& assumptions) {
  if (factor == 0) return;
  if (const auto number = expr.constant()) {
    constant += *number * factor;
    return;
  }
  const SizeExpr left = expr.left(), right = expr.right();
  const auto divisor = right.constant();
  switch (expr.op()) {
    case Op::Add:
      add(left, factor, assumptions);
      return add(right, factor, assumptions);
    case Op::Sub:
      add(left, factor, assumptions);
      return add(right, -factor, assumptions);
    case Op::Mul:
      if (divisor) return add(left, factor * *divisor, assumptions);
      if (left.constant()) return add(right, factor * *left.constant(), assumptions);
      break;
    case Op::Div:
    case Op::CeilDiv:
      if (divisor && *divisor > 0 && factor % *divisor == 0 &&
          is_known_multiple(left, *divisor, assumptions)) {
        return add(left, factor / *divisor, assumptions);
      }
      break;
    default:
      break;
  }
  const std::string text = expr.to_string();
  Term& term = terms.try_emplace(text, Term{expr, 0}).first->second;
  term.factor += factor;
  if (term.factor == 0) terms.erase(text);
}

namespace {

constexpr int kMostSteps = 64;  // of one proof; every step removes a term or opens it

std::string opaque(ValueId value) {
  return fmt::format("%{}", value);
}
std::string block_symbol(std::int64_t axis) {
  return axis == 0 ? "grid.x" : axis == 1 ? "grid.y" : "grid.z";
}

// Sizes are never negative; nothing is known of a value that is read or computed by tiles.
bool never_negative(const SizeExpr& expr) {
  switch (expr.op()) {
    case Op::Constant:
      return *expr.constant() >= 0;
    case Op::Symbol:
      return expr.name().front() != '%';
    case Op::Add:
    case Op::Mul:
    case Op::Min:
      return never_negative(expr.left()) && never_negative(expr.right());
    case Op::Div:
    case Op::CeilDiv:
    case Op::Mod:
      return never_negative(expr.left()) && expr.right().constant().value_or(0) > 0;
    case Op::Max:
      return never_negative(expr.left()) || never_negative(expr.right());
    default:
      return false;
  }
}

}  // namespace

ScalarFacts::ScalarFacts(const Function& function)
    : function_(function), definitions_(definitions(function)) {
  for (const Constraint& constraint : function.constraints) {
    assumptions_.assume(constraint.condition);
  }
  for (std::size_t axis = 0; axis < function.grid.size(); ++axis) {
    ranges_[block_symbol(static_cast<std::int64_t>(axis))] = {0, function.grid[axis] - 1, 0};
  }
  for (const InstructionPtr& instruction : function.body.body) {
    if (instruction->opcode == Opcode::Assume) {
      assumptions_.assume(expression(instruction->inputs[0]));
    }
  }
  collect_arguments(function.body, 1);
}

void ScalarFacts::collect_arguments(const Region& region, int depth) {
  for (const InstructionPtr& instruction : region.body) {
    if (instruction->opcode == Opcode::For || instruction->opcode == Opcode::Pipeline) {
      for (const Region& inner : instruction->regions) {
        add_index(inner.arguments[0], *instruction, depth);
      }
    }
    for (const Region& inner : instruction->regions) collect_arguments(inner, depth + 1);
  }
}

void ScalarFacts::add_index(ValueId argument, const Instruction& loop, int depth) {
  const SizeExpr lower = expression(loop.inputs[0]), upper = expression(loop.inputs[1]);
  const auto step = loop.opcode == Opcode::For ? constant(loop.inputs[2]) : 1;
  if (!step || *step <= 0) return;
  ranges_[opaque(argument)] = {lower, upper - 1, depth};
  const std::int64_t multiple = std::gcd(known_multiple_of(lower, assumptions_), *step);
  if (multiple > 1) assumptions_.assume_multiple(SizeExpr::symbol(opaque(argument)), multiple);
}

SizeExpr ScalarFacts::expression(ValueId scalar) const {
  const auto found = expressions_.find(scalar);
  if (found != expressions_.end()) return found->second;
  const SizeExpr result = compute(scalar);
  expressions_.emplace(scalar, result);
  return result;
}

namespace {

std::optional<Op> size_operation(const Instruction& instruction) {
  switch (instruction.opcode) {
    case Opcode::Add:
      return Op::Add;
    case Opcode::Sub:
      return Op::Sub;
    case Opcode::Mul:
      return Op::Mul;
    case Opcode::Div:
      return Op::Div;
    case Opcode::Rem:
      return Op::Mod;
    case Opcode::Min:
      return Op::Min;
    case Opcode::Max:
      return Op::Max;
    case Opcode::And:
      return Op::And;
    case Opcode::Compare: {
      const std::string_view predicate = instruction.word("predicate");
      if (predicate == "eq") return Op::Eq;
      if (predicate == "lt") return Op::Lt;
      if (predicate == "le") return Op::Le;
      if (predicate == "gt") return Op::Gt;
      return predicate == "ge" ? Op::Ge : Op::Ne;
    }
    default:
      return std::nullopt;
  }
}

// (x + (c - 1)) / c as ceildiv(x, c), which is how the language writes it with plain instructions.
SizeExpr divide(const SizeExpr& x, const SizeExpr& divisor) {
  const auto c = divisor.constant();
  if (c && *c > 1 && x.op() == Op::Add && x.right().is_constant(*c - 1)) {
    return ceildiv(x.left(), divisor);
  }
  return x / divisor;
}

}  // namespace

SizeExpr ScalarFacts::compute(ValueId scalar) const {
  const SizeExpr unknown = SizeExpr::symbol(opaque(scalar));
  for (ValueId size : function_.sizes) {
    if (size == scalar) return SizeExpr::symbol(function_.value(size).name);
  }
  const Instruction* definition = definitions_[scalar];
  const Type& type = function_.type(scalar);
  if (!definition || !type.is_scalar() || function_.value(scalar).variable) return unknown;
  if (!type.element.is_integer() && !type.element.is_bool()) return unknown;
  if (definition->opcode == Opcode::Constant) return definition->integer("integer");
  if (definition->opcode == Opcode::BlockIndex) {
    return SizeExpr::symbol(block_symbol(definition->integer("axis")));
  }
  for (ValueId input : definition->inputs) {
    if (input == kNoValue) return unknown;
    const Type& operand = function_.type(input);
    if (!operand.is_scalar() || operand.element.is_float()) return unknown;
  }
  // What a variable holds when this instruction reads it is a number of its own.
  const auto operand = [&](std::size_t index) {
    const ValueId input = definition->inputs[index];
    if (!function_.value(input).variable) return expression(input);
    return SizeExpr::symbol(fmt::format("{}.{}", opaque(scalar), index));
  };
  if (definition->opcode == Opcode::Cast) {
    return type.element.bits >= 32 ? operand(0) : unknown;
  }
  if (definition->opcode == Opcode::Shl) {
    const auto places = constant(definition->inputs[1]);
    if (!places || *places < 0 || *places > 30) return unknown;
    return operand(0) * SizeExpr(std::int64_t{1} << *places);
  }
  const auto operation = size_operation(*definition);
  if (!operation) return unknown;
  const SizeExpr left = operand(0), right = operand(1);
  if (*operation == Op::Div) return divide(left, right);
  if (*operation == Op::And && !type.element.is_bool()) return unknown;
  return SizeExpr::make(*operation, left, right);
}

std::optional<std::int64_t> ScalarFacts::constant(ValueId scalar) const {
  return expression(scalar).constant();
}

bool ScalarFacts::multiple(const SizeExpr& expr, std::int64_t divisor) const {
  return is_known_multiple(expr, divisor, assumptions_);
}

// Shows that a - b <= 0 by putting for each term the most that it can be. Innermost loops go first,
// since their bounds may name outer ones.
bool ScalarFacts::at_most(const SizeExpr& a, const SizeExpr& b) const {
  LinearForm form;
  form.add(a, 1, assumptions_);
  form.add(b, -1, assumptions_);
  for (int step = 0; step < kMostSteps; ++step) {
    const LinearForm::Term* chosen = nullptr;
    int depth = -1;
    bool open = form.constant > 0;
    for (const auto& [text, term] : form.terms) {
      const auto range = ranges_.find(text);
      if (range != ranges_.end() && range->second.depth > depth) {
        chosen = &term;
        depth = range->second.depth;
      }
      open |= term.factor > 0 || !never_negative(term.expr);
    }
    if (!open) return true;
    if (!chosen) {
      // A positive multiple of a rounded quotient or of a minimum can be opened once.
      for (const auto& [text, term] : form.terms) {
        if (term.factor > 0 && !term.expr.is_symbol()) chosen = &term;
      }
      if (!chosen) return false;
    }
    const LinearForm::Term term = *chosen;
    form.terms.erase(term.expr.to_string());
    const SizeExpr left = term.expr.left(), right = term.expr.right();
    const auto divisor = right.constant();
    if (const auto range = ranges_.find(term.expr.to_string()); range != ranges_.end()) {
      const Range& r = range->second;
      form.add(term.factor > 0 ? r.highest : r.lowest, term.factor, assumptions_);
    } else if (term.expr.op() == Op::CeilDiv && divisor && *divisor > 0 &&
               term.factor % *divisor == 0) {
      form.add(left + (*divisor - 1), term.factor / *divisor, assumptions_);
    } else if (term.expr.op() == Op::Div && divisor && *divisor > 0 &&
               term.factor % *divisor == 0 && never_negative(left)) {
      form.add(left, term.factor / *divisor, assumptions_);
    } else if (term.expr.op() == Op::Mod && divisor && *divisor > 0) {
      form.add(*divisor - 1, term.factor, assumptions_);
    } else if (term.expr.op() == Op::Min) {
      form.add(right.is_constant() ? left : right, term.factor, assumptions_);
    } else {
      return false;
    }
  }
  return false;
}

}  // namespace bitloom::vm
