// Gather and scatter: the coordinate along one dimension comes from a register.
#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/exchange.h"
#include "codegen/cuda/indexed_access.h"
#include "codegen/cuda/plain_access.h"
#include "vm/passes/copy_granule.h"

namespace bitloom::codegen {

using layouts::Index;

// Every register of the tile gets the index that belongs to its element.
Register index_for(KernelWriter& out, vm::ValueId index, const vm::Type& tile, int dim) {
  const vm::Type& type = out.type(index);
  const Register reg = out.reg(index);
  if (reg.kind == Register::Kind::Splat || type.is_scalar() || tile.is_scalar()) return reg;
  if (type.shape == tile.shape && *type.layout == *tile.layout) return reg;
  const Register own = out.temporary(type.element, tile.layout->registers(), "index");
  const bool rows = type.shape.size() == 1 && type.shape != tile.shape;
  move_registers(out, own, *tile.layout, {{reg, *type.layout, same_index}}, type.shape,
                 [rows, dim](const Index& at) {
                   return rows ? Index{at[static_cast<std::size_t>(dim)]} : at;
                 });
  return own;
}

namespace {

struct Indexed {
  KernelWriter& out;
  WindowAccess access;
  Register index;
  int dim;
  const Register* mask;
  std::int64_t each = 1;
  AccessKind kind;

  std::string code(std::int64_t reg) const { return signed_of(index.element, index.code(reg)); }
  std::string predicate(std::int64_t reg) {
    return both(access.inside_at(reg, dim, code(reg)), mask ? mask->code(reg) : std::string());
  }
};

// Rows of an index of rank 1 are loaded as wide as they are aligned; single elements one by one.
std::int64_t elements_together(KernelWriter& out, const vm::Instruction& op, vm::ValueId window,
                               const WindowAccess& access, vm::ValueId index, const vm::Type& tile,
                               bool masked) {
  const MemoryView& view = out.view(window);
  const int bits = view.root->bits();
  const bool rows = out.type(index).shape.size() == 1 && tile.shape.size() > 1 &&
                    op.integer("dim") + 1 != static_cast<std::int64_t>(tile.shape.size());
  if (!rows || masked || bits % 8 != 0) return 1;
  const int aligned = vm::aligned_bytes(out.function(), out.facts(), window, op.shape("clip"));
  return access.run(std::max<std::int64_t>(aligned * 8 / bits, 1));
}

Indexed indexed(KernelWriter& out, const vm::Instruction& op, vm::ValueId window, vm::ValueId tile,
                vm::ValueId index, vm::ValueId mask) {
  const vm::Type& type = out.type(tile);
  const MemoryView& view = out.view(window);
  const int dim = static_cast<int>(op.integer("dim"));
  ElementMap map = type.is_scalar() || !type.layout ? ElementMap::of_scalar(view.dims.size())
                                                    : ElementMap::of(*type.layout);
  // A table of rank 1 may be asked by a tile of any rank: its own coordinates do not matter.
  if (view.dims.size() == 1 && type.shape.size() != 1) {
    map.element = [](std::int64_t, std::int64_t) { return Index{0}; };
  }
  const Register own = index_for(out, index, type, dim);
  Indexed result{out, WindowAccess(out, view, map, op.shape("clip")),  own,
                 dim, mask == vm::kNoValue ? nullptr : &out.reg(mask), 1,
                 {}};
  result.each =
      elements_together(out, op, window, result.access, index, type, result.mask != nullptr);
  result.kind = {result.access.space(), static_cast<int>(result.each * view.root->bits() / 8),
                 result.access.global() ? std::string(op.word("cache")) : std::string()};
  return result;
}

std::string load_code(Indexed& x, std::int64_t reg) {
  const std::string predicate = x.predicate(reg);
  x.kind.predicated = !predicate.empty();
  std::vector<std::string> arguments{x.access.address_at(reg, x.dim, x.code(reg))};
  if (!predicate.empty()) arguments.push_back(predicate);
  const std::string name = x.out.prelude().load(x.kind);
  if (x.kind.bytes <= 4) return KernelWriter::invoke(name, arguments);
  const std::string low = x.out.fresh("low"), high = x.out.fresh("high");
  x.out.line("u32 {}, {};", low, high);
  arguments.insert(arguments.begin(), {low, high});
  x.out.line("{};", KernelWriter::invoke(name, arguments));
  return fmt::format("((u64){} << 32 | {})", high, low);
}

// A narrow code out of its byte, and the next where it crosses over.
std::string load_narrow(Indexed& x, std::int64_t reg, int bits) {
  const std::string predicate = x.predicate(reg);
  const std::string whole = x.out.fresh("bits");
  const bool global = x.access.global();
  x.out.line("const {} {} = {};", global ? "u64" : "u32", whole,
             x.access.bit_place_at(reg, x.dim, x.code(reg)));
  const std::string byte = fmt::format("{} + ({} >> 3)", x.access.root().base, whole);
  const std::string bit = fmt::format("(u32)({} & 7)", whole);
  x.kind.bytes = 1;
  x.kind.predicated = true;
  const std::string name = x.out.prelude().load(x.kind);
  const std::string always = predicate.empty() ? "true" : predicate;
  std::string code = fmt::format("{} >> {}", KernelWriter::invoke(name, {byte, always}), bit);
  if (8 % bits != 0) {
    const std::string crosses = both(predicate, fmt::format("{} + {} > 8", bit, bits));
    code = fmt::format("({}) | {} << (8 - {})", code,
                       KernelWriter::invoke(name, {byte + " + 1", crosses}), bit);
  }
  return fmt::format("(({}) & 0x{:x}u)", code, (1u << bits) - 1);
}

}  // namespace

void emit(const vm::GatherOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.source());
  if (view.root->packed) return out.fail(*op, "elements of packed tensors have no address");
  Indexed x = indexed(out, *op, op.source(), op.d(), op.index(), op.mask());
  const int bits = view.root->bits();
  const auto code = [&](std::int64_t reg) {
    return bits % 8 == 0 ? load_code(x, reg) : load_narrow(x, reg, bits);
  };
  x.access.begin_indexed();
  x.access.record(MemoryAccess::Kind::Load, x.each, true);
  if (out.type(op.d()).is_scalar()) return out.define_scalar(op.d(), code(0));
  const Register d = out.define(op.d());
  if (x.kind.bytes > 4) {
    const std::int64_t words = x.kind.bytes / 4;
    for (std::int64_t reg = 0; reg < d.count; reg += x.each) {
      const std::string predicate = x.predicate(reg);
      x.kind.predicated = !predicate.empty();
      std::vector<std::string> arguments;
      for (std::int64_t w = 0; w < words; ++w) arguments.push_back(d.word(reg * bits / 32 + w));
      arguments.push_back(x.access.address_at(reg, x.dim, x.code(reg)));
      if (!predicate.empty()) arguments.push_back(predicate);
      out.line("{};", KernelWriter::invoke(out.prelude().load(x.kind), arguments));
    }
    return;
  }
  // Narrower pieces: `each` elements make up one code of their common width.
  const Register pieces{d.kind, d.name,
                        x.each == 1 ? d.element : vm::unsigned_type(8 * x.kind.bytes),
                        d.count / x.each};
  const std::int64_t period = period_of(pieces.bits());
  for (std::int64_t first = 0; first < pieces.count; first += period) {
    Codes codes;
    for (std::int64_t i = first; i < std::min(first + period, pieces.count); ++i) {
      codes.push_back(code(i * x.each));
    }
    write_elements(out, pieces, first, codes);
  }
}

