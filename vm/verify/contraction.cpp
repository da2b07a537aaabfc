// Contractions: which products there are, of which types and shapes.
//
//   a            b            sums in     mma (least sm)   wgmma     fma
//   f16          f16          f16 f32     70               yes       yes
//   bf16         bf16         f32         80               yes       yes
//   tf32         tf32         f32         80               yes       no
//   f32          f32          f32         no               no        yes
//   f64          f64          f64         80               no        yes
//   e4m3, e5m2   e4m3, e5m2   f16 f32     89               yes       no
//   i8, u8       i8, u8       i32         75               yes       no
//
// `unit` auto takes any row. Asking for mma needs m, n and k that its shapes divide: m16n8 with k
// of 128 bits and its multiples (256 bits for fp8; m8n8k4 for f64). wgmma needs whole warpgroups, m
// of 64, n of 8 and k of 256 bits.
#include "vm/verify/rules.h"

namespace bitloom::vm {
namespace {

struct Combination {
  bool (*operand)(ElementType);
  bool mixed;  // a and b may be two of them
  std::initializer_list<ElementType> sums;
  int mma_sm;  // 0: there is none
  bool wgmma, fma;
};

bool is_fp8(ElementType type) {
  return type == kE4M3 || type == kE5M2;
}
bool is_int8(ElementType type) {
  return type == kI8 || type == kU8;
}

constexpr Combination kCombinations[] = {
    {[](ElementType t) { return t == kF16; }, false, {kF16, kF32}, 70, true, true},
    {[](ElementType t) { return t == kBF16; }, false, {kF32}, 80, true, true},
    {[](ElementType t) { return t == kTF32; }, false, {kF32}, 80, true, false},
    {[](ElementType t) { return t == kF32; }, false, {kF32}, 0, false, true},
    {[](ElementType t) { return t == kF64; }, false, {kF64}, 80, false, true},
    {is_fp8, true, {kF16, kF32}, 89, true, false},
    {is_int8, true, {kI32}, 75, true, false},
};

const Combination* find_combination(ElementType a, ElementType b, ElementType sum) {
  for (const Combination& row : kCombinations) {
    if (!row.operand(a) || !row.operand(b) || (a != b && !row.mixed)) continue;
    for (const ElementType type : row.sums) {
      if (type == sum) return &row;
    }
  }
  return nullptr;
}

const Combination* combination(VerifyContext& context, ValueId a, ValueId b, ValueId c) {
  const ElementType left = context.element(a), right = context.element(b), sum = context.element(c);
  const Combination* row = find_combination(left, right, sum);
  if (!row) {
    context.fail("BL0215", {a, b, c}) << "there is no product of " << to_string(left) << " and "
                                      << to_string(right) << " with sums in " << to_string(sum);
  }
  return row;
}

bool matrices(VerifyContext& context, std::initializer_list<ValueId> values) {
  for (const ValueId id : values) {
    if (context.type(id).rank() == 2 && context.type(id).extents.empty()) continue;
    context.fail("BL0203", {id}) << context.name(id) << " is " << to_string(context.type(id))
                                 << "; products take matrices of constant extents";
    return false;
  }
  return true;
}

// a[m, k / packing] b[k, n] + c[m, n].
bool shapes_agree(VerifyContext& context, ValueId a, ValueId b, ValueId c,
                  std::int64_t packing = 1) {
  if (!matrices(context, {a, b, c})) return false;
  const Shape &left = context.shape(a), &right = context.shape(b), &sum = context.shape(c);
  if (left[1] * packing != right[0]) {
    Diagnostic& error = context.fail("BL0203", {a, b})
                        << "a has k = " << left[1] * packing << " where b has k = " << right[0];
    if (left[1] * packing == right[1]) error.hint("transpose b");
    return false;
  }
  if (sum[0] == left[0] && sum[1] == right[1]) return true;
  context.fail("BL0203", {a, b, c}) << "c is " << layouts::to_string(sum) << " where a and b make "
                                    << layouts::to_string({left[0], right[1]});
  return false;
}

// BL0257
void divisible(VerifyContext& context, std::string_view unit, std::string_view extent,
               std::int64_t value, std::int64_t divisor) {
  if (value % divisor == 0) return;
  context.fail("BL0257") << unit << " needs " << extent << " in multiples of " << divisor
                         << " where it is " << value;
}

void whole_mma(VerifyContext& context, ValueId a, ValueId b) {
  const ElementType element = context.element(a);
  const Shape &left = context.shape(a), &right = context.shape(b);
  const bool wide = element == kF64;
  divisible(context, "mma", "m", left[0], wide ? 8 : 16);
  divisible(context, "mma", "n", right[1], 8);
  divisible(context, "mma", "k", right[0], wide ? 4 : (is_fp8(element) ? 256 : 128) / element.bits);
}

void whole_wgmma(VerifyContext& context, ValueId a, ValueId b) {
  const Shape &left = context.shape(a), &right = context.shape(b);
  divisible(context, "wgmma", "m", left[0], 64);
  divisible(context, "wgmma", "n", right[1], 8);
  divisible(context, "wgmma", "k", right[0], 256 / context.element(a).bits);
}

void no_unit(VerifyContext& context, std::string_view unit, ValueId a, ValueId b, ValueId c) {
  context.fail("BL0215", {a, b, c})
      << unit << " has no product of " << to_string(context.element(a)) << " and "
      << to_string(context.element(b)) << " with sums in " << to_string(context.element(c));
}

void unit_fits(VerifyContext& context, std::string_view unit, const Combination& row, ValueId a,
               ValueId b, ValueId c) {
  const int target = context.function.target_sm;
  if (unit == "fma") {
    if (!row.fma) no_unit(context, unit, a, b, c);
  } else if (unit == "mma") {
    if (row.mma_sm == 0) return no_unit(context, unit, a, b, c);
    if (target != 0 && target < row.mma_sm) {
      context.fail("BL0249", {a}) << "mma of " << to_string(context.element(a)) << " needs sm_"
                                  << row.mma_sm << " where the target is sm_" << target;
    }
    whole_mma(context, a, b);
  } else if (unit == "wgmma") {
    if (!row.wgmma) return no_unit(context, unit, a, b, c);
    if (target != 0 && target < 90) {
      context.fail("BL0249") << "wgmma needs sm_90 where the target is sm_" << target;
    }
    if (context.threads % 128 != 0) {
      context.fail("BL0250") << "wgmma runs on whole warpgroups of 128 threads; this strand has "
                             << context.threads;
    }
    whole_wgmma(context, a, b);
  }
}

}  // namespace

// Shapes and types as the table above; d is like c.
void verify(const DotOp& op, VerifyContext& context) {
  if (!rules::word_in(context, "unit", {"auto", "mma", "wgmma", "fma"})) return;
  if (!shapes_agree(context, op.a(), op.b(), op.c())) return;
  if (!rules::same_tile(context, op.c(), op.d())) return;
  const Combination* row = combination(context, op.a(), op.b(), op.c());
  if (row) unit_fits(context, op->word("unit", "auto"), *row, op.a(), op.b(), op.c());
}

// a[m, k / 2] holds two of each four, metadata is u8[m, k / 8]; types that mma.sp has: all of the
// table but f32 and f64.
void verify(const SparseDotOp& op, VerifyContext& context) {
  if (!shapes_agree(context, op.a(), op.b(), op.c(), 2)) return;
  if (!rules::same_tile(context, op.c(), op.d())) return;
  const Combination* row = combination(context, op.a(), op.b(), op.c());
  if (!row) return;
  if (row->mma_sm == 0 || context.element(op.a()) == kF64) {
    return no_unit(context, "sparse mma", op.a(), op.b(), op.c());
  }
  const Shape& a = context.shape(op.a());
  const std::int64_t k = 2 * a[1];
  divisible(context, "a sparse product", "k", k, 8);
  const Type& metadata = context.type(op.metadata());
  if (metadata.element != kU8 || metadata.shape != Shape{a[0], k / 8}) {
    context.fail("BL0203", {op.metadata(), op.a()})
        << "the metadata is " << to_string(metadata) << " where " << to_string(context.type(op.a()))
        << " needs " << to_string(kU8) << layouts::to_string({a[0], k / 8});
  }
}

// acc, the variable, is f16, f32 or i32; types and extents as wgmma has them. b, and a where it is
// in shared memory, lie there unpacked.
void verify(const DotAsyncOp& op, VerifyContext& context) {
  if (!shapes_agree(context, op.a(), op.b(), op.acc())) return;
  const Combination* row = combination(context, op.a(), op.b(), op.acc());
  if (!row) return;
  if (!row->wgmma) return no_unit(context, "wgmma", op.a(), op.b(), op.acc());
  whole_wgmma(context, op.a(), op.b());
  for (const ValueId id : {op.a(), op.b()}) {
    if (!context.type(id).packed) continue;
    context.fail("BL0204", {id}) << context.name(id)
                                 << " is packed; wgmma reads plain tiles from shared memory";
  }
}

// In whole warpgroups: checked with the structure.
void verify(const DotCommitOp&, VerifyContext&) {}

// 0 to 63 groups.
void verify(const DotWaitOp&, VerifyContext& context) {
  rules::number_in(context, "pending", 0, 63);
}

}  // namespace bitloom::vm
