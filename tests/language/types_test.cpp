// The language over every element type: programs are run and compared with values that the test
// computes. Draws differ from run to run; BITLOOM_SEED replays them.
#include <fmt/format.h>

#include <cmath>

#include "tests/language/program.h"

namespace bitloom::test {
namespace {

std::uint64_t mask_of(vm::ElementType type) {
  return type.bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << type.bits) - 1;
}

// Any codes, also those of NaN and infinity; a tf32 has zeros in its lower bits.
HostArray any_codes(vm::ElementType type, runtime::Shape shape, std::mt19937_64& random) {
  HostArray array = zeros(type, std::move(shape));
  const std::uint64_t mask = type == vm::kTF32 ? 0xFFFFE000u : mask_of(type);
  for (std::size_t i = 0; i < array.size(); ++i) array.set_code(i, random() & mask);
  return array;
}

bool is_codebook(vm::ElementType type) {
  return type.type_class == vm::TypeClass::Codebook;
}

std::int64_t signed_value(vm::ElementType type, std::uint64_t code) {
  const int unused = 64 - type.bits;
  if (type.is_signed()) return static_cast<std::int64_t>(code << unused) >> unused;
  return static_cast<std::int64_t>(code);
}

TEST(Types, ThereAreFiftyEight) {
  EXPECT_EQ(stored_types().size(), 58u);
}

constexpr const char* kCopy = R"(
kernel copy<T: type>(x: global T[m, n], y: global T[m, n]) grid(ceildiv(m, 16)) threads(32)
    where n <= 64
{
    let tile = x[block.x * 16 +: 16, 0 +: 64]
    y[block.x * 16 +: 16, 0 +: 64] <- transpose(transpose(tile))
}
)";

// Every code of every type goes through registers unchanged, also at the edges of a tensor.
TEST(Types, CodesAreCarriedUnchanged) {
  std::mt19937_64 random(test_seed());
  for (const vm::ElementType type : stored_types()) {
    const std::int64_t m = pick(random, 1, 50), n = pick(random, 1, 64);
    SCOPED_TRACE(fmt::format("{} m={} n={}", to_string(type), m, n));
    const HostArray x = any_codes(type, {m, n}, random);
    const Arrays results = run({.text = kCopy,
                                .generics = {{"T", to_string(type)}},
                                .arguments = {{"x", x}},
                                .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(results.at("y").code(i), x.code(i)) << i;
  }
}

constexpr const char* kStaged = R"(
kernel staged<T: type>(x: global T[n], y: global T[n]) grid(ceildiv(n, 256)) threads(32)
{
    shared s: T[256]
    s <- x[block.x * 256 +: 256]
    y[block.x * 256 +: 256] <- s
}
)";

TEST(Types, CodesAreCarriedThroughSharedMemory) {
  std::mt19937_64 random(test_seed() + 1);
  for (const vm::ElementType type : stored_types()) {
    const std::int64_t n = pick(random, 1, 700);
    SCOPED_TRACE(fmt::format("{} n={}", to_string(type), n));
    const HostArray x = any_codes(type, {n}, random);
    const Arrays results = run({.text = kStaged,
                                .generics = {{"T", to_string(type)}},
                                .arguments = {{"x", x}},
                                .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(results.at("y").code(i), x.code(i)) << i;
  }
}

constexpr const char* kCast = R"(
kernel convert<T: type, U: type>(x: global T[n], y: global U[n]) grid(ceildiv(n, 256)) threads(32)
{
    y[block.x * 256 +: 256] <- cast<U>(x[block.x * 256 +: 256])
}
)";

// The number itself, or the nearest that the type has: encode(decode(x)), which tests/vm/numerics
// proves. NaN and infinity are those of docs/numerics.md.
TEST(Types, CastsGiveTheNearestNumber) {
  std::mt19937_64 random(test_seed() + 2);
  const std::vector<vm::ElementType> targets = {vm::kF32,
                                                vm::kF16,
                                                vm::kBF16,
                                                vm::kI32,
                                                vm::kU8,
                                                vm::signed_type(4),
                                                vm::unsigned_type(3),
                                                *vm::parse_element_type("e3m2"),
                                                *vm::parse_element_type("e4m3")};
  for (const vm::ElementType from : stored_types()) {
    // From 64 bits to narrow types a conversion would round twice, and is refused; a codebook has
    // no numbers.
    if (is_codebook(from) || from.bits == 64) continue;
    for (const vm::ElementType to : targets) {
      SCOPED_TRACE(fmt::format("{} to {}", to_string(from), to_string(to)));
      const HostArray x = any_codes(from, {pick(random, 1, 300)}, random);
      const Arrays results = run({.text = kCast,
                                  .generics = {{"T", to_string(from)}, {"U", to_string(to)}},
                                  .arguments = {{"x", x}},
                                  .outputs = {"y"}});
      ASSERT_TRUE(results.contains("y"));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double value = vm::decode(from, x.code(i));
        // Widening appends zeros to a NaN; to a type with another mantissa it is the canonical one.
        if (std::isnan(value) && to.is_float()) continue;
        ASSERT_EQ(results.at("y").code(i), vm::encode(to, value)) << value;
      }
    }
  }
}

constexpr const char* kArithmetic = R"(
kernel arithmetic<T: type>(
    a: global T[n], b: global T[n], sum: global T[n], difference: global T[n], product: global T[n],
    quotient: global T[n], least: global T[n], most: global T[n], negated: global T[n], magnitude: global T[n],
    equal: global u8[n], less: global u8[n], at_least: global u8[n], chosen: global T[n],
) grid(ceildiv(n, 128)) threads(64)
{
    let i = block.x * 128
    let x = a[i +: 128]
    let y = b[i +: 128]
    let divisor = select(y == cast<T>(0), cast<T>(1), y)
    sum[i +: 128] <- x + y
    difference[i +: 128] <- x - y
    product[i +: 128] <- x * y
    quotient[i +: 128] <- x / divisor
    least[i +: 128] <- min(x, y)
    most[i +: 128] <- max(x, y)
    negated[i +: 128] <- -x
    magnitude[i +: 128] <- abs(x)
    equal[i +: 128] <- cast<u8>(x == y)
    less[i +: 128] <- cast<u8>(x < y)
    at_least[i +: 128] <- cast<u8>(x >= y)
    chosen[i +: 128] <- select(x < y && !(x == y), x, y)
}
)";

