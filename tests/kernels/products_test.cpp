// The products beside gemm.bl, against float64: streaming, warpgroup, grouped, sparse activations,
// bytes.
#include <fmt/format.h>

#include <tuple>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

// gemm_stream and what stands around it: one draw of shape, tile and types.
struct Stream {
  std::string weight = "u4", activation = "f16", scale_type = "f16";
  std::int64_t m = 1, k = 128, n = 8, group = 128;
  int most_m = 8, warps_n = 1, warps_k = 4, stages = 2, sms = 2, unit = 128, atoms = 1;
  bool zero = false, bias = false, residual = false;
  bool largest = false;  // int8: the codes whose sums are as large as they can be
  std::string target = "sm_90a";

  std::string describe() const {
    return fmt::format(
        "W={} A={} S={} m={} k={} n={} G={} M={} NW={} KW={} D={} U={} C={} sms={}{}{}{} {}",
        weight, activation, scale_type, m, k, n, group, most_m, warps_n, warps_k, stages, unit,
        atoms, sms, zero ? " zero" : "", bias ? " bias" : "", residual ? " residual" : "", target);
  }
};

std::map<std::string, HostArray> ordered_activations(const Stream& s, const HostArray& a) {
  KernelRun run{.file = "gemm/gemm_stream.bl",
                .kernel = "order_activations",
                .generics = {{"W", s.weight},
                             {"A", s.activation},
                             {"M", std::to_string(s.most_m)},
                             {"G", std::to_string(s.group)},
                             {"U", std::to_string(s.unit)}},
                .target = s.target};
  run.request.arguments = {{"a", {a, "a"}}};
  run.request.outputs = {"x", "sums"};
  return must_run(run);
}

HostArray ordered_columns(const Stream& s, const HostArray& array) {
  KernelRun run{.file = "gemm/gemm_stream.bl", .kernel = "order_columns", .target = s.target};
  run.generics = {{"T", vm::to_string(array.type())}};
  run.request.arguments = {{"from", {array, "from"}}};
  run.request.outputs = {"to"};
  auto results = must_run(run);
  return results.contains("to") ? results.at("to") : array;
}

// y[m, n] = a[m, k] · ((q − zero) · scale)[k, n] + bias + residual in float64, of the sizes of a
// draw; without what is null.
template <class Draw>
std::vector<double> reference(const Draw& d, const HostArray& a, const HostArray& q,
                              const HostArray& scale, const HostArray* zero, const HostArray* bias,
                              const HostArray* residual) {
  std::vector<double> expected(static_cast<std::size_t>(d.m * d.n), 0.0);
  for (std::int64_t i = 0; i < d.m; ++i) {
    for (std::int64_t j = 0; j < d.n; ++j) {
      double sum = (bias ? at(*bias, j) : 0) + (residual ? at(*residual, i * d.n + j) : 0);
      for (std::int64_t kk = 0; kk < d.k; ++kk) {
        const std::int64_t of_group = kk / d.group * d.n + j;
        sum += at(a, i * d.k + kk) * (at(q, kk * d.n + j) - (zero ? at(*zero, of_group) : 0)) *
               at(scale, of_group);
      }
      expected[static_cast<std::size_t>(i * d.n + j)] = sum;
    }
  }
  return expected;
}

