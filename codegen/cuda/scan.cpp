// Scans, and compaction, which is a scan of its mask.
//
// The tile lies in scratch memory, row-major. Sums of integers, and least and greatest numbers, do
// not depend on the order: they are scanned in log2(length) rounds by all threads. Sums and
// products of floats are taken from the first place to the last by one thread a row, as the
// language says.
#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/exchange.h"
#include "codegen/cuda/plain_access.h"
#include "vm/numerics.h"

namespace bitloom::codegen {

using layouts::Index;
using vm::ElementType;

namespace {

// A tile as rows along one dimension: place i of row r is first(r) + i * stride.
struct Rows {
  std::int64_t rows = 1, length = 1, stride = 1;
};

Rows rows_along(const vm::Shape& shape, std::size_t dim) {
  Rows rows{1, shape[dim], 1};
  for (std::size_t d = dim + 1; d < shape.size(); ++d) rows.stride *= shape[d];
  rows.rows = layouts::size(shape) / rows.length;
  return rows;
}

bool any_order(std::string_view op, ElementType type) {
  return type.is_integer() || op == "min" || op == "max";
}

// Words in which elements are scanned: codes, a word or two each.
ElementType scanned_type(ElementType type) {
  return type.bits == 64 ? vm::kU64 : vm::kU32;
}

struct Scratch {
  KernelWriter& out;
  std::string base;
  bool wide;

