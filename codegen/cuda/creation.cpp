// Values out of nothing. Constants have no variable: their users print them.
#include "codegen/cuda/elementwise.h"
#include "codegen/cuda/emit.h"
#include "layouts/shape.h"
#include "vm/numerics.h"

namespace bitloom::codegen {

using vm::ElementType;

namespace {

std::uint64_t constant_code(const vm::ConstantOp& op, ElementType element) {
  if (element.is_float() || element.type_class == vm::TypeClass::Scale) {
    return vm::encode(element, op->real("value", static_cast<double>(op->integer("integer"))));
  }
  if (element.is_bool()) return op->integer("integer") != 0;
  return static_cast<std::uint64_t>(op->integer("integer")) & vm::code_mask(element);
}

}  // namespace

void emit(const vm::ConstantOp& op, KernelWriter& out) {
  const ElementType element = out.type(op.d()).element;
  const std::uint64_t code = constant_code(op, element);
  out.define(op.d(), {Register::Kind::Splat, literal(element, code), element,
                      out.registers_of(op.d()), code});
}

// The coordinate of an element is a digit sum of the thread's number plus a constant.
void emit(const vm::IotaOp& op, KernelWriter& out) {
  const vm::Type& type = out.type(op.d());
  if (type.element.is_float() || type.element.bits < 32) {
    return out.fail(*op, "indices are integers of 32 or 64 bits");
  }
  const layouts::RegisterLayout& layout = *type.layout;
  const auto dim = static_cast<std::size_t>(op->integer("dim"));
  const auto form = fit(digits_of(layout), layout.threads(),
                        [&](std::int64_t thread) { return layout.element(thread, 0)[dim]; });
  const std::string base = out.fresh("at");
  out.line("const u32 {} = {};", base, form->text(out.strand().thread, layout.threads()));
  const Register d = out.define(op.d());
  for (std::int64_t r = 0; r < d.count; ++r) {
    const std::int64_t move = layout.element(0, r)[dim];
    const std::string value = move == 0 ? base : fmt::format("{} + {}", base, move);
    if (d.bits() == 32) {
      out.line("{} = {};", d.word(r), value);
    } else {
      out.line("{} = {}; {} = 0;", d.word(2 * r), value, d.word(2 * r + 1));
    }
  }
}

void emit(const vm::VarOp& op, KernelWriter& out) {
  const Register variable = out.define(op.d());
  copy_register(out, variable, out.reg(op.init()));
}

void emit(const vm::AssignOp& op, KernelWriter& out) {
  copy_register(out, out.reg(op.variable()), out.reg(op.x()));
}

namespace {

void axis(KernelWriter& out, vm::ValueId d, std::string_view variable, std::int64_t number) {
  const char name = static_cast<char>('x' + number);
  out.define_scalar(d, fmt::format("{}.{}", variable, name));
}

}  // namespace

void emit(const vm::BlockIndexOp& op, KernelWriter& out) {
  axis(out, op.d(), "blockIdx", op->integer("axis"));
}

void emit(const vm::BlockCountOp& op, KernelWriter& out) {
  axis(out, op.d(), "gridDim", op->integer("axis"));
}

void emit(const vm::ClusterRankOp& op, KernelWriter& out) {
  out.define_scalar(op.d(), out.call("cluster_rank"));
}

}  // namespace bitloom::codegen
