// Loads and stores of register tiles: how an access is done (plain vectors, single narrow elements,
// 8x8 matrices, words of packed tensors) and the text of the plain ones.
#include <algorithm>

#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/plain_access.h"
#include "codegen/cuda/special_access.h"
#include "vm/passes/select_instructions.h"

namespace bitloom::codegen {

namespace {

ElementMap element_map(const vm::Type& tile, const MemoryView& view) {
  return tile.is_scalar() || !tile.layout ? ElementMap::of_scalar(view.dims.size())
                                          : ElementMap::of(*tile.layout);
}

// How many elements an access moves. Those of a vector are masked together.
std::int64_t elements_an_access(const KernelWriter& out, const vm::Instruction& op,
                                const WindowAccess& access, vm::ValueId mask, int bits) {
  const std::int64_t bytes = std::max<std::int64_t>(op.integer("vector"), bits / 8);
  const bool masked = mask != vm::kNoValue;
  if (masked && (bits < 8 || !vm::has_even_rows(out.function(), mask))) return 1;
  return access.run(std::max<std::int64_t>(bytes * 8 / bits, 1));
}

std::string cache_of(const vm::Instruction& op, const WindowAccess& access) {
  return access.global() ? std::string(op.word("cache")) : std::string();
}

struct Plain {
  KernelWriter& out;
  WindowAccess& access;
  AccessOptions options;
  AccessKind kind;