void check_stream(const Stream& s, std::mt19937_64& random) {
  SCOPED_TRACE(s.describe());
  const vm::ElementType type = *vm::parse_element_type(s.activation);
  const std::int64_t groups = s.k / s.group;
  const HostArray a = normal(type, {s.m, s.k}, random),
                  w = codes(*vm::parse_element_type(s.weight), {s.k, s.n}, random),
                  scale = normal(*vm::parse_element_type(s.scale_type), {groups, s.n}, random, 0.01,
                                 0.1),
                  zero = codes(vm::unsigned_type(8), {groups, s.n}, random),
                  bias = normal(type, {s.n}, random), residual = normal(type, {s.m, s.n}, random);
  auto activations = ordered_activations(s, a);
  ASSERT_TRUE(activations.contains("x"));
  KernelRun run{.file = "gemm/gemm_stream.bl",
                .kernel = "gemm_stream",
                .generics = {{"W", s.weight},
                             {"A", s.activation},
                             {"S", s.scale_type},
                             {"G", std::to_string(s.group)},
                             {"M", std::to_string(s.most_m)},
                             {"NW", std::to_string(s.warps_n)},
                             {"KW", std::to_string(s.warps_k)},
                             {"D", std::to_string(s.stages)},
                             {"U", std::to_string(s.unit)},
                             {"C", std::to_string(s.atoms)}},
                .target = s.target};
  run.request.device_sms = s.sms;
  run.request.sizes = {{"slots", 4 * s.sms}, {"m", s.m}};
  run.request.arguments = {{"x", {activations.at("x"), "x"}},
                           {"sums", {activations.at("sums"), "sums"}},
                           {"w", {w, "w"}},
                           {"scale", {ordered_columns(s, scale), "s"}},
                           {"part", {runtime::Source::Zeros{}, ""}},
                           {"ticket", {runtime::Source::Zeros{}, ""}}};
  if (s.zero) {
    run.generics["Z"] = "u8";
    run.request.arguments.insert({"zero", {ordered_columns(s, zero), "z"}});
  }
  if (s.bias) run.request.arguments.insert({"bias", {bias, "b"}});
  if (s.residual) run.request.arguments.insert({"residual", {residual, "r"}});
  run.request.outputs = {"c", "ticket"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("c"));
  const std::vector<double> expected =
      reference(s, a, w, scale, s.zero ? &zero : nullptr, s.bias ? &bias : nullptr,
                s.residual ? &residual : nullptr);
  EXPECT_LT(relative_error(results.at("c"), expected), type == vm::kF16 ? 2e-3 : 1e-2);
  for (std::size_t i = 0; i < results.at("ticket").size(); ++i)
    EXPECT_EQ(results.at("ticket").code(i), 0u);
}

TEST(GemmStream, AgreesWithFloat64ForAnySplit) {
  std::mt19937_64 random(test_seed());
  for (const char* type : {"u4", "i3", "e2m1", "i8", "u1", "e4m3", "u2", "i2"}) {
    for (const int sms : {1, 2, 5}) {
      Stream s{.weight = type, .sms = sms};
      s.m = pick(random, 1, 8);
      s.k = 128 * pick(random, 1, 6);
      s.n = 8 * pick(random, 1, 50);
      check_stream(s, random);
    }
  }
}

TEST(GemmStream, TakesAnyShareOfWarps) {
  std::mt19937_64 random(test_seed() + 7);
  const std::pair<int, int> shares[] = {{8, 1}, {4, 2}, {2, 4}, {1, 8}, {4, 1}, {1, 4}};
  for (const auto& [warps_n, warps_k] : shares) {
    Stream s{.weight = pick(random, 0, 1) ? "i4" : "u2", .warps_n = warps_n, .warps_k = warps_k};
    s.most_m = pick(random, 0, 1) ? 16 : 8;
    s.m = pick(random, 1, s.most_m);
    s.k = 128 * pick(random, 1, 12);
    s.n = 8 * pick(random, 1, 160);
    s.stages = static_cast<int>(pick(random, 1, 4));
    s.unit = pick(random, 0, 1) ? 64 : 128;
    s.atoms = static_cast<int>(pick(random, 1, 2));
    if (s.atoms == 2) s.n = 128 * pick(random, 1, 5);
    s.sms = static_cast<int>(pick(random, 1, 6));
    check_stream(s, random);
  }
}

TEST(GemmStream, TakesZeroPointsBiasResidualAndOtherTypes) {
  std::mt19937_64 random(test_seed() + 8);
  for (const char* activation : {"f16", "bf16"}) {
    for (const int group : {32, 64, 128, 256}) {
      Stream s{.weight = pick(random, 0, 1) ? "u4" : "i3", .activation = activation};
      s.scale_type = pick(random, 0, 1) ? "f16" : "bf16";
      s.group = group;
      s.unit = 64 << pick(random, 0, 2);
      s.m = pick(random, 1, 8);
      s.k = 256 * pick(random, 1, 3);
      s.n = 8 * pick(random, 1, 40);
      s.zero = pick(random, 0, 3) != 0;
      s.bias = pick(random, 0, 1) == 1;
      s.residual = !s.bias || pick(random, 0, 1) == 1;
      s.target = pick(random, 0, 1) ? "sm_80" : "sm_90a";
      check_stream(s, random);
    }
  }
}

// What quantize_activations is to make of activations: codes [m, k], one scale a token.
struct QuantizedActivations {
  std::vector<int> codes;
  std::vector<float> scales;
};

