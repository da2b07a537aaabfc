#include "vm/passes/lower_pipelines.h"

#include <unordered_map>
#include <unordered_set>

#include "vm/passes/copy_granule.h"
#include "vm/passes/rewrite.h"
#include "vm/passes/shared_access.h"

namespace bitloom::vm {
namespace {

// One pipeline on its way to a loop.
struct Pipeline {
  const Instruction* instruction = nullptr;
  std::int64_t stages = 1;
  ValueId load_slot = kNoValue, body_slot = kNoValue;  // placeholders for the stage's number
  std::vector<ValueId> buffers;                        // register values that the body takes over
  std::vector<std::vector<ValueId>> variables;         // of each buffer, one a stage
  bool has_async = false, has_shared = false;

  const Region& load() const { return instruction->regions[0]; }
  const Region& body() const { return instruction->regions[1]; }
};

class Lowering {
 public:
  Lowering(Function& function, PassContext& context)
      : function_(function), context_(context), accesses_(function) {
    const ScalarFacts facts(function);
    walk(function.body, [&](const Instruction& instruction) {
      if (instruction.opcode != Opcode::Copy) return;
      granules_[&instruction] =
          context.target.sm >= 80 ? copy_granule(function, facts, instruction) : 0;
    });
  }

  PassResult run() {
    lower_region(function_.body, /*await=*/true);
    if (failed_) return PassResult::Failed;
    return changed_ ? PassResult::Changed : PassResult::Unchanged;
  }

 private:
  void lower_region(Region& region, bool await);
  bool lower_copy(const Instruction& copy, Builder& out);
  void lower_pipeline(Instruction& instruction, Region& out);

  bool prepare(Instruction& instruction, Pipeline& pipeline);
  void name_stages(Region& region, ValueId slot, std::int64_t stages,
                   const std::unordered_set<ValueId>& roots);
  bool find_buffers(Pipeline& pipeline);

  void emit_prologue(const Pipeline& pipeline, Builder& out);
  void emit_single_stage(const Pipeline& pipeline, Builder& out);
  void emit_rotating_loop(const Pipeline& pipeline, Builder& out);
  void emit_unrolled_loop(const Pipeline& pipeline, Builder& out);
  void emit_turn(const Pipeline& pipeline, Builder& out, ValueId t, std::int64_t stage);
  void emit_guarded_load(const Pipeline& pipeline, Builder& out, ValueId iteration, ValueId slot,
                         std::int64_t stage);
  void emit_body(const Pipeline& pipeline, Builder& out, ValueId t, ValueId slot,
                 std::int64_t stage);
  void emit_wait(const Pipeline& pipeline, Builder& out, std::int64_t pending);
  void emit_commit(const Pipeline& pipeline, Builder& out);

  ElementType index_type(const Pipeline& pipeline) const {
    return function_.type(pipeline.body().arguments[0]).element;
  }
  ValueId ahead(const Pipeline& pipeline, Builder& out, ValueId t, std::int64_t by);
  ValueId compare(Builder& out, std::string predicate, ValueId a, ValueId b);
  Instruction& open_loop(const Pipeline& pipeline, Builder& out, std::int64_t step);