struct Expected {
  std::map<std::string, std::uint64_t> codes;
};

// Integers wrap; they are computed in 64 bits and cut.
Expected integer_arithmetic(vm::ElementType type, std::uint64_t x, std::uint64_t y) {
  const std::uint64_t mask = mask_of(type);
  const std::int64_t a = signed_value(type, x), b = signed_value(type, y);
  const bool is_signed = type.is_signed();
  const std::uint64_t divisor = y == 0 ? 1 : y;
  const std::int64_t signed_divisor = y == 0 ? 1 : b;
  const bool less = is_signed ? a < b : x < y;
  const std::uint64_t negated = (~x + 1) & mask;
  // The least number over -1 wraps to itself.
  const std::uint64_t quotient = !is_signed ? x / divisor
                                 : signed_divisor == -1
                                     ? negated
                                     : static_cast<std::uint64_t>(a / signed_divisor) & mask;
  return {{{"sum", (x + y) & mask},
           {"difference", (x - y) & mask},
           {"product", (x * y) & mask},
           {"quotient", quotient},
           {"least", less ? x : y},
           {"most", less ? y : x},
           {"negated", negated},
           {"magnitude", is_signed && a < 0 ? negated : x},
           {"equal", x == y ? 1 : 0},
           {"less", less ? 1 : 0},
           {"at_least", less ? 0 : 1},
           {"chosen", less ? x : y}}};
}

// Sums, differences, products and quotients of finite numbers of at most 24 bits are correctly
// rounded through double: it has more than twice their bits plus two.
Expected float_arithmetic(vm::ElementType type, double a, double b) {
  const auto code = [&](double value) { return vm::encode(type, value); };
  const double divisor = b == 0 ? 1 : b;
  return {{{"sum", code(a + b)},
           {"difference", code(a - b)},
           {"product", code(a * b)},
           {"quotient", code(a / divisor)},
           {"least", code(std::min(a, b))},
           {"most", code(std::max(a, b))},
           {"negated", code(-a)},
           {"magnitude", code(std::abs(a))},
           {"equal", a == b ? 1 : 0},
           {"less", a < b ? 1 : 0},
           {"at_least", a >= b ? 1 : 0},
           {"chosen", code(a < b ? a : b)}}};
}