void emit(const vm::ScatterOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.target());
  if (view.root->packed || view.root->bits() % 8 != 0) {
    return out.fail(*op, "elements that are no whole bytes have no address to scatter to");
  }
  Indexed x = indexed(out, *op, op.target(), op.x(), op.index(), op.mask());
  const Register data = out.reg(op.x());
  x.access.begin_indexed();
  x.access.record(MemoryAccess::Kind::Store, x.each, true);
  const std::string owner = x.access.is_owner();
  for (std::int64_t reg = 0; reg < data.count; reg += x.each) {
    if (x.access.is_duplicate(reg)) continue;
    const std::string predicate = both(owner, x.predicate(reg));
    x.kind.predicated = !predicate.empty();
    std::vector<std::string> arguments{x.access.address_at(reg, x.dim, x.code(reg))};
    const std::int64_t bit = reg * data.bits(), words = std::max(x.kind.bytes / 4, 1);
    for (std::int64_t w = 0; w < words; ++w) {
      const std::string word = data.word(bit / 32 + w);
      arguments.push_back(bit % 32 == 0 ? word
                                        : fmt::format("{} >> {}", parenthesized(word), bit % 32));
    }
    if (!predicate.empty()) arguments.push_back(predicate);
    out.line("{};", KernelWriter::invoke(out.prelude().store(x.kind), arguments));
  }
}

}  // namespace bitloom::codegen
