#include "vm/verify.h"

#include <algorithm>

#include "vm/verify/rules.h"
#include "vm/verify/structure.h"

namespace bitloom::vm {
namespace {

// A strand while its regions are walked: which one, how many threads, how deep in loops.
struct Strand {
  int id = 0;
  int threads = 0;
  int loops = 0;
};

enum class State : std::uint8_t { Unknown, Visible, Hidden };

class BodyVerifier {
 public:
  explicit BodyVerifier(VerifyContext& context)
      : context_(context),
        states_(context.function.values.size(), State::Unknown),
        strands_(context.function.values.size(), 0) {}

  void run() {
    const Function& function = context_.function;
    for (const ValueId id : function.sizes) define(id, {});
    for (const Parameter& parameter : function.parameters) define(parameter.value, {});
    region(function.body, {0, function.threads, 0});
  }

 private:
  void region(const Region& region, Strand strand);
  void nested_regions(const Instruction& instruction, Strand strand);
  bool instruction(const Instruction& instruction, const Strand& strand);
  void define(ValueId id, const Strand& strand);
  void hide_from(std::size_t mark);
  bool use(ValueId id, const Strand& strand);
  bool operand(ValueId id, const OperandInfo& row);
  bool operands(const Instruction& instruction, const Strand& strand);
  bool outputs(const Instruction& instruction);
  bool placement(const Instruction& instruction, const Strand& strand);
  void layout(ValueId id, const Strand& strand);

