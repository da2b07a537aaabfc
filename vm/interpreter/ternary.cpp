// Elementwise instructions that choose: comparisons, select, and those of three operands.
#include <cmath>

#include "vm/interpreter/elementwise.h"
#include "vm/numerics/arithmetic.h"

namespace bitloom::vm::interpreter {
namespace {

enum class Predicate : std::uint8_t { Eq, Ne, Lt, Le, Gt, Ge };

std::optional<Predicate> predicate_of(std::string_view name) {
  if (name == "eq") return Predicate::Eq;
  if (name == "ne") return Predicate::Ne;
  if (name == "lt") return Predicate::Lt;
  if (name == "le") return Predicate::Le;
  if (name == "gt") return Predicate::Gt;
  if (name == "ge") return Predicate::Ge;
  return std::nullopt;
}

// Calls f with the comparison as a function object, so that the loop in f is specialised.
template <class F>
void with_predicate(Predicate predicate, F&& f) {
  switch (predicate) {
    case Predicate::Eq:
      return f([](auto a, auto b) { return a == b; });
    case Predicate::Ne:
      return f([](auto a, auto b) { return a != b; });
    case Predicate::Lt:
      return f([](auto a, auto b) { return a < b; });
    case Predicate::Le:
      return f([](auto a, auto b) { return a <= b; });
    case Predicate::Gt:
      return f([](auto a, auto b) { return a > b; });
    case Predicate::Ge:
      return f([](auto a, auto b) { return a >= b; });
  }
}

template <class T>
void compare_lanes(Predicate predicate, const T* a, const T* b, std::uint32_t* out, std::size_t n) {
  with_predicate(predicate, [&](auto holds) {
    for (std::size_t i = 0; i < n; ++i) out[i] = holds(a[i], b[i]);
  });
}

// Elements as T: converted by `number` from their codes.
template <class T, class F>
std::unique_ptr<T[]> numbers_of(Strand& strand, const Tile& tile, F number) {
  const std::size_t n = tile.lanes();
  const auto codes = buffer<std::uint64_t>(n);
  auto numbers = buffer<T>(n);
  unpack64(strand.words(tile), tile, codes.get());
  for (std::size_t i = 0; i < n; ++i) numbers[i] = number(codes[i]);
  return numbers;
}

void compare(Strand& strand, Predicate predicate, const Tile& a, const Tile& b,
             std::uint32_t* out) {
  const ElementType type = a.element;
  const std::size_t n = a.lanes();
  const std::uint32_t *aw = strand.words(a), *bw = strand.words(b);
  if (type == kF32)
    return compare_lanes(predicate, reinterpret_cast<const float*>(aw),
                         reinterpret_cast<const float*>(bw), out, n);
  if (type == kI32)
    return compare_lanes(predicate, reinterpret_cast<const std::int32_t*>(aw),
                         reinterpret_cast<const std::int32_t*>(bw), out, n);
  if (type == kU32) return compare_lanes(predicate, aw, bw, out, n);
  if (type.is_float() || type.type_class == TypeClass::Scale) {
    const auto number = [type](std::uint64_t code) { return decode(type, code); };
    return compare_lanes(predicate, numbers_of<double>(strand, a, number).get(),
                         numbers_of<double>(strand, b, number).get(), out, n);
  }
  if (type.is_signed()) {
    const auto number = [type](std::uint64_t code) { return decode_integer(type, code); };
    return compare_lanes(predicate, numbers_of<std::int64_t>(strand, a, number).get(),
                         numbers_of<std::int64_t>(strand, b, number).get(), out, n);
  }
  const auto same = [](std::uint64_t code) { return code; };
  compare_lanes(predicate, numbers_of<std::uint64_t>(strand, a, same).get(),
                numbers_of<std::uint64_t>(strand, b, same).get(), out, n);
}

}  // namespace

void compile(const CompareOp& op, Compiler& compiler) {
  const Tile a = compiler.tile(op.a()), b = compiler.tile(op.b()), d = compiler.define(op.d());
  if (!aligned(*op, compiler, d, a, b)) return;
  const auto predicate = predicate_of(op->word("predicate"));
  if (!predicate) return compiler.fail(*op, "there is no such predicate");
  if (a.element != b.element || !d.element.is_bool())
    return compiler.fail(*op, "operands of two types, or a result that is not bool");
  compiler.step(*op, [=, predicate = *predicate](Strand& strand, const Step&) {
    const auto lanes = buffer<std::uint32_t>(d.lanes());
    compare(strand, predicate, a, b, lanes.get());
    pack(lanes.get(), d, strand.words(d));
    return Flow::Next;
  });
}

void compile(const SelectOp& op, Compiler& compiler) {
  const Tile c = compiler.tile(op.condition()), a = compiler.tile(op.a()),
             b = compiler.tile(op.b()), d = compiler.define(op.d());
  if (!aligned(*op, compiler, d, c, a, b)) return;
  if (a.bits != d.bits || b.bits != d.bits)
    return compiler.fail(*op, "operands and result are not of one type");
  compiler.step(*op, [=](Strand& strand, const Step&) {
    const std::size_t n = d.lanes();
    const auto holds = buffer<std::uint32_t>(n);
    unpack(strand.words(c), c, holds.get());
    if (d.bits == 32) {
      const std::uint32_t *x = strand.words(a), *y = strand.words(b);
      std::uint32_t* out = strand.words(d);
      for (std::size_t i = 0; i < n; ++i) out[i] = holds[i] ? x[i] : y[i];
      return Flow::Next;
    }
    const auto x = buffer<std::uint64_t>(n), y = buffer<std::uint64_t>(n);
    unpack64(strand.words(a), a, x.get());
    unpack64(strand.words(b), b, y.get());
    for (std::size_t i = 0; i < n; ++i) x[i] = holds[i] ? x[i] : y[i];
    pack64(x.get(), d, strand.words(d));
    return Flow::Next;
  });
}

void compile(const FmaOp& op, Compiler& compiler) {
  const Tile a = compiler.tile(op.a()), b = compiler.tile(op.b()), c = compiler.tile(op.c()),
             d = compiler.define(op.d());
  if (!aligned(*op, compiler, d, a, b, c)) return;
  const ElementType type = d.element;
  if (!type.is_float() || a.element != type || b.element != type || c.element != type)
    return compiler.fail(*op, "operands and result are not of one float type");
  if (is_half(type)) {
    const HalfFormat format = type == kF16 ? HalfFormat::F16 : HalfFormat::BF16;
    compiler.step(*op, [=](Strand& strand, const Step&) {
      half_arithmetic(format, HalfOp::Fma, strand.words(a), strand.words(b), strand.words(c),
                      strand.words(d), 2 * d.frame_words());
      return Flow::Next;
    });
    return;
  }
  if (type == kF32) {
    compiler.step(*op, [=](Strand& strand, const Step&) {
      const std::uint32_t *x = strand.words(a), *y = strand.words(b), *z = strand.words(c);
      std::uint32_t* out = strand.words(d);
      for (std::size_t i = 0; i < d.lanes(); ++i)
        out[i] = f32_code(std::fma(f32(x[i]), f32(y[i]), f32(z[i])));
      return Flow::Next;
    });
    return;
  }
  compiler.step(*op, [=](Strand& strand, const Step&) {
    const std::size_t n = d.lanes();
    const auto x = buffer<std::uint64_t>(n), y = buffer<std::uint64_t>(n),
               z = buffer<std::uint64_t>(n);
    unpack64(strand.words(a), a, x.get());
    unpack64(strand.words(b), b, y.get());
    unpack64(strand.words(c), c, z.get());
    for (std::size_t i = 0; i < n; ++i) x[i] = float_fma(type, x[i], y[i], z[i]);
    pack64(x.get(), d, strand.words(d));
    return Flow::Next;
  });
}

// ---- PTX's own bit instructions -----------------------------------------------------------------

namespace {

std::uint32_t lop3(std::uint32_t a, std::uint32_t b, std::uint32_t c, unsigned lut) {
  std::uint32_t r = 0;
  for (unsigned i = 0; i < 8; ++i) {
    if (!(lut >> i & 1)) continue;
    r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
  }
  return r;
}

std::uint32_t prmt(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  const std::uint64_t bytes = a | std::uint64_t{b} << 32;
  std::uint32_t r = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned pick = selector >> (4 * i) & 0xf;
    std::uint32_t byte = static_cast<std::uint32_t>(bytes >> (8 * (pick & 7))) & 0xff;
    if (pick & 8) byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i);
  }
  return r;
}