QuantizedActivations quantized(const HostArray& a) {
  const std::int64_t m = a.shape()[0], k = a.shape()[1];
  QuantizedActivations result;
  for (std::int64_t i = 0; i < m; ++i) {
    float most = 0;
    for (std::int64_t j = 0; j < k; ++j)
      most = std::max(most, static_cast<float>(std::abs(at(a, i * k + j))));
    const float scale = most > 0 ? most / 127.0F : 1.0F;
    result.scales.push_back(scale);
    for (std::int64_t j = 0; j < k; ++j)
      result.codes.push_back(
          static_cast<int>(std::nearbyintf(static_cast<float>(at(a, i * k + j)) / scale)));
  }
  return result;
}

// Row of k, in its unit, whose code stands at byte `place` of the unit: lanes, fours of bytes that
// one register of the operand takes, bytes.
std::int64_t row_at(std::int64_t place, std::int64_t unit, int bits) {
  const std::int64_t lane = place / (unit / 4), four = place % (unit / 4) / 4, byte = place % 4;
  const std::int64_t beside = bits == 1 ? 32 : bits == 2 ? 16 : 8;  // rows to the other pair
  // the two of 8, 16 and 32 that are left count the fours, the larger one slower
  const std::int64_t slow = beside == 32 ? 16 : 32, fast = beside == 8 ? 16 : 8;
  return four / 4 * 64 + four / 2 % 2 * slow + four % 2 * fast + byte % 2 * beside + lane * 2 +
         byte / 2;
}

