// Control: bounds and conditions are scalars, arguments of regions have the type of what they
// count, and the strands that a split makes have the threads that there are.
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

constexpr int kWarp = 32;
constexpr int kWarpgroup = 128;

// BL0268: the region has exactly these arguments, all scalars.
bool arguments_are(VerifyContext& context, const Region& region,
                   std::initializer_list<ElementType> elements) {
  bool good = region.arguments.size() == elements.size();
  for (std::size_t i = 0; good && i < region.arguments.size(); ++i) {
    const Type& type = context.type(region.arguments[i]);
    good = type.is_scalar() && type.element == elements.begin()[i];
  }
  if (good) return true;
  std::vector<std::string> wanted, found;
  for (const ElementType element : elements) wanted.push_back(to_string(element));
  for (const ValueId id : region.arguments) found.push_back(to_string(context.type(id)));
  context.fail("BL0268") << "its region has the arguments (" << rules::joined(found) << ") where ("
                         << rules::joined(wanted) << ") belong";
  return false;
}

// BL0242: a pipeline or loop that is certain never to end or never to advance.
void positive_step(VerifyContext& context, ValueId step) {
  const auto constant = context.constant(step);
  if (constant && *constant <= 0) {
    context.fail("BL0242", {step}) << "the step is " << *constant << "; loops count upwards";
  }
}

}  // namespace

// Bounds and step are integer scalars of one type with 32 or 64 bits, and so is the argument. A
// step that is constant is positive; `unroll` needs all three constant.
void verify(const ForOp& op, VerifyContext& context) {
  if (!rules::index_scalar(context, op.lower())) return;
  if (!rules::same_element(context, op.lower(), op.upper())) return;
  if (!rules::same_element(context, op.lower(), op.step())) return;
  arguments_are(context, op->regions[0], {context.element(op.lower())});
  positive_step(context, op.step());
  if (!op->flag("unroll")) return;
  for (const ValueId bound : {op.lower(), op.upper(), op.step()}) {
    if (context.constant(bound)) continue;
    context.fail("BL0242", {bound}) << "unroll needs constant bounds, and " << context.name(bound)
                                    << " is known only at run time";
  }
}

// The region has no arguments.
void verify(const LoopOp& op, VerifyContext& context) {
  arguments_are(context, op->regions[0], {});
}

// The condition is a bool scalar; regions have no arguments.
void verify(const IfOp& op, VerifyContext& context) {
  rules::element_in(context, op.condition(), rules::kBool);
  for (const Region& region : op->regions) arguments_are(context, region, {});
}

// Inside a `for` or `loop` of the same strand: checked with the structure.
void verify(const BreakOp&, VerifyContext&) {}
void verify(const ContinueOp&, VerifyContext&) {}
void verify(const ReturnOp&, VerifyContext&) {}

// `threads` and, where given, `registers` and `copies` have one entry a region. Roles take whole
// warps, and all copies together exactly the threads of the strand. A register budget is a multiple
// of 8 from 24 to 256, and the role then consists of whole warpgroups. Each region's argument is
// the index of the copy, i32.
void verify(const RolesOp& op, VerifyContext& context) {
  const std::size_t count = op->regions.size();
  const Shape& threads = op->shape("threads");
  const Shape& registers = op->shape("registers");
  const Shape& copies = op->shape("copies");
  for (const Region& region : op->regions) arguments_are(context, region, {kI32});
  if (threads.size() != count || (!registers.empty() && registers.size() != count) ||
      (!copies.empty() && copies.size() != count)) {
    context.fail("BL0225") << "there are " << count << " regions, and threads, registers, copies "
                           << "for " << threads.size() << ", " << registers.size() << ", "
                           << copies.size();
    return;
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t copy = copies.empty() ? 1 : copies[i];
    if (threads[i] < kWarp || threads[i] % kWarp != 0 || threads[i] > context.threads || copy < 1 ||
        copy > context.threads) {
      context.fail("BL0225") << "role " << i << " takes " << copy << " times " << threads[i]
                             << " threads; a role takes whole warps of " << kWarp;
      return;
    }
    sum += copy * threads[i];
    const std::int64_t budget = registers.empty() ? 0 : registers[i];
    if (budget == 0) continue;
    if (budget < 24 || budget > 256 || budget % 8 != 0) {
      context.fail("BL0225") << "role " << i << " asks for " << budget
                             << " registers a thread; a budget is a multiple of 8 from 24 to 256";
    }
    if (threads[i] % kWarpgroup != 0) {
      context.fail("BL0225") << "role " << i << " has a register budget and " << threads[i]
                             << " threads; budgets are given to whole warpgroups of " << kWarpgroup;
    }
  }
  if (sum != context.threads) {
    context.fail("BL0225") << "the roles take " << sum << " threads where the strand has "
                           << context.threads;
  }
}

// The strand consists of whole warps; the argument is the index of the warp, i32.
void verify(const WarpsOp& op, VerifyContext& context) {
  arguments_are(context, op->regions[0], {kI32});
  if (context.threads % kWarp != 0) {
    context.fail("BL0250") << "splits a strand of " << context.threads
                           << " threads, which is no whole number of warps";
  }
}

// Bounds are integer scalars of one type. The first region's argument is the iteration; the second
// may have it too. 1 to 64 stages.
void verify(const PipelineOp& op, VerifyContext& context) {
  if (!rules::index_scalar(context, op.lower())) return;
  if (!rules::same_element(context, op.lower(), op.upper())) return;
  const ElementType index = context.element(op.lower());
  arguments_are(context, op->regions[0], {index});
  if (!op->regions[1].arguments.empty()) arguments_are(context, op->regions[1], {index});
  rules::number_in(context, "stages", 1, 64);
}

}  // namespace bitloom::vm
