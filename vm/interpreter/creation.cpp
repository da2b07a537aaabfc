// Values out of nothing: constants, indices, variables, and where the block stands in the grid.
#include <algorithm>
#include <cstring>

#include "layouts/shape.h"
#include "vm/interpreter/compiler.h"
#include "vm/interpreter/scalars.h"
#include "vm/numerics.h"

namespace bitloom::vm::interpreter {
namespace {

// A tile whose words are known before the launch.
void fixed(const Instruction& instruction, Compiler& compiler, const Tile& d,
           std::vector<std::uint32_t> words) {
  compiler.step(instruction, [d, words = std::move(words)](Strand& strand, const Step&) {
    std::copy(words.begin(), words.end(), strand.words(d));
    return Flow::Next;
  });
}

std::uint64_t constant_code(const ConstantOp& op, ElementType element) {
  if (element.is_float() || element.type_class == TypeClass::Scale)
    return encode(element, op->real("value", static_cast<double>(op->integer("integer"))));
  if (element.is_bool()) return op->integer("integer") != 0;
  return static_cast<std::uint64_t>(op->integer("integer")) & code_mask(element);
}

void copy_tile(const Instruction& instruction, Compiler& compiler, const Tile& d, const Tile& x) {
  if (d.table != x.table || d.bits != x.bits)
    return compiler.fail(instruction, "the variable and its value have different layouts");
  compiler.step(instruction, [=](Strand& strand, const Step&) {
    std::memcpy(strand.words(d), strand.words(x), d.frame_words() * sizeof(std::uint32_t));
    return Flow::Next;
  });
}

}  // namespace

void compile(const ConstantOp& op, Compiler& compiler) {
  const Tile d = compiler.define(op.d());
  const std::uint64_t code = constant_code(op, d.element);
  std::vector<std::uint64_t> lanes(d.lanes(), code);
  std::vector<std::uint32_t> words(d.frame_words());
  pack64(lanes.data(), d, words.data());
  // One loop over a word instead of a copy, where all words are equal.
  if (std::all_of(words.begin(), words.end(), [&](std::uint32_t w) { return w == words[0]; })) {
    compiler.step(*op, [d, word = words[0]](Strand& strand, const Step&) {
      std::fill_n(strand.words(d), d.frame_words(), word);
      return Flow::Next;
    });
  } else {
    fixed(*op, compiler, d, std::move(words));
  }
}

void compile(const IotaOp& op, Compiler& compiler) {
  const Tile d = compiler.define(op.d());
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  if (dim >= d.shape.size()) return compiler.fail(*op, "there is no such dimension");
  std::vector<std::uint64_t> lanes(d.lanes());
  for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
    const std::int64_t at = layouts::unlinear(d.table->element_of_lane[lane], d.shape)[dim];
    lanes[lane] = d.element.is_float() ? encode(d.element, static_cast<double>(at))
                                       : static_cast<std::uint64_t>(at) & code_mask(d.element);
  }
  std::vector<std::uint32_t> words(d.frame_words());
  pack64(lanes.data(), d, words.data());
  fixed(*op, compiler, d, std::move(words));
}

void compile(const VarOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.init());
  copy_tile(*op, compiler, compiler.define(op.d()), x);
}

void compile(const AssignOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x());
  copy_tile(*op, compiler, compiler.variable(op.variable()), x);
}

void compile(const BlockIndexOp& op, Compiler& compiler) {
  const Tile d = compiler.define(op.d());
  const auto axis = static_cast<std::size_t>(op->integer("axis"));
  if (axis > 2) return compiler.fail(*op, "there is no such axis");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    set_integer(strand, d, strand.block->index[axis]);
    return Flow::Next;
  });
}

void compile(const BlockCountOp& op, Compiler& compiler) {
  const Tile d = compiler.define(op.d());
  const auto axis = static_cast<std::size_t>(op->integer("axis"));
  if (axis > 2) return compiler.fail(*op, "there is no such axis");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    set_integer(strand, d, strand.cluster->grid.program.grid[axis]);
    return Flow::Next;
  });
}

void compile(const ClusterRankOp& op, Compiler& compiler) {
  const Tile d = compiler.define(op.d());
  compiler.step(*op, [=](Strand& strand, const Step&) {
    set_integer(strand, d, strand.block->rank);
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
