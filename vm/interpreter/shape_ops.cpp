// Instructions that move elements and compute nothing: each is a table of lanes.
//
// Where every lane of the result takes the same lane of the operand (transposes, reshapes and most
// slices, whose layouts were made so) the instruction is a copy.
#include <algorithm>
#include <cstring>
#include <functional>

#include "vm/interpreter/elementwise.h"

namespace bitloom::vm::interpreter {
namespace {

// d[lane] = x[source[lane]].
void move_lanes(const Instruction& op, Compiler& compiler, const Tile& d, const Tile& x,
                std::vector<std::int32_t> source) {
  if (d.bits != x.bits) return compiler.fail(op, "operand and result are of different types");
  bool same = d.threads == x.threads && d.registers == x.registers;
  for (std::size_t lane = 0; same && lane < source.size(); ++lane)
    same = source[lane] == static_cast<std::int32_t>(lane);
  if (same) {
    compiler.step(op, [=](Strand& strand, const Step&) {
      std::memcpy(strand.words(d), strand.words(x), d.frame_words() * sizeof(std::uint32_t));
      return Flow::Next;
    });
    return;
  }
  compiler.step(op, [=, source = std::move(source)](Strand& strand, const Step&) {
    permute(strand.words(x), x, source, d, strand.words(d));
    return Flow::Next;
  });
}

// The lane of x that holds an element, in the given thread if that has it: what a thread holds
// itself need not travel.
std::int32_t lane_near(const Tile& x, std::int64_t element, std::size_t lane, const Tile& d) {
  if (!x.table->unique && x.threads == d.threads) {
    const std::size_t thread = lane % d.threads;
    for (std::int32_t r = 0; r < x.registers; ++r) {
      const std::size_t candidate = static_cast<std::size_t>(r) * x.threads + thread;
      if (x.table->element_of_lane[candidate] == element)
        return static_cast<std::int32_t>(candidate);
    }
  }
  return x.table->lane_of_element[static_cast<std::size_t>(element)];
}

// `from`: the row-major element of x for an element of d.
template <class F>
void move_elements(const Instruction& op, Compiler& compiler, ValueId dv, ValueId xv, F from) {
  const Tile x = compiler.tile(xv), d = compiler.define(dv);
  std::vector<std::int32_t> of_element(d.table->lane_of_element.size());
  for (std::size_t e = 0; e < of_element.size(); ++e) {
    const std::int64_t element = from(d, x, static_cast<std::int64_t>(e));
    if (element < 0 || element >= static_cast<std::int64_t>(x.table->lane_of_element.size()))
      return compiler.fail(op, "the result does not come from the operand");
    of_element[e] = static_cast<std::int32_t>(element);
  }
  std::vector<std::int32_t> source(d.lanes());
  for (std::size_t lane = 0; lane < source.size(); ++lane)
    source[lane] =
        lane_near(x, of_element[static_cast<std::size_t>(d.table->element_of_lane[lane])], lane, d);
  move_lanes(op, compiler, d, x, std::move(source));
}

std::int64_t same_element(const Tile&, const Tile&, std::int64_t element) {
  return element;
}

}  // namespace

void compile(const BroadcastOp& op, Compiler& compiler) {
  move_elements(*op, compiler, op.d(), op.x(),
                [](const Tile& d, const Tile& x, std::int64_t element) -> std::int64_t {
                  layouts::Index index = layouts::unlinear(element, d.shape);
                  if (index.size() < x.shape.size()) return -1;
                  index.erase(index.begin(),
                              index.end() - static_cast<std::int64_t>(x.shape.size()));
                  for (std::size_t i = 0; i < index.size(); ++i)
                    if (x.shape[i] == 1) index[i] = 0;
                  return layouts::contains(x.shape, index) ? layouts::linear(index, x.shape) : -1;
                });
}

void compile(const TransposeOp& op, Compiler& compiler) {
  const Shape& permutation = op->shape("permutation");
  const std::size_t rank = compiler.type(op.x()).shape.size();
  Shape sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<std::int64_t>(i)) sorted.clear();
  if (sorted.size() != rank) return compiler.fail(*op, "not a permutation");
  move_elements(*op, compiler, op.d(), op.x(),
                [&](const Tile& d, const Tile& x, std::int64_t element) -> std::int64_t {
                  const layouts::Index index = layouts::unlinear(element, d.shape);
                  layouts::Index from(index.size());
                  for (std::size_t i = 0; i < index.size(); ++i)
                    from[static_cast<std::size_t>(permutation[i])] = index[i];
                  return layouts::contains(x.shape, from) ? layouts::linear(from, x.shape) : -1;
                });
}