void check_int8(const Stream& s, std::mt19937_64& random) {
  SCOPED_TRACE(s.describe());
  const vm::ElementType type = *vm::parse_element_type(s.activation),
                        weight = *vm::parse_element_type(s.weight);
  const std::int64_t groups = s.k / s.group;
  HostArray a = normal(type, {s.m, s.k}, random);
  HostArray w = codes(weight, {s.k, s.n}, random);
  const HostArray scale = normal(*vm::parse_element_type(s.scale_type), {groups, s.n}, random, 0.01,
                                 0.1),
                  zero = codes(vm::unsigned_type(8), {groups, s.n}, random),
                  bias = normal(type, {s.n}, random), residual = normal(type, {s.m, s.n}, random);
  const std::uint64_t largest =
      vm::encode(weight, weight.is_signed() ? -std::ldexp(1, weight.bits - 1)
                                            : std::ldexp(1, weight.bits) - 1);
  for (std::size_t i = 0; s.largest && i < w.size(); ++i) w.set_code(i, largest);
  for (std::size_t i = 0; s.largest && i < a.size(); ++i)
    a.set_code(i, vm::encode(type, i / static_cast<std::size_t>(s.k) % 2 ? -3 : 3));
  if (s.m > 1 && !s.largest)  // a token of zeros
    for (std::int64_t j = 0; j < s.k; ++j) a.set_code(static_cast<std::size_t>(s.k + j), 0);
  std::map<std::string, std::string> generics = {{"W", s.weight},
                                                 {"A", s.activation},
                                                 {"G", std::to_string(s.group)},
                                                 {"M", std::to_string(s.most_m)},
                                                 {"U", std::to_string(s.unit)}};
  KernelRun quantize{.file = "gemm/gemm_int8.bl",
                     .kernel = "quantize_activations",
                     .generics = generics,
                     .target = s.target};
  quantize.request.arguments = {{"a", {a, "a"}}};
  quantize.request.outputs = {"x", "sums", "token_scale"};
  auto activations = must_run(quantize);
  ASSERT_TRUE(activations.contains("x") && activations.contains("token_scale"));

  // Codes, scales and sums are those of the definition, bit by bit, and zeros from row m on.
  const QuantizedActivations q = quantized(a);
  const HostArray &x = activations.at("x"), &sums = activations.at("sums");
  const std::int64_t of_sum = std::min<std::int64_t>(s.unit, s.group);
  for (std::int64_t i = 0; i < s.most_m; ++i) {
    if (i < s.m) {
      ASSERT_EQ(at(activations.at("token_scale"), i), q.scales[static_cast<std::size_t>(i)]);
    }
    std::vector<double> expected_sums(static_cast<std::size_t>(s.k / of_sum), 0.0);
    for (std::int64_t u = 0; u < s.k / s.unit; ++u) {
      for (std::int64_t place = 0; place < s.unit; ++place) {
        const std::int64_t row = u * s.unit + row_at(place, s.unit, weight.bits);
        const int code = i < s.m ? q.codes[static_cast<std::size_t>(i * s.k + row)] : 0;
        ASSERT_EQ(at(x, (u * s.most_m + i) * s.unit + place), code) << "row " << row;
        expected_sums[static_cast<std::size_t>(row / of_sum)] += code;
      }
    }
    for (std::int64_t h = 0; h < s.k / of_sum; ++h)
      ASSERT_EQ(at(sums, h * s.most_m + i), expected_sums[static_cast<std::size_t>(h)]);
  }

  generics.insert({{"S", s.scale_type},
                   {"NW", std::to_string(s.warps_n)},
                   {"KW", std::to_string(s.warps_k)},
                   {"D", std::to_string(s.stages)}});
  KernelRun run{
      .file = "gemm/gemm_int8.bl", .kernel = "gemm_int8", .generics = generics, .target = s.target};
  run.request.device_sms = s.sms;
  run.request.sizes = {{"slots", 4 * s.sms}, {"m", s.m}};
  run.request.arguments = {{"x", {x, "x"}},
                           {"sums", {sums, "sums"}},
                           {"token_scale", {activations.at("token_scale"), "t"}},
                           {"w", {w, "w"}},
                           {"scale", {ordered_columns(s, scale), "s"}},
                           {"part", {runtime::Source::Zeros{}, ""}},
                           {"ticket", {runtime::Source::Zeros{}, ""}}};
  if (s.zero) {
    run.generics["Z"] = "u8";
    run.request.arguments.insert({"zero", {ordered_columns(s, zero), "z"}});
  }
  if (s.bias) run.request.arguments.insert({"bias", {bias, "b"}});
  if (s.residual) run.request.arguments.insert({"residual", {residual, "r"}});
  run.request.outputs = {"c", "ticket"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("c"));
  // Of the quantised operands, and of the activations as they were given.
  std::vector<double> expected, given;
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      const double plus = (s.bias ? at(bias, j) : 0) + (s.residual ? at(residual, i * s.n + j) : 0);
      double sum = plus, unquantized = plus;
      for (std::int64_t kk = 0; kk < s.k; ++kk) {
        const std::int64_t of_group = kk / s.group * s.n + j;
        const double number =
            (at(w, kk * s.n + j) - (s.zero ? at(zero, of_group) : 0)) * at(scale, of_group);
        sum += q.codes[static_cast<std::size_t>(i * s.k + kk)] *
               static_cast<double>(q.scales[static_cast<std::size_t>(i)]) * number;
        unquantized += at(a, i * s.k + kk) * number;
      }
      expected.push_back(sum);
      given.push_back(unquantized);
    }
  }
  EXPECT_LT(relative_error(results.at("c"), expected), type == vm::kF16 ? 1e-3 : 5e-3);
  EXPECT_LT(relative_error(results.at("c"), given), 0.02);
  for (std::size_t i = 0; i < results.at("ticket").size(); ++i)
    EXPECT_EQ(results.at("ticket").code(i), 0u);
}

TEST(GemmInt8, AgreesWithFloat64OfTheQuantisedOperands) {
  std::mt19937_64 random(test_seed() + 11);
  for (const char* type : {"u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "i1", "i2", "i3", "i4",
                           "i5", "i6", "i7", "i8"}) {
    Stream s{.weight = type};
    s.sms = static_cast<int>(pick(random, 1, 5));
    s.unit = pick(random, 0, 1) ? 64 : 128;
    s.m = pick(random, 1, 8);
    s.k = 128 * pick(random, 1, 5);
    s.n = 8 * pick(random, 1, 40);
    s.target = pick(random, 0, 1) ? "sm_80" : "sm_90a";
    check_int8(s, random);
  }
}

// 128 rows of 127 · 255: closest to the 2^22 up to which whole numbers are counted.
TEST(GemmInt8, SumsReachTheirEnds) {
  std::mt19937_64 random(test_seed() + 13);
  for (const char* type : {"u8", "i8", "u7", "i4", "u4", "u1", "i1"}) {
    Stream s{.weight = type, .m = 2, .k = 256, .n = 72, .largest = true};
    check_int8(s, random);
  }
}

