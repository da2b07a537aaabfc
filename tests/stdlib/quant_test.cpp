// std.quant over every type that weights may have, against the same arithmetic on the host: in f32,
// so that results are equal to the last bit.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/language/program.h"
#include "vm/packed_type.h"

namespace bitloom::test {
namespace {

std::vector<vm::ElementType> weight_types() {
  std::vector<vm::ElementType> types;
  for (const vm::ElementType type : stored_types()) {
    const bool number = type.is_float() || type.is_integer();
    if (type.is_narrow() && number && type.type_class != vm::TypeClass::Codebook &&
        to_string(type) != "e8m0")
      types.push_back(type);
  }
  return types;
}

bool is_unsigned(vm::ElementType type) {
  return type.type_class == vm::TypeClass::Unsigned;
}

// The largest number of the codes; of i1 the magnitude of -1.
float largest_of(vm::ElementType type) {
  double largest = 0;
  for (std::uint64_t code = 0; code <= vm::code_mask(type); ++code) {
    const double value = vm::decode(type, code);
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return largest == 0 ? 1.0f : static_cast<float>(largest);
}

float f32(const HostArray& array, std::int64_t i) {
  return static_cast<float>(at(array, i));
}

constexpr int kRows = 32, kColumns = 16;

constexpr const char* kQuantize = R"(
import std.quant
kernel quantize<W: type>(x: global f32[32, 16], scale: global f32[16], codes: global W[32, 16], back: global f32[32, 16],
                         largest: global f32[2]) grid(1) threads(32)
{
    let v = x[:, :]
    let s = quant.scale_of<W>(v)
    let q = quant.quantize<W>(v, s)
    scale[:] <- reshape<16>(s)
    codes[:, :] <- q
    back[:, :] <- quant.dequantize<f32>(q, s)
    largest[0] <- quant.largest_code<W>()
    largest[1] <- quant.bias<W>()
}
)";

TEST(Quant, CodesAreTheNearestAndScalesReachTheLargest) {
  std::mt19937_64 random(test_seed());
  for (const vm::ElementType type : weight_types()) {
    SCOPED_TRACE(to_string(type));
    HostArray x = normal(vm::kF32, {kRows, kColumns}, random, 3);
    for (std::int64_t i = 0; i < kRows; ++i)  // a column of zeros has the scale 1
      x.set_code(static_cast<std::size_t>(i * kColumns + 5), 0);
    const Arrays results = run({.text = kQuantize,
                                .generics = {{"W", to_string(type)}},
                                .arguments = {{"x", x}},
                                .outputs = {"scale", "codes", "back", "largest"}});
    ASSERT_EQ(results.size(), 4u);
    const float largest_code = largest_of(type);
    EXPECT_EQ(f32(results.at("largest"), 0), largest_code);
    const bool offset_binary = type.is_integer() && type.is_signed();
    EXPECT_EQ(f32(results.at("largest"), 1), offset_binary ? std::ldexp(1.0f, type.bits - 1) : 0);
    for (std::int64_t j = 0; j < kColumns; ++j) {
      float largest = 0;
      for (std::int64_t i = 0; i < kRows; ++i)
        largest = std::max(largest, std::abs(f32(x, i * kColumns + j)));
      const float scale = largest > 0 ? largest / largest_code : 1.0f;
      ASSERT_EQ(f32(results.at("scale"), j), scale) << j;
      for (std::int64_t i = 0; i < kRows; ++i) {
        const std::int64_t place = i * kColumns + j;
        const float ratio = f32(x, place) / scale;
        const std::uint64_t code =
            vm::encode(type, type.is_float() ? ratio : std::nearbyint(ratio));
        ASSERT_EQ(results.at("codes").code(static_cast<std::size_t>(place)), code)
            << f32(x, place) << " / " << scale;
        ASSERT_EQ(f32(results.at("back"), place),
                  static_cast<float>(vm::decode(type, code)) * scale);
      }
    }
  }
}

constexpr const char* kWithZero = R"(
import std.quant
kernel quantize<W: type>(x: global f16[32, 16], scale: global f32[16], zero: global f32[16], codes: global W[32, 16],
                         back: global f32[32, 16], half: global f16[32, 16]) grid(1) threads(32)
{
    let v = x[:, :]
    let (s, z) = quant.range_of<W>(v)
    let q = quant.quantize_zero<W>(v, s, z)
    scale[:] <- reshape<16>(s)
    zero[:] <- reshape<16>(z)
    codes[:, :] <- q
    back[:, :] <- quant.dequantize_zero<f32>(q, s, z)
    half[:, :] <- quant.dequantize_zero<f16>(q, s, z)
}
)";

TEST(Quant, ZeroPointsCoverTheRangeOfUnsignedCodes) {
  std::mt19937_64 random(test_seed() + 1);
  for (const vm::ElementType type : weight_types()) {
    if (!is_unsigned(type)) continue;
    SCOPED_TRACE(to_string(type));
    const HostArray x =
        normal(vm::kF16, {kRows, kColumns}, random, 2, pick(random, 0, 1) == 0 ? 0.0 : 1.5);
    const Arrays results = run({.text = kWithZero,
                                .generics = {{"W", to_string(type)}},
                                .arguments = {{"x", x}},
                                .outputs = {"scale", "zero", "codes", "back", "half"}});
    ASSERT_EQ(results.size(), 5u);
    const float largest_code = largest_of(type);
    for (std::int64_t j = 0; j < kColumns; ++j) {
      float low = 0, high = 0;
      for (std::int64_t i = 0; i < kRows; ++i) {
        low = std::min(low, f32(x, i * kColumns + j));
        high = std::max(high, f32(x, i * kColumns + j));
      }
      const float scale = high > low ? (high - low) / largest_code : 1.0f;
      const float zero = std::min(std::nearbyint(-low / scale), largest_code);
      ASSERT_EQ(f32(results.at("scale"), j), scale) << j;
      ASSERT_EQ(f32(results.at("zero"), j), zero) << j;
      const auto half = [](float value) {
        return vm::decode(vm::kF16, vm::encode(vm::kF16, static_cast<double>(value)));
      };
      for (std::int64_t i = 0; i < kRows; ++i) {
        const std::int64_t place = i * kColumns + j;
        const float target = std::nearbyint(f32(x, place) / scale) + zero;
        const std::uint64_t code = vm::encode(type, target);
        ASSERT_EQ(results.at("codes").code(static_cast<std::size_t>(place)), code) << target;
        const float difference = static_cast<float>(vm::decode(type, code)) - zero;
        ASSERT_EQ(f32(results.at("back"), place), difference * scale);
        ASSERT_EQ(at(results.at("half"), place),
                  half(difference * static_cast<float>(half(scale))));
      }
    }
  }
}

constexpr const char* kOrdered = R"(
import std.quant
kernel ordered<K: int>(x: global f16[2, 3, 64], y: global f32[2 * K, 192]) grid(1) threads(32)
{
    y[:, :] <- quant.ordered<f32, K>(x[:, :, :])
}
)";

