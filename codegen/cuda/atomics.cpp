// Atomics, flags between blocks, prefetches.
//
// What a strand does once is done by its first thread; a barrier in front makes a release cover
// what the other threads wrote, a barrier behind hands the result (and what was acquired) to all of
// them.
#include "codegen/cuda/copy_places.h"
#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/exchange.h"
#include "codegen/cuda/indexed_access.h"
#include "codegen/cuda/plain_access.h"

namespace bitloom::codegen {

using vm::ElementType;

namespace {

std::string_view scope_of(const vm::Instruction& op) {
  const std::string_view scope = op.word("scope", "gpu");
  return scope == "block" ? "cta" : scope == "system" ? "sys" : "gpu";
}

std::string atomic_type(std::string_view op, ElementType t) {
  if (op == "and" || op == "or" || op == "xor" || op == "exchange")
    return t.bits == 64 ? "b64" : "b32";
  if (t.is_float()) return vm::to_string(t);
  if (op == "add" && t.is_signed() && t.bits == 64) return "u64";  // sums wrap alike
  return fmt::format("{}{}", t.is_signed() ? 's' : 'u', int{t.bits});
}

std::string_view ptx_operation(std::string_view op) {
  return op == "exchange" ? "exch" : op;
}

std::string space_of(const MemoryRoot& root) {
  return root.global() ? "global" : root.cluster ? "shared::cluster" : "shared";
}

// red or atom as a wrapper: atom gives the old value.
std::string atomic_wrapper(KernelWriter& out, const vm::Instruction& op, const MemoryRoot& root,
                           bool fetch) {
  const std::string_view kind = op.word("op"), order = op.word("order", "relaxed");
  const ElementType t = root.element;
  const bool half = t.bits == 16, wide = t.bits == 64;
  // red has no acquiring form.
  const bool atom = fetch || order == "acquire" || order == "acq_rel";
  const std::string type = (half ? "noftz." : "") + atomic_type(kind, t);
  const std::string modifiers =
      fmt::format("{}.{}.{}.{}.{}", order, scope_of(op), space_of(root), ptx_operation(kind), type);
  Wrapper wrapper;
  wrapper.name =
      fmt::format("{}_{}_{}_{}_{}_{}", fetch ? "atom" : "red", root.global() ? "global" : "shared",
                  kind, vm::to_string(t), order, scope_of(op));
  if (root.cluster) wrapper.name += "_cluster";
  wrapper.ordering = Ordering::Memory;
  wrapper.operands = fmt::format("{}{}", root.global() ? 'l' : 'r', wide ? 'l' : 'r');
  if (fetch) {
    wrapper.results = wide ? "l" : "r";
    wrapper.ptx = fmt::format("atom.{} %0, [%1], %2;", modifiers);
  } else if (half) {
    const std::string operation =
        atom ? fmt::format("atom.{} old", modifiers) : fmt::format("red.{} ", modifiers);
    wrapper.ptx = fmt::format("{{.reg .b16 l, h, old; mov.b32 {{l, h}}, %1; {}{}[%0], l;}}",
                              operation, atom ? ", " : "");
  } else if (atom) {
    wrapper.ptx = fmt::format("{{.reg .b{} old; atom.{} old, [%0], %1;}}", int{t.bits}, modifiers);
  } else {
    wrapper.ptx = fmt::format("red.{} [%0], %1;", modifiers);
  }
  return out.prelude().use(wrapper);
}

}  // namespace

std::string from_first_thread(KernelWriter& out, ElementType element,
                              const std::function<std::string()>& code) {
  const bool wide = element.bits == 64;
  const std::string name = out.fresh("one");
  out.line("{} {} = 0;", wide ? "u64" : "u32", name);
  const bool warp = out.strand().kind == Strand::Kind::Warp;
  const std::string shared = warp ? std::string() : out.scratch(8);
  if (!warp) out.barrier();
  out.open(fmt::format("if ({})", out.is_first_thread()));
  out.line("{} = {};", name, code());
  AccessKind kind{AccessKind::Space::Shared, wide ? 8 : 4};
  if (!warp) {
    const std::string high = fmt::format("(u32)({} >> 32)", name);
    out.line("{};",
             wide ? KernelWriter::invoke(out.prelude().store(kind), {shared, "(u32)" + name, high})
                  : KernelWriter::invoke(out.prelude().store(kind), {shared, name}));
  }
  out.close();
  if (warp) {
    if (!wide) return out.call("shuffle_idx", name, "0");
    return fmt::format("((u64){} << 32 | {})",
                       out.call("shuffle_idx", fmt::format("(u32)({} >> 32)", name), "0"),
                       out.call("shuffle_idx", "(u32)" + name, "0"));
  }
  out.barrier();
  if (!wide) return KernelWriter::invoke(out.prelude().load(kind), {shared});
  const std::string low = out.fresh("low"), high = out.fresh("high");
  out.line("u32 {}, {}; {};", low, high,
           KernelWriter::invoke(out.prelude().load(kind), {low, high, shared}));
  return fmt::format("((u64){} << 32 | {})", high, low);
}

void emit(const vm::AtomicOp& op, KernelWriter& out) {
  const MemoryView& view = out.view(op.target());
  const vm::Type& type = out.type(op.x());
  const ElementType t = view.root->element;
  if (t == vm::kBF16 && out.target().sm < 90) {
    return out.fail(*op, "the target has no atomic sums of bf16");
  }
  const int dim = static_cast<int>(op->integer("dim"));
  const bool has_index = op.index() != vm::kNoValue;
  ElementMap map = type.is_scalar() || !type.layout ? ElementMap::of_scalar(view.dims.size())
                                                    : ElementMap::of(*type.layout);
  if (has_index && view.dims.size() == 1 && type.shape.size() != 1) {
    map.element = [](std::int64_t, std::int64_t) { return layouts::Index{0}; };
  }
  const Register x = out.reg(op.x());
  const std::optional<Register> index =
      has_index ? std::optional(index_for(out, op.index(), type, dim)) : std::nullopt;
  const Register* mask = op.mask() == vm::kNoValue ? nullptr : &out.reg(op.mask());
  WindowAccess access(out, view, map, op->shape("clip"));
  if (has_index) {
    access.begin_indexed();
  } else {
    access.begin();
  }
  access.record(MemoryAccess::Kind::Atomic, 1, has_index);
  const std::string name = atomic_wrapper(out, *op, *view.root, false);
  const std::string owner = access.is_owner();
  for (std::int64_t reg = 0; reg < x.count; ++reg) {
    if (access.is_duplicate(reg)) continue;
    std::string inside, address;
    if (index) {
      const std::string at = signed_of(index->element, index->code(reg));
      inside = access.inside_at(reg, dim, at);
      address = access.address_at(reg, dim, at);
    } else {
      inside = access.inside(reg);
      address = access.address(reg);
    }
    const std::string predicate = both(both(owner, inside), mask ? mask->code(reg) : std::string());
    out.line("{}{};", predicate.empty() ? std::string() : "if (" + predicate + ") ",
             KernelWriter::invoke(name, {address, x.code(reg)}));
  }
}

namespace {

std::string element_address(KernelWriter& out, vm::ValueId window) {
  const MemoryView& view = out.view(window);
  WindowAccess access(out, view, ElementMap::of_scalar(view.dims.size()), {});
  access.begin();
  return access.address(0);
}

}  // namespace

void emit(const vm::AtomicFetchOp& op, KernelWriter& out) {
  const MemoryRoot& root = *out.view(op.target()).root;
  const std::string address = element_address(out, op.target());
  const std::string name = atomic_wrapper(out, *op, root, true);
  const std::string x = out.reg(op.x()).code(0);
  out.define_scalar(op.d(), from_first_thread(out, root.element, [&] {
                      return KernelWriter::invoke(name, {address, x});
                    }));
}

void emit(const vm::LoadAcquireOp& op, KernelWriter& out) {
  const MemoryRoot& root = *out.view(op.source()).root;
  const std::string address = element_address(out, op.source());
  const bool wide = root.bits() == 64;
  const std::string name = out.prelude().use(Wrapper{
      fmt::format("ld_acquire_{}_{}_{}", root.global() ? "global" : "shared", root.bits(),
                  scope_of(*op)),
      wide ? "l" : "r", root.global() ? "l" : "r", Ordering::Memory,
      fmt::format("ld.acquire.{}.{}.b{} %0, [%1];", scope_of(*op), space_of(root), root.bits())});
  out.define_scalar(op.d(), from_first_thread(out, root.element, [&] {
                      return KernelWriter::invoke(name, {address});
                    }));
}

void emit(const vm::StoreReleaseOp& op, KernelWriter& out) {
  const MemoryRoot& root = *out.view(op.target()).root;
  const std::string address = element_address(out, op.target());
  const std::string name = out.prelude().use(Wrapper{
      fmt::format("st_release_{}_{}_{}", root.global() ? "global" : "shared", root.bits(),
                  scope_of(*op)),
      "", fmt::format("{}{}", root.global() ? 'l' : 'r', root.bits() == 64 ? 'l' : 'r'),
      Ordering::Memory,
      fmt::format("st.release.{}.{}.b{} [%0], %1;", scope_of(*op), space_of(root), root.bits())});
  out.barrier();
  out.line("if ({}) {};", out.is_first_thread(),
           KernelWriter::invoke(name, {address, out.reg(op.x()).code(0)}));
}

// Lines of 128 bytes, or what divides the rows of the window.
void emit(const vm::PrefetchOp& op, KernelWriter& out) {
  const MemoryView source = out.view(op.source());
  std::int64_t bytes = 16;
  if (!source.root->packed && !source.extents.empty()) {
    const std::int64_t bits = source.extents.back() * source.root->bits();
    bytes = 128;
    while (bytes > 1 && bits % (8 * bytes) != 0) bytes /= 2;
    if (bytes * 8 < source.root->bits()) return out.fail(*op, "its rows are no whole bytes");
  }
  const auto places = CopyPlaces::make(out, nullptr, source, bytes, op->shape("clip"));
  if (!places) return out.fail(*op, "its rows are no whole bytes");
  for (std::int64_t turn = 0; turn < places->turns(); ++turn) {
    const std::string inside = both(places->takes_part(turn), places->inside(turn));
    out.line("{}{};", inside.empty() ? std::string() : "if (" + inside + ") ",
             out.call("prefetch_l2", places->source(turn)));
  }
}

}  // namespace bitloom::codegen
