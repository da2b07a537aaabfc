// Elementwise instructions of two operands.
#include <algorithm>

#include "vm/interpreter/elementwise.h"
#include "vm/interpreter/report.h"
#include "vm/numerics/arithmetic.h"

namespace bitloom::vm::interpreter {
namespace {

using CodeFunction = std::uint64_t (*)(ElementType, std::uint64_t, std::uint64_t);
using WordLoop = void (*)(const std::uint32_t*, const std::uint32_t*, std::uint32_t*, std::size_t);

// d[i] = F(a[i], b[i]) over words, as f32 or as 32-bit integers.
template <auto F>
void f32_loop(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* d, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) d[i] = f32_code(F(f32(a[i]), f32(b[i])));
}
template <auto F>
void word_loop(const std::uint32_t* a, const std::uint32_t* b, std::uint32_t* d, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) d[i] = F(a[i], b[i]);
}

// minimumNumber and maximumNumber: NaN gives the other operand, -0 is less than +0.
std::uint32_t f32_min(std::uint32_t a, std::uint32_t b) {
  const float x = f32(a), y = f32(b);
  std::uint32_t r = x < y ? a : x == y ? a | b : b;
  r = y != y ? a : r;
  r = x != x ? b : r;
  return x != x && y != y ? kNan32 : r;
}
std::uint32_t f32_max(std::uint32_t a, std::uint32_t b) {
  const float x = f32(a), y = f32(b);
  std::uint32_t r = x > y ? a : x == y ? a & b : b;
  r = y != y ? a : r;
  r = x != x ? b : r;
  return x != x && y != y ? kNan32 : r;
}

// How one operation is done for the types that are worth a loop of their own, and for all others.
struct BinaryKind {
  WordLoop on_f32 = nullptr;
  WordLoop on_i32 = nullptr, on_u32 = nullptr;
  std::optional<HalfOp> on_halves;
  bool halves_in_f32 = false;  // on_f32, then one more rounding
  CodeFunction on_floats = nullptr;
  CodeFunction on_integers = nullptr;
};

void binary(const Instruction& op, Compiler& compiler, ValueId dv, ValueId av, ValueId bv,
            const BinaryKind& kind) {
  const Tile a = compiler.tile(av), b = compiler.tile(bv), d = compiler.define(dv);
  if (!aligned(op, compiler, d, a, b)) return;
  const ElementType type = a.element;
  if (b.element != type || d.element != type)
    return compiler.fail(op, "operands and result are not of one type");
  WordLoop loop = nullptr;
  if (type == kF32) loop = kind.on_f32;
  if (type == kI32) loop = kind.on_i32;
  if (type == kU32) loop = kind.on_u32;
  if (loop) {
    compiler.step(op, [=](Strand& strand, const Step&) {
      loop(strand.words(a), strand.words(b), strand.words(d), d.lanes());
      return Flow::Next;
    });
    return;
  }
  if (is_half(type) && kind.on_halves) {
    const HalfFormat format = type == kF16 ? HalfFormat::F16 : HalfFormat::BF16;
    compiler.step(op, [=, half = *kind.on_halves](Strand& strand, const Step&) {
      half_arithmetic(format, half, strand.words(a), strand.words(b), nullptr, strand.words(d),
                      2 * d.frame_words());
      return Flow::Next;
    });
    return;
  }
  if (is_half(type) && kind.halves_in_f32) {
    compiler.step(op, [=, loop = kind.on_f32](Strand& strand, const Step&) {
      const std::size_t words = d.frame_words(), n = 2 * words;
      const auto x = buffer<float>(n), y = buffer<float>(n);
      halves_to_f32(type, strand.words(a), words, x.get());
      halves_to_f32(type, strand.words(b), words, y.get());
      auto* out = reinterpret_cast<std::uint32_t*>(x.get());
      loop(out, reinterpret_cast<const std::uint32_t*>(y.get()), out, n);
      f32_to_halves(type, x.get(), words, strand.words(d));
      return Flow::Next;
    });
    return;
  }
  const CodeFunction f = type.is_float() ? kind.on_floats : kind.on_integers;
  if (!f) return compiler.fail(op, "no such operation on " + to_string(type));
  compiler.step(op, [=](Strand& strand, const Step&) {
    const std::size_t n = d.lanes();
    const auto x = buffer<std::uint64_t>(n), y = buffer<std::uint64_t>(n);
    unpack64(strand.words(a), a, x.get());
    unpack64(strand.words(b), b, y.get());
    for (std::size_t i = 0; i < n; ++i) x[i] = f(type, x[i], y[i]);
    pack64(x.get(), d, strand.words(d));
    return Flow::Next;
  });
}