  std::string predicate(std::int64_t reg) {
    return both(access.inside(reg), options.mask ? options.mask->code(reg) : std::string());
  }
};

void load_scalar(Plain& plain, vm::ValueId id) {
  plain.access.record(MemoryAccess::Kind::Load, 1);
  const std::string predicate = plain.predicate(0);
  plain.kind.predicated = !predicate.empty();
  const std::string name = plain.out.prelude().load(plain.kind);
  std::vector<std::string> arguments{plain.access.address(0)};
  if (!predicate.empty()) arguments.push_back(predicate);
  if (plain.kind.bytes < 8)
    return plain.out.define_scalar(id, KernelWriter::invoke(name, arguments));
  const std::string low = plain.out.fresh("low"), high = plain.out.fresh("high");
  plain.out.line("u32 {}, {};", low, high);
  arguments.insert(arguments.begin(), {low, high});
  plain.out.line("{};", KernelWriter::invoke(name, arguments));
  plain.out.define_scalar(id, fmt::format("(u64){} << 32 | {}", high, low));
}

// ---- Narrow elements that do not fill whole bytes of the access ---------------------------------

// The code of one narrow element: the byte in which it begins, and the next where it crosses over.
std::string narrow_code(Plain& plain, std::int64_t reg, int bits) {
  KernelWriter& out = plain.out;
  const std::string predicate = plain.predicate(reg);
  plain.kind.bytes = 1;
  plain.kind.predicated = true;
  const std::string name = out.prelude().load(plain.kind);
  const std::string at = out.fresh("at"), bit = out.fresh("bit"), code = out.fresh("code");
  out.line("const {} {} = {};", plain.access.global() ? "u64" : "u32", at,
           plain.access.address(reg));
  out.line("const u32 {} = {};", bit, plain.access.bit(reg));
  out.line("u32 {} = {} >> {};", code,
           KernelWriter::invoke(name, {at, predicate.empty() ? "true" : predicate}), bit);
  if (8 % bits != 0) {
    const std::string crosses = fmt::format("{} + {} > 8", bit, bits);
    out.line("{} |= {} << (8 - {});", code,
             KernelWriter::invoke(name, {at + " + 1", both(predicate, crosses)}), bit);
  }
  return fmt::format("({} & 0x{:x}u)", code, (1u << bits) - 1);
}

void load_narrow(Plain& plain, vm::ValueId id) {
  const int bits = plain.access.root().bits();
  plain.access.record(MemoryAccess::Kind::Load, 1);
  if (plain.out.type(id).is_scalar())
    return plain.out.define_scalar(id, narrow_code(plain, 0, bits));
  const Register d = plain.out.define(id);
  const std::int64_t period = period_of(bits);
  for (std::int64_t first = 0; first < d.count; first += period) {
    Codes codes;
    for (std::int64_t reg = first; reg < std::min(first + period, d.count); ++reg) {
      codes.push_back(narrow_code(plain, reg, bits));
    }
    write_elements(plain.out, d, first, codes);
  }
}

// Other threads write the other bits of a word: every thread clears its bits, then sets them.
void store_narrow(Plain& plain, const Register& x) {
  plain.access.record(MemoryAccess::Kind::Atomic, 1);
  KernelWriter& out = plain.out;
  const std::string owner = plain.access.is_owner();
  const bool global = plain.access.global();
  const std::string_view space = global ? "global" : "shared";
  const std::string type = global ? "u64" : "u32";
  for (std::string_view op : {"and", "or"}) {
    out.prelude().use(Wrapper{fmt::format("red_{}_{}", space, op), "", global ? "lr" : "rr",
                              Ordering::Memory, fmt::format("red.{}.{}.b32 [%0], %1;", space, op)});
  }
  out.prelude().add_function(
      fmt::format("store_bits_{}", space),
      fmt::format("// {} bits of memory, which may lie in two words.\n"
                  "template <int Bits> DI void store_bits_{}({} byte, u32 bit, u32 code) {{\n"
                  "  bit += 8 * (u32)(byte & 3);\n"
                  "  byte &= ~({})3;\n"
                  "  const u64 mask = (u64)((1u << Bits) - 1) << bit, bits = (u64)code << bit;\n"
                  "  red_{}_and(byte, ~(u32)mask);\n"
                  "  red_{}_or(byte, (u32)bits);\n"
                  "  if (mask >> 32) {{\n"
                  "    red_{}_and(byte + 4, ~(u32)(mask >> 32));\n"
                  "    red_{}_or(byte + 4, (u32)(bits >> 32));\n"
                  "  }}\n"
                  "}}\n",
                  "Some", space, type, type, space, space, space, space));
  for (std::int64_t reg = 0; reg < x.count; ++reg) {
    if (plain.access.is_duplicate(reg)) continue;
    const std::string predicate = both(owner, plain.predicate(reg));
    out.line("{}store_bits_{}<{}>({}, {}, {});",
             predicate.empty() ? std::string() : "if (" + predicate + ") ", space, x.bits(),
             plain.access.address(reg), plain.access.bit(reg), x.code(reg));
  }
}

bool fills_bytes(const WindowAccess& access, std::int64_t each) {
  return access.root().bits() % 8 == 0 || each * access.root().bits() % 8 == 0;
}

}  // namespace

void emit(const vm::LoadOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.source());
  const vm::Type& type = out.type(op.d());
  if (view.root->packed) return load_packed(op, out);
  if (op->word("form", "plain") != "plain") return load_matrices(op, out);
  WindowAccess access(out, view, element_map(type, view), op->shape("clip"));
  access.begin();
  const Register* mask = op.mask() == vm::kNoValue ? nullptr : &out.reg(op.mask());
  const int bits = view.root->bits();
  const std::int64_t each = elements_an_access(out, *op, access, op.mask(), bits);
  const AccessOptions options{cache_of(*op, access), mask};
  Plain plain{
      out, access, options, {access.space(), static_cast<int>(each * bits / 8), options.cache}};
  if (!fills_bytes(access, each)) return load_narrow(plain, op.d());
  if (type.is_scalar()) return load_scalar(plain, op.d());
  load_registers(out, access, out.define(op.d()), each, options);
}

void emit(const vm::StoreOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.target());
  const vm::Type& type = out.type(op.x());
  if (view.root->packed) return store_packed(op, out);
  if (op->word("form", "plain") != "plain") return store_matrices(op, out);
  WindowAccess access(out, view, element_map(type, view), op->shape("clip"));
  access.begin();
  const Register* mask = op.mask() == vm::kNoValue ? nullptr : &out.reg(op.mask());
  const int bits = view.root->bits();
  const std::int64_t each = elements_an_access(out, *op, access, op.mask(), bits);
  const AccessOptions options{cache_of(*op, access), mask};
  Plain plain{out, access, options, {access.space(), 0, options.cache}};
  if (!fills_bytes(access, each)) return store_narrow(plain, out.reg(op.x()));
  store_registers(out, access, out.reg(op.x()), each, options);
}

}  // namespace bitloom::codegen
