// Elementwise instructions. Integers are C++ expressions on unsigned codes, so that they wrap;
// floats are wrappers with their rounding in the name. Pairs of f16 and bf16 are computed a word at
// a time.
#include "codegen/cuda/elementwise.h"

#include "codegen/cuda/emit.h"

namespace bitloom::codegen {

using vm::ElementType;

namespace {

bool is_half(ElementType t) {
  return t == vm::kF16 || t == vm::kBF16;
}

constexpr std::string_view kOnePair = "0x3f803f80u", kMinusOnePair = "0xbf80bf80u",
                           kMinusZeroPair = "0x80008000u";

// bf16 has fma on every target and the rest on the newest: sums and products are fmas with 1 and
// -0, which round once and keep the signs of zeros.
std::string bf16_pair(KernelWriter& out, std::string_view op, const Codes& x) {
  const std::string one(kOnePair), minus_one(kMinusOnePair), minus_zero(kMinusZeroPair);
  if (op == "add") return out.call("fma_bf16x2", x[0], one, x[1]);
  if (op == "sub") return out.call("fma_bf16x2", x[1], minus_one, x[0]);
  if (op == "mul") return out.call("fma_bf16x2", x[0], x[1], minus_zero);
  if (op == "fma") return out.call("fma_bf16x2", x[0], x[1], x[2]);
  return out.call(fmt::format("{}_bf16x2", op), x[0], x[1]);
}

std::string half_pair(KernelWriter& out, ElementType type, std::string_view op, const Codes& x) {
  if (type == vm::kBF16) return bf16_pair(out, op, x);
  const std::string name = fmt::format("{}_f16x2", op);
  return op == "fma" ? out.call(name, x[0], x[1], x[2]) : out.call(name, x[0], x[1]);
}

std::string float_call(KernelWriter& out, ElementType type, std::string_view op, const Codes& x) {
  const std::string name = fmt::format("{}_{}", op, type == vm::kF64 ? "f64" : "f32");
  return out.call_with(name, x);
}

std::vector<Register> registers(KernelWriter& out, std::initializer_list<vm::ValueId> values) {
  std::vector<Register> result;
  for (vm::ValueId value : values) result.push_back(out.reg(value));
  return result;
}

// add, sub, mul, min, max, fma and div of floats.
void float_operation(KernelWriter& out, vm::ValueId d, std::string_view op,
                     const std::vector<Register>& operands) {
  const ElementType type = operands[0].element;
  if (is_half(type) && op != "div") {
    return map_words(out, d, operands, [&](const Codes& x) { return half_pair(out, type, op, x); });
  }
  map(out, d, operands, [&](const Codes& x) {
    if (!is_half(type)) return float_call(out, type, op, x);
    // One more rounding changes nothing: f32 has more than twice the precision (Figueroa 1995).
    Codes wide;
    for (const std::string& code : x) wide.push_back(to_f32(out, type, code));
    return from_f32(out, type, float_call(out, vm::kF32, op, wide));
  });
}

// A float function of one operand; halves go through f32, where the result is exact or rounded once
// more.
void float_unary(KernelWriter& out, const vm::Instruction& op, vm::ValueId d, vm::ValueId x,
                 std::string_view name, bool in_f64) {
  const ElementType type = out.type(x).element;
  if (type == vm::kF64 && !in_f64) return out.fail(op, "it computes in f32 only");
  map(out, d, registers(out, {x}), [&](const Codes& codes) {
    if (type == vm::kF64) return float_call(out, type, name, codes);
    return from_f32(out, type, float_call(out, vm::kF32, name, {to_f32(out, type, codes[0])}));
  });
}

// A C++ operator on unsigned codes.
void integer_operation(KernelWriter& out, vm::ValueId d, const std::vector<Register>& operands,
                       std::string_view sign) {
  const ElementType type = operands[0].element;
  map(out, d, operands, [&](const Codes& x) {
    return mask_code(type, fmt::format("{} {} {}", parenthesized(x[0]), sign, parenthesized(x[1])));
  });
}

std::string unsigned_code(ElementType type, const std::string& number) {
  return type.bits == 64 ? "(u64)" + parenthesized(number)
                         : mask_code(type, "(u32)" + parenthesized(number));
}

// A C++ expression on numbers of the element's sign.
void number_operation(KernelWriter& out, vm::ValueId d, const std::vector<Register>& operands,
                      const std::function<std::string(const Codes&)>& f) {
  const ElementType type = operands[0].element;
  map(out, d, operands, [&](const Codes& x) {
    Codes numbers;
    for (const std::string& code : x) numbers.push_back(signed_of(type, code));
    return unsigned_code(type, f(numbers));
  });
}

void arithmetic(KernelWriter& out, vm::ValueId d, vm::ValueId a, vm::ValueId b, std::string_view op,
                std::string_view sign) {
  const std::vector<Register> operands = registers(out, {a, b});
  if (operands[0].element.is_float()) return float_operation(out, d, op, operands);
  integer_operation(out, d, operands, sign);
}

void least(KernelWriter& out, vm::ValueId d, vm::ValueId a, vm::ValueId b, std::string_view op) {
  const std::vector<Register> operands = registers(out, {a, b});
  if (operands[0].element.is_float()) return float_operation(out, d, op, operands);
  number_operation(out, d, operands,
                   [&](const Codes& x) { return fmt::format("{}({}, {})", op, x[0], x[1]); });
}

void bitwise(KernelWriter& out, vm::ValueId d, vm::ValueId a, vm::ValueId b,
             std::string_view sign) {
  const std::vector<Register> operands = registers(out, {a, b});
  const auto f = [&](const Codes& x) {
    return fmt::format("{} {} {}", parenthesized(x[0]), sign, parenthesized(x[1]));
  };
  const ElementType type = operands[0].element;
  if (type.is_bool() || out.type(d).is_scalar() || type.bits == 64) return map(out, d, operands, f);
  map_words(out, d, operands, f);
}

}  // namespace

std::string lop3_text(std::int64_t lut, Codes operands, const WrapperCall& call) {
  // Bit `index` of the table is the result for the bits (a, b, c) of index, a the highest.
  for (std::size_t j = 1; j < 3; ++j) {
    for (std::size_t i = 0; i < j; ++i) {
      if (operands[i] != operands[j]) continue;
      std::int64_t without = 0;
      for (int index = 0; index < 8; ++index) {
        const int bit = index >> (2 - i) & 1;
        const int same = (index & ~(1 << (2 - j))) | bit << (2 - j);
        without |= (lut >> same & 1) << index;
      }
      lut = without;
      operands[j] = "0u";
      break;
    }
  }
  if (lut == 0x00) return "0u";
  if (lut == 0xff) return "0xffffffffu";
  if (lut == 0xf0) return operands[0];
  if (lut == 0x0f) return "~" + parenthesized(operands[0]);
  operands.push_back(fmt::format("{}", lut));
  return call("lop3", operands);
}

std::string combine(KernelWriter& out, std::string_view op, ElementType element,
                    const std::string& a, const std::string& b) {
  if (element.is_float()) {
    if (is_half(element)) return mask_code(element, half_pair(out, element, op, {a, b}));
    return float_call(out, element, op, {a, b});
  }
  if (op == "min" || op == "max") {
    return unsigned_code(
        element, fmt::format("{}({}, {})", op, signed_of(element, a), signed_of(element, b)));
  }
  const std::string_view sign = op == "add"   ? "+"
                                : op == "mul" ? "*"
                                : op == "and" ? "&"
                                : op == "or"  ? "|"
                                              : "^";
  return mask_code(element, fmt::format("{} {} {}", parenthesized(a), sign, parenthesized(b)));
}

// ---- One operand --------------------------------------------------------------------------------

void emit(const vm::NegOp& op, KernelWriter& out) {
  const std::vector<Register> operands = registers(out, {op.x()});
  const ElementType type = operands[0].element;
  if (!type.is_float()) {
    return map(out, op.d(), operands, [&](const Codes& x) {
      if (type == vm::kI32) return out.call("neg_s32", x[0]);
      return mask_code(type, (type.bits == 64 ? "0ull - " : "0u - ") + parenthesized(x[0]));
    });
  }
  map(out, op.d(), operands, [&](const Codes& x) {
    return fmt::format("{} ^ {}", parenthesized(x[0]),
                       literal(type, std::uint64_t{1} << (type.bits - 1)));
  });
}

void emit(const vm::AbsOp& op, KernelWriter& out) {
  const std::vector<Register> operands = registers(out, {op.x()});
  const ElementType type = operands[0].element;
  if (type.is_float()) {
    return map(out, op.d(), operands, [&](const Codes& x) {
      const std::uint64_t magnitude = (std::uint64_t{1} << (type.bits - 1)) - 1;
      return fmt::format("{} & {}", parenthesized(x[0]), literal(type, magnitude));
    });
  }
  map(out, op.d(), operands, [&](const Codes& x) {
    if (!type.is_signed()) return x[0];
    if (type.bits == 64) return out.call("abs_s64", x[0]);
    const std::string number =
        type.bits == 32 ? x[0] : "(u32)" + parenthesized(signed_of(type, x[0]));
    return mask_code(type, out.call("abs_s32", number));
  });
}

void emit(const vm::NotOp& op, KernelWriter& out) {
  const std::vector<Register> operands = registers(out, {op.x()});
  const ElementType type = operands[0].element;
  map(out, op.d(), operands, [&](const Codes& x) {
    return type.is_bool() ? "!" + parenthesized(x[0]) : mask_code(type, "~" + parenthesized(x[0]));
  });
}

void emit(const vm::SqrtOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "sqrt", true);
}
void emit(const vm::FloorOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "floor", true);
}
void emit(const vm::CeilOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "ceil", true);
}
void emit(const vm::TruncOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "trunc", true);
}
void emit(const vm::RoundOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "round", true);
}
void emit(const vm::Ex2ApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "ex2_approx", false);
}
void emit(const vm::Lg2ApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "lg2_approx", false);
}
void emit(const vm::RcpApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "rcp_approx", false);
}
void emit(const vm::RsqrtApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "rsqrt_approx", false);
}
void emit(const vm::TanhApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "tanh_approx", false);
}
void emit(const vm::SinApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "sin_approx", false);
}
void emit(const vm::CosApproxOp& op, KernelWriter& out) {
  float_unary(out, *op, op.d(), op.x(), "cos_approx", false);
}

