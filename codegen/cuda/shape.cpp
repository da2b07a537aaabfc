// Shape instructions. Where a thread's bits stay what they are, the result is another name for
// them.
#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "codegen/cuda/exchange.h"

namespace bitloom::codegen {

using layouts::Index;

namespace {

// The same registers under another type. A variable is copied: it may change, the result may not.
void rename(KernelWriter& out, vm::ValueId d, vm::ValueId x) {
  const vm::Type& type = out.type(d);
  Register reg = out.reg(x);
  const bool variable = out.function().value(x).variable;
  if (reg.kind == Register::Kind::Scalar || type.is_scalar()) {
    return out.define_scalar(d, reg.code(0));
  }
  const bool same_bits = reg.bits() == type.element.bits;
  if (!variable && (reg.kind != Register::Kind::Splat || same_bits)) {
    reg.element = type.element;
    reg.count = out.registers_of(d);
    return out.define(d, std::move(reg));
  }
  const Register to = out.define(d);
  if (same_bits) return copy_register(out, to, reg);
  for (std::int64_t w = 0; w < to.words(); ++w) out.line("{} = {};", to.word(w), reg.word(w));
}

bool is_splat(const Register& reg) {
  return reg.kind == Register::Kind::Splat;
}

// A splat of another shape.
void spread_splat(KernelWriter& out, vm::ValueId d, Register reg) {
  reg.count = out.registers_of(d);
  out.define(d, std::move(reg));
}

MoveSource whole_source(KernelWriter& out, vm::ValueId x) {
  return {out.reg(x), *out.type(x).layout, same_index};
}

}  // namespace

// A scalar becomes an expression; a tile gives each thread what its neighbours along the dimension
// have.
void emit(const vm::BroadcastOp& op, KernelWriter& out) {
  const vm::Type &from = out.type(op.x()), &to = out.type(op.d());
  const Register& x = out.reg(op.x());
  if (to.is_scalar()) return out.define_scalar(op.d(), x.code(0));
  if (is_splat(x)) return spread_splat(out, op.d(), x);
  if (from.is_scalar()) {
    const std::string name = out.fresh("all");
    const vm::ElementType element = to.element;
    const std::string_view type = element.is_bool() ? "bool" : element.bits == 64 ? "u64" : "u32";
    out.line("const {} {} = {};", type, name, x.code(0));
    const Register all{Register::Kind::Splat, name, element, out.registers_of(op.d())};
    if (element.bits >= 32 || 32 % element.bits == 0) return out.define(op.d(), all);
    const Register d = out.define(op.d());
    const std::int64_t period = period_of(d.bits());
    for (std::int64_t first = 0; first < d.count; first += period) {
      const Codes codes(static_cast<std::size_t>(std::min(period, d.count - first)), name);
      write_elements(out, d, first, codes);
    }
    return;
  }
  const vm::Shape shape = from.shape;
  move_tile(out, op.d(), {whole_source(out, op.x())}, shape, [shape](const Index& at) {
    Index index(at.end() - static_cast<std::ptrdiff_t>(shape.size()), at.end());
    for (std::size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] == 1) index[d] = 0;
    }
    return index;
  });
}

void emit(const vm::TransposeOp& op, KernelWriter& out) {
  rename(out, op.d(), op.x());
}

void emit(const vm::ReshapeOp& op, KernelWriter& out) {
  rename(out, op.d(), op.x());
}

void emit(const vm::ViewOp& op, KernelWriter& out) {
  rename(out, op.d(), op.x());
}

void emit(const vm::SliceOp& op, KernelWriter& out) {
  if (out.type(op.d()).is_scalar()) return out.define_scalar(op.d(), out.reg(op.x()).code(0));
  if (is_splat(out.reg(op.x()))) return spread_splat(out, op.d(), out.reg(op.x()));
  const vm::Shape& offsets = op->shape("offsets");
  move_tile(out, op.d(), {whole_source(out, op.x())}, out.type(op.x()).shape,
            [offsets](const Index& at) {
              Index index = at;
              for (std::size_t d = 0; d < index.size(); ++d) index[d] += offsets[d];
              return index;
            });
}

void emit(const vm::ConcatOp& op, KernelWriter& out) {
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  std::vector<MoveSource> sources;
  std::int64_t before = 0;
  for (vm::ValueId x : op.x()) {
    sources.push_back({out.reg(x), *out.type(x).layout, [dim, before](const Index& at) {
                         Index index = at;
                         index[dim] += before;
                         return index;
                       }});
    before += out.type(x).shape[dim];
  }
  move_tile(out, op.d(), sources, out.type(op.d()).shape, same_index);
}

void emit(const vm::ConvertLayoutOp& op, KernelWriter& out) {
  if (is_splat(out.reg(op.x()))) return spread_splat(out, op.d(), out.reg(op.x()));
  move_tile(out, op.d(), {whole_source(out, op.x())}, out.type(op.x()).shape, same_index);
}

}  // namespace bitloom::codegen
