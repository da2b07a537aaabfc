// Shared tiles, mbarriers and views of memory. Nothing is printed but the run-time parts of
// origins.
#include <numeric>

#include "codegen/cuda/emit.h"
#include "codegen/cuda/window_access.h"

namespace bitloom::codegen {

namespace {

MemoryView whole(std::shared_ptr<const MemoryRoot> root, const vm::Shape& shape) {
  MemoryView view;
  view.origin.resize(shape.size());
  view.extents = shape;
  view.dims.resize(shape.size());
  std::iota(view.dims.begin(), view.dims.end(), 0);
  view.root = std::move(root);
  return view;
}

std::shared_ptr<MemoryRoot> shared_root(KernelWriter& out, vm::ValueId id, std::string base) {
  const vm::Type& type = out.type(id);
  auto root = std::make_shared<MemoryRoot>();
  root->value = id;
  root->space = type.space;
  root->element = type.element;
  root->shape = type.shape;
  root->base = std::move(base);
  root->packed = type.packed;
  if (type.packed && type.shape.size() >= 2) {
    const std::int64_t columns = type.packed->columns();
    root->atoms_k = fmt::format("{}", (type.shape[type.shape.size() - 2] + columns - 1) / columns);
  } else {
    root->layout = type.shared;
  }
  return root;
}

std::string at_offset(const vm::Instruction& op) {
  const std::int64_t offset = op.integer("offset");
  return offset == 0 ? "sm" : fmt::format("(sm + {})", offset);
}

}  // namespace

void emit(const vm::SharedAllocOp& op, KernelWriter& out) {
  out.define_view(op.d(), whole(shared_root(out, op.d(), at_offset(*op)), out.type(op.d()).shape));
}

// They were initialised before the block began (kernel_text.cpp).
void emit(const vm::BarrierAllocOp& op, KernelWriter& out) {
  out.define_view(op.d(), whole(shared_root(out, op.d(), at_offset(*op)), out.type(op.d()).shape));
}

namespace {

// The largest power of two that is known to divide a scalar.
std::int64_t known_multiple(const KernelWriter& out, vm::ValueId scalar) {
  constexpr std::int64_t kMost = 1 << 16;
  std::int64_t multiple = 1;
  while (multiple < kMost && out.facts().multiple(scalar, 2 * multiple)) multiple *= 2;
  return multiple;
}

void move_origin(KernelWriter& out, Offset& origin, vm::ValueId by) {
  const Register& reg = out.reg(by);
  if (reg.constant) {
    const int unused = 64 - reg.bits();
    origin.constant += reg.element.is_signed()
                           ? static_cast<std::int64_t>(*reg.constant << unused) >> unused
                           : static_cast<std::int64_t>(*reg.constant);
    return;
  }
  std::string text = signed_of(reg.element, reg.code(0));
  if (out.function().value(by).variable) {
    // The window stays where it was when the variable moves on.
    const std::string name = out.fresh("at");
    out.line("const {} {} = {};", scalar_type(reg.element), name, text);
    text = name;
  }
  const std::int64_t multiple = known_multiple(out, by);
  origin.multiple = origin.fixed() ? multiple : std::gcd(origin.multiple, multiple);
  if (!origin.fixed() && reg.bits() < 64) text = "(s64)" + parenthesized(text);
  origin.text = origin.fixed() ? text : fmt::format("{} + {}", origin.text, text);
}

}  // namespace

void emit(const vm::WindowOp& op, KernelWriter& out) {
  const MemoryView& x = out.view(op.x());
  const vm::Shape &extents = op->shape("extents"), &keep = op->shape("keep");
  MemoryView view = x;
  view.dims.clear();
  view.extents.clear();
  for (std::size_t v = 0; v < x.dims.size(); ++v) {
    move_origin(out, view.origin[static_cast<std::size_t>(x.dims[v])], op.offsets()[v]);
    if (!keep.empty() && keep[v] == 0) continue;
    view.dims.push_back(x.dims[v]);
    view.extents.push_back(extents[v]);
  }
  out.define_view(op.d(), std::move(view));
}

void emit(const vm::PermuteViewOp& op, KernelWriter& out) {
  const MemoryView& x = out.view(op.x());
  MemoryView view = x;
  const vm::Shape& permutation = op->shape("permutation");
  for (std::size_t v = 0; v < permutation.size(); ++v) {
    view.dims[v] = x.dims[static_cast<std::size_t>(permutation[v])];
    view.extents[v] = x.extents[static_cast<std::size_t>(permutation[v])];
  }
  out.define_view(op.d(), std::move(view));
}

void emit(const vm::MemoryViewOp& op, KernelWriter& out) {
  const MemoryView& x = out.view(op.x());
  if (x.root->packed) {
    for (const Offset& origin : x.origin) {
      if (origin.fixed() && origin.constant == 0) continue;
      return out.fail(*op, "a part of a packed tile is not viewed as bytes; view the whole tile");
    }
    return out.define_view(op.d(),
                           whole(shared_root(out, op.d(), x.root->base), out.type(op.d()).shape));
  }
  WindowAccess access(out, x, ElementMap::of_scalar(x.dims.size()), {});
  access.begin();
  const std::string base = out.fresh("base");
  out.line("const u32 {} = {};", base, access.address(0));
  auto root = shared_root(out, op.d(), base);
  root->cluster = x.root->cluster;
  out.define_view(op.d(), whole(root, out.type(op.d()).shape));
}

void emit(const vm::MapSharedOp& op, KernelWriter& out) {
  MemoryView view = out.view(op.x());
  auto root = std::make_shared<MemoryRoot>(*view.root);
  root->base = out.fresh("base");
  root->cluster = true;
  out.line("const u32 {} = {};", root->base,
           out.call("map_shared", view.root->base, out.reg(op.rank()).word(0)));
  view.root = root;
  out.define_view(op.d(), std::move(view));
}

}  // namespace bitloom::codegen
