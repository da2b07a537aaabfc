#include <algorithm>

#include "vm/verify/rules.h"
#include "vm/verify/structure.h"

namespace bitloom::vm {
namespace {

constexpr int kMostThreads = 1024;            // of a block, on every GPU
constexpr int kMostCluster = 16;              // blocks; 8 without asking the driver
constexpr int kMostResident = 2048;           // threads on one SM
constexpr std::int64_t kMostShared = 232448;  // 227 KiB: sm_90; less on older ones
constexpr int kTargets[] = {70, 75, 80, 86, 87, 89, 90};

void verify_numbers(VerifyContext& context) {
  const Function& f = context.function;
  if (f.threads < 32 || f.threads > kMostThreads || f.threads % 32 != 0) {
    context.fail("BL0222") << "threads(" << f.threads << "): a block has 32 to " << kMostThreads
                           << " threads, a multiple of 32";
  }
  if (f.cluster < 1 || f.cluster > kMostCluster) {
    context.fail("BL0222") << "cluster(" << f.cluster << "): a cluster has 1 to " << kMostCluster
                           << " blocks";
  }
  if (f.min_blocks < 0 || f.min_blocks > 32 || f.min_blocks * f.threads > kMostResident) {
    context.fail("BL0222") << "min_blocks(" << f.min_blocks << ") of " << f.threads
                           << " threads: an SM holds at most " << kMostResident << " threads";
  }
  if (f.grid.empty() || f.grid.size() > 3) {
    context.fail("BL0222") << "the grid has " << f.grid.size() << " axes; it may have 1 to 3";
  }
  if (f.shared_bytes < -1 || f.shared_bytes > kMostShared) {
    context.fail("BL0222") << f.shared_bytes << " bytes of shared memory; a block has at most "
                           << kMostShared;
  }
  if (f.target_sm != 0 && std::ranges::find(kTargets, f.target_sm) == std::end(kTargets)) {
    context.fail("BL0222") << "target sm_" << f.target_sm << " is not known; there are sm_"
                           << rules::joined(kTargets, ", sm_");
  }
  if (context.lowered() && f.target_sm == 0) {
    context.fail("BL0222") << "a lowered kernel names its target";
  }
  if (f.cluster > 1 && f.target_sm != 0 && f.target_sm < 90) {
    context.fail("BL0249") << "cluster(" << f.cluster << ") needs sm_90 where the target is sm_"
                           << f.target_sm;
  }
}

// Sizes are i64 scalars, each of its own name: their names are the symbols of every expression.
std::vector<std::string_view> verify_sizes(VerifyContext& context) {
  std::vector<std::string_view> names = {"device.sms"};
  for (const ValueId id : context.function.sizes) {
    const Value& size = context.function.value(id);
    if (!size.type.is_scalar() || size.type.element != kI64) {
      context.fail("BL0222", {id}) << "size " << context.name(id) << " is " << to_string(size.type)
                                   << "; sizes are i64 scalars";
    }
    if (size.name.empty() || std::ranges::find(names, size.name) != names.end()) {
      context.fail("BL0222", {id})
          << "size '" << size.name << "' has no name of its own: sizes are told apart by name";
    }
    names.push_back(size.name);
  }
  return names;
}

void verify_parameters(VerifyContext& context) {
  for (const Parameter& parameter : context.function.parameters) {
    const Type& type = context.type(parameter.value);
    const bool tensor = type.space == Space::Global && !type.extents.empty();
    if (!tensor && !type.is_scalar()) {
      context.fail("BL0222", {parameter.value})
          << "parameter " << context.name(parameter.value) << " is " << to_string(type)
          << "; parameters are global tensors and scalars";
    }
    if (type.is_scalar() && type.element.bits < 8) {
      context.fail("BL0204", {parameter.value})
          << "parameter " << context.name(parameter.value)
          << " is a scalar of less than a byte; a launch passes whole bytes";
    }
  }
}

void verify_symbols(VerifyContext& context, const layouts::SizeExpr& expr, Span span,
                    std::string_view what, const std::vector<std::string_view>& known) {
  for (const std::string& symbol : expr.symbols()) {
    if (std::ranges::find(known, symbol) != known.end()) continue;
    Diagnostic& error = context.fail("BL0241");
    if (span.known()) error.span = span;
    error << what << " '" << expr.to_string() << "' uses '" << symbol
          << "', which is no size of this kernel; there are " << rules::joined(known);
  }
}

}  // namespace

void verify_head(VerifyContext& context) {
  const Function& f = context.function;
  context.instruction = nullptr;
  verify_numbers(context);
  const auto known = verify_sizes(context);
  verify_parameters(context);
  for (const layouts::SizeExpr& axis : f.grid) verify_symbols(context, axis, {}, "grid", known);
  for (const Constraint& constraint : f.constraints) {
    verify_symbols(context, constraint.condition, constraint.span, "condition", known);
  }
  for (const Parameter& parameter : f.parameters) {
    const Value& value = f.value(parameter.value);
    for (const layouts::SizeExpr& extent : value.type.extents) {
      verify_symbols(context, extent, value.span, "extent", known);
    }
  }
}

}  // namespace bitloom::vm
