// Control flow is structured on both sides, so regions become blocks. What differs is who runs
// them: `roles` and `warps` split the threads, and each part gets a strand of its own, with its own
// thread number, barrier and scratch memory.
#include <algorithm>

#include "codegen/cuda/emit.h"

namespace bitloom::codegen {

namespace {

bool runs_products(const vm::Region& region) {
  bool found = false;
  vm::walk(region, [&](const vm::Instruction& instruction) {
    found |= instruction.opcode == vm::Opcode::DotAsync;
  });
  return found;
}

bool returns(const vm::Region& region) {
  bool found = false;
  vm::walk(region, [&](const vm::Instruction& instruction) {
    found |= instruction.opcode == vm::Opcode::Return;
  });
  return found;
}

// A scalar as it stands now: variables may change while a loop runs.
std::string snapshot(KernelWriter& out, vm::ValueId id, std::string_view prefix) {
  const Register& reg = out.reg(id);
  const std::string number = signed_of(reg.element, reg.code(0));
  if (!out.function().value(id).variable) return number;
  const std::string name = out.fresh(prefix);
  out.line("const {} {} = {};", scalar_type(reg.element), name, number);
  return name;
}

}  // namespace

void emit(const vm::ForOp& op, KernelWriter& out) {
  const vm::Region& body = op->regions[0];
  const vm::ValueId index = body.arguments[0];
  const vm::ElementType element = out.type(index).element;
  const std::string lower = snapshot(out, op.lower(), "lower");
  const std::string upper = snapshot(out, op.upper(), "upper");
  const auto step = out.facts().constant(op.step());
  const std::string by = step ? fmt::format("{}", *step) : snapshot(out, op.step(), "step");
  const std::string i = out.name_of(index);
  std::string condition = step.value_or(1) > 0 ? fmt::format("{} < {}", i, parenthesized(upper))
                                               : fmt::format("{} > {}", i, parenthesized(upper));
  if (!step) {
    condition = fmt::format("{} >= 0 ? {} < {} : {} > {}", by, i, parenthesized(upper), i,
                            parenthesized(upper));
  }
  out.write("#pragma unroll 1");
  out.open(fmt::format("for ({} {} = {}; {}; {} += {})", scalar_type(element), i, lower,
                       out.branch(condition), i, by));
  out.define(index, {Register::Kind::Scalar, i, element, 1});
  out.emit_region(body);
  out.close();
}

void emit(const vm::LoopOp& op, KernelWriter& out) {
  out.write("#pragma unroll 1");
  out.open("for (;;)");
  out.emit_region(op->regions[0]);
  out.close();
}

void emit(const vm::IfOp& op, KernelWriter& out) {
  out.open(fmt::format("if ({})", out.branch(out.reg(op.condition()).code(0))));
  out.emit_region(op->regions[0]);
  if (op->regions.size() > 1 && !op->regions[1].body.empty()) {
    out.otherwise();
    out.emit_region(op->regions[1]);
  }
  out.close();
}

void emit(const vm::BreakOp&, KernelWriter& out) {
  out.write("break;");
}

void emit(const vm::ContinueOp&, KernelWriter& out) {
  out.write("continue;");
}

void emit(const vm::ReturnOp&, KernelWriter& out) {
  if (out.strand().end_label.empty()) {
    out.write("return;");
  } else {
    out.line("goto {};", out.strand().end_label);
  }
}

namespace {

// Registers that every thread has at launch, as ptxas deals them out under __launch_bounds__.
std::int64_t registers_at_launch(const vm::Function& function) {
  constexpr std::int64_t kRegisters = 65536, kMost = 255, kStep = 8;
  const std::int64_t threads = function.threads * std::max(function.min_blocks, 1);
  return std::min(kRegisters / threads / kStep * kStep, kMost);
}

void emit_budget(KernelWriter& out, std::int64_t registers, std::int64_t threads) {
  constexpr std::int64_t kWarpgroup = 128;
  if (registers <= 0 || !out.target().has_warpgroup_dot() || threads % kWarpgroup != 0) return;
  const std::int64_t launched = registers_at_launch(out.function());
  if (registers == launched) return;
  const std::string name =
      out.prelude().use(registers > launched ? "more_registers" : "fewer_registers");
  out.line("{}<{}>();", name, registers);
}

std::int64_t at(const vm::Shape& shape, std::size_t i, std::int64_t otherwise) {
  return i < shape.size() ? shape[i] : otherwise;
}

}  // namespace

// The warp's number comes out of a shuffle, which tells the compiler that a warp goes one way.
void emit(const vm::RolesOp& op, KernelWriter& out) {
  const Strand parent = out.strand();
  const vm::Shape &threads = op->shape("threads"), &copies = op->shape("copies"),
                  &registers = op->shape("registers");
  const std::string warp = out.fresh("warp");
  out.line("const u32 {} = {};", warp, out.call("shuffle_idx", parent.thread + " >> 5", "0"));
  std::vector<std::string> labels;
  std::int64_t first = 0;
  for (std::size_t r = 0; r < op->regions.size(); ++r) {
    const std::int64_t each = threads[r], number = at(copies, r, 1);
    const std::string head = fmt::format("if ({} < {})", warp, (first + each * number) / 32);
    if (r == 0) {
      out.open(head);
    } else {
      out.close();
      out.open("else " + head);
    }
    Strand strand;
    strand.kind = each == 32 ? Strand::Kind::Warp : Strand::Kind::Role;
    strand.threads = each;
    strand.votes = runs_products(op->regions[r]);
    strand.scratch_group = out.fresh("role");
    strand.thread = out.fresh("tid");
    const std::string index = out.fresh("role_index");
    const std::string from_first =
        first == 0 ? parent.thread : fmt::format("({} - {})", parent.thread, first);
    const std::int64_t warps = each / 32;
    std::string copy = first == 0 ? warp : fmt::format("({} - {})", warp, first / 32);
    if (warps > 1) copy += fmt::format(" / {}", warps);
    out.line("const int {} = {};", index, number > 1 ? "(int)" + parenthesized(copy) : "0");
    out.line("const u32 {} = {};", strand.thread,
             number > 1 ? fmt::format("{} % {}", from_first, each) : from_first);
    strand.scratch = fmt::format("(sm + scratch_{} + {} * scratch_bytes_{})", strand.scratch_group,
                                 index, strand.scratch_group);
    out.reserve_scratch(strand.scratch_group, number);
    if (strand.kind == Strand::Kind::Role) {
      const int barrier = out.named_barrier(static_cast<int>(number));
      if (barrier < 0) return out.fail(*op, "there are not enough named barriers for its strands");
      strand.barrier =
          number > 1 ? fmt::format("{} + {}", barrier, index) : fmt::format("{}", barrier);
    }
    if (!op->regions[r].arguments.empty()) {
      const vm::ValueId argument = op->regions[r].arguments[0];
      out.define(argument, {Register::Kind::Scalar, index, out.type(argument).element, 1});
    }
    emit_budget(out, at(registers, r, 0), each);
    if (returns(op->regions[r])) {
      strand.end_label = out.fresh("end");
      labels.push_back(strand.end_label);
    }
    out.push(std::move(strand));
    out.open({});
    out.emit_region(op->regions[r]);
    out.close();
    out.pop();
    if (labels.size() > 0 && !labels.back().empty()) {
      out.label(labels.back());
      labels.back().clear();
    }
    first += each * number;
  }
  out.close();
}

void emit(const vm::WarpsOp& op, KernelWriter& out) {
  constexpr std::int64_t kWarp = 32;
  const Strand parent = out.strand();
  const vm::Region& region = op->regions[0];
  out.open({});
  Strand strand;
  strand.kind = Strand::Kind::Warp;
  strand.threads = kWarp;
  strand.thread = out.fresh("lane");
  strand.votes = runs_products(region);
  strand.scratch_group = out.fresh("warps");
  const std::string index = out.fresh("warp");
  out.line("const u32 {} = {} % 32;", strand.thread, parent.thread);
  out.line("const int {} = (int){};", index, out.call("shuffle_idx", parent.thread + " >> 5", "0"));
  // The scratch of each warp of the block, whatever strand it belongs to.
  out.reserve_scratch(strand.scratch_group, out.function().threads / kWarp);
  strand.scratch = fmt::format("(sm + scratch_{} + (tid >> 5) * scratch_bytes_{})",
                               strand.scratch_group, strand.scratch_group);
  if (!region.arguments.empty()) {
    const vm::ValueId argument = region.arguments[0];
    out.define(argument, {Register::Kind::Scalar, index, out.type(argument).element, 1});
  }
  if (returns(region)) strand.end_label = out.fresh("end");
  const std::string end = strand.end_label;
  out.push(std::move(strand));
  out.open({});
  out.emit_region(region);
  out.close();
  out.pop();
  if (!end.empty()) out.label(end);
  out.line("{};", out.call("sync_warp"));
  out.close();
}

void emit(const vm::PipelineOp& op, KernelWriter& out) {
  out.fail(*op, "pipelines are lowered by a pass; this function was not");
}

}  // namespace bitloom::codegen