TEST(Types, ArithmeticIsTheOneOfTheType) {
  std::mt19937_64 random(test_seed() + 3);
  for (const vm::ElementType type : arithmetic_types()) {
    SCOPED_TRACE(to_string(type));
    const std::int64_t n = pick(random, 1, 400);
    HostArray a = type.is_integer() ? any_codes(type, {n}, random) : normal(type, {n}, random, 8),
              b = type.is_integer() ? any_codes(type, {n}, random) : normal(type, {n}, random, 8);
    a.set_code(0, b.code(0));
    const Arrays results =
        run({.text = kArithmetic,
             .generics = {{"T", to_string(type)}},
             .arguments = {{"a", a}, {"b", b}},
             .outputs = {"sum", "difference", "product", "quotient", "least", "most", "negated",
                         "magnitude", "equal", "less", "at_least", "chosen"}});
    ASSERT_EQ(results.size(), 12u);
    for (std::size_t i = 0; i < a.size(); ++i) {
      const Expected expected =
          type.is_integer()
              ? integer_arithmetic(type, a.code(i), b.code(i))
              : float_arithmetic(type, vm::decode(type, a.code(i)), vm::decode(type, b.code(i)));
      for (const auto& [name, code] : expected.codes)
        ASSERT_EQ(results.at(name).code(i), code)
            << name << " of " << vm::decode(type, a.code(i)) << ", " << vm::decode(type, b.code(i));
    }
  }
}

constexpr const char* kBits = R"(
kernel bits<T: type>(a: global T[n], b: global T[n], both: global T[n], either: global T[n], one: global T[n], none: global T[n])
    grid(ceildiv(n, 256)) threads(32)
{
    let i = block.x * 256
    let x = a[i +: 256]
    let y = b[i +: 256]
    both[i +: 256] <- x & y
    either[i +: 256] <- x | y
    one[i +: 256] <- x ^ y
    none[i +: 256] <- ~x
}
)";

TEST(Types, BitOperationsTakeIntegersOfEveryWidth) {
  std::mt19937_64 random(test_seed() + 4);
  for (const vm::ElementType type : stored_types()) {
    if (!type.is_integer() || is_codebook(type)) continue;
    SCOPED_TRACE(to_string(type));
    const std::int64_t n = pick(random, 1, 300);
    const HostArray a = any_codes(type, {n}, random), b = any_codes(type, {n}, random);
    const Arrays results = run({.text = kBits,
                                .generics = {{"T", to_string(type)}},
                                .arguments = {{"a", a}, {"b", b}},
                                .outputs = {"both", "either", "one", "none"}});
    ASSERT_EQ(results.size(), 4u);
    for (std::size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(results.at("both").code(i), a.code(i) & b.code(i));
      ASSERT_EQ(results.at("either").code(i), a.code(i) | b.code(i));
      ASSERT_EQ(results.at("one").code(i), a.code(i) ^ b.code(i));
      ASSERT_EQ(results.at("none").code(i), ~a.code(i) & mask_of(type));
    }
  }
}

constexpr const char* kShifts = R"(
kernel shifts<T: type>(x: global T[n], by: global T[n], left: global T[n], right: global T[n], rest: global T[n]) grid(1) threads(32)
{
    let v = x[0 +: 128]
    let s = by[0 +: 128]
    left[0 +: 128] <- v << s
    right[0 +: 128] <- v >> s
    rest[0 +: 128] <- v % select(s == cast<T>(0), cast<T>(3), s)
}
)";

