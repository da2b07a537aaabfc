// Reductions, votes, and a tile's only element as a scalar.
#include <algorithm>

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/exchange.h"
#include "codegen/cuda/fold_tile.h"

namespace bitloom::codegen {

namespace {

// The states' variable `v` as a register tile of the fold's layout.
Register collect(KernelWriter& out, const Folded& folded, std::size_t v, vm::ElementType element) {
  Register part = out.temporary(element, static_cast<std::int64_t>(folded.states.size()), "part");
  const std::int64_t period = part.is_bool() ? 1 : period_of(part.bits());
  for (std::int64_t first = 0; first < part.count; first += period) {
    Codes codes;
    for (std::int64_t q = first; q < std::min(first + period, part.count); ++q) {
      const std::string& name = folded.states[q][v];
      codes.push_back(part.is_bool() ? name + " != 0" : name);
    }
    write_elements(out, part, first, codes);
  }
  return part;
}

void define_folded(KernelWriter& out, vm::ValueId d, const Folded& folded, std::size_t v) {
  const vm::Type& type = out.type(d);
  Register part = collect(out, folded, v, type.element);
  if (*type.layout == folded.layout) return out.define(d, std::move(part));
  move_tile(out, d, {{part, folded.layout, same_index}}, type.shape, same_index);
}

}  // namespace

void emit(const vm::ReduceOp& op, KernelWriter& out) {
  const vm::Type& type = out.type(op.x());
  const Register x = out.reg(op.x());
  const std::string_view kind = op->word("op");
  Fold fold;
  fold.state.types = {type.element};
  fold.first = [&](std::int64_t reg) {
    return std::vector<std::string>{x.is_bool() ? fmt::format("(u32){}", parenthesized(x.code(reg)))
                                                : x.code(reg)};
  };
  fold.combine = [&](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    const vm::ElementType element = x.is_bool() ? vm::kU32 : type.element;
    out.line("{} = {};", a[0], combine(out, kind, element, a[0], b[0]));
  };
  std::string why;
  const auto folded = fold_tile(out, *type.layout, static_cast<int>(op->integer("dim")), fold, why);
  if (!folded) return out.fail(*op, why);
  define_folded(out, op.d(), *folded, 0);
}

namespace {

// Keys and places of a selection: 64-bit numbers have 64-bit keys.
struct KeyForm {
  std::string_view number, code;  // the C++ types of a key as a number, and as a code
  std::string_view least, greatest;
  vm::ElementType state;  // of the variable that holds the code of a key or of an element
};

const KeyForm& key_form(vm::ElementType type) {
  static const KeyForm narrow{"int", "u32", "(-2147483647 - 1)", "0x7fffffff", vm::kU32};
  static const KeyForm wide{"s64", "u64", "(-0x7fffffffffffffffll - 1)", "0x7fffffffffffffffll",
                            vm::kU64};
  return type.bits == 64 ? wide : narrow;
}

// A key that orders as integers do: NaN last both ways, -0 below +0.
std::string sort_key(KernelWriter& out, vm::ElementType type, const std::string& code, bool least) {
  const std::string_view worst = least ? key_form(type).greatest : key_form(type).least;
  if (!type.is_float()) {
    if (type.is_signed() || type.bits < 32) return signed_of(type, code);
    return type.bits == 64 ? fmt::format("(s64)({} ^ 0x8000000000000000ull)", parenthesized(code))
                           : fmt::format("(int)({} ^ 0x80000000u)", parenthesized(code));
  }
  if (type == vm::kF64) {
    out.prelude().add_function(
        "double_key",
        "DI s64 double_key(u64 x, s64 nan) {\n"
        "  const s64 key = (s64)x ^ ((s64)x >> 63 & 0x7fffffffffffffffll);\n"
        "  return (x & 0x7fffffffffffffffull) > 0x7ff0000000000000ull ? nan : key;\n}\n");
    return fmt::format("double_key({}, {})", parenthesized(code), worst);
  }
  const std::string wide = parenthesized(to_f32(out, type, code));
  out.prelude().add_function("float_key",
                             "DI int float_key(u32 x, int nan) {\n"
                             "  const int key = (int)x ^ ((int)x >> 31 & 0x7fffffff);\n"
                             "  return (x & 0x7fffffffu) > 0x7f800000u ? nan : key;\n}\n");
  return fmt::format("float_key({}, {})", wide, worst);
}

// State: key, place, code.
Fold place_fold(KernelWriter& out, const vm::Type& type, const Register& x,
                const std::string& places, std::size_t dim, bool least) {
  Fold fold;
  const KeyForm& form = key_form(type.element);
  fold.state.types = {form.state, vm::kU32, form.state};
  const layouts::RegisterLayout layout = *type.layout;
  fold.first = [&out, &form, x, layout, type, places, dim, least](std::int64_t reg) {
    const std::int64_t move = layout.element(0, reg)[dim] - layout.element(0, 0)[dim];
    return std::vector<std::string>{
        fmt::format("({}){}", form.code,
                    parenthesized(sort_key(out, type.element, x.code(reg), least))),
        fmt::format("{} + {}", places, move), x.code(reg)};
  };
  fold.combine = [&out, &form, least](const std::vector<std::string>& a,
                                      const std::vector<std::string>& b) {
    const std::string better = out.fresh("better");
    out.line("const bool {} = ({}){} {} ({}){} || ({} == {} && {} < {});", better, form.number,
             parenthesized(b[0]), least ? "<" : ">", form.number, a[0], parenthesized(b[0]), a[0],
             parenthesized(b[1]), a[1]);
    for (std::size_t v = 0; v < a.size(); ++v) {
      out.line("{} = {} ? {} : {};", a[v], better, b[v], a[v]);
    }
  };
  return fold;
}

// The thread's place along a dimension.
std::string place_along(KernelWriter& out, const layouts::RegisterLayout& layout, std::size_t dim) {
  const auto form = fit(digits_of(layout), layout.threads(),
                        [&](std::int64_t t) { return layout.element(t, 0)[dim]; });
  std::string name = out.fresh("at");
  out.line("const u32 {} = {} + {};", name, form->text(out.strand().thread, layout.threads()),
           form->constant);
  return name;
}

}  // namespace

void emit(const vm::ArgReduceOp& op, KernelWriter& out) {
  const vm::Type& type = out.type(op.x());
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  const Register x = out.reg(op.x());
  const std::string places = place_along(out, *type.layout, dim);
  const Fold fold = place_fold(out, type, x, places, dim, op->word("op") == "min");
  std::string why;
  const auto folded = fold_tile(out, *type.layout, static_cast<int>(dim), fold, why);
  if (!folded) return out.fail(*op, why);
  define_folded(out, op.value(), *folded, 2);
  define_folded(out, op.index(), *folded, 1);
}

// The greatest, then the greatest behind it, and so on: as many reductions as there are results,
// which meet in scratch memory.
void emit(const vm::TopKOp& op, KernelWriter& out) {
  const vm::Type& type = out.type(op.x());
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  const Register x = out.reg(op.x());
  const auto reduced = type.layout->reduce(static_cast<int>(dim));
  if (!reduced) return out.fail(*op, reduced.error().message);
  const std::int64_t k = op->integer("k");
  const std::string places = place_along(out, *type.layout, dim);
  const std::string keys = out.fresh("last_key"), last = out.fresh("last");
  const std::int64_t rows = reduced->registers();
  const std::string turn = out.fresh("k");
  const KeyForm& form = key_form(type.element);
  out.line("{} {}[{}];", form.number, keys, rows);
  out.line("int {}[{}];", last, rows);
  const Register values = out.define(op.value()), indices = out.define(op.index());
  // Values lie behind indices; the parts of the reductions behind both.
  const vm::Shape& shape = out.type(op.value()).shape;
  const std::string value_at = out.fresh("values"), index_at = out.fresh("indices");
  const Register all_values = out.temporary(form.state, k * rows, value_at);
  const Register all_indices = out.temporary(vm::kU32, k * rows, index_at);
  for (std::int64_t i = 0; i < k; ++i) {
    Fold fold = place_fold(out, type, x, places, dim, false);
    const auto first = fold.first;
    fold.first = [&, i, first](std::int64_t reg) {
      std::vector<std::string> state = first(reg);
      if (i == 0) return state;
      // What was taken before counts as nothing.
      std::int64_t q = 0;
      layouts::Index own = type.layout->element(0, reg);
      own[dim] = 0;
      while (reduced->element(0, q) != own) ++q;
      const std::string left = out.fresh("left"), key = out.fresh("key");
      out.line("const {} {} = ({}){};", form.number, key, form.number, state[0]);
      out.line("const bool {} = {} < {}[{}] || ({} == {}[{}] && (int)({}) > {}[{}]);", left, key,
               keys, q, key, keys, q, state[1], last, q);
      state[0] = fmt::format("{} ? ({}){} : ({}){}", left, form.code, key, form.code, form.least);
      state[1] = fmt::format("{} ? {} : 0x7fffffffu", left, state[1]);
      return state;
    };
    std::string why;
    const auto folded = fold_tile(out, *type.layout, static_cast<int>(dim), fold, why);
    if (!folded) return out.fail(*op, why);
    for (std::int64_t q = 0; q < rows; ++q) {
      const std::vector<std::string>& state = folded->states[q];
      out.line("{}[{}] = ({}){}; {}[{}] = (int){};", keys, q, form.number, state[0], last, q,
               state[1]);
      write_elements(out, all_values, q * k + i, {state[2]});
      out.line("{} = {};", all_indices.word(q * k + i), state[1]);
    }
  }
  // Every thread of a row has all its results: the tile [rows…, k] with k in registers.
  layouts::Shape local_shape(shape.size(), 1);
  local_shape[dim] = k;
  const layouts::RegisterLayout held = *reduced * layouts::local(local_shape);
  const auto order = [&](const Register& from, vm::ElementType element) {
    Register sorted = out.temporary(element, held.registers(), "sorted");
    const std::int64_t period = period_of(sorted.bits());
    for (std::int64_t r = 0; r < sorted.count; r += period) {
      Codes codes;
      for (std::int64_t s = r; s < std::min(r + period, sorted.count); ++s) {
        layouts::Index index = held.element(0, s);
        const std::int64_t i = index[dim];
        index[dim] = 0;
        std::int64_t q = 0;
        while (reduced->element(0, q) != index) ++q;
        codes.push_back(from.code(q * k + i));
      }
      write_elements(out, sorted, r, codes);
    }
    return sorted;
  };
  move_registers(out, values, *out.type(op.value()).layout,
                 {{order(all_values, type.element), held, same_index}}, shape, same_index);
  move_registers(out, indices, *out.type(op.index()).layout,
                 {{order(all_indices, out.type(op.index()).element), held, same_index}}, shape,
                 same_index);
}

void emit(const vm::VoteOp& op, KernelWriter& out) {
  const Register x = out.reg(op.x());
  const bool all = op->word("op") == "all";
  std::string own;
  for (std::int64_t r = 0; r < x.count; ++r) {
    if (r > 0) own += all ? " && " : " || ";
    own += parenthesized(x.code(r));
    if (x.kind == Register::Kind::Splat) break;
  }
  const std::string_view what = all ? "all_of" : "any_of";
  std::string result;
  if (out.strand().kind == Strand::Kind::Warp) {
    result = out.call(fmt::format("{}_warp", what), own);
  } else {
    const std::string barrier =
        out.strand().kind == Strand::Kind::Block ? "0" : out.strand().barrier;
    result = out.call(fmt::format("{}_block", what), barrier,
                      fmt::format("{}", out.strand().threads), own);
  }
  out.define_scalar(op.d(), result + " != 0");
}

void emit(const vm::ScalarOfOp& op, KernelWriter& out) {
  const vm::Type& type = out.type(op.x());
  const Register x = out.reg(op.x());
  // With one element a layout is nothing but copies: every thread holds it.
  if (type.is_scalar() || type.layout->replication() == type.layout->threads()) {
    return out.define_scalar(op.d(), x.code(0));
  }
  out.fail(*op, "not every thread holds the element");
}

}  // namespace bitloom::codegen
