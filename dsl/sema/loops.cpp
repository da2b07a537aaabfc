// Loops: at run time, unrolled at compile time, and the comfortable software pipeline.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "dsl/sema/evaluate.h"
#include "dsl/sema/operators.h"
#include "dsl/sema/statements.h"

namespace bitloom::dsl::sema {
namespace {

using vm::Opcode;

constexpr std::int64_t kMostTurns = 4096;  // of an unrolled loop

// Pushes a loop for `break` and `continue`.
class LoopScope {
 public:
  LoopScope(Context& context, LoopState::Kind kind)
      : context_(context), frame_(context.frames.size() - 1) {
    context.frame().loops.push_back({kind, context.depth});
  }
  ~LoopScope() { context_.frames[frame_].loops.pop_back(); }
  LoopScope(const LoopScope&) = delete;
  LoopScope& operator=(const LoopScope&) = delete;

 private:
  Context& context_;
  std::size_t frame_;
};

Flow run_unrolled(Context& c, const For& node, Place place) {
  const auto lower = constant_integer(c, *node.lower, "a bound of an unrolled loop");
  const auto upper = constant_integer(c, *node.upper, "a bound of an unrolled loop");
  const auto step = node.step ? constant_integer(c, *node.step, "the step of a loop")
                              : std::optional<std::int64_t>(1);
  if (!lower || !upper || !step) return Flow::Next;
  if (*step <= 0) {
    c.error("BL0214", node.step->place) << "the step of a loop is positive, and this is " << *step;
    return Flow::Next;
  }
  // In unsigned arithmetic: the bounds may be 64 bits apart.
  const std::uint64_t distance =
      *upper > *lower ? static_cast<std::uint64_t>(*upper) - static_cast<std::uint64_t>(*lower) : 0;
  const std::uint64_t turns = distance / static_cast<std::uint64_t>(*step) +
                              (distance % static_cast<std::uint64_t>(*step) != 0);
  if (turns > static_cast<std::uint64_t>(kMostTurns)) {
    c.error("BL0904", place).hint("leave out 'unroll'")
        << "the loop is unrolled " << turns << " times, and at most " << kMostTurns
        << " are possible";
    return Flow::Next;
  }
  const LoopScope loop(c, LoopState::Unrolled);
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    const BlockScope names(c);
    declare(c, node.name, node.name_place, *lower + static_cast<std::int64_t>(turn) * *step);
    const Flow flow = run(c, node.body);
    if (flow == Flow::Break) break;
    if (flow == Flow::Return || flow == Flow::Stop) return flow;
  }
  return Flow::Next;
}

// The bounds as scalars of one type; numbers take the type of the others.
std::optional<std::vector<Register>> bounds(Context& c, const std::vector<Operand>& operands) {
  vm::ElementType element = vm::kI32;
  bool good = true;
  const Operand* typed = nullptr;
  for (const Operand& operand : operands) {
    if (operand.value.poisoned()) good = false;
    if (operand.value.poisoned() || operand.value.is<std::int64_t>()) continue;
    const auto scalar = integer_scalar(c, operand.value, operand.place, "a bound of a loop");
    if (!scalar) {
      good = false;
      continue;
    }
    const vm::ElementType own = c.type(scalar->id).element;
    if (typed && own != element) {
      c.error("BL0201", operand.place)
              .hint(fmt::format("cast<{}>({})", vm::to_string(element), c.text(operand.place)))
          << "the bounds of a loop have one type, and these are " << vm::to_string(element)
          << " and " << vm::to_string(own);
      good = false;
    }
    if (!typed) element = own;
    typed = &operand;
  }
  if (!good) return std::nullopt;
  std::vector<Register> scalars;
  for (const Operand& operand : operands) {
    const auto scalar =
        as_tile(c, snapshot(c, operand.value, operand.place), element, {}, operand.place);
    if (!scalar) return std::nullopt;
    scalars.push_back(*scalar);
  }
  return scalars;
}

}  // namespace

Flow run_for(Context& c, const For& node, Place place) {
  if (node.unroll) return run_unrolled(c, node, place);
  std::vector<Operand> operands = {{value_of(c, *node.lower), node.lower->place},
                                   {value_of(c, *node.upper), node.upper->place}};
  operands.push_back(node.step ? Operand{value_of(c, *node.step), node.step->place}
                               : Operand{std::int64_t{1}, place});
  if (const auto* step = operands[2].value.as<std::int64_t>(); step && *step <= 0)
    c.error("BL0214", node.step->place) << "the step of a loop is positive, and this is " << *step;
  const auto scalars = bounds(c, operands);
  const vm::ElementType element = scalars ? c.type((*scalars)[0].id).element : vm::kI32;
  std::vector<vm::ValueId> inputs;
  if (scalars)
    for (const Register& scalar : *scalars) inputs.push_back(scalar.id);
  vm::Instruction& instruction = c.emit(place, Opcode::For, std::move(inputs));
  const vm::ValueId argument =
      c.function.add_value(node.name, vm::register_type(element), c.span(node.name_place));
  instruction.regions[0].arguments = {argument};

  const RegionScope region(c, instruction, 0);
  const LoopScope loop(c, LoopState::Runtime);
  const BlockScope names(c);
  declare(c, node.name, node.name_place, scalars ? Value(Register{argument}) : Value(Poison{}));
  run(c, node.body);
  return Flow::Next;
}