TEST(GemmInt8, TakesAnyShareOfWarpsGroupsZeroPointsAndOtherTypes) {
  std::mt19937_64 random(test_seed() + 12);
  const std::pair<int, int> shares[] = {{4, 1}, {1, 8}, {2, 2}, {1, 4}};
  for (const char* activation : {"f16", "bf16"}) {
    for (const int group : {32, 64, 128, 256}) {
      const char* const types[] = {"u4", "i3", "u2", "u8"};
      Stream s{.weight = types[pick(random, 0, 3)], .activation = activation};
      s.scale_type = pick(random, 0, 1) ? "f16" : "bf16";
      s.group = group;
      s.unit = 64 << pick(random, 0, 1);
      s.most_m = 8 << pick(random, 0, 1);
      s.m = pick(random, 1, s.most_m);
      s.k = 256 * pick(random, 1, 3);
      s.n = 8 * pick(random, 1, 40);
      std::tie(s.warps_n, s.warps_k) = shares[pick(random, 0, 3)];
      s.stages = static_cast<int>(pick(random, 1, 3));
      s.zero = s.weight[0] == 'u' && pick(random, 0, 3) != 0;
      s.bias = pick(random, 0, 1) == 1;
      s.residual = !s.bias || pick(random, 0, 1) == 1;
      s.target = pick(random, 0, 1) ? "sm_80" : "sm_90a";
      check_int8(s, random);
    }
  }
}

// One draw of gemm_wgmma: shape, tile, split and types.
struct Wgmma {
  std::string weight = "u4", activation = "f16", scale_type = "f16", zero_type = "u8";
  std::int64_t m = 1, k = 128, n = 128, group = 128;
  std::int64_t tokens = 64, fragments = 1, rows = 128, stages = 3, parts = 1, blocks = 1;
  int sms = 2;
  bool zero = false, bias = false, residual = false;

  std::string describe() const {
    return fmt::format(
        "W={} A={} S={} m={} k={} n={} G={} T={} F={} R={} D={} P={} B={} sms={}{}{}{}", weight,
        activation, scale_type, m, k, n, group, tokens, fragments, rows, stages, parts, blocks, sms,
        zero ? " zero" : "", bias ? " bias" : "", residual ? " residual" : "");
  }
};

void check_wgmma(const Wgmma& w, std::mt19937_64& random) {
  SCOPED_TRACE(w.describe());
  const Stream order;
  const vm::ElementType type = *vm::parse_element_type(w.activation);
  const std::int64_t groups = w.k / w.group;
  const HostArray a = normal(type, {w.m, w.k}, random),
                  q = codes(*vm::parse_element_type(w.weight), {w.k, w.n}, random),
                  scale = normal(*vm::parse_element_type(w.scale_type), {groups, w.n}, random, 0.01,
                                 0.1),
                  zero = w.zero_type == "f16" ? normal(vm::kF16, {groups, w.n}, random)
                                              : codes(vm::unsigned_type(8), {groups, w.n}, random),
                  bias = normal(type, {w.n}, random), residual = normal(type, {w.m, w.n}, random);
  KernelRun run{.file = "gemm/gemm_wgmma.bl",
                .generics = {{"W", w.weight},
                             {"A", w.activation},
                             {"S", w.scale_type},
                             {"Z", w.zero_type},
                             {"G", std::to_string(w.group)},
                             {"T", std::to_string(w.tokens)},
                             {"F", std::to_string(w.fragments)},
                             {"R", std::to_string(w.rows)},
                             {"D", std::to_string(w.stages)},
                             {"P", std::to_string(w.parts)},
                             {"B", std::to_string(w.blocks)}},
                .target = "sm_90a"};
  run.request.device_sms = w.sms;
  run.request.arguments = {
      {"a", {a, "a"}}, {"w", {q, "w"}}, {"scale", {ordered_columns(order, scale), "s"}}};
  run.request.outputs = {"c"};
  if (w.zero) run.request.arguments.insert({"zero", {ordered_columns(order, zero), "z"}});
  if (w.bias) run.request.arguments.insert({"bias", {bias, "b"}});
  if (w.residual) run.request.arguments.insert({"residual", {residual, "r"}});
  if (w.parts > 1) {
    run.request.arguments.insert({"part", {runtime::Source::Zeros{}, ""}});
    run.request.arguments.insert({"ticket", {runtime::Source::Zeros{}, ""}});
    run.request.outputs.insert("ticket");
  }
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("c"));
  const std::vector<double> expected =
      reference(w, a, q, scale, w.zero ? &zero : nullptr, w.bias ? &bias : nullptr,
                w.residual ? &residual : nullptr);
  EXPECT_LT(relative_error(results.at("c"), expected), type == vm::kF16 ? 2e-3 : 1e-2);
  if (w.parts == 1) return;
  for (std::size_t i = 0; i < results.at("ticket").size(); ++i)
    EXPECT_EQ(results.at("ticket").code(i), 0u);
}

