#include "vm/passes/pipeline.h"

#include "vm/passes/assign_layouts.h"
#include "vm/passes/canonicalize.h"
#include "vm/passes/eliminate_dead_code.h"
#include "vm/passes/lower_conversions.h"
#include "vm/passes/lower_pipelines.h"
#include "vm/passes/lower_sparse_products.h"
#include "vm/passes/place_barriers.h"
#include "vm/passes/plan_shared_memory.h"
#include "vm/passes/prove_bounds.h"
#include "vm/passes/select_instructions.h"

namespace bitloom::vm {
namespace {

// Bounds are proved and barriers placed while pipelines are whole: their iteration still has its
// bounds, and their stages are still one tile. Dead code goes before layouts are chosen, so that
// nothing is chosen for its sake.
constexpr Pass kPasses[] = {
    {"canonicalize", canonicalize},
    {"prove-bounds", prove_bounds},
    {"place-barriers", place_barriers},
    {"lower-pipelines", lower_pipelines},
    {"lower-sparse-products", lower_sparse_products},
    {"simplify", canonicalize},
    {"remove-unused", eliminate_dead_code},
    {"assign-layouts", assign_layouts},
    {"lower-conversions", lower_conversions},
    {"select-instructions", select_instructions},
    {"eliminate-dead-code", eliminate_dead_code},
    {"plan-shared-memory", plan_shared_memory, VerifyStage::Lowered},
};

}  // namespace

std::span<const Pass> lowering_passes() {
  return kPasses;
}

bool lower_all(Function& function, PassContext& context, const PassOptions& options) {
  function.target_sm = context.target.sm;
  return verify(function, context.diagnostics, VerifyStage::Checked) &&
         run_passes(function, kPasses, context, options);
}

}  // namespace bitloom::vm