// Results are u32 whatever the operand is.
void emit(const vm::PopcountOp& op, KernelWriter& out) {
  const bool wide = out.type(op.x()).element.bits == 64;
  map(out, op.d(), registers(out, {op.x()}),
      [&](const Codes& x) { return out.call(wide ? "popc_b64" : "popc_b32", x[0]); });
}

void emit(const vm::ClzOp& op, KernelWriter& out) {
  const int bits = out.type(op.x()).element.bits;
  map(out, op.d(), registers(out, {op.x()}), [&](const Codes& x) {
    std::string count = out.call(bits == 64 ? "clz_b64" : "clz_b32", x[0]);
    return bits < 32 ? fmt::format("{} - {}", count, 32 - bits) : count;
  });
}

// ---- Two operands -------------------------------------------------------------------------------

void emit(const vm::AddOp& op, KernelWriter& out) {
  arithmetic(out, op.d(), op.a(), op.b(), "add", "+");
}
void emit(const vm::SubOp& op, KernelWriter& out) {
  arithmetic(out, op.d(), op.a(), op.b(), "sub", "-");
}
void emit(const vm::MulOp& op, KernelWriter& out) {
  arithmetic(out, op.d(), op.a(), op.b(), "mul", "*");
}

void emit(const vm::MulHighOp& op, KernelWriter& out) {
  const bool is_signed = out.type(op.a()).element.is_signed();
  map(out, op.d(), registers(out, {op.a(), op.b()}), [&](const Codes& x) {
    return out.call(is_signed ? "mul_hi_s32" : "mul_hi_u32", x[0], x[1]);
  });
}

