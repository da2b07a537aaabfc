// Elementwise: operands and result have one shape (and after lowering one layout). Arithmetic works
// on integers of 8, 16, 32 and 64 bits and on f16, bf16, f32 and f64; narrower types are for
// storage, and only bit operations, select and cast take them.
#include "vm/numerics.h"
#include "vm/verify/rules.h"
#include "vm/words/word_program.h"

namespace bitloom::vm {
namespace {

using rules::TypeSet;

void unary(VerifyContext& context, ValueId d, ValueId x, const TypeSet& set) {
  if (rules::element_in(context, x, set)) rules::same_tile(context, x, d);
}

void binary(VerifyContext& context, ValueId d, ValueId a, ValueId b, const TypeSet& set) {
  if (!rules::element_in(context, a, set)) return;
  if (rules::same_tile(context, a, b)) rules::same_tile(context, a, d);
}

void ternary(VerifyContext& context, ValueId d, ValueId a, ValueId b, ValueId c,
             const TypeSet& set) {
  if (!rules::element_in(context, a, set)) return;
  if (!rules::same_tile(context, a, b) || !rules::same_tile(context, a, c)) return;
  rules::same_tile(context, a, d);
}

constexpr TypeSet kWide = {rules::is_index, "i32, u32, i64 and u64"};
constexpr TypeSet kComparable = {
    [](ElementType type) { return rules::is_arithmetic(type) || type.is_bool(); },
    "bool, f16, bf16, f32, f64 and integers of 8, 16, 32 and 64 bits"};
constexpr TypeSet kDivisible = {rules::is_arithmetic, rules::kArithmetic.text};

// The words that hold the bits of a tile in each thread.
std::int64_t words_of(const Type& type) {
  const std::int64_t elements = type.layout ? type.layout->registers() : layouts::size(type.shape);
  return (elements * type.element.bits + 31) / 32;
}

}  // namespace

// x and d: arithmetic.
void verify(const NegOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kArithmetic);
}
void verify(const AbsOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kArithmetic);
}
// x and d: bool, or integers of any width.
void verify(const NotOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kBitwise);
}
// x and d: f32 or f64.
void verify(const SqrtOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32F64);
}
// x and d: f16, bf16, f32, f64.
void verify(const FloorOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kFloats);
}
void verify(const CeilOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kFloats);
}
void verify(const TruncOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kFloats);
}
void verify(const RoundOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kFloats);
}

// x: an integer of 32 or 64 bits; d: u32.
void verify(const PopcountOp& op, VerifyContext& context) {
  if (!rules::element_in(context, op.x(), kWide)) return;
  if (!rules::element_in(context, op.d(), rules::kU32)) return;
  if (rules::same_shape(context, op.x(), op.d())) rules::same_layout(context, op.x(), op.d());
}

void verify(const ClzOp& op, VerifyContext& context) {
  if (!rules::element_in(context, op.x(), kWide)) return;
  if (!rules::element_in(context, op.d(), rules::kU32)) return;
  if (rules::same_shape(context, op.x(), op.d())) rules::same_layout(context, op.x(), op.d());
}

// Approximate instructions: f32.
void verify(const Ex2ApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}
void verify(const Lg2ApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}
void verify(const RcpApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}
void verify(const RsqrtApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}
void verify(const TanhApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}
void verify(const SinApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}
void verify(const CosApproxOp& op, VerifyContext& c) {
  unary(c, op.d(), op.x(), rules::kF32);
}

// a, b, d: one arithmetic type.
void verify(const AddOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kArithmetic);
}
void verify(const SubOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kArithmetic);
}
void verify(const MulOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kArithmetic);
}
void verify(const DivOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), kDivisible);
}
void verify(const MinOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kArithmetic);
}
void verify(const MaxOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kArithmetic);
}
// 32-bit integers.
void verify(const MulHighOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kInt32);
}
// Integers.
void verify(const RemOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kIntegers);
}
void verify(const ShlOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kIntegers);
}
void verify(const ShrOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kIntegers);
}
// u32.
void verify(const RotlOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kU32);
}
// bool, or integers of any width.
void verify(const AndOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kBitwise);
}
void verify(const OrOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kBitwise);
}
void verify(const XorOp& op, VerifyContext& c) {
  binary(c, op.d(), op.a(), op.b(), rules::kBitwise);
}

// a and b: one arithmetic type, or bool (then eq and ne only); d: bool.
void verify(const CompareOp& op, VerifyContext& context) {
  if (!rules::element_in(context, op.a(), kComparable)) return;
  if (!rules::same_tile(context, op.a(), op.b())) return;
  if (!rules::element_in(context, op.d(), rules::kBool)) return;
  if (!rules::same_shape(context, op.a(), op.d())) return;
  rules::same_layout(context, op.a(), op.d());
  rules::require(context, "predicate");
  if (context.element(op.a()).is_bool()) {
    rules::word_in(context, "predicate", {"eq", "ne"});
  } else {
    rules::word_in(context, "predicate", {"eq", "ne", "lt", "le", "gt", "ge"});
  }
}

// a, b, c, d: one of f16, bf16, f32, f64.
void verify(const FmaOp& op, VerifyContext& c) {
  ternary(c, op.d(), op.a(), op.b(), op.c(), rules::kFloats);
}