void compile(const ReshapeOp& op, Compiler& compiler) {
  move_elements(*op, compiler, op.d(), op.x(), same_element);
}

void compile(const ConvertLayoutOp& op, Compiler& compiler) {
  move_elements(*op, compiler, op.d(), op.x(), same_element);
}

void compile(const SliceOp& op, Compiler& compiler) {
  const Shape& offsets = op->shape("offsets");
  if (offsets.size() != compiler.type(op.x()).shape.size() ||
      offsets.size() != compiler.type(op.d()).shape.size())
    return compiler.fail(*op, "one offset a dimension is needed");
  move_elements(*op, compiler, op.d(), op.x(),
                [&](const Tile& d, const Tile& x, std::int64_t element) -> std::int64_t {
                  layouts::Index index = layouts::unlinear(element, d.shape);
                  for (std::size_t i = 0; i < index.size(); ++i) index[i] += offsets[i];
                  return layouts::contains(x.shape, index) ? layouts::linear(index, x.shape) : -1;
                });
}

void compile(const ConcatOp& op, Compiler& compiler) {
  std::vector<Tile> parts;
  for (ValueId value : op.x()) parts.push_back(compiler.tile(value));
  const Tile d = compiler.define(op.d());
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  if (parts.empty() || dim >= d.shape.size()) return compiler.fail(*op, "there is nothing to join");
  // Lanes of all parts one behind the other.
  std::vector<std::int32_t> source(d.lanes());
  for (std::size_t lane = 0; lane < source.size(); ++lane) {
    layouts::Index index = layouts::unlinear(d.table->element_of_lane[lane], d.shape);
    std::int32_t before = 0;
    std::size_t part = 0;
    while (part < parts.size() && index[dim] >= parts[part].shape[dim]) {
      index[dim] -= parts[part].shape[dim];
      before += static_cast<std::int32_t>(parts[part].lanes());
      ++part;
    }
    if (part == parts.size() || !layouts::contains(parts[part].shape, index) ||
        parts[part].bits != d.bits)
      return compiler.fail(*op, "the parts do not make up the result");
    source[lane] =
        before + lane_near(parts[part], layouts::linear(index, parts[part].shape), lane, d);
  }
  compiler.step(*op, [=, source = std::move(source)](Strand& strand, const Step&) {
    std::size_t all = 0;
    for (const Tile& part : parts) all += part.lanes();
    const auto in = buffer<std::uint64_t>(all), out = buffer<std::uint64_t>(d.lanes());
    std::uint64_t* to = in.get();
    for (const Tile& part : parts) {
      unpack64(strand.words(part), part, to);
      to += part.lanes();
    }
    for (std::size_t lane = 0; lane < source.size(); ++lane) out[lane] = in[source[lane]];
    pack64(out.get(), d, strand.words(d));
    return Flow::Next;
  });
}

void compile(const ViewOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (x.threads != d.threads ||
      std::int64_t{x.registers} * x.bits != std::int64_t{d.registers} * d.bits)
    return compiler.fail(*op, "threads or bits a thread do not agree");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    std::memcpy(strand.words(d), strand.words(x), d.frame_words() * sizeof(std::uint32_t));
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
