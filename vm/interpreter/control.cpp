// Control flow: loops and branches become jumps, roles and warps start strands.
#include <algorithm>

#include "vm/interpreter/compiler.h"
#include "vm/interpreter/scalars.h"

namespace bitloom::vm::interpreter {
namespace {

Flow jump(Strand& strand, const Step& step) {
  strand.pc = step.target;
  return Flow::Jump;
}

void aim_all(Compiler& compiler, const std::vector<std::size_t>& steps, std::uint32_t target) {
  for (std::size_t step : steps) compiler.aim(step, target);
}

// A counted loop around `turn`, which compiles what one turn does. The bounds are read once; `step`
// may be absent (1).
template <class F>
void counted_loop(const Instruction& instruction, Compiler& compiler, ValueId lower, ValueId upper,
                  std::optional<ValueId> step, const std::vector<ValueId>& arguments, F&& turn) {
  const Tile from = compiler.tile(lower), to = compiler.tile(upper);
  const Tile by = step ? compiler.tile(*step) : Tile{};
  const bool counts_by_one = !step;
  const Tile last = compiler.scratch_scalar(), stride = compiler.scratch_scalar(),
             index = compiler.scratch_scalar();
  std::vector<Tile> shown;
  for (ValueId argument : arguments) shown.push_back(compiler.define(argument));
  compiler.step(instruction, [=](Strand& strand, const Step&) {
    set_integer(strand, index, get_integer(strand, from));
    set_integer(strand, last, get_integer(strand, to));
    set_integer(strand, stride, counts_by_one ? 1 : get_integer(strand, by));
    return Flow::Next;
  });
  const std::uint32_t test = compiler.next();
  const std::size_t leave = compiler.step(instruction, [=](Strand& strand, const Step& self) {
    const std::int64_t i = get_integer(strand, index), end = get_integer(strand, last);
    if (get_integer(strand, stride) >= 0 ? i >= end : i <= end) return jump(strand, self);
    for (const Tile& argument : shown) set_integer(strand, argument, i);
    return Flow::Next;
  });
  compiler.loops().emplace_back();
  turn();
  const Compiler::Loop loop = compiler.loops().back();
  compiler.loops().pop_back();
  aim_all(compiler, loop.continues, compiler.next());
  const std::size_t again = compiler.step(instruction, [=](Strand& strand, const Step& self) {
    set_integer(strand, index, get_integer(strand, index) + get_integer(strand, stride));
    return jump(strand, self);
  });
  compiler.aim(again, test);
  compiler.aim(leave, compiler.next());
  aim_all(compiler, loop.breaks, compiler.next());
}

}  // namespace

void compile(const ForOp& op, Compiler& compiler) {
  const Region& body = op->regions[0];
  counted_loop(*op, compiler, op.lower(), op.upper(), op.step(), body.arguments,
               [&] { compiler.region(body); });
}

// The comfortable form run as it reads: load, barrier, compute, barrier, one iteration after the
// other.
void compile(const PipelineOp& op, Compiler& compiler) {
  std::vector<ValueId> arguments = op->regions[0].arguments;
  arguments.insert(arguments.end(), op->regions[1].arguments.begin(),
                   op->regions[1].arguments.end());
  counted_loop(*op, compiler, op.lower(), op.upper(), std::nullopt, arguments, [&] {
    for (const Region& region : op->regions) {
      compiler.region(region);
      aim_all(compiler, compiler.loops().back().continues, compiler.next());
      compiler.loops().back().continues.clear();
      compile(SyncOp(*op), compiler);
    }
  });
}

void compile(const LoopOp& op, Compiler& compiler) {
  const std::uint32_t begin = compiler.next();
  compiler.loops().emplace_back();
  compiler.region(op->regions[0]);
  const Compiler::Loop loop = compiler.loops().back();
  compiler.loops().pop_back();
  compiler.aim(compiler.step(*op, jump), begin);
  aim_all(compiler, loop.continues, begin);
  aim_all(compiler, loop.breaks, compiler.next());
}

void compile(const IfOp& op, Compiler& compiler) {
  const Tile condition = compiler.tile(op.condition());
  const std::size_t branch = compiler.step(*op, [=](Strand& strand, const Step& self) {
    return strand.words(condition)[0] & 0xff ? Flow::Next : jump(strand, self);
  });
  compiler.region(op->regions[0]);
  if (op->regions[1].body.empty()) {
    compiler.aim(branch, compiler.next());
    return;
  }
  const std::size_t over = compiler.step(*op, jump);
  compiler.aim(branch, compiler.next());
  compiler.region(op->regions[1]);
  compiler.aim(over, compiler.next());
}

void compile(const BreakOp& op, Compiler& compiler) {
  if (compiler.loops().empty()) return compiler.fail(*op, "there is no loop around it");
  compiler.loops().back().breaks.push_back(compiler.step(*op, jump));
}

void compile(const ContinueOp& op, Compiler& compiler) {
  if (compiler.loops().empty()) return compiler.fail(*op, "there is no loop around it");
  compiler.loops().back().continues.push_back(compiler.step(*op, jump));
}

void compile(const ReturnOp& op, Compiler& compiler) {
  compiler.step(*op, [](Strand&, const Step&) { return Flow::Finished; });
}

// ---- Strands ------------------------------------------------------------------------------------

namespace {

struct Child {
  const Body* body = nullptr;
  int first = 0;  // thread, of the strand that is split
  std::int64_t argument = 0;
};

void fork(const Instruction& instruction, Compiler& compiler, std::vector<Child> children) {
  compiler.step(instruction, [children = std::move(children)](Strand& strand, const Step&) {
    if (children.empty()) return Flow::Next;
    strand.state = Strand::State::Forked;
    for (const Child& child : children)
      strand.cluster->start(*child.body, *strand.block, &strand, strand.first + child.first,
                            child.argument);
    return Flow::Jump;  // the last child to end moves it on
  });
}

}  // namespace

void compile(const RolesOp& op, Compiler& compiler) {
  const Shape& threads = op->shape("threads");
  const Shape& copies = op->shape("copies");
  if (threads.size() != op->regions.size())
    return compiler.fail(*op, "as many thread counts as regions are needed");
  std::vector<Child> children;
  std::int64_t first = 0;
  for (std::size_t r = 0; r < op->regions.size(); ++r) {
    const std::int64_t number = r < copies.size() ? copies[r] : 1;
    if (threads[r] <= 0 || first + threads[r] * number > compiler.threads())
      return compiler.fail(*op, "the roles have more threads than the strand");
    const Body* body = compiler.body(op->regions[r], static_cast<int>(threads[r]));
    for (std::int64_t copy = 0; copy < number; ++copy, first += threads[r])
      children.push_back({body, static_cast<int>(first), copy});
  }
  fork(*op, compiler, std::move(children));
}

void compile(const WarpsOp& op, Compiler& compiler) {
  const int all = compiler.threads(), each = std::min(all, 32);
  if (all % each != 0) return compiler.fail(*op, "the strand is not made of whole warps");
  const Body* body = compiler.body(op->regions[0], each);
  std::vector<Child> children;
  for (int first = 0; first < all; first += each) children.push_back({body, first, first / each});
  fork(*op, compiler, std::move(children));
}

}  // namespace bitloom::vm::interpreter
