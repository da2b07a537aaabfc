// Products of warpgroups and of sparse matrices, and scaled casts.
#include "tests/differential/idioms.h"

namespace bitloom::test {
namespace {

bool is_fp8(vm::ElementType t) {
  return t == vm::kE4M3 || t == vm::kE5M2;
}
bool is_int8(vm::ElementType t) {
  return t == vm::kI8 || t == vm::kU8;
}
bool multiplies(vm::ElementType t) {
  return t == vm::kF16 || t == vm::kBF16 || t == vm::kTF32 || is_fp8(t) || is_int8(t);
}
bool narrow_number(vm::ElementType t) {
  return t.is_narrow() && !t.is_bool() && (t.is_integer() || t.is_float());
}

vm::ElementType sum_of(IdiomText& t) {
  if (is_int8(t.element())) return vm::kI32;
  const bool half = t.element() == vm::kF16 || is_fp8(t.element());
  return half && t.chance(30) ? vm::kF16 : vm::kF32;
}
// fp8 and bytes multiply in pairs of two types.
vm::ElementType other_of(IdiomText& t) {
  if (t.chance(50)) return t.element();
  if (is_fp8(t.element())) return t.pick({vm::kE4M3, vm::kE5M2});
  if (is_int8(t.element())) return t.pick({vm::kI8, vm::kU8});
  return t.element();
}

// acc += a b, several times, with a in registers or in shared memory, both ways round.
void warpgroup_product(IdiomText& t) {
  const vm::ElementType sum = sum_of(t), other = other_of(t);
  const std::int64_t bytes = t.bytes(), swizzle = t.pick({32, 64, 128}),
                     k = swizzle / bytes * t.number(1, 2), turns = t.number(1, 3);
  const bool half = bytes == 2, in_registers = t.chance(40), a_mn = half && t.chance(30),
             b_mn = half && t.chance(50);
  const std::int64_t m = 64 * t.number(1, 2), step = b_mn ? swizzle / bytes : 8,
                     n = step * t.number(1, std::max<std::int64_t>(1, 128 / step));
  t.input("a", t.element(), "p, q", a_mn && !in_registers ? vm::Shape{k, m} : vm::Shape{m, k},
          Fill::Small);
  t.input("b", other, "r, s", b_mn ? vm::Shape{k, n} : vm::Shape{n, k}, Fill::Small);
  t.input("c", sum, "m, n", {m, n}, Fill::Small);
  t.output("d", sum, "m, n", {m, n});
  t.size("p", a_mn && !in_registers ? k : m);
  t.size("q", a_mn && !in_registers ? m : k);
  t.size("r", b_mn ? k : n);
  t.size("s", b_mn ? n : k);
  t.size("m", m);
  t.size("n", n);
  t.head("explicit kernel", 1, 128);
  const auto tile = [&](const char* name, const char* from, vm::ElementType element, bool mn,
                        std::int64_t rows) {
    const std::int64_t first = mn ? k : rows, second = mn ? rows : k;
    t.line("shared {}: {}[{}, {}] swizzle({})", name, to_string(element), first, second, swizzle);
    t.line("{}[:, :] <- load({}[0 +: {}, 0 +: {}])", name, from, first, second);
  };
  if (!in_registers) tile("sa", "a", t.element(), a_mn, m);
  tile("sb", "b", other, b_mn, n);
  t.line("fence(async)\nsync()");
  if (in_registers) t.line("let part = load(a[0 +: {}, 0 +: {}])", m, k);
  const bool from_c = t.chance(50);
  t.line("var acc: {}[{}, {}] = 0 in wgmma.c(warps = (4, 1))", to_string(sum), m, n);
  if (from_c) t.line("acc = c[0 +: {}, 0 +: {}]", m, n);
  const char* a = in_registers ? "part" : a_mn ? "transpose(ref sa[:, :])" : "ref sa[:, :]";
  const char* b = b_mn ? "ref sb[:, :]" : "transpose(ref sb[:, :])";
  if (!from_c) t.line("dot_async(acc, {}, {}, zero = true)\ndot_commit()", a, b);
  t.line("for i in 0 .. {} {{\ndot_async(acc, {}, {})\ndot_commit()", turns, a, b);
  if (t.chance(50)) t.line("dot_wait<1>()");
  if (t.chance(30)) t.line("schedule_fence()");
  t.line("}}\ndot_wait<0>()\nd[0 +: {}, 0 +: {}] <- acc", m, n);
}

// The main loop of a product: a producer copies both operands by tensor maps, a warpgroup or two
// multiply and keep one group in flight.
void product_ring(IdiomText& t) {
  const std::int64_t bytes = t.bytes(), stages = t.number(2, 4), steps = t.number(1, 6),
                     k = 128 / bytes, n = 16 * t.number(1, 6), consumers = t.number(1, 2);
  const vm::ElementType sum = is_int8(t.element()) ? vm::kI32 : vm::kF32;
  const std::int64_t depth = steps * k, m = 64 * consumers;
  t.input("a", t.element(), "m, k", {m, depth}, Fill::Small);
  t.input("b", t.element(), "n, k", {n, depth}, Fill::Small);
  t.output("d", sum, "m, n", {m, n});
  t.size("m", m);
  t.size("n", n);
  t.size("k", depth);
  t.head("explicit kernel", 1, 128 + 128 * consumers);
  t.line("shared sa: {}[{}, {}, {}] swizzle(128)", t.type(), stages, m, k);
  t.line("shared sb: {}[{}, {}, {}] swizzle(128)", t.type(), stages, n, k);
  t.line("barrier full[{}] count(1)\nbarrier empty[{}] count({})", stages, stages, consumers);
  t.line("roles {{\nrole producer threads(128) registers(40) {{\nfor i in 0 .. {} {{", steps);
  t.line("let s = i % {0}\nwait(empty[s], (i / {0} + 1) % 2)", stages);
  t.line("expect(full[s], bytes(sa[s]) + bytes(sb[s]))");
  t.line("copy_tensor(sa[s], a[0 +: {}, i * {} +: {}], full[s])", m, k, k);
  t.line("copy_tensor(sb[s], b[0 +: {}, i * {} +: {}], full[s])\n}}\n}}", n, k, k);
  t.line("role consumer[{}] threads(128) registers(200) {{", consumers);
  t.line("var acc: {}[64, {}] = 0 in wgmma.c(warps = (4, 1))", to_string(sum), n);
  t.line("for i in 0 .. {} {{\nlet s = i % {}\nwait(full[s], i / {} % 2)", steps, stages, stages);
  t.line("dot_async(acc, ref sa[s, role.index * 64 +: 64, :], transpose(ref sb[s]))");
  t.line("dot_commit()\ndot_wait<1>()\nif i > 0 {{\narrive(empty[(i - 1) % {}])\n}}\n}}", stages);
  t.line("dot_wait<0>()\nd[role.index * 64 +: 64, 0 +: {}] <- acc\n}}\n}}", n);
}

// Two of each four: places that rise, as the hardware wants them.
void sparse_product(IdiomText& t) {
  const vm::ElementType sum = sum_of(t), other = other_of(t);
  const std::int64_t m = 16 << t.number(0, 2), n = 8 << t.number(0, 3),
                     k = 512 / t.bits() << t.number(0, 1), threads = 32 << t.number(0, 2);
  t.input("a", t.element(), "m, h", {m, k / 2}, Fill::Small);
  t.input("e", vm::kU8, "m, g", {m, k / 8}, Fill::Zero);
  static constexpr unsigned kPairs[] = {0x4, 0x8, 0x9, 0xc, 0xd, 0xe};
  auto& places = t.last_tensor().bytes;
  for (std::int64_t i = 0; i < m * (k / 8); ++i)
    places[static_cast<std::size_t>(i)] =
        static_cast<std::byte>(kPairs[t.number(0, 5)] | kPairs[t.number(0, 5)] << 4);
  t.input("b", other, "k, n", {k, n}, Fill::Small);
  t.input("c", sum, "m, n", {m, n}, Fill::Small);
  t.output("d", sum, "m, n", {m, n});
  t.size("m", m);
  t.size("h", k / 2);
  t.size("g", k / 8);
  t.size("k", k);
  t.size("n", n);
  t.head("kernel", 1, threads);
  t.line(
      "d[0 +: {0}, 0 +: {1}] <- sparse_dot(a[0 +: {0}, 0 +: {2}], e[0 +: {0}, 0 +: {3}], "
      "b[0 +: {4}, 0 +: {1}], c[0 +: {0}, 0 +: {1}])",
      m, n, k / 2, k / 8, k);
}

// Codes in their cheapest form, with the units that belong to it; also of packed weights.
void scaled_cast(IdiomText& t) {
  const bool packed = t.chance(40);
  const std::int64_t k = packed ? 64 * t.number(1, 2) : 8 << t.number(0, 3),
                     n = packed ? 64 * t.number(1, 2) : 8 << t.number(0, 4),
                     threads = packed ? 128 : 32 << t.number(0, 3);
  const bool bytes = t.element().is_integer() && t.chance(40);
  const vm::ElementType to = bytes ? vm::kU8 : t.pick({vm::kF16, vm::kBF16});
  // Codes must be finite.
  t.input("x", t.element(), "k, n", {k, n}, is_fp8(t.element()) ? Fill::Plain : Fill::Any, packed);
  t.output("y", to, "k, n", {k, n});
  t.output("u", vm::kF32, "1, n", {1, n});
  t.output("v", vm::kF32, "1, n", {1, n});
  t.size("k", k);
  t.size("n", n);
  t.head("kernel", 1, threads);
  t.line("let (codes, unit, scale) = cast_scaled<{}>(x[0 +: {}, 0 +: {}])", to_string(to), k, n);
  t.line("y[0 +: {}, 0 +: {}] <- codes", k, n);
  t.line("u[0 +: 1, 0 +: {0}] <- unit\nv[0 +: 1, 0 +: {0}] <- scale", n);
}

}  // namespace

std::vector<Idiom> product_idioms() {
  return {{"warpgroup_product", 90, multiplies, warpgroup_product},
          {"product_ring", 90, multiplies, product_ring},
          {"sparse_product", 89, multiplies, sparse_product},
          {"scaled_cast", 80, narrow_number, scaled_cast}};
}

}  // namespace bitloom::test
