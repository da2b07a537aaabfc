// The kernels of the model stack against float64, on random shapes, with hazard checks.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tests/kernels/arrays.h"

namespace bitloom::test {
namespace {

runtime::Source number(double value) {
  return {value, "a number"};
}
runtime::Source number(std::int64_t value) {
  return {value, "a number"};
}

// Rows, columns and depths that are no multiples of a tile, and single rows.
TEST(Linear, AgreesWithFloat64) {
  std::mt19937_64 random(test_seed());
  struct Form {
    const char *x, *w, *y, *bm, *bk, *threads;
  };
  for (const Form& form : {Form{"f32", "bf16", "f32", "64", "16", "256"},
                           {"f32", "f32", "f32", "1", "64", "64"},
                           {"f32", "f16", "f32", "128", "16", "32"},
                           {"bf16", "bf16", "f32", "64", "32", "128"},
                           {"bf16", "bf16", "bf16", "16", "32", "128"}}) {
    const std::int64_t m = pick(random, 1, std::stoi(form.bm) == 1 ? 1 : 150),
                       n = pick(random, 1, 200), k = pick(random, 1, 150);
    const bool residual = pick(random, 0, 1) == 1;
    SCOPED_TRACE(fmt::format("{} {} {} m={} n={} k={}", form.x, form.w, form.y, m, n, k));
    const auto type = [](const char* name) { return *vm::parse_element_type(name); };
    const HostArray x = normal(type(form.x), {m, k}, random),
                    w = normal(type(form.w), {n, k}, random),
                    r = normal(type(form.y), {m, n}, random);
    KernelRun run{.file = "llama/linear.bl", .kernel = "linear"};
    run.generics = {{"X", form.x},   {"W", form.w},   {"Y", form.y},
                    {"BM", form.bm}, {"BK", form.bk}, {"T", form.threads}};
    run.request.arguments = {{"x", {x, "x"}}, {"w", {w, "w"}}};
    if (residual) run.request.arguments["residual"] = {r, "r"};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    const double relative = type(form.y) == vm::kBF16 ? 0x1p-8 : 0;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = residual ? at(r, i * n + j) : 0, size = std::abs(sum);
        for (std::int64_t t = 0; t < k; ++t) {
          sum += at(x, i * k + t) * at(w, j * k + t);
          size += std::abs(at(x, i * k + t) * at(w, j * k + t));
        }
        // Sums of f32: half an ulp of what was added up, for each addition.
        const double bound = size * static_cast<double>(k + 8) * 0x1p-24 + std::abs(sum) * relative;
        ASSERT_NEAR(at(results.at("y"), i * n + j), sum, bound + 1e-30) << i << ", " << j;
      }
    }
  }
}

TEST(QuantizedLinear, AgreesWithFloat64) {
  std::mt19937_64 random(test_seed() + 1);
  for (const char* name : {"u1", "u3", "u4", "i4", "e2m1", "codebook<4>", "u8"}) {
    const vm::ElementType type = *vm::parse_element_type(name);
    const bool zeroed = type.type_class == vm::TypeClass::Unsigned,
               table = type.type_class == vm::TypeClass::Codebook;
    const std::array<std::int64_t, 4> groups = {16, 32, 64, 128};
    const std::int64_t group = groups[static_cast<std::size_t>(pick(random, 0, 3))];
    const std::int64_t m = pick(random, 1, 70), n = pick(random, 1, 150),
                       k = group * pick(random, 1, 3);
    SCOPED_TRACE(fmt::format("{} G={} m={} n={} k={}", name, group, m, n, k));
    const HostArray x = normal(vm::kF32, {m, k}, random), w = codes(type, {k, n}, random),
                    s = normal(vm::kF16, {k / group, n}, random, 0.1),
                    entries = normal(vm::kF16, {std::int64_t{1} << type.bits}, random);
    HostArray z = zeros(vm::kF16, {k / group, n});
    for (std::size_t i = 0; i < z.size(); ++i)
      z.set_code(i,
                 vm::encode(vm::kF16, static_cast<double>(pick(random, 0, (1 << type.bits) - 1))));
    KernelRun run{.file = "llama/quantized_linear.bl", .kernel = "quantized_linear"};
    run.generics = {{"W", name}, {"G", fmt::to_string(group)}};
    run.request.arguments = {{"x", {x, "x"}}, {"w", {w, "w"}}, {"scale", {s, "s"}}};
    if (zeroed) run.request.arguments["zero"] = {z, "z"};
    if (table) run.request.arguments["table"] = {entries, "t"};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0, size = 0;
        for (std::int64_t t = 0; t < k; ++t) {
          const auto code = static_cast<std::int64_t>(w.code(static_cast<std::size_t>(t * n + j)));
          const double q = table ? at(entries, code) : at(w, t * n + j);
          const double weight =
              (q - (zeroed ? at(z, t / group * n + j) : 0)) * at(s, t / group * n + j);
          sum += at(x, i * k + t) * weight;
          size += std::abs(at(x, i * k + t) * weight);
        }
        ASSERT_NEAR(at(results.at("y"), i * n + j), sum,
                    size * static_cast<double>(k + 8) * 0x1p-24 + 1e-30)
            << i << ", " << j;
      }
    }
  }
}