// The condition is bool; a, b and d have one type, any.
void verify(const SelectOp& op, VerifyContext& context) {
  if (!rules::element_in(context, op.condition(), rules::kBool)) return;
  if (!rules::same_shape(context, op.condition(), op.d())) return;
  rules::same_layout(context, op.condition(), op.d());
  if (rules::same_tile(context, op.a(), op.b())) rules::same_tile(context, op.a(), op.d());
}

// u32; lut is 0 to 255.
void verify(const Lop3Op& op, VerifyContext& c) {
  ternary(c, op.d(), op.a(), op.b(), op.c(), rules::kU32);
  rules::number_in(c, "lut", 0, 255);
}

// u32.
void verify(const PrmtOp& op, VerifyContext& c) {
  ternary(c, op.d(), op.a(), op.b(), op.selector(), rules::kU32);
}

// One of i32 and u32.
void verify(const Dp4aOp& op, VerifyContext& c) {
  ternary(c, op.d(), op.a(), op.b(), op.c(), rules::kInt32);
}

// Any type to any other, but a codebook only to and from integers: what its indices stand for is in
// a table at run time. After lowering no tile of a type of 8 bits or fewer is cast: word programs
// do that.
void verify(const CastOp& op, VerifyContext& context) {
  if (rules::same_shape(context, op.x(), op.d())) rules::same_layout(context, op.x(), op.d());
  rules::word_in(context, "rounding", {"nearest", "zero", "down", "up"});
  const ElementType from = context.element(op.x()), to = context.element(op.d());
  const auto codebook = [](ElementType type) { return type.type_class == TypeClass::Codebook; };
  if ((codebook(from) && !to.is_integer() && !codebook(to)) ||
      (codebook(to) && !from.is_integer() && !codebook(from))) {
    context.fail("BL0204", {op.x(), op.d()})
        << to_string(from) << " to " << to_string(to)
        << ": the indices of a codebook are numbers only through its table";
    context.diagnostics.last().hint("cast to u8 and gather from the table");
  }
  const bool tile = !context.type(op.x()).is_scalar();
  if (context.lowered() && tile && (from.is_narrow() || to.is_narrow())) {
    context.fail("BL0255", {op.x()}) << "from " << to_string(from) << " to " << to_string(to)
                                     << " should have become a word program";
  }
}

// A matrix of integers or floats of 8 bits or fewer, to f16 or bf16, or of integers to u8; d like
// x, unit and scale one row.
void verify(const CastScaledOp& op, VerifyContext& context) {
  const ElementType from = context.element(op.x()), to = context.element(op.d());
  const bool number = from.is_narrow() && (from.is_integer() || from.is_float());
  const bool half = to == kF16 || to == kBF16;
  if (!number || !(half || (to == kU8 && from.is_integer()))) {
    context.fail("BL0204", {op.x(), op.d()})
        << "from " << to_string(from) << " to " << to_string(to)
        << "; it takes integers and floats of 8 bits or fewer to f16 or bf16, and integers to u8";
    return;
  }
  if (!rules::same_shape(context, op.x(), op.d()) || !rules::same_layout(context, op.x(), op.d()))
    return;
  const Shape& shape = context.shape(op.x());
  for (const ValueId row : {op.unit(), op.scale()}) {
    if (shape.size() == 2 && context.shape(row) == Shape{1, shape[1]} &&
        context.element(row) == kF32) {
      continue;
    }
    context.fail("BL0203", {op.x(), row})
        << context.name(op.x()) << " is " << to_string(context.type(op.x())) << " where "
        << context.name(row) << " is " << to_string(context.type(row))
        << "; a matrix [k, n] has units and scales f32[1, n]";
    return;
  }
  if (!rules::same_layout(context, op.unit(), op.scale())) return;
  if (context.lowered()) {
    context.fail("BL0255", {op.x()}) << "from " << to_string(from) << " to " << to_string(to)
                                     << " should have become a word program";
  }
}

// The program takes the words of all operands, one behind the other, and gives those of all
// results; every tile begins at a word of its own. It uses what the target has.
void verify(const WordsOp& op, VerifyContext& context) {
  const AttributeValue* attribute = op->find("program");
  if (!rules::require(context, "program")) return;
  const WordProgram& program = **std::get_if<std::shared_ptr<const WordProgram>>(attribute);
  if (const auto valid = verify(program); !valid) {
    context.fail("BL0267") << valid.error();
    return;
  }
  const auto words = [&](std::span<const ValueId> values) {
    std::int64_t sum = 0;
    for (const ValueId id : values) sum += words_of(context.type(id));
    return sum;
  };
  const auto laid_out = [&](std::span<const ValueId> values) {
    for (const ValueId id : values) {
      if (!context.type(id).layout && !context.type(id).is_scalar()) return false;
    }
    return true;
  };
  if (laid_out(op.x()) && words(op.x()) != program.inputs) {
    context.fail("BL0267") << "the program takes " << program.inputs
                           << " words where the operands have " << words(op.x());
  }
  const auto outputs = static_cast<std::int64_t>(program.outputs.size());
  if (laid_out(op.d()) && words(op.d()) != outputs) {
    context.fail("BL0267") << "the program gives " << outputs << " words where the results have "
                           << words(op.d());
  }
  const int target = context.function.target_sm;
  if (target != 0 && least_sm(program) > target) {
    context.fail("BL0249") << "the program needs sm_" << least_sm(program)
                           << " where the target is sm_" << target;
  }
}

}  // namespace bitloom::vm