  std::string address(const std::string& element) const {
    return fmt::format("{} + {} * {}", base, parenthesized(element), wide ? 8 : 4);
  }
  // A variable with the code of an element.
  std::string load(const std::string& element) const {
    const std::string name = out.fresh("s");
    AccessKind kind{AccessKind::Space::Shared, wide ? 8 : 4};
    const std::string wrapper = out.prelude().load(kind);
    if (!wide) {
      out.line("const u32 {} = {};", name, KernelWriter::invoke(wrapper, {address(element)}));
      return name;
    }
    out.line("u32 {}_low, {}_high; {}({}_low, {}_high, {});", name, name, wrapper, name, name,
             address(element));
    out.line("const u64 {} = (u64){}_high << 32 | {}_low;", name, name, name);
    return name;
  }
  void store(const std::string& element, const std::string& code) const {
    AccessKind kind{AccessKind::Space::Shared, wide ? 8 : 4};
    const std::string wrapper = out.prelude().store(kind);
    std::vector<std::string> arguments{address(element)};
    if (wide) {
      arguments.push_back("(u32)" + parenthesized(code));
      arguments.push_back(fmt::format("(u32)({} >> 32)", parenthesized(code)));
    } else {
      arguments.push_back(code);
    }
    out.line("{};", KernelWriter::invoke(wrapper, arguments));
  }
};

// Inclusive, in place; barriers before and behind are the caller's.
void scan_in_rounds(const Scratch& scratch, std::string_view op, ElementType type,
                    const Rows& rows) {
  KernelWriter& out = scratch.out;
  const std::int64_t elements = rows.rows * rows.length, threads = out.strand().threads;
  const std::int64_t each = (elements + threads - 1) / threads;
  const std::string step = out.fresh("step"), values = out.fresh("v"), i = out.fresh("i");
  const std::string_view word = scratch.wide ? "u64" : "u32";
  const std::string loop = fmt::format("for (int {} = 0; {} < {}; ++{})", i, i, each, i);
  const auto element = [&] {
    out.line("const u32 e = {} + {} * {};", out.strand().thread, i, threads);
  };
  out.write("#pragma unroll 1");
  out.open(fmt::format("for (u32 {} = 1; {} < {}; {} *= 2)", step, step, rows.length, step));
  out.line("{} {}[{}];", word, values, each);
  out.write("#pragma unroll");
  out.open(loop);
  element();
  out.open(fmt::format("if (e < {})", elements));
  const std::string own = scratch.load("e");
  out.line("{}[{}] = {};", values, i, own);
  out.open(fmt::format("if (e / {} % {} >= {})", rows.stride, rows.length, step));
  const std::string before = scratch.load(fmt::format("e - {} * {}", step, rows.stride));
  out.line("{}[{}] = {};", values, i, combine(out, op, type, before, own));
  out.close();
  out.close();
  out.close();
  out.barrier();
  out.write("#pragma unroll");
  out.open(loop);
  element();
  out.open(fmt::format("if (e < {})", elements));
  scratch.store("e", fmt::format("{}[{}]", values, i));
  out.close();
  out.close();
  out.barrier();
  out.close();
}

void scan_in_order(const Scratch& scratch, std::string_view op, ElementType type,
                   const Rows& rows) {
  KernelWriter& out = scratch.out;
  const std::string row = out.fresh("row"), i = out.fresh("i"), sum = out.fresh("sum");
  out.write("#pragma unroll 1");
  out.open(fmt::format("for (u32 {} = {}; {} < {}; {} += {})", row, out.strand().thread, row,
                       rows.rows, row, out.strand().threads));
  out.line("const u32 first = {} / {} * {} + {} % {};", row, rows.stride, rows.length * rows.stride,
           row, rows.stride);
  const std::string start = scratch.load("first");
  out.line("{} {} = {};", scratch.wide ? "u64" : "u32", sum, start);
  out.write("#pragma unroll 1");
  out.open(fmt::format("for (u32 {} = 1; {} < {}; ++{})", i, i, rows.length, i));
  const std::string place = fmt::format("first + {} * {}", i, rows.stride);
  const std::string next = scratch.load(place);
  out.line("{} = {};", sum, combine(out, op, type, sum, next));
  scratch.store(place, sum);
  out.close();
  out.close();
  out.barrier();
}

// What an exclusive scan begins with.
std::uint64_t neutral(std::string_view op, ElementType type) {
  if (op == "add") return 0;
  if (op == "mul") return type.is_float() ? vm::encode(type, 1.0) : 1;
  const bool least = op == "min";
  if (type.is_integer()) {
    const std::uint64_t all = vm::code_mask(type), sign = std::uint64_t{1} << (type.bits - 1);
    if (!type.is_signed()) return least ? all : 0;
    return least ? all ^ sign : sign;
  }
  const double infinity = 1e308 * 10;
  if (vm::has_infinity(type)) return vm::encode(type, least ? infinity : -infinity);
  return vm::encode(type, least ? vm::highest(type) : vm::lowest(type));
}

// The codes of a tile as words of their own.
Register as_words(KernelWriter& out, const Register& x) {
  if (x.bits() >= 32 && !x.is_bool()) return x;
  const Register words = out.temporary(vm::kU32, x.count, "codes");
  for (std::int64_t r = 0; r < x.count; ++r) out.line("{} = {};", words.word(r), x.code(r));
  return words;
}

}  // namespace

void emit(const vm::ScanOp& op, KernelWriter& out) {
  const vm::Type& type = out.type(op.x());
  const vm::ElementType word = scanned_type(type.element);
  const std::string_view kind = op->word("op");
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  const Rows rows = rows_along(type.shape, dim);
  const MemoryView view = scratch_view(out, word, type.shape);
  const Scratch scratch{out, view.root->base, word.bits == 64};
  out.barrier();
  store_scratch(out, view, as_words(out, out.reg(op.x())), *type.layout);
  out.barrier();
  if (any_order(kind, type.element)) {
    scan_in_rounds(scratch, kind, type.element, rows);
  } else {
    scan_in_order(scratch, kind, type.element, rows);
  }
  const layouts::RegisterLayout& layout = *out.type(op.d()).layout;
  const Register d = out.define(op.d());
  const bool exclusive = op->flag("exclusive");
  WindowAccess access(out, view, ElementMap::of(layout), {});
  access.begin();
  access.record(MemoryAccess::Kind::Load, 1);
  const auto form = fit(digits_of(layout), layout.threads(),
                        [&](std::int64_t t) { return layout.element(t, 0)[dim]; });
  const std::string place = out.fresh("at");
  out.line("const u32 {} = {};", place, form->text(out.strand().thread, layout.threads()));
  const std::int64_t period = period_of(d.bits()), back = rows.stride * word.bits / 8;
  AccessKind access_kind{AccessKind::Space::Shared, word.bits / 8, {}, exclusive};
  const std::string load = out.prelude().load(access_kind);
  Codes codes;
  for (std::int64_t r = 0; r < d.count; ++r) {
    const std::string first = fmt::format("{} + {} == 0", place, layout.element(0, r)[dim]);
    std::vector<std::string> arguments{access.address(r)};
    if (exclusive) {
      arguments[0] += fmt::format(" - {}", back);
      arguments.push_back("!(" + first + ")");
    }
    std::string code;
    if (word.bits == 64) {
      const std::string low = out.fresh("low"), high = out.fresh("high");
      out.line("u32 {}, {};", low, high);
      arguments.insert(arguments.begin(), {low, high});
      out.line("{};", KernelWriter::invoke(load, arguments));
      code = fmt::format("((u64){} << 32 | {})", high, low);
    } else {
      code = KernelWriter::invoke(load, arguments);
    }
    if (exclusive && neutral(kind, type.element) != 0) {
      code = fmt::format("({} ? {} : {})", first,
                         literal(type.element, neutral(kind, type.element)), code);
    }
    codes.push_back(mask_code(type.element, code));
    if (static_cast<std::int64_t>(codes.size()) == period || r + 1 == d.count) {
      write_elements(out, d, r + 1 - static_cast<std::int64_t>(codes.size()), codes);
      codes.clear();
    }
  }
}

// The scanned mask says where each chosen element goes, and its last place how many there are.
void emit(const vm::CompactOp& op, KernelWriter& out) {
  const vm::Type &mask_type = out.type(op.mask()), &type = out.type(op.x());
  const MemoryView target = out.view(op.target());
  if (target.root->bits() % 8 != 0 || target.root->packed) {
    return out.fail(*op, "the target's elements are no whole bytes");
  }
  const Register mask = out.reg(op.mask()), x = out.reg(op.x());
  const Rows rows{1, layouts::size(mask_type.shape), 1};
  const MemoryView view = scratch_view(out, vm::kU32, mask_type.shape);
  const Scratch scratch{out, view.root->base, false};
  const Register flags = out.temporary(vm::kU32, mask.count, "flags");
  for (std::int64_t r = 0; r < mask.count; ++r) {
    out.line("{} = (u32){};", flags.word(r), parenthesized(mask.code(r)));
  }
  out.barrier();
  store_scratch(out, view, flags, *mask_type.layout);
  out.barrier();
  scan_in_rounds(scratch, "add", vm::kU32, rows);
  WindowAccess places(out, view, ElementMap::of(*type.layout), {});
  places.begin();
  ElementMap everywhere = ElementMap::of(*type.layout);
  everywhere.element = [](std::int64_t, std::int64_t) { return Index{0}; };
  WindowAccess access(out, target, everywhere, {});
  access.begin_indexed();
  places.record(MemoryAccess::Kind::Load, 1);
  access.record(MemoryAccess::Kind::Store, 1, true);
  const std::string owner = access.is_owner();
  const int bytes = target.root->bits() / 8;
  AccessKind word{AccessKind::Space::Shared, 4}, kind{access.space(), bytes};
  for (std::int64_t r = 0; r < x.count; ++r) {
    if (places.is_duplicate(r)) continue;
    out.open(fmt::format("if ({})", both(owner, mask.code(r))));
    const std::string at = out.fresh("at");
    out.line("const int {} = (int){} - 1;", at,
             KernelWriter::invoke(out.prelude().load(word), {places.address(r)}));
    std::vector<std::string> arguments{access.address_at(r, 0, at)};
    const std::string code = x.code(r);
    if (bytes == 8) {
      arguments.push_back("(u32)" + parenthesized(code));
      arguments.push_back(fmt::format("(u32)({} >> 32)", parenthesized(code)));
    } else {
      arguments.push_back(code);
    }
    out.line("{};", KernelWriter::invoke(out.prelude().store(kind), arguments));
    out.close();
  }
  const std::string count = scratch.load(fmt::format("{}", rows.length - 1));
  const ElementType element = out.type(op.count()).element;
  out.define_scalar(op.count(), element.bits == 64 ? "(u64)" + count : count);
}

}  // namespace bitloom::codegen