TEST(PagedAttention, AgreesWithFloat64) {
  std::mt19937_64 random(test_seed() + 2);
  struct Form {
    const char *type, *rows, *threads;
  };
  for (const Form& form : {Form{"f32", "64", "256"},
                           {"f32", "1", "64"},
                           {"f32", "64", "32"},
                           {"bf16", "64", "128"},
                           {"bf16", "16", "128"}}) {
    const vm::ElementType type = *vm::parse_element_type(form.type);
    const std::int64_t d = pick(random, 0, 1) == 1 ? 64 : 128, page = 64, pages = 5;
    const std::int64_t kv = pick(random, 1, 2), heads = kv * pick(random, 1, 3);
    const std::int64_t m = std::string_view(form.rows) == "1" ? 1 : pick(random, 1, 90),
                       start = pick(random, 0, page * pages - m);
    SCOPED_TRACE(
        fmt::format("{} D={} heads={}/{} m={} start={}", form.type, d, heads, kv, m, start));
    const HostArray q = normal(type, {m, heads, d}, random),
                    k = normal(type, {pages, kv, page, d}, random),
                    v = normal(type, {pages, kv, page, d}, random);
    std::vector<int> table = {0, 1, 2, 3, 4};
    std::ranges::shuffle(table, random);
    const double scale = 1 / std::sqrt(static_cast<double>(d));
    KernelRun run{.file = "llama/paged_attention.bl", .kernel = "paged_attention"};
    run.generics = {
        {"T", form.type}, {"D", fmt::to_string(d)}, {"BM", form.rows}, {"N", form.threads}};
    run.request.arguments = {{"q", {q, "q"}},          {"k", {k, "k"}},
                             {"v", {v, "v"}},          {"table", {integers({pages}, table), "t"}},
                             {"start", number(start)}, {"scale", number(scale)}};
    run.request.outputs = {"o"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("o"));
    const double bound = type == vm::kF32 ? 1e-5 : 0.03;
    const auto place = [&](std::int64_t position, std::int64_t head) {
      const int p = table[static_cast<std::size_t>(position / page)];
      return ((p * kv + head) * page + position % page) * d;
    };
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t h = 0; h < heads; ++h) {
        std::vector<double> weight, sums(static_cast<std::size_t>(d));
        double top = -INFINITY, total = 0;
        for (std::int64_t j = 0; j <= start + i; ++j) {
          double s = 0;
          for (std::int64_t t = 0; t < d; ++t)
            s += at(q, (i * heads + h) * d + t) * at(k, place(j, h / (heads / kv)) + t);
          weight.push_back(s * scale);
          top = std::max(top, s * scale);
        }
        for (double& w : weight) total += w = std::exp(w - top);
        for (std::int64_t j = 0; j <= start + i; ++j)
          for (std::int64_t t = 0; t < d; ++t)
            sums[static_cast<std::size_t>(t)] +=
                weight[static_cast<std::size_t>(j)] / total * at(v, place(j, h / (heads / kv)) + t);
        for (std::int64_t t = 0; t < d; ++t)
          ASSERT_NEAR(at(results.at("o"), (i * heads + h) * d + t),
                      sums[static_cast<std::size_t>(t)], bound)
              << i << ", " << h << ", " << t;
      }
    }
  }
}

TEST(RopeCache, TurnsQueriesAndFilesKeysAndValues) {
  std::mt19937_64 random(test_seed() + 3);
  const std::int64_t d = 64, page = 64, pages = 3, heads = 3, kv = 1;
  const std::int64_t m = pick(random, 1, 40), start = pick(random, 0, page * pages - m);
  SCOPED_TRACE(fmt::format("m={} start={}", m, start));
  const HostArray q = normal(vm::kF32, {m, heads, d}, random),
                  k = normal(vm::kF32, {m, kv, d}, random),
                  v = normal(vm::kF32, {m, kv, d}, random),
                  c = normal(vm::kF32, {page * pages, d / 2}, random),
                  s = normal(vm::kF32, {page * pages, d / 2}, random),
                  blank = zeros(vm::kF32, {pages, kv, page, d});
  const std::vector<int> table = {2, 0, 1};
  KernelRun run{.file = "llama/rope_cache.bl", .kernel = "rope_cache"};
  run.request.arguments = {{"q", {q, "q"}},
                           {"k", {k, "k"}},
                           {"v", {v, "v"}},
                           {"cos", {c, "c"}},
                           {"sin", {s, "s"}},
                           {"table", {integers({pages}, table), "t"}},
                           {"start", number(start)},
                           {"keys", {blank, "keys"}},
                           {"values", {blank, "values"}}};
  run.request.outputs = {"q", "keys", "values"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("keys"));
  const auto turned = [&](const HostArray& x, std::int64_t row, std::int64_t position,
                          std::int64_t t) {
    const std::int64_t half = d / 2, e = t % half;
    const double low = at(x, row * d + e), high = at(x, row * d + half + e),
                 cosine = at(c, position * half + e), sine = at(s, position * half + e);
    return t < half ? low * cosine - high * sine : high * cosine + low * sine;
  };
  for (std::int64_t i = 0; i < m; ++i) {
    const std::int64_t p = start + i;
    const std::int64_t slot = (table[static_cast<std::size_t>(p / page)] * page + p % page) * d;
    for (std::int64_t t = 0; t < d; ++t) {
      for (std::int64_t h = 0; h < heads; ++h)
        ASSERT_NEAR(at(results.at("q"), (i * heads + h) * d + t), turned(q, i * heads + h, p, t),
                    1e-5);
      ASSERT_NEAR(at(results.at("keys"), slot + t), turned(k, i, p, t), 1e-5);
      ASSERT_EQ(at(results.at("values"), slot + t), at(v, i * d + t));
    }
  }
}

