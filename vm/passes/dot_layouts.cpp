#include "vm/passes/dot_layouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "layouts/fragments.h"

namespace bitloom::vm {

using layouts::RegisterLayout;

namespace {

constexpr int kWarp = 32;
constexpr int kWarpgroup = 128;
constexpr std::int64_t kWidestWgmma = 256;

bool is_fp8(ElementType type) {
  return type == kE4M3 || type == kE5M2;
}
bool is_int8(ElementType type) {
  return type == kI8 || type == kU8;
}

// The least capability whose mma.sync multiplies the types; 0 when none does.
int mma_capability(const DotShape& shape) {
  if (is_fp8(shape.a) && is_fp8(shape.b)) return 89;
  if (is_int8(shape.a) && is_int8(shape.b)) return 80;
  if (shape.a == kF64 && shape.b == kF64) return 80;
  const bool half = shape.a == kF16 || shape.a == kBF16 || shape.a == kTF32;
  return half && shape.a == shape.b ? 80 : 0;
}

int instruction_k(const DotShape& shape) {
  const int wide = 256 / shape.a.bits;
  return shape.k % wide == 0 ? wide : wide / 2;
}

}  // namespace

std::string why_no_mma(const DotShape& shape, std::int64_t threads, const Target& target) {
  const int capability = mma_capability(shape);
  if (capability == 0) {
    return fmt::format("there is no mma of {} and {}", to_string(shape.a), to_string(shape.b));
  }
  if (target.sm < capability) {
    return fmt::format("mma of {} needs sm_{} where the target is {}", to_string(shape.a),
                       capability, to_string(target));
  }
  const bool wide = shape.a == kF64;
  // Bytes have an instruction of 128 bits along k, fp8 has not.
  const int m = wide ? 8 : 16, k = wide ? 4 : (is_fp8(shape.a) ? 256 : 128) / shape.a.bits;
  if (shape.m % m != 0) return fmt::format("m = {} is not a multiple of {}", shape.m, m);
  if (shape.n % 8 != 0) return fmt::format("n = {} is not a multiple of 8", shape.n);
  if (shape.k % k != 0) return fmt::format("k = {} is not a multiple of {}", shape.k, k);
  if (threads % kWarp != 0) return fmt::format("{} threads are no whole warps", threads);
  return {};
}

bool has_fma(const DotShape& shape) {
  const bool types = shape.a == kF16 || shape.a == kBF16 || shape.a == kF32 || shape.a == kF64;
  return types && shape.a == shape.b;
}

std::vector<DotLayouts> mma_layouts(const DotShape& shape, std::int64_t threads) {
  std::vector<DotLayouts> result;
  const int warps = static_cast<int>(threads / kWarp);
  for (int used = warps; used >= 1; --used) {
    if (warps % used != 0) continue;
    for (int warps_m = 1; warps_m <= used; ++warps_m) {
      if (used % warps_m != 0) continue;
      const auto block = layouts::mma_block({.warps_m = warps_m,
                                             .warps_n = used / warps_m,
                                             .m = shape.m,
                                             .n = shape.n,
                                             .k = shape.k,
                                             .instruction_k = instruction_k(shape),
                                             .bits = shape.a.bits});
      if (!block) continue;
      const RegisterLayout copies = layouts::replicated(warps / used);
      result.push_back({copies * block->a, copies * block->b, copies * block->c, warps_m,
                        used / warps_m, warps / used});
    }
  }
  return result;
}

std::optional<DotLayouts> fma_layouts(const DotShape& shape, const RegisterLayout& c) {
  const auto rows = c.reduce(1), columns = c.reduce(0);
  if (!rows || !columns) return std::nullopt;
  return DotLayouts{*rows * layouts::local(1, shape.k), *columns * layouts::local(shape.k, 1), c};
}

// A thread holds whole rows of A and whole columns of B: as many as its part of C has. So the grid
// of threads that employs most comes first, and among those the one whose parts are nearly square.
RegisterLayout fma_result(const DotShape& shape, std::int64_t threads) {
  std::int64_t best_m = 1, best_n = 1;
  const auto held = [&](std::int64_t m, std::int64_t n) { return shape.m / m + shape.n / n; };
  for (std::int64_t m = 1; m <= std::min(shape.m, threads); ++m) {
    for (std::int64_t n = 1; n <= std::min(shape.n, threads / m); ++n) {
      if (shape.m % m != 0 || shape.n % n != 0 || threads % (m * n) != 0) continue;
      const bool busier = m * n > best_m * best_n;
      const bool squarer = m * n == best_m * best_n && held(m, n) < held(best_m, best_n);
      if (!busier && !squarer) continue;
      best_m = m;
      best_n = n;
    }
  }
  const std::int64_t vector = std::gcd<std::int64_t>(shape.n / best_n, 4);
  return layouts::local(shape.m / best_m, shape.n / best_n / vector) *
         layouts::replicated(threads / (best_m * best_n)) * layouts::spatial(best_m, best_n) *
         layouts::local(1, vector);
}

std::vector<DotLayouts> wgmma_layouts(const DotShape& shape, std::int64_t threads) {
  std::vector<DotLayouts> result;
  const int groups = static_cast<int>(threads / kWarpgroup);
  for (int groups_m = groups; groups_m >= 1; --groups_m) {
    if (groups % groups_m != 0) continue;
    const int groups_n = groups / groups_m;
    std::int64_t n = shape.n / groups_n;
    while (n > kWidestWgmma && n % 2 == 0) n /= 2;
    const auto block = layouts::wgmma_block({.groups_m = groups_m,
                                             .groups_n = groups_n,
                                             .m = shape.m,
                                             .n = shape.n,
                                             .k = shape.k,
                                             .instruction_n = static_cast<int>(n),
                                             .instruction_k = 256 / shape.a.bits,
                                             .bits = shape.a.bits});
    if (!block) continue;
    result.push_back({block->a, block->a, block->c, groups_m, groups_n, 1});
  }
  return result;
}

}  // namespace bitloom::vm