TEST(Quant, OrderedScalesComeBackInTheirPlaces) {
  std::mt19937_64 random(test_seed() + 3);
  for (const std::int64_t rows : {16, 32}) {
    const HostArray x = normal(vm::kF16, {2, 3, 64}, random);
    const Arrays results = run({.text = kOrdered,
                                .generics = {{"K", std::to_string(rows)}},
                                .arguments = {{"x", x}},
                                .outputs = {"y"}});
    ASSERT_TRUE(results.contains("y"));
    for (std::int64_t i = 0; i < 2 * rows; ++i)
      for (std::int64_t n = 0; n < 192; ++n)
        ASSERT_EQ(at(results.at("y"), i * 192 + n),
                  at(x, (i / rows * 3 + n / 64) * 64 + n % 64 % 8 * 8 + n % 64 / 8));
  }
}

constexpr const char* kRowUnit = R"(
import std.quant
kernel units<W: type, A: type>(y: global f32[128], z: global f32[128]) grid(1) threads(32)
{
    let unit = quant.row_unit<W, A, 128>()
    y[:] <- zeros<f32, 128>() + select(quant.has_row_units<W, A>(), unit, 1.0)
    z[:] <- zeros<f32, 128>() + quant.row_inverse<W, A, 128>()
}
)";

TEST(Quant, RowUnitsAreThePowersThatCastScaledLeaves) {
  for (const vm::ElementType type : weight_types()) {
    for (const vm::ElementType to : {vm::kF16, vm::kBF16}) {
      if (!type.is_integer() && !type.is_float()) continue;
      SCOPED_TRACE(to_string(type) + " to " + to_string(to));
      const Arrays results = run({.text = kRowUnit,
                                  .generics = {{"W", to_string(type)}, {"A", to_string(to)}},
                                  .outputs = {"y", "z"}});
      ASSERT_TRUE(results.contains("y"));
      for (std::int64_t k = 0; k < 128; ++k) {
        ASSERT_EQ(at(results.at("y"), k), std::ldexp(1.0, vm::row_exponent(type, to, k))) << k;
        ASSERT_EQ(at(results.at("z"), k), std::ldexp(1.0, -vm::row_exponent(type, to, k))) << k;
      }
    }
  }
}

constexpr const char* kGroups = R"(
import std.quant
kernel groups<W: type, G: int>(codes: global W[64, 16], scale: global f16[64 / G, 16], y: global f16[64, 16]) grid(1) threads(32)
{
    y[:, :] <- quant.dequantize<f16>(codes[:, :], quant.rows<G>(scale[:, :]))
}
)";

TEST(Quant, GroupsOfRowsShareTheirScales) {
  std::mt19937_64 random(test_seed() + 2);
  for (const vm::ElementType type : weight_types()) {
    for (const std::int64_t group : {8, 32, 64}) {
      if (group != 32 && pick(random, 0, 2) != 0) continue;  // a third of the rest each time
      SCOPED_TRACE(fmt::format("{} G={}", to_string(type), group));
      const HostArray q = codes(type, {64, 16}, random),
                      scale = normal(vm::kF16, {64 / group, 16}, random, 0.01);
      const Arrays results =
          run({.text = kGroups,
               .generics = {{"W", to_string(type)}, {"G", fmt::to_string(group)}},
               .arguments = {{"codes", q}, {"scale", scale}},
               .outputs = {"y"}});
      ASSERT_TRUE(results.contains("y"));
      for (std::int64_t i = 0; i < 64; ++i) {
        for (std::int64_t j = 0; j < 16; ++j) {
          const double number = at(q, i * 16 + j) * at(scale, i / group * 16 + j);
          ASSERT_EQ(results.at("y").code(static_cast<std::size_t>(i * 16 + j)),
                    vm::encode(vm::kF16, number))
              << i << ", " << j;
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitloom::test