TEST(GemmWgmma, AgreesWithFloat64ForAnyTileAndSplit) {
  std::mt19937_64 random(test_seed() + 1);
  for (const char* type : {"u4", "i4", "e3m2", "u3", "i8", "u1"}) {
    for (const std::int64_t parts : {1, 2, 4}) {
      Wgmma w{.weight = type, .parts = parts};
      w.tokens = 32 << pick(random, 0, 2);
      w.fragments = pick(random, 1, 2);
      w.rows = 64 << pick(random, 0, 1);
      const int bits = vm::parse_element_type(type)->bits;
      const std::int64_t stage = w.rows * (w.tokens * 2 + 16 * w.fragments * bits + 8);
      w.stages = std::min<std::int64_t>(pick(random, 2, 4), (200 << 10) / stage);
      w.blocks = w.fragments == 1 && w.tokens < 128 ? pick(random, 1, 2) : 1;
      w.m = pick(random, 1, 100);
      w.k = 128 * pick(random, 4, 7);
      w.n = 128 * w.fragments * pick(random, 1, 2);
      w.sms = static_cast<int>(pick(random, parts, 5));
      check_wgmma(w, random);
    }
  }
}

TEST(GemmWgmma, TakesZeroPointsBiasResidualAndOtherTypes) {
  std::mt19937_64 random(test_seed() + 9);
  for (const char* activation : {"f16", "bf16"}) {
    for (const std::int64_t group : {32, 64, 128, 256}) {
      Wgmma w{.weight = pick(random, 0, 1) ? "u4" : "u6", .activation = activation};
      w.scale_type = pick(random, 0, 1) ? "f16" : "bf16";
      w.zero_type = pick(random, 0, 1) ? "u8" : "f16";
      w.group = group;
      w.rows = 64 << pick(random, 0, 1);
      w.m = pick(random, 1, 80);
      w.k = 256 * pick(random, 1, 2);
      w.n = 256;
      w.fragments = pick(random, 1, 2);
      w.parts = pick(random, 1, 2);
      w.zero = pick(random, 0, 3) != 0;
      w.bias = pick(random, 0, 1) == 1;
      w.residual = !w.bias || pick(random, 0, 1) == 1;
      check_wgmma(w, random);
    }
  }
}

TEST(Dequantize, RoundsOnce) {
  std::mt19937_64 random(test_seed() + 10);
  for (const std::int64_t group : {32, 64, 128, 320}) {
    const Stream order;
    const bool zeroed = pick(random, 0, 1) == 1;
    const char* type = pick(random, 0, 1) ? "f16" : "bf16";
    const std::int64_t k = group == 320 ? 320 : 2 * group * pick(random, 1, 2),
                       n = 8 * pick(random, 1, 20);
    SCOPED_TRACE(fmt::format("{} G={} k={} n={} zero={}", type, group, k, n, zeroed));
    const HostArray q = codes(vm::unsigned_type(5), {k, n}, random),
                    scale = normal(vm::kF16, {k / group, n}, random, 0.01, 0.1),
                    zero = codes(vm::unsigned_type(5), {k / group, n}, random);
    KernelRun run{
        .file = "gemm/dequantize.bl",
        .generics = {{"W", "u5"}, {"A", type}, {"G", std::to_string(group)}, {"Z", "u5"}}};
    run.request.arguments = {{"w", {q, "w"}}, {"scale", {ordered_columns(order, scale), "s"}}};
    if (zeroed) run.request.arguments.insert({"zero", {ordered_columns(order, zero), "z"}});
    run.request.outputs = {"out"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("out"));
    const vm::ElementType out = *vm::parse_element_type(type);
    for (std::int64_t i = 0; i < k; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t of_group = i / group * n + j;
        const double value =
            (at(q, i * n + j) - (zeroed ? at(zero, of_group) : 0)) * at(scale, of_group);
        ASSERT_EQ(results.at("out").code(static_cast<std::size_t>(j * k + i)),
                  vm::encode(out, static_cast<float>(value)));
      }
  }
}