template <class Byte>
std::uint32_t dp4a(std::uint32_t a, std::uint32_t b, std::uint32_t sum) {
  for (int shift = 0; shift < 32; shift += 8) {
    const int product = static_cast<Byte>(a >> shift) * static_cast<Byte>(b >> shift);
    sum += static_cast<std::uint32_t>(product);
  }
  return sum;
}

template <class F>
void three_words(const Instruction& op, Compiler& compiler, ValueId dv, ValueId av, ValueId bv,
                 ValueId cv, F f) {
  const Tile a = compiler.tile(av), b = compiler.tile(bv), c = compiler.tile(cv),
             d = compiler.define(dv);
  if (!aligned(op, compiler, d, a, b, c)) return;
  if (a.bits != 32 || b.bits != 32 || c.bits != 32 || d.bits != 32)
    return compiler.fail(op, "operands and result are 32-bit words");
  compiler.step(op, [=](Strand& strand, const Step&) {
    const std::uint32_t *x = strand.words(a), *y = strand.words(b), *z = strand.words(c);
    std::uint32_t* out = strand.words(d);
    for (std::size_t i = 0; i < d.lanes(); ++i) out[i] = f(x[i], y[i], z[i]);
    return Flow::Next;
  });
}

}  // namespace

void compile(const Lop3Op& op, Compiler& compiler) {
  three_words(
      *op, compiler, op.d(), op.a(), op.b(), op.c(),
      [lut = static_cast<unsigned>(op->integer("lut"))](
          std::uint32_t a, std::uint32_t b, std::uint32_t c) { return lop3(a, b, c, lut); });
}

void compile(const PrmtOp& op, Compiler& compiler) {
  three_words(*op, compiler, op.d(), op.a(), op.b(), op.selector(), prmt);
}

void compile(const Dp4aOp& op, Compiler& compiler) {
  const bool is_signed = compiler.type(op.a()).element.is_signed();
  three_words(*op, compiler, op.d(), op.a(), op.b(), op.c(),
              is_signed ? dp4a<std::int8_t> : dp4a<std::uint8_t>);
}

}  // namespace bitloom::vm::interpreter