TEST(TokenLoss, AgreesWithFloat64) {
  std::mt19937_64 random(test_seed() + 4);
  const std::int64_t m = pick(random, 1, 6), n = pick(random, 1, 3000);
  SCOPED_TRACE(fmt::format("m={} n={}", m, n));
  const HostArray logits = normal(vm::kF32, {m, n}, random, 4);
  std::vector<int> targets;
  for (std::int64_t i = 0; i < m; ++i) targets.push_back(static_cast<int>(pick(random, 0, n - 1)));
  KernelRun run{.file = "llama/token_loss.bl", .kernel = "token_loss"};
  run.request.arguments = {{"logits", {logits, "l"}}, {"target", {integers({m}, targets), "t"}}};
  run.request.outputs = {"loss"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("loss"));
  for (std::int64_t i = 0; i < m; ++i) {
    double top = -INFINITY, total = 0;
    for (std::int64_t j = 0; j < n; ++j) top = std::max(top, at(logits, i * n + j));
    for (std::int64_t j = 0; j < n; ++j) total += std::exp(at(logits, i * n + j) - top);
    const double expected =
        top + std::log(total) - at(logits, i * n + targets[static_cast<std::size_t>(i)]);
    ASSERT_NEAR(at(results.at("loss"), i), expected, 1e-5 * (1 + expected)) << i;
  }
}

TEST(RmsNormAndSwiglu, AgreeWithFloat64) {
  std::mt19937_64 random(test_seed() + 5);
  for (const char* out : {"f32", "bf16"}) {
    const std::int64_t m = pick(random, 1, 5), n = pick(random, 1, 1500);
    SCOPED_TRACE(fmt::format("{} m={} n={}", out, m, n));
    const HostArray x = normal(vm::kF32, {m, n}, random, 3), w = normal(vm::kBF16, {n}, random);
    KernelRun run{.file = "llama/rms_norm.bl", .kernel = "rms_norm", .generics = {{"Y", out}}};
    run.request.arguments = {{"x", {x, "x"}}, {"weight", {w, "w"}}, {"eps", number(1e-5)}};
    run.request.outputs = {"y"};
    const auto results = must_run(run);
    ASSERT_TRUE(results.contains("y"));
    const double relative = std::string_view(out) == "f32" ? 1e-5 : 0x1p-8;
    for (std::int64_t i = 0; i < m; ++i) {
      double squares = 0;
      for (std::int64_t j = 0; j < n; ++j) squares += at(x, i * n + j) * at(x, i * n + j);
      for (std::int64_t j = 0; j < n; ++j) {
        const double y =
            at(x, i * n + j) * at(w, j) / std::sqrt(squares / static_cast<double>(n) + 1e-5);
        ASSERT_NEAR(at(results.at("y"), i * n + j), y, std::abs(y) * relative + 1e-30);
      }
    }
  }
  const HostArray gate = normal(vm::kF32, {3, 1100}, random, 4),
                  up = normal(vm::kF32, {3, 1100}, random);
  KernelRun run{.file = "llama/swiglu.bl", .kernel = "swiglu"};
  run.request.arguments = {{"gate", {gate, "g"}}, {"up", {up, "u"}}};
  run.request.outputs = {"y"};
  const auto results = must_run(run);
  ASSERT_TRUE(results.contains("y"));
  for (std::int64_t i = 0; i < 3300; ++i) {
    const double y = at(gate, i) / (1 + std::exp(-at(gate, i))) * at(up, i);
    ASSERT_NEAR(at(results.at("y"), i), y, std::abs(y) * 1e-5 + 1e-30) << i;
  }
}

}  // namespace
}  // namespace bitloom::test