  Function& function_;
  PassContext& context_;
  SharedAccesses accesses_;
  std::unordered_map<const Instruction*, int> granules_;
  bool changed_ = false, failed_ = false;
};

// `await`: copies have arrived when the next instruction with an effect runs.
void Lowering::lower_region(Region& region, bool await) {
  Region out;
  Builder builder(function_, out);
  bool pending = false;
  const auto flush = [&](Span span) {
    if (!pending) return;
    builder.at(span);
    builder.emit(Opcode::CopyCommit, {});
    builder.emit(Opcode::CopyWait, {}).set("pending", std::int64_t{0});
    pending = false;
  };
  Span last;
  for (InstructionPtr& instruction : region.body) {
    if (instruction->opcode == Opcode::Copy) {
      pending |= lower_copy(*instruction, builder) && await;
      last = instruction->span;
      continue;
    }
    if (info(instruction->opcode).effect != Effect::Pure) flush(last);
    if (instruction->opcode == Opcode::Pipeline) {
      lower_pipeline(*instruction, out);
      continue;
    }
    for (Region& inner : instruction->regions) lower_region(inner, await);
    out.body.push_back(std::move(instruction));
  }
  flush(last);
  region.body = std::move(out.body);
}

// True when the copy is asynchronous.
bool Lowering::lower_copy(const Instruction& copy, Builder& out) {
  changed_ = true;
  out.at(copy.span);
  const ValueId target = copy.inputs[0], source = copy.inputs[1];
  const auto keep = [&](Instruction& instruction, std::string_view name) {
    if (const AttributeValue* value = copy.find(name)) instruction.set(name, *value);
  };
  if (const int granule = granules_[&copy]) {
    Instruction& async = out.emit(Opcode::CopyAsync, {target, source});
    keep(async, "clip");
    keep(async, "cache");
    async.set("vector", std::int64_t{granule});
    return true;
  }
  if (context_.target.sm >= 80) {
    context_.remarks.push_back(
        {"lower-pipelines", copy.span,
         "the copy goes through registers: its rows are not provably aligned to 4 bytes; a "
         "constraint such as `where k % 8 == 0` lets it be asynchronous"});
  }
  const Type view = function_.type(target);
  const ValueId tile =
      out.emit(Opcode::Load, register_type(view.element, view.shape), {source, kNoValue});
  keep(out.last(), "clip");
  keep(out.last(), "cache");
  out.emit(Opcode::Store, {target, tile, kNoValue});
  return false;
}

// Windows of the pipeline's shared tiles take the number of the stage where they had the iteration.
void Lowering::name_stages(Region& region, ValueId slot, std::int64_t stages,
                           const std::unordered_set<ValueId>& roots) {
  std::unordered_set<ValueId> iteration{region.arguments[0]};
  walk(region, [&](Instruction& instruction) {
    if (instruction.opcode == Opcode::Cast && iteration.count(instruction.inputs[0]) != 0) {
      iteration.insert(instruction.outputs[0]);
    }
    if (instruction.opcode != Opcode::Window || roots.count(instruction.inputs[0]) == 0) return;
    const Shape& shape = function_.type(instruction.inputs[0]).shape;
    if (shape.empty() || shape.front() != stages) return;
    if (iteration.count(instruction.inputs[1]) != 0) instruction.inputs[1] = slot;
  });
}

// What the load region defines and the body uses.
bool Lowering::find_buffers(Pipeline& pipeline) {
  std::unordered_map<ValueId, const Instruction*> defined;
  for (const InstructionPtr& instruction : pipeline.load().body) {
    for (ValueId output : instruction->outputs) defined[output] = instruction.get();
  }
  std::unordered_set<ValueId> seen;
  bool good = true;
  walk(pipeline.body(), [&](const Instruction& user) {
    for (ValueId input : user.inputs) {
      const auto found = defined.find(input);
      if (found == defined.end() || !seen.insert(input).second) continue;
      if (function_.type(input).is_register()) {
        pipeline.buffers.push_back(input);
        continue;
      }
      good = false;
      context_.diagnostics
          .error("BL0302", found->second->span,
                 "a view of memory made in the load part of a pipeline is used in its body")
          .note(user.span, "used here")
          .hint("make the view again in the body");
    }
  });
  return good;
}

bool Lowering::prepare(Instruction& instruction, Pipeline& pipeline) {
  pipeline.instruction = &instruction;
  pipeline.stages = std::max<std::int64_t>(instruction.integer("stages", 1), 1);
  std::unordered_set<ValueId> roots;
  walk(instruction.regions[0], [&](const Instruction& inner) {
    for (const SharedAccess& access : accesses_.of(inner)) {
      if (access.kind == AccessKind::Write) roots.insert(access.part.root);
    }
    const auto granule = granules_.find(&inner);
    pipeline.has_async |= granule != granules_.end() && granule->second > 0;
  });
  pipeline.has_shared = !roots.empty();
  pipeline.load_slot = function_.add_value("stage", register_type(kI32));
  pipeline.body_slot = function_.add_value("stage", register_type(kI32));
  name_stages(instruction.regions[0], pipeline.load_slot, pipeline.stages, roots);
  name_stages(instruction.regions[1], pipeline.body_slot, pipeline.stages, roots);
  return find_buffers(pipeline);
}

// Whether a turn may end the loop: then loads of later turns are under way. Otherwise the last
// turns have waited for all loads that there are.
bool may_leave_early(const Region& body) {
  bool leaves = false;
  walk(body, [&](const Instruction& instruction) {
    leaves |= instruction.opcode == Opcode::Break || instruction.opcode == Opcode::Return;
  });
  return leaves;
}

void Lowering::lower_pipeline(Instruction& instruction, Region& out) {
  changed_ = true;
  Pipeline pipeline;
  if (!prepare(instruction, pipeline)) {
    failed_ = true;
    return;
  }
  lower_region(instruction.regions[0], /*await=*/false);
  lower_region(instruction.regions[1], /*await=*/true);
  Builder builder(function_, out);
  builder.at(instruction.span);
  if (pipeline.stages == 1) {
    emit_single_stage(pipeline, builder);
    return;
  }
  for (ValueId buffer : pipeline.buffers) {
    const Value like = function_.value(buffer);
    auto& variables = pipeline.variables.emplace_back();
    for (std::int64_t s = 0; s < pipeline.stages; ++s) {
      Type type = like.type;
      const ValueId zero = builder.constant(type.element, std::int64_t{0}, type.shape);
      variables.push_back(builder.emit(Opcode::Var, std::move(type), {zero}, like.name));
    }
  }
  emit_prologue(pipeline, builder);
  if (pipeline.buffers.empty()) {
    emit_rotating_loop(pipeline, builder);
  } else {
    emit_unrolled_loop(pipeline, builder);
  }
  if (may_leave_early(pipeline.body())) emit_wait(pipeline, builder, 0);
}

void Lowering::emit_wait(const Pipeline& pipeline, Builder& out, std::int64_t pending) {
  if (pipeline.has_async) out.emit(Opcode::CopyWait, {}).set("pending", pending);
}

void Lowering::emit_commit(const Pipeline& pipeline, Builder& out) {
  if (pipeline.has_async) out.emit(Opcode::CopyCommit, {});
}

ValueId Lowering::compare(Builder& out, std::string predicate, ValueId a, ValueId b) {
  const ValueId result = out.emit(Opcode::Compare, register_type(kBool), {a, b});
  out.last().set("predicate", std::move(predicate));
  return result;
}

ValueId Lowering::ahead(const Pipeline& pipeline, Builder& out, ValueId t, std::int64_t by) {
  if (by == 0) return t;
  const ElementType type = index_type(pipeline);
  return out.emit(Opcode::Add, register_type(type), {t, out.constant(type, by)});
}

// if (iteration < upper) { load(iteration) into `slot`, and into the registers of `stage` }
void Lowering::emit_guarded_load(const Pipeline& pipeline, Builder& out, ValueId iteration,
                                 ValueId slot, std::int64_t stage) {
  const ValueId exists = compare(out, "lt", iteration, pipeline.instruction->inputs[1]);
  Instruction& guard = out.emit(Opcode::If, {exists});
  out.open(guard, 0);
  Substitution fresh;
  fresh.set(pipeline.load().arguments[0], iteration);
  fresh.set(pipeline.load_slot, slot);
  clone_fresh_body(function_, pipeline.load(), fresh, out.region());
  for (std::size_t b = 0; b < pipeline.buffers.size(); ++b) {
    const ValueId variable = pipeline.variables[b][static_cast<std::size_t>(stage)];
    out.emit(Opcode::Assign, {variable, fresh(pipeline.buffers[b])});
  }
  out.close();
}

void Lowering::emit_body(const Pipeline& pipeline, Builder& out, ValueId t, ValueId slot,
                         std::int64_t stage) {
  Substitution fresh;
  fresh.set(pipeline.body().arguments[0], t);
  fresh.set(pipeline.body_slot, slot);
  for (std::size_t b = 0; b < pipeline.buffers.size(); ++b) {
    fresh.set(pipeline.buffers[b], pipeline.variables[b][static_cast<std::size_t>(stage)]);
  }
  clone_fresh_body(function_, pipeline.body(), fresh, out.region());
}

void Lowering::emit_prologue(const Pipeline& pipeline, Builder& out) {
  for (std::int64_t s = 0; s + 1 < pipeline.stages; ++s) {
    const ValueId iteration = ahead(pipeline, out, pipeline.instruction->inputs[0], s);
    emit_guarded_load(pipeline, out, iteration, out.integer(s), s);
    emit_commit(pipeline, out);
  }
}

Instruction& Lowering::open_loop(const Pipeline& pipeline, Builder& out, std::int64_t step) {
  const Value like = function_.value(pipeline.body().arguments[0]);
  const ValueId by = out.constant(like.type.element, step);
  Instruction& loop =
      out.emit(Opcode::For, {pipeline.instruction->inputs[0], pipeline.instruction->inputs[1], by});
  loop.regions[0].arguments.push_back(function_.add_value(like.name, like.type, like.span));
  out.open(loop, 0);
  return loop;
}

void Lowering::emit_single_stage(const Pipeline& pipeline, Builder& out) {
  Instruction& loop = open_loop(pipeline, out, 1);
  const ValueId t = loop.regions[0].arguments[0];
  if (pipeline.has_shared) out.emit(Opcode::Sync, {});
  const ValueId slot = out.integer(0);
  Substitution fresh;
  fresh.set(pipeline.load().arguments[0], t);
  fresh.set(pipeline.body().arguments[0], t);
  fresh.set(pipeline.load_slot, slot);
  fresh.set(pipeline.body_slot, slot);
  clone_fresh_body(function_, pipeline.load(), fresh, out.region());
  emit_commit(pipeline, out);
  emit_wait(pipeline, out, 0);
  if (pipeline.has_shared) out.emit(Opcode::Sync, {});
  clone_fresh_body(function_, pipeline.body(), fresh, out.region());
  out.close();
}

// The variable holds the stage of the iteration before this one, which is where the loads of this
// turn go; the body's stage is the next one round.
void Lowering::emit_rotating_loop(const Pipeline& pipeline, Builder& out) {
  const ValueId last = out.integer(pipeline.stages - 1);
  const ValueId stage = out.emit(Opcode::Var, register_type(kI32), {last}, "stage");
  Instruction& loop = open_loop(pipeline, out, 1);
  const ValueId t = loop.regions[0].arguments[0];
  const ValueId next = out.emit(Opcode::Add, register_type(kI32), {stage, out.integer(1)});
  const ValueId round = compare(out, "eq", next, out.integer(pipeline.stages));
  const ValueId slot = out.emit(Opcode::Select, register_type(kI32), {round, out.integer(0), next});
  emit_wait(pipeline, out, pipeline.stages - 2);
  if (pipeline.has_shared) out.emit(Opcode::Sync, {});
  emit_guarded_load(pipeline, out, ahead(pipeline, out, t, pipeline.stages - 1), stage, 0);
  emit_commit(pipeline, out);
  out.emit(Opcode::Assign, {stage, slot});
  emit_body(pipeline, out, t, slot, 0);
  out.close();
}

void Lowering::emit_turn(const Pipeline& pipeline, Builder& out, ValueId t, std::int64_t stage) {
  const std::int64_t target = (stage + pipeline.stages - 1) % pipeline.stages;
  emit_wait(pipeline, out, pipeline.stages - 2);
  if (pipeline.has_shared) out.emit(Opcode::Sync, {});
  const ValueId next = ahead(pipeline, out, t, pipeline.stages - 1);
  emit_guarded_load(pipeline, out, next, out.integer(target), target);
  emit_commit(pipeline, out);
  emit_body(pipeline, out, t, out.integer(stage), stage);
}

void Lowering::emit_unrolled_loop(const Pipeline& pipeline, Builder& out) {
  Instruction& loop = open_loop(pipeline, out, pipeline.stages);
  const ValueId base = loop.regions[0].arguments[0];
  emit_turn(pipeline, out, base, 0);
  for (std::int64_t stage = 1; stage < pipeline.stages; ++stage) {
    const ValueId t = ahead(pipeline, out, base, stage);
    const ValueId exists = compare(out, "lt", t, pipeline.instruction->inputs[1]);
    out.open(out.emit(Opcode::If, {exists}), 0);
    emit_turn(pipeline, out, t, stage);
    out.close();
  }
  out.close();
}

}  // namespace

PassResult lower_pipelines(Function& function, PassContext& context) {
  return Lowering(function, context).run();
}

}  // namespace bitloom::vm
