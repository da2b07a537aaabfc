// Reductions along a dimension, scans, and what becomes of a tile as a scalar.
#include <algorithm>
#include <numeric>

#include "vm/interpreter/combination.h"
#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/reduction_order.h"
#include "vm/interpreter/report.h"
#include "vm/interpreter/scalars.h"
#include "vm/numerics/arithmetic.h"

namespace bitloom::vm::interpreter {

std::vector<ReductionGroup> reduction_order(const Tile& x, int dim) {
  constexpr int kWarp = 32;
  Shape shape = x.shape;
  shape[static_cast<std::size_t>(dim)] = 1;
  std::vector<ReductionGroup> groups(static_cast<std::size_t>(layouts::size(shape)));
  for (std::int32_t thread = 0; thread < x.threads; ++thread) {
    for (std::int32_t reg = 0; reg < x.registers; ++reg) {
      const std::int32_t lane = reg * x.threads + thread;
      if (!x.table->is_first[static_cast<std::size_t>(lane)]) continue;
      layouts::Index index =
          layouts::unlinear(x.table->element_of_lane[static_cast<std::size_t>(lane)], x.shape);
      index[static_cast<std::size_t>(dim)] = 0;
      ReductionGroup& group = groups[static_cast<std::size_t>(layouts::linear(index, shape))];
      const std::int32_t last = group.lanes.empty() ? -1 : group.lanes.back() % x.threads;
      if (last != thread) {
        if (last < 0 || last / kWarp != thread / kWarp) group.warp_ends.push_back(0);
        group.thread_ends.push_back(0);
      }
      group.lanes.push_back(lane);
      group.thread_ends.back() = static_cast<std::int32_t>(group.lanes.size());
      group.warp_ends.back() = static_cast<std::int32_t>(group.thread_ends.size());
    }
  }
  return groups;
}

namespace {

bool has_dim(const Instruction& op, Compiler& compiler, const Tile& x) {
  const std::int64_t dim = op.integer("dim");
  if (dim >= 0 && dim < static_cast<std::int64_t>(x.shape.size())) return true;
  compiler.fail(op, "there is no such dimension");
  return false;
}

// Elements of a result, by their row-major number, into all its lanes.
template <class T>
void spread(const T* elements, const Tile& d, std::uint32_t* words) {
  const auto lanes = buffer<std::uint64_t>(d.lanes());
  for (std::size_t lane = 0; lane < d.lanes(); ++lane)
    lanes[lane] = elements[d.table->element_of_lane[lane]];
  pack64(lanes.get(), d, words);
}

}  // namespace

void compile(const ReduceOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (!has_dim(*op, compiler, x)) return;
  const Combination combine = combination(op->word("op"), x.element);
  auto groups = reduction_order(x, static_cast<int>(op->integer("dim")));
  if (!combine || d.element != x.element || groups.size() != d.table->lane_of_element.size())
    return compiler.fail(*op, "no such reduction");
  const bool f32_sum = x.element == kF32 && op->word("op") == "add";
  const ElementType type = x.element;
  compiler.step(*op, [=, groups = std::move(groups)](Strand& strand, const Step&) {
    const auto results = buffer<std::uint64_t>(groups.size());
    if (f32_sum) {
      const float* lanes = reinterpret_cast<const float*>(strand.words(x));
      std::vector<float> scratch;
      for (std::size_t i = 0; i < groups.size(); ++i)
        results[i] = f32_code(
            combine_group(groups[i], lanes, scratch, [](float a, float b) { return a + b; }));
    } else {
      const auto lanes = buffer<std::uint64_t>(x.lanes());
      unpack64(strand.words(x), x, lanes.get());
      std::vector<std::uint64_t> scratch;
      for (std::size_t i = 0; i < groups.size(); ++i)
        results[i] =
            combine_group(groups[i], lanes.get(), scratch,
                          [=](std::uint64_t a, std::uint64_t b) { return combine(type, a, b); });
    }
    spread(results.get(), d, strand.words(d));
    return Flow::Next;
  });
}

namespace {

// A tile as rows along one dimension: element number of place i of row r is first + i * stride.
struct Rows {
  std::int64_t rows, length, stride;
  std::int64_t first(std::int64_t row) const {
    return row / stride * length * stride + row % stride;
  }
};

Rows rows_along(const Shape& shape, std::size_t dim) {
  Rows rows{1, shape[dim], 1};
  for (std::size_t d = dim + 1; d < shape.size(); ++d) rows.stride *= shape[d];
  rows.rows = layouts::size(shape) / std::max<std::int64_t>(1, rows.length);
  return rows;
}

// All codes of a tile by element.
std::unique_ptr<std::uint64_t[]> codes_by_element(Strand& strand, const Tile& x) {
  const auto lanes = buffer<std::uint64_t>(x.lanes());
  unpack64(strand.words(x), x, lanes.get());
  auto codes = buffer<std::uint64_t>(x.table->lane_of_element.size());
  for (std::size_t e = 0; e < x.table->lane_of_element.size(); ++e)
    codes[e] = lanes[x.table->lane_of_element[e]];
  return codes;
}

// What an exclusive scan begins with.
std::optional<std::uint64_t> neutral(std::string_view op, ElementType type) {
  if (op == "add") return 0;
  if (op == "mul") return type.is_float() ? encode(type, 1.0) : 1;
  const bool infinite = has_infinity(type);
  const double infinity = std::numeric_limits<double>::infinity();
  if (op == "min") {
    if (type.is_integer() && type.bits == 64)
      return type.is_signed() ? ~std::uint64_t{0} >> 1 : ~std::uint64_t{0};
    return encode(type, infinite ? infinity : highest(type));
  }
  if (op == "max") {
    if (type.is_integer() && type.bits == 64) return type.is_signed() ? std::uint64_t{1} << 63 : 0;
    return encode(type, infinite ? -infinity : lowest(type));
  }
  return std::nullopt;
}

}  // namespace

// From the first place to the last, one after the other, whatever the layout.
void compile(const ScanOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (!has_dim(*op, compiler, x)) return;
  const Combination combine = combination(op->word("op"), x.element);
  const auto begin = neutral(op->word("op"), x.element);
  if (!combine || !begin || d.shape != x.shape || d.element != x.element)
    return compiler.fail(*op, "no such scan");
  const Rows rows = rows_along(x.shape, static_cast<std::size_t>(op->integer("dim")));
  const bool exclusive = op->flag("exclusive");
  const ElementType type = x.element;
  compiler.step(*op, [=, begin = *begin](Strand& strand, const Step&) {
    const auto codes = codes_by_element(strand, x);
    for (std::int64_t row = 0; row < rows.rows; ++row) {
      std::uint64_t* at = codes.get() + rows.first(row);
      std::uint64_t sum = begin;
      for (std::int64_t i = 0; i < rows.length; ++i, at += rows.stride) {
        // The first inclusive element is taken as it is: -0 + 0 would lose its sign.
        const std::uint64_t next = i == 0 ? *at : combine(type, sum, *at);
        *at = exclusive ? sum : next;
        sum = next;
      }
    }
    spread(codes.get(), d, strand.words(d));
    return Flow::Next;
  });
}

namespace {

// Numbers in the order of the machine: NaN below everything, -0 below +0.
std::int64_t sort_key(ElementType type, std::uint64_t code) {
  if (!type.is_float()) {
    if (type.is_signed()) return decode_integer(type, code);
    return static_cast<std::int64_t>(code ^ (type.bits == 64 ? std::uint64_t{1} << 63 : 0));
  }
  if (is_nan(type, code)) return std::numeric_limits<std::int64_t>::min();
  const std::uint64_t sign = float_format(type).sign_bit() << float_format(type).padding;
  const auto magnitude = static_cast<std::int64_t>(code & ~sign);
  return code & sign ? -magnitude - 1 : magnitude;
}

// Orders the places of a row: the greatest (or least) first, equals by rising place. NaN comes last
// both ways; integers have none, and a key of their own in its place.
void order_places(const std::vector<std::int64_t>& keys, bool least, bool floats,
                  std::int64_t wanted, std::vector<std::int32_t>& places) {
  places.resize(keys.size());
  std::iota(places.begin(), places.end(), 0);
  constexpr std::int64_t kNan = std::numeric_limits<std::int64_t>::min();
  const auto before = [&](std::int32_t a, std::int32_t b) {
    const std::int64_t x = keys[static_cast<std::size_t>(a)], y = keys[static_cast<std::size_t>(b)];
    if (x == y) return a < b;
    if (least && floats && (x == kNan || y == kNan)) return y == kNan;
    return least ? x < y : x > y;
  };
  std::partial_sort(places.begin(), places.begin() + wanted, places.end(), before);
}

// The k greatest (or least) along a dimension, and where they stand.
void pick(const Instruction& op, Compiler& compiler, ValueId value, ValueId index, ValueId xv,
          std::int64_t k, bool least) {
  const Tile x = compiler.tile(xv), v = compiler.define(value), w = compiler.define(index);
  if (!has_dim(op, compiler, x)) return;
  const auto dim = static_cast<std::size_t>(op.integer("dim"));
  const Rows rows = rows_along(x.shape, dim);
  Shape expected = x.shape;
  expected[dim] = k;
  if (k < 1 || k > rows.length || v.shape != expected || w.shape != expected ||
      v.element != x.element || !w.element.is_integer())
    return compiler.fail(op, "the results do not fit the operand");
  const Rows results = rows_along(expected, dim);
  compiler.step(op, [=](Strand& strand, const Step&) {
    const auto codes = codes_by_element(strand, x);
    const auto values = buffer<std::uint64_t>(static_cast<std::size_t>(rows.rows * k));
    const auto places = buffer<std::uint64_t>(static_cast<std::size_t>(rows.rows * k));
    std::vector<std::int64_t> keys(static_cast<std::size_t>(rows.length));
    std::vector<std::int32_t> order;
    for (std::int64_t row = 0; row < rows.rows; ++row) {
      const std::uint64_t* at = codes.get() + rows.first(row);
      for (std::int64_t i = 0; i < rows.length; ++i)
        keys[static_cast<std::size_t>(i)] = sort_key(x.element, at[i * rows.stride]);
      order_places(keys, least, x.element.is_float(), k, order);
      for (std::int64_t i = 0; i < k; ++i) {
        const std::int32_t place = order[static_cast<std::size_t>(i)];
        const std::int64_t to = results.first(row) + i * results.stride;
        values[to] = at[place * rows.stride];
        places[to] = static_cast<std::uint64_t>(place);
      }
    }
    spread(values.get(), v, strand.words(v));
    spread(places.get(), w, strand.words(w));
    return Flow::Next;
  });
}

}  // namespace

void compile(const ArgReduceOp& op, Compiler& compiler) {
  const std::string_view kind = op->word("op");
  if (kind != "min" && kind != "max") return compiler.fail(*op, "the operation is min or max");
  pick(*op, compiler, op.value(), op.index(), op.x(), 1, kind == "min");
}

void compile(const TopKOp& op, Compiler& compiler) {
  pick(*op, compiler, op.value(), op.index(), op.x(), op->integer("k"), false);
}

void compile(const VoteOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  const std::string_view kind = op->word("op");
  if ((kind != "any" && kind != "all") || !x.element.is_bool())
    return compiler.fail(*op, "a vote is any or all of bools");
  const bool all = kind == "all";
  compiler.step(*op, [=](Strand& strand, const Step&) {
    const auto lanes = buffer<std::uint32_t>(x.lanes());
    unpack(strand.words(x), x, lanes.get());
    const auto holds = [](std::uint32_t lane) { return lane != 0; };
    const auto *begin = lanes.get(), *end = begin + x.lanes();
    set_code(strand, d, all ? std::all_of(begin, end, holds) : std::any_of(begin, end, holds));
    return Flow::Next;
  });
}

void compile(const ScalarOfOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (x.table->lane_of_element.size() != 1 || x.bits != d.bits)
    return compiler.fail(*op, "the tile has more than one element");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    const auto lanes = buffer<std::uint64_t>(x.lanes());
    unpack64(strand.words(x), x, lanes.get());
    set_code(strand, d, lanes[0]);
    return Flow::Next;
  });
}

}  // namespace bitloom::vm::interpreter