template <std::uint64_t (*F)(ElementType, std::uint64_t, std::uint64_t, Rounding)>
std::uint64_t nearest(ElementType type, std::uint64_t a, std::uint64_t b) {
  return F(type, a, b, Rounding::NearestEven);
}

constexpr auto kAddWords = word_loop<[](std::uint32_t a, std::uint32_t b) { return a + b; }>;
constexpr auto kSubWords = word_loop<[](std::uint32_t a, std::uint32_t b) { return a - b; }>;
constexpr auto kMulWords = word_loop<[](std::uint32_t a, std::uint32_t b) { return a * b; }>;

std::int32_t as_signed(std::uint32_t x) {
  return static_cast<std::int32_t>(x);
}

}  // namespace

void compile(const AddOp& op, Compiler& compiler) {
  BinaryKind kind;
  kind.on_f32 = f32_loop<[](float a, float b) { return a + b; }>;
  kind.on_i32 = kind.on_u32 = kAddWords;
  kind.on_halves = HalfOp::Add;
  kind.on_floats = nearest<float_add>;
  kind.on_integers = integer_add;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

void compile(const SubOp& op, Compiler& compiler) {
  BinaryKind kind;
  kind.on_f32 = f32_loop<[](float a, float b) { return a - b; }>;
  kind.on_i32 = kind.on_u32 = kSubWords;
  kind.on_halves = HalfOp::Sub;
  kind.on_floats = nearest<float_sub>;
  kind.on_integers = integer_sub;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

void compile(const MulOp& op, Compiler& compiler) {
  BinaryKind kind;
  kind.on_f32 = f32_loop<[](float a, float b) { return a * b; }>;
  kind.on_i32 = kind.on_u32 = kMulWords;
  kind.on_halves = HalfOp::Mul;
  kind.on_floats = nearest<float_mul>;
  kind.on_integers = integer_mul;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

void compile(const MulHighOp& op, Compiler& compiler) {
  BinaryKind kind;
  kind.on_integers = integer_mul_high;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

void compile(const MinOp& op, Compiler& compiler) {
  BinaryKind kind;
  kind.on_f32 = word_loop<f32_min>;
  kind.on_i32 = word_loop<[](std::uint32_t a, std::uint32_t b) {
    return (as_signed(a) < as_signed(b)) ? a : b;
  }>;
  kind.on_u32 = word_loop<[](std::uint32_t a, std::uint32_t b) { return (a < b) ? a : b; }>;
  kind.on_halves = HalfOp::Min;
  kind.on_floats = float_min;
  kind.on_integers = integer_min;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

void compile(const MaxOp& op, Compiler& compiler) {
  BinaryKind kind;
  kind.on_f32 = word_loop<f32_max>;
  kind.on_i32 = word_loop<[](std::uint32_t a, std::uint32_t b) {
    return (as_signed(a) > as_signed(b)) ? a : b;
  }>;
  kind.on_u32 = word_loop<[](std::uint32_t a, std::uint32_t b) { return (a > b) ? a : b; }>;
  kind.on_halves = HalfOp::Max;
  kind.on_floats = float_max;
  kind.on_integers = integer_max;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

// ---- Division: by zero an integer has no quotient -----------------------------------------------

namespace {

using Quotient = std::optional<std::uint64_t> (*)(ElementType, std::uint64_t, std::uint64_t);

void integer_division(const Instruction& op, Compiler& compiler, ValueId dv, ValueId av, ValueId bv,
                      Quotient quotient) {
  const Tile a = compiler.tile(av), b = compiler.tile(bv), d = compiler.define(dv);
  if (!aligned(op, compiler, d, a, b)) return;
  compiler.step(op, [=](Strand& strand, const Step& step) {
    const std::size_t n = d.lanes();
    const auto x = buffer<std::uint64_t>(n), y = buffer<std::uint64_t>(n);
    unpack64(strand.words(a), a, x.get());
    unpack64(strand.words(b), b, y.get());
    std::optional<std::size_t> bad;
    for (std::size_t i = 0; i < n; ++i) {
      const auto result = quotient(a.element, x[i], y[i]);
      if (!result && !bad) bad = i;
      x[i] = result.value_or(0);
    }
    pack64(x.get(), d, strand.words(d));
    if (bad) {
      report(strand, step, "BL0520",
             fmt::format("{} by zero{} in {}", info(step.instruction->opcode).mnemonic,
                         element_text(d, *bad), thread_text(strand, d, *bad)));
    }
    return Flow::Next;
  });
}

}  // namespace

void compile(const DivOp& op, Compiler& compiler) {
  if (compiler.type(op.a()).element.is_integer())
    return integer_division(*op, compiler, op.d(), op.a(), op.b(), integer_div);
  BinaryKind kind;
  kind.on_f32 = f32_loop<[](float a, float b) { return a / b; }>;
  kind.halves_in_f32 = true;
  kind.on_floats = float_div;
  binary(*op, compiler, op.d(), op.a(), op.b(), kind);
}

void compile(const RemOp& op, Compiler& compiler) {
  integer_division(*op, compiler, op.d(), op.a(), op.b(), integer_rem);
}

// ---- Bits ---------------------------------------------------------------------------------------

namespace {

// Whole words, whatever the elements are.
void bitwise(const Instruction& op, Compiler& compiler, ValueId dv, ValueId av, ValueId bv,
             WordLoop loop) {
  const Tile a = compiler.tile(av), b = compiler.tile(bv), d = compiler.define(dv);
  if (!aligned(op, compiler, d, a, b)) return;
  if (a.bits != d.bits || b.bits != d.bits)
    return compiler.fail(op, "operands and result are not of one width");
  compiler.step(op, [=](Strand& strand, const Step&) {
    loop(strand.words(a), strand.words(b), strand.words(d), d.frame_words());
    return Flow::Next;
  });
}

// b may be of another integer type than a.
void shift(const Instruction& op, Compiler& compiler, ValueId dv, ValueId av, ValueId bv,
           CodeFunction f) {
  const Tile a = compiler.tile(av), b = compiler.tile(bv), d = compiler.define(dv);
  if (!aligned(op, compiler, d, a, b)) return;
  compiler.step(op, [=](Strand& strand, const Step&) {
    const std::size_t n = d.lanes();
    const auto x = buffer<std::uint64_t>(n), y = buffer<std::uint64_t>(n);
    unpack64(strand.words(a), a, x.get());
    unpack64(strand.words(b), b, y.get());
    for (std::size_t i = 0; i < n; ++i) x[i] = f(a.element, x[i], y[i]);
    pack64(x.get(), d, strand.words(d));
    return Flow::Next;
  });
}

std::uint64_t rotate_left(ElementType type, std::uint64_t a, std::uint64_t amount) {
  const int by = static_cast<int>(amount % type.bits);
  if (by == 0) return a;
  return ((a << by) | (a >> (type.bits - by))) & code_mask(type);
}

}  // namespace

void compile(const AndOp& op, Compiler& compiler) {
  bitwise(*op, compiler, op.d(), op.a(), op.b(),
          word_loop<[](std::uint32_t a, std::uint32_t b) { return a & b; }>);
}
void compile(const OrOp& op, Compiler& compiler) {
  bitwise(*op, compiler, op.d(), op.a(), op.b(),
          word_loop<[](std::uint32_t a, std::uint32_t b) { return a | b; }>);
}
void compile(const XorOp& op, Compiler& compiler) {
  bitwise(*op, compiler, op.d(), op.a(), op.b(),
          word_loop<[](std::uint32_t a, std::uint32_t b) { return a ^ b; }>);
}
void compile(const ShlOp& op, Compiler& compiler) {
  shift(*op, compiler, op.d(), op.a(), op.b(), integer_shl);
}
void compile(const ShrOp& op, Compiler& compiler) {
  shift(*op, compiler, op.d(), op.a(), op.b(), integer_shr);
}
void compile(const RotlOp& op, Compiler& compiler) {
  shift(*op, compiler, op.d(), op.a(), op.b(), rotate_left);
}

}  // namespace bitloom::vm::interpreter