  VerifyContext& context_;
  std::vector<State> states_;
  std::vector<int> strands_;      // that defined each value
  std::vector<ValueId> defined_;  // visible values of open regions, in order
  int strand_count_ = 1;
};

void BodyVerifier::define(ValueId id, const Strand& strand) {
  if (states_[id] != State::Unknown) {
    context_.fail("BL0247", {id}) << context_.name(id) << " is defined twice";
    return;
  }
  states_[id] = State::Visible;
  strands_[id] = strand.id;
  defined_.push_back(id);
}

void BodyVerifier::hide_from(std::size_t mark) {
  for (std::size_t i = mark; i < defined_.size(); ++i) states_[defined_[i]] = State::Hidden;
  defined_.resize(mark);
}

void BodyVerifier::region(const Region& region, Strand strand) {
  for (const ValueId argument : region.arguments) define(argument, strand);
  for (const InstructionPtr& inner : region.body) {
    context_.instruction = inner.get();
    context_.threads = strand.threads;
    const bool good = instruction(*inner, strand);
    const std::size_t mark = defined_.size();
    nested_regions(*inner, strand);
    hide_from(mark);
    context_.instruction = inner.get();
    for (const ValueId output : inner->outputs) {
      define(output, strand);
      layout(output, strand);
      // Rules that look through a value at its definition find only what has passed its own rule.
      if (good) context_.definitions[output] = inner.get();
    }
  }
}

void BodyVerifier::nested_regions(const Instruction& instruction, Strand strand) {
  const Shape& role_threads = instruction.shape("threads");
  for (std::size_t i = 0; i < instruction.regions.size(); ++i) {
    Strand inner = strand;
    switch (instruction.opcode) {
      case Opcode::For:
      case Opcode::Loop:
        ++inner.loops;
        break;
      case Opcode::Roles:
        inner = {strand_count_++, i < role_threads.size() ? static_cast<int>(role_threads[i]) : 0,
                 0};
        break;
      case Opcode::Warps:
        inner = {strand_count_++, 32, 0};
        break;
      case Opcode::Pipeline:
        inner.loops = 0;
        break;
      default:
        break;
    }
    const std::size_t mark = defined_.size();
    region(instruction.regions[i], inner);
    // What the loads of a pipeline define is there for its computation.
    if (instruction.opcode != Opcode::Pipeline) hide_from(mark);
  }
}

bool BodyVerifier::use(ValueId id, const Strand& strand) {
  if (states_[id] == State::Unknown) {
    context_.fail("BL0246", {id}) << context_.name(id) << " is used before it is defined";
    return false;
  }
  const Value& value = context_.function.value(id);
  if (states_[id] == State::Hidden) {
    const bool same = strands_[id] == strand.id;
    context_.fail(same ? "BL0246" : "BL0248", {id})
        << context_.name(id)
        << (same ? " is used outside of the region that defines it"
                 : " belongs to another strand, which has ended or runs at the same time");
    return false;
  }
  if (strands_[id] != strand.id && value.type.is_register() && !value.type.is_scalar()) {
    context_.fail("BL0248", {id})
        << context_.name(id) << " is spread over the threads of the strand that defined it; this "
        << "strand has others";
    context_.diagnostics.last().hint("pass it through shared memory");
    return false;
  }
  return true;
}

std::string spaces_text(std::uint8_t spaces) {
  std::vector<std::string_view> names;
  if (spaces & Reg) names.push_back("a register tile");
  if (spaces & Scalar) names.push_back("a scalar");
  if (spaces & Shared) names.push_back("a shared tile");
  if (spaces & Global) names.push_back("a global tensor");
  if (spaces & Bar) names.push_back("an mbarrier");
  return rules::joined(names, " or ");
}

bool BodyVerifier::operand(ValueId id, const OperandInfo& row) {
  const Type& type = context_.type(id);
  bool fits = false;
  switch (type.space) {
    case Space::Register:
      fits = (row.spaces & Reg) || ((row.spaces & Scalar) && type.is_scalar());
      break;
    case Space::Shared:
      fits = row.spaces & Shared;
      break;
    case Space::Global:
      fits = row.spaces & Global;
      break;
    case Space::Barrier:
      fits = row.spaces & Bar;
      break;
  }
  if (fits) return true;
  context_.fail("BL0245", {id}) << row.name << " is " << to_string(type) << " where "
                                << spaces_text(row.spaces) << " belongs";
  return false;
}

bool BodyVerifier::operands(const Instruction& instruction, const Strand& strand) {
  bool good = true;
  std::size_t place = 0;
  for (const OperandInfo& row : info(instruction.opcode).operands) {
    if (row.role == OperandRole::Out || row.role == OperandRole::VariadicOut) continue;
    const std::size_t end =
        row.role == OperandRole::Variadic ? instruction.inputs.size() : place + 1;
    for (; place < end; ++place) {
      const ValueId id = instruction.inputs[place];
      if (id == kNoValue) continue;
      good = use(id, strand) && operand(id, row) && good;
      if (row.role != OperandRole::InOut || !good) continue;
      if (!context_.function.value(id).variable) {
        context_.fail("BL0251", {id}) << context_.name(id) << " is changed but is no variable";
        good = false;
      } else if (strands_[id] != strand.id) {
        context_.fail("BL0248", {id})
            << context_.name(id) << " is a variable of another strand; only the strand that made "
            << "it may change it";
        good = false;
      }
    }
  }
  return good;
}

bool BodyVerifier::outputs(const Instruction& instruction) {
  bool good = true;
  std::size_t place = 0;
  for (const OperandInfo& row : info(instruction.opcode).operands) {
    if (row.role != OperandRole::Out && row.role != OperandRole::VariadicOut) continue;
    const std::size_t end =
        row.role == OperandRole::VariadicOut ? instruction.outputs.size() : place + 1;
    for (; place < end; ++place) {
      const ValueId id = instruction.outputs[place];
      good = operand(id, row) && good;
      if (context_.function.value(id).variable == (instruction.opcode == Opcode::Var)) continue;
      context_.fail("BL0251", {id})
          << context_.name(id) << ": variables come from `var`, and from nothing else";
      good = false;
    }
  }
  return good;
}

// What an instruction demands of where it stands: the target, the loop, the strand.
bool BodyVerifier::placement(const Instruction& instruction, const Strand& strand) {
  const InstructionInfo& row = info(instruction.opcode);
  const int target = context_.function.target_sm;
  if (target != 0 && row.least_sm > target) {
    context_.fail("BL0249") << "needs sm_" << row.least_sm << " where the target is sm_" << target;
    return false;
  }
  const bool jump = row.opcode == Opcode::Break || row.opcode == Opcode::Continue;
  if (jump && strand.loops == 0) {
    context_.fail("BL0121") << "stands in no loop of its strand";
    return false;
  }
  if (context_.lowered() && (row.opcode == Opcode::Pipeline || row.opcode == Opcode::Copy)) {
    context_.fail("BL0254") << "is a comfortable form that lowering should have replaced";
    return false;
  }
  const bool warpgroup = row.opcode == Opcode::DotAsync || row.opcode == Opcode::DotCommit ||
                         row.opcode == Opcode::DotWait;
  if (warpgroup && strand.threads % 128 != 0) {
    context_.fail("BL0250") << "runs on whole warpgroups of 128 threads; this strand has "
                            << strand.threads;
    return false;
  }
  return true;
}

// BL0230, BL0253: a register tile's layout against the strand that holds it.
void BodyVerifier::layout(ValueId id, const Strand& strand) {
  const Type& type = context_.type(id);
  if (!type.is_register() || strand.threads <= 0) return;
  if (!type.layout) {
    if (!context_.lowered() || type.is_scalar()) return;
    context_.fail("BL0253", {id}) << context_.name(id) << " has no layout";
    return;
  }
  const std::int64_t threads = type.layout->threads();
  if (threads <= strand.threads && strand.threads % threads == 0) return;
  context_.fail("BL0230", {id}) << context_.name(id) << " lies on " << threads << " threads as "
                                << type.layout->to_string() << " where its strand has "
                                << strand.threads;
}

bool BodyVerifier::instruction(const Instruction& instruction, const Strand& strand) {
  const bool placed = placement(instruction, strand);
  const bool used = operands(instruction, strand);
  const bool made = outputs(instruction);
  if (!placed || !used || !made) return false;
  const std::size_t before = context_.diagnostics.error_count();
  visit(instruction, [&](const auto& op) { verify(op, context_); });
  return context_.diagnostics.error_count() == before;
}

}  // namespace

void verify_body(VerifyContext& context) {
  BodyVerifier(context).run();
}

bool verify(const Function& function, Diagnostics& diagnostics, VerifyStage stage) {
  const std::size_t before = diagnostics.error_count();
  VerifyContext context{function, diagnostics, stage, {}};
  const auto clean = [&] { return diagnostics.error_count() == before; };
  verify_well_formed(context);
  verify_types(context);
  // The other rules index, divide and multiply what these have checked.
  if (!clean()) return false;
  verify_head(context);
  context.definitions.assign(function.values.size(), nullptr);
  verify_body(context);
  return clean();
}

}  // namespace bitloom::vm