Flow run_while(Context& c, const While& node, Place place) {
  vm::Instruction& instruction = c.emit(place, Opcode::Loop, {});
  {
    const RegionScope region(c, instruction, 0);
    const LoopScope loop(c, LoopState::Runtime);
    const Value condition = value_of(c, *node.condition);
    const auto* known = condition.as<bool>();
    if (known && !*known) {
      c.emit(place, Opcode::Break, {});
      return Flow::Next;
    }
    if (!known) {
      const auto scalar =
          condition_scalar(c, condition, node.condition->place, "the condition of a while");
      vm::Instruction& branch =
          c.emit(node.condition->place, Opcode::If, {scalar ? scalar->id : vm::kNoValue});
      const RegionScope leave(c, branch, 1);
      c.emit(node.condition->place, Opcode::Break, {});
    }
    run(c, node.body);
  }
  return Flow::Next;
}

// ---- pipeline -----------------------------------------------------------------------------------

namespace {

void collect(const vm::Region& region, std::set<vm::ValueId>& read,
             std::set<vm::ValueId>& changed) {
  vm::walk(region, [&](const vm::Instruction& instruction) {
    const bool changes =
        instruction.opcode == Opcode::Assign || instruction.opcode == Opcode::DotAsync;
    for (std::size_t i = 0; i < instruction.inputs.size(); ++i)
      (changes && i == 0 ? changed : read).insert(instruction.inputs[i]);
  });
}

// The loads of later iterations run before the body of this one: they must not depend on what it
// changes, nor it on what they change.
void check_independence(Context& c, const vm::Instruction& pipeline, Place place) {
  std::set<vm::ValueId> load_reads, load_changes, body_reads, body_changes;
  collect(pipeline.regions[0], load_reads, load_changes);
  collect(pipeline.regions[1], body_reads, body_changes);
  const auto complain = [&](vm::ValueId id, std::string_view reader, std::string_view why) {
    const vm::Value& variable = c.function.value(id);
    c.error("BL0224", place).note(variable.span, fmt::format("'{}' is declared", variable.name))
        << reader << " '" << variable.name << why;
  };
  for (const vm::ValueId id : body_changes)
    if (load_reads.contains(id) || load_changes.contains(id))
      complain(id, "the loads of this pipeline depend on",
               "', which its body changes: they run ahead of it");
  for (const vm::ValueId id : body_reads)
    if (load_changes.contains(id) && !body_changes.contains(id))
      complain(id, "the body of this pipeline reads",
               "', which its load part changes: the loads run ahead of it");
}

// Names of the load part as the body sees them: what was loaded is known, places computed for
// loading are not.
void keep_what_was_loaded(Context& c, Scope& names, const vm::Region& loads) {
  std::set<vm::ValueId> loaded;
  for (const vm::InstructionPtr& instruction : loads.body)
    if (instruction->opcode == Opcode::Load || instruction->opcode == Opcode::Gather)
      loaded.insert(instruction->outputs.begin(), instruction->outputs.end());
  std::set<vm::ValueId> inside;
  vm::walk(loads, [&](const vm::Instruction& instruction) {
    inside.insert(instruction.outputs.begin(), instruction.outputs.end());
  });
  for (auto& [name, binding] : names.here()) {
    vm::ValueId id = vm::kNoValue;
    if (const auto* tile = binding.value.as<Register>()) id = tile->id;
    if (const auto* memory = binding.value.as<Memory>()) id = memory->id;
    if (!inside.contains(id)) continue;
    const auto* tile = binding.value.as<Register>();
    if (tile && loaded.contains(id)) continue;
    if (tile && !c.type(id).is_scalar())
      c.error("BL0224", binding.span).hint("load it here, and compute in the body")
          << "'" << name << "' is computed; the load part of a pipeline only loads";
    binding.refusal = fmt::format(
        "'{}' belongs to the load part of the pipeline, which runs ahead: only what it loads is "
        "known here",
        name);
  }
}

}  // namespace

Flow run_pipeline(Context& c, const Pipeline& node, Place place) {
  const auto stages = constant_integer(c, *node.stages, "the number of stages");
  if (stages && (*stages < 1 || *stages > 64))
    c.error("BL0214", node.stages->place)
        << "a pipeline has 1 to 64 stages, and this has " << *stages;
  if (c.in_load) {
    c.error("BL0224", place) << "a pipeline cannot stand in the load part of another";
    return Flow::Next;
  }
  const auto scalars = bounds(c, {{value_of(c, *node.lower), node.lower->place},
                                  {value_of(c, *node.upper), node.upper->place}});
  std::vector<vm::ValueId> inputs;
  if (scalars)
    for (const Register& scalar : *scalars) inputs.push_back(scalar.id);
  const vm::ElementType element = scalars ? c.type((*scalars)[0].id).element : vm::kI32;
  vm::Instruction& instruction = c.emit(place, Opcode::Pipeline, std::move(inputs));
  instruction.set("stages", stages.value_or(1));
  const auto declare_index = [&](std::size_t region) {
    const vm::ValueId id =
        c.function.add_value(node.name, vm::register_type(element), c.span(node.name_place));
    instruction.regions[region].arguments = {id};
    return scalars ? Value(Register{id}) : Value(Poison{});
  };

  const LoopScope loop(c, LoopState::Pipeline);
  BlockScope loads(
      c);  // names of the load part stand between those around the pipeline and those of its body
  {
    BlockScope names(c);
    declare(c, node.name, node.name_place, declare_index(0));
    const RegionScope region(c, instruction, 0);
    const Restore in_load(c.in_load, true);
    run_statements(c, node.load);
    keep_what_was_loaded(c, names.scope(), instruction.regions[0]);
    for (auto& [name, binding] : names.scope().here())
      if (name != node.name) loads.scope().declare(name, binding);
  }
  {
    const Value index = declare_index(1);
    const RegionScope region(c, instruction, 1);
    const BlockScope names(c);
    declare(c, node.name, node.name_place, index);
    run(c, node.body);
  }
  check_independence(c, instruction, place);
  return Flow::Next;
}

}  // namespace bitloom::dsl::sema
