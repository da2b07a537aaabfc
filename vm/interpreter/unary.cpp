// Elementwise instructions of one operand.
#include <bit>
#include <cmath>

#include "vm/interpreter/elementwise.h"
#include "vm/numerics/arithmetic.h"

namespace bitloom::vm::interpreter {
namespace {

// d[i] = f(x[i]) on f32 numbers; halves are computed in f32 and rounded.
template <class F>
void float_unary(const Instruction& op, Compiler& compiler, ValueId dv, ValueId xv, F f) {
  const Tile x = compiler.tile(xv), d = compiler.define(dv);
  if (!aligned(op, compiler, d, x)) return;
  if (!d.element.is_float() || d.element != x.element)
    return compiler.fail(op, "operand and result are not of one float type");
  const ElementType element = d.element;
  compiler.step(op, [=](Strand& strand, const Step&) {
    const std::uint32_t* in = strand.words(x);
    std::uint32_t* out = strand.words(d);
    const std::size_t words = d.frame_words(), lanes = d.lanes();
    if (element == kF32) {
      for (std::size_t i = 0; i < lanes; ++i) out[i] = f32_code(f(f32(in[i])));
    } else if (is_half(element)) {
      const auto numbers = buffer<float>(2 * words);
      halves_to_f32(element, in, words, numbers.get());
      for (std::size_t i = 0; i < 2 * words; ++i) numbers[i] = f(numbers[i]);
      f32_to_halves(element, numbers.get(), words, out);
    } else {
      const auto codes = buffer<std::uint64_t>(lanes);
      unpack64(in, x, codes.get());
      for (std::size_t i = 0; i < lanes; ++i)
        codes[i] = encode(element, f(decode(element, codes[i])));
      pack64(codes.get(), d, out);
    }
    return Flow::Next;
  });
}

// d[i] = f(type of x, x[i]) on codes.
template <class F>
void code_unary(const Instruction& op, Compiler& compiler, ValueId dv, ValueId xv, F f) {
  const Tile x = compiler.tile(xv), d = compiler.define(dv);
  if (!aligned(op, compiler, d, x)) return;
  compiler.step(op, [=](Strand& strand, const Step&) {
    const std::uint32_t* in = strand.words(x);
    std::uint32_t* out = strand.words(d);
    if (x.bits == 32 && d.bits == 32) {
      for (std::size_t i = 0; i < d.lanes(); ++i)
        out[i] = static_cast<std::uint32_t>(f(x.element, in[i]));
      return Flow::Next;
    }
    const auto codes = buffer<std::uint64_t>(d.lanes());
    unpack64(in, x, codes.get());
    for (std::size_t i = 0; i < d.lanes(); ++i) codes[i] = f(x.element, codes[i]);
    pack64(codes.get(), d, out);
    return Flow::Next;
  });
}

}  // namespace

void compile(const NegOp& op, Compiler& compiler) {
  code_unary(*op, compiler, op.d(), op.x(), [](ElementType type, std::uint64_t code) {
    return type.is_float() ? float_neg(type, code) : integer_sub(type, 0, code);
  });
}

void compile(const AbsOp& op, Compiler& compiler) {
  code_unary(*op, compiler, op.d(), op.x(), [](ElementType type, std::uint64_t code) {
    if (type.is_float()) return float_abs(type, code);
    return decode_integer(type, code) < 0 && type.is_signed() ? integer_sub(type, 0, code) : code;
  });
}

void compile(const NotOp& op, Compiler& compiler) {
  const Tile x = compiler.tile(op.x()), d = compiler.define(op.d());
  if (!aligned(*op, compiler, d, x)) return;
  const std::uint32_t flip = d.element.is_bool() ? 0x01010101u : 0xffffffffu;
  compiler.step(*op, [=](Strand& strand, const Step&) {
    const std::uint32_t* in = strand.words(x);
    std::uint32_t* out = strand.words(d);
    for (std::size_t i = 0; i < d.frame_words(); ++i) out[i] = in[i] ^ flip;
    return Flow::Next;
  });
}

void compile(const PopcountOp& op, Compiler& compiler) {
  code_unary(*op, compiler, op.d(), op.x(), [](ElementType, std::uint64_t code) {
    return static_cast<std::uint64_t>(std::popcount(code));
  });
}

void compile(const ClzOp& op, Compiler& compiler) {
  code_unary(*op, compiler, op.d(), op.x(), [](ElementType type, std::uint64_t code) {
    return static_cast<std::uint64_t>(std::countl_zero(code) - (64 - type.bits));
  });
}

void compile(const SqrtOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::sqrt(x); });
}
void compile(const FloorOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::floor(x); });
}
void compile(const CeilOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::ceil(x); });
}
void compile(const TruncOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::trunc(x); });
}
// The host rounds to nearest even: nothing here changes the mode.
void compile(const RoundOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::nearbyint(x); });
}

// The approximate ones: the exact value rounded, which lies well within every bound of the table.
void compile(const Ex2ApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::exp2(x); });
}
void compile(const Lg2ApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::log2(x); });
}
void compile(const RcpApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return decltype(x){1} / x; });
}
void compile(const RsqrtApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) {
    return static_cast<decltype(x)>(1.0 / std::sqrt(static_cast<double>(x)));
  });
}
void compile(const TanhApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::tanh(x); });
}
void compile(const SinApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::sin(x); });
}
void compile(const CosApproxOp& op, Compiler& compiler) {
  float_unary(*op, compiler, op.d(), op.x(), [](auto x) { return std::cos(x); });
}

}  // namespace bitloom::vm::interpreter