TEST(GroupedGemm, EachRowMeetsTheWeightsOfItsGroup) {
  std::mt19937_64 random(test_seed() + 2);
  const std::vector<int> offsets = {0, 5, 5, 38, 40};
  const std::int64_t groups = 4, rows = 40, k = 128, n = 8 * pick(random, 1, 40);
  const HostArray a = normal(vm::kF16, {rows, k}, random),
                  w = codes(vm::signed_type(4), {groups * k, n}, random);
  const HostArray scale = normal(vm::kF16, {groups, n}, random, 0.01, 0.1);
  KernelRun run{.file = "gemm/grouped_gemm.bl", .generics = {{"W", "i4"}}};
  run.request.device_sms = 3;
  run.request.sizes = {{"groups", groups}, {"k", k}};
  run.request.arguments = {{"a", {a, "a"}},
                           {"w", {w, "w"}},
                           {"scale", {scale, "s"}},
                           {"offset", {integers({5}, offsets), "o"}}};
  run.request.outputs = {"c"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("c"));
  std::vector<double> expected(static_cast<std::size_t>(rows * n), 0.0);
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t r = offsets[static_cast<std::size_t>(g)];
         r < offsets[static_cast<std::size_t>(g + 1)]; ++r) {
      for (std::int64_t kk = 0; kk < k; ++kk) {
        for (std::int64_t j = 0; j < n; ++j) {
          expected[static_cast<std::size_t>(r * n + j)] +=
              at(a, r * k + kk) * at(w, (g * k + kk) * n + j) * at(scale, g * n + j);
        }
      }
    }
  }
  EXPECT_LT(relative_error(results.at("c"), expected), 2e-3);
}

TEST(SparseGemv, SkipsWhatIsBelowTheThreshold) {
  std::mt19937_64 random(test_seed() + 5);
  const std::int64_t k = pick(random, 1, 2500), n = pick(random, 1, 400);
  SCOPED_TRACE(fmt::format("k={} n={}", k, n));
  const HostArray x = normal(vm::kF16, {k}, random), w = normal(vm::kF16, {k, n}, random);
  KernelRun run{.file = "sparse/sparse_gemv.bl"};
  run.request.arguments = {{"x", {x, "x"}},
                           {"w", {w, "w"}},
                           {"threshold", {1.0, ""}},
                           {"y", {zeros(vm::kF32, {n}), "y"}}};
  run.request.outputs = {"y"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  std::vector<double> expected(static_cast<std::size_t>(n), 0.0);
  for (std::int64_t i = 0; i < k; ++i) {
    if (std::abs(at(x, i)) <= 1.0) continue;
    for (std::int64_t j = 0; j < n; ++j)
      expected[static_cast<std::size_t>(j)] += at(x, i) * at(w, i * n + j);
  }
  EXPECT_LT(relative_error(results.at("y"), expected), 1e-5);
}

TEST(Int8Gemv, SumsAreExact) {
  std::mt19937_64 random(test_seed() + 6);
  const std::int64_t m = pick(random, 1, 3), n = pick(random, 1, 40), words = pick(random, 1, 2500);
  SCOPED_TRACE(fmt::format("m={} n={} words={}", m, n, words));
  const HostArray x = codes(vm::kI32, {m, words}, random), w = codes(vm::kI32, {n, words}, random),
                  sx = normal(vm::kF32, {m}, random), sw = normal(vm::kF32, {n}, random);
  KernelRun run{.file = "gemv/int8_gemv.bl"};
  run.request.arguments = {
      {"x", {x, "x"}}, {"w", {w, "w"}}, {"sx", {sx, "sx"}}, {"sw", {sw, "sw"}}};
  run.request.outputs = {"y"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  // Byte i of row r.
  const auto byte = [](const HostArray& array, std::int64_t row, std::int64_t length,
                       std::int64_t i) {
    const std::uint64_t word = array.code(static_cast<std::size_t>(row * length + i / 4));
    return static_cast<std::int8_t>(word >> 8 * (i % 4));
  };
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      std::int32_t sum = 0;
      for (std::int64_t k = 0; k < 4 * words; ++k)
        sum += byte(x, i, words, k) * byte(w, j, words, k);
      const float scaled =
          static_cast<float>(sum) * static_cast<float>(at(sw, j)) * static_cast<float>(at(sx, i));
      ASSERT_EQ(at(results.at("y"), i * n + j), scaled) << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace bitloom::test