void emit(const vm::DivOp& op, KernelWriter& out) {
  const std::vector<Register> operands = registers(out, {op.a(), op.b()});
  if (operands[0].element.is_float()) return float_operation(out, op.d(), "div", operands);
  number_operation(out, op.d(), operands, [](const Codes& x) {
    return fmt::format("{} / {}", parenthesized(x[0]), parenthesized(x[1]));
  });
}

void emit(const vm::RemOp& op, KernelWriter& out) {
  number_operation(out, op.d(), registers(out, {op.a(), op.b()}), [](const Codes& x) {
    return fmt::format("{} % {}", parenthesized(x[0]), parenthesized(x[1]));
  });
}

void emit(const vm::MinOp& op, KernelWriter& out) {
  least(out, op.d(), op.a(), op.b(), "min");
}
void emit(const vm::MaxOp& op, KernelWriter& out) {
  least(out, op.d(), op.a(), op.b(), "max");
}
void emit(const vm::AndOp& op, KernelWriter& out) {
  bitwise(out, op.d(), op.a(), op.b(), "&");
}
void emit(const vm::OrOp& op, KernelWriter& out) {
  bitwise(out, op.d(), op.a(), op.b(), "|");
}
void emit(const vm::XorOp& op, KernelWriter& out) {
  bitwise(out, op.d(), op.a(), op.b(), "^");
}