TEST(Types, ShiftsAndRemaindersOfIntegers) {
  std::mt19937_64 random(test_seed() + 5);
  for (const vm::ElementType type : arithmetic_types()) {
    if (!type.is_integer()) continue;
    SCOPED_TRACE(to_string(type));
    const HostArray x = any_codes(type, {128}, random);
    HostArray by = zeros(type, {128});
    for (std::size_t i = 0; i < by.size(); ++i)
      by.set_code(i, static_cast<std::uint64_t>(pick(random, 0, type.bits - 1)));
    const Arrays results = run({.text = kShifts,
                                .generics = {{"T", to_string(type)}},
                                .arguments = {{"x", x}, {"by", by}},
                                .outputs = {"left", "right", "rest"}});
    ASSERT_EQ(results.size(), 3u);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const std::uint64_t code = x.code(i), s = by.code(i), mask = mask_of(type);
      const std::int64_t value = signed_value(type, code);
      const std::uint64_t divisor = s == 0 ? 3 : s;
      ASSERT_EQ(results.at("left").code(i), code << s & mask);
      ASSERT_EQ(results.at("right").code(i),
                type.is_signed() ? static_cast<std::uint64_t>(value >> s) & mask : code >> s);
      ASSERT_EQ(results.at("rest").code(i),
                type.is_signed()
                    ? static_cast<std::uint64_t>(value % static_cast<std::int64_t>(divisor)) & mask
                    : code % divisor);
    }
  }
}

constexpr const char* kDot = R"(
kernel product<T: type, A: type>(a: global T[32, 64], b: global T[64, 48], c: global A[32, 48]) grid(1) threads(64)
{
    c[0 +: 32, 0 +: 48] <- dot(a[0 +: 32, :], b[:, 0 +: 48])
}
)";

// Small whole numbers: sums are exact, in every order.
TEST(Types, ProductsOfMatricesAreExactOnSmallIntegers) {
  std::mt19937_64 random(test_seed() + 6);
  for (const char* name : {"f16", "bf16", "tf32", "f32", "f64", "i8", "u8"}) {
    SCOPED_TRACE(name);
    const vm::ElementType type = *vm::parse_element_type(name);
    const vm::ElementType sums = type.is_integer()  ? vm::kI32
                                 : type == vm::kF64 ? vm::kF64
                                                    : vm::kF32;
    const HostArray a = small_integers(type, {32, 64}, random),
                    b = small_integers(type, {64, 48}, random);
    const Arrays results = run({.text = kDot,
                                .generics = {{"T", name}, {"A", to_string(sums)}},
                                .arguments = {{"a", a}, {"b", b}},
                                .outputs = {"c"}});
    ASSERT_TRUE(results.contains("c"));
    for (std::int64_t i = 0; i < 32; ++i) {
      for (std::int64_t j = 0; j < 48; ++j) {
        double expected = 0;
        for (std::int64_t k = 0; k < 64; ++k) expected += at(a, i * 64 + k) * at(b, k * 48 + j);
        ASSERT_EQ(at(results.at("c"), i * 48 + j), expected) << i << ", " << j;
      }
    }
  }
}

constexpr const char* kTable = R"(
kernel decode<T: type, N: int>(index: global T[n], table: global f32[N], y: global f32[n]) grid(ceildiv(n, 128)) threads(64)
{
    let place = cast<i32>(index[block.x * 128 +: 128])
    y[block.x * 128 +: 128] <- gather(table[:], place)
}
)";

// A codebook's numbers are in a table.
TEST(Types, CodebooksAreLookedUp) {
  std::mt19937_64 random(test_seed() + 7);
  for (int bits = 1; bits <= 8; ++bits) {
    const vm::ElementType type = *vm::parse_element_type(fmt::format("codebook<{}>", bits));
    SCOPED_TRACE(to_string(type));
    const std::int64_t entries = std::int64_t{1} << bits, n = pick(random, 1, 500);
    const HostArray index = any_codes(type, {n}, random),
                    table = normal(vm::kF32, {entries}, random);
    const Arrays results =
        run({.text = kTable,
             .generics = {{"T", to_string(type)}, {"N", fmt::to_string(entries)}},
             .arguments = {{"index", index}, {"table", table}},
             .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    for (std::size_t i = 0; i < index.size(); ++i)
      ASSERT_EQ(results.at("y").code(i), table.code(index.code(i))) << i;
  }
}

}  // namespace
}  // namespace bitloom::test