namespace {

// PTX shifts by the width and more as the language says: zeros, or copies of the sign. Amounts are
// unsigned; those of 64 bits are cut to what a register holds.
void shift(KernelWriter& out, vm::ValueId d, vm::ValueId a, vm::ValueId b, bool left) {
  const std::vector<Register> operands = registers(out, {a, b});
  const ElementType type = operands[0].element, amount = operands[1].element;
  const bool wide = type.bits == 64, arithmetic = type.is_signed() && !left;
  const std::string name = left         ? (wide ? "shl_b64" : "shl_b32")
                           : arithmetic ? (wide ? "shr_s64" : "shr_s32")
                                        : (wide ? "shr_u64" : "shr_u32");
  map(out, d, operands, [&](const Codes& x) {
    std::string by = x[1], value = x[0];
    if (amount.bits == 64) by = fmt::format("(u32)min({}, 255ull)", by);
    if (arithmetic && type.bits < 32) value = "(u32)" + parenthesized(signed_of(type, value));
    return mask_code(type, out.call(name, value, by));
  });
}

}  // namespace

void emit(const vm::ShlOp& op, KernelWriter& out) {
  shift(out, op.d(), op.a(), op.b(), true);
}
void emit(const vm::ShrOp& op, KernelWriter& out) {
  shift(out, op.d(), op.a(), op.b(), false);
}

void emit(const vm::RotlOp& op, KernelWriter& out) {
  const ElementType type = out.type(op.a()).element;
  if (type.bits != 32) return out.fail(*op, "only words of 32 bits rotate");
  const bool wide = out.type(op.b()).element.bits == 64;
  map(out, op.d(), registers(out, {op.a(), op.b()}), [&](const Codes& x) {
    return out.call("shf_l", x[0], x[0], wide ? "(u32)" + parenthesized(x[1]) : x[1]);
  });
}

void emit(const vm::CompareOp& op, KernelWriter& out) {
  const std::string_view predicate = op->word("predicate");
  const std::string_view sign = predicate == "eq"   ? "=="
                                : predicate == "ne" ? "!="
                                : predicate == "lt" ? "<"
                                : predicate == "le" ? "<="
                                : predicate == "gt" ? ">"
                                                    : ">=";
  const ElementType type = out.type(op.a()).element;
  const bool through_f32 = is_half(type) || type == vm::kTF32;
  map(out, op.d(), registers(out, {op.a(), op.b()}), [&](const Codes& x) {
    const auto number = [&](const std::string& code) {
      if (through_f32) return signed_of(vm::kF32, to_f32(out, type, code));
      return parenthesized(signed_of(type, code));
    };
    return fmt::format("{} {} {}", number(x[0]), sign, number(x[1]));
  });
}

// ---- Three operands -----------------------------------------------------------------------------

void emit(const vm::FmaOp& op, KernelWriter& out) {
  float_operation(out, op.d(), "fma", registers(out, {op.a(), op.b(), op.c()}));
}

void emit(const vm::SelectOp& op, KernelWriter& out) {
  map(out, op.d(), registers(out, {op.condition(), op.a(), op.b()}), [](const Codes& x) {
    return fmt::format("({} ? {} : {})", parenthesized(x[0]), x[1], x[2]);
  });
}

void emit(const vm::Lop3Op& op, KernelWriter& out) {
  map(out, op.d(), registers(out, {op.a(), op.b(), op.c()}), [&](const Codes& x) {
    return lop3_text(op->integer("lut"), x, [&](std::string_view name, const Codes& operands) {
      return out.call_with(name, operands);
    });
  });
}

void emit(const vm::PrmtOp& op, KernelWriter& out) {
  map(out, op.d(), registers(out, {op.a(), op.b(), op.selector()}),
      [&](const Codes& x) { return out.call("prmt", x[0], x[1], x[2]); });
}

void emit(const vm::Dp4aOp& op, KernelWriter& out) {
  const bool is_signed = out.type(op.a()).element.is_signed();
  map(out, op.d(), registers(out, {op.a(), op.b(), op.c()}), [&](const Codes& x) {
    return out.call(is_signed ? "dp4a_s32" : "dp4a_u32", x[0], x[1], x[2]);
  });
}

}  // namespace bitloom::codegen
