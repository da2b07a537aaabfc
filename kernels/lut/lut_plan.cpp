#include "kernels/lut/lut_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace bitloom::kernels {
namespace {

std::int64_t ceildiv(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

runtime::Result<LutPlan> plan_lut_gemv(const LutProblem& p, int sms) {
  using runtime::failure;
  const bool known = (p.bits >= 1 && p.bits <= 4) || p.bits == 8;
  if (!known)
    return failure("BL1103", fmt::format("codes of {} bits", p.bits),
                   "tables are made for 1, 2, 3, 4 and 8 bits");
  if (p.m < 1 || p.n < 1 || p.k < 64 || p.k % 64 != 0)
    return failure("BL1103",
                   fmt::format("a product of m = {}, k = {}, n = {} with tables", p.m, p.k, p.n),
                   "k must be a multiple of 64: pad it with zeros in x");
  if (p.tables == LutTables::Groups && (p.group < 64 || p.group % 64 != 0 || p.k % p.group != 0))
    return failure("BL1103", fmt::format("a table for every {} rows of k = {}", p.group, p.k),
                   "groups are multiples of 64 that divide k");
  if (p.sums && (p.bits > 4 || p.tables == LutTables::Columns))
    return failure("BL1103",
                   fmt::format("tables of sums for codes of {} bits{}", p.bits,
                               p.tables == LutTables::Columns ? " with a table a column" : ""),
                   "tables of sums need at most 4 bits, and columns that share a table");

  LutPlan plan;
  std::int64_t rows = p.m <= 8 ? 8 : p.m <= 16 ? 16 : 32, columns = 256;
  plan.kernel = "lut_gemv";
  if (p.tables == LutTables::Columns) {
    plan.kernel = "lut_gemv_columns";
    columns = 64;
  } else if (p.sums) {
    plan.kernel = "lut_gemv_sums";
    rows = p.m == 1 ? 1 : 2;
    columns = 512;
  }
  plan.generics = {{"B", fmt::to_string(p.bits)},
                   {"A", p.activations},
                   {"M", fmt::to_string(rows)},
                   {"BN", fmt::to_string(columns)}};
  if (p.tables == LutTables::Groups) plan.generics["G"] = fmt::to_string(p.group);

  // About three blocks of four warps fit a multiprocessor. A part has at least 8 units of 64 rows:
  // what it costs more (its table, its rows of f32 written and read once) must be little beside its
  // codes.
  const std::int64_t tiles = ceildiv(p.n, columns) * ceildiv(p.m, rows);
  const std::int64_t resident = 3 * static_cast<std::int64_t>(sms) * 256 / columns;
  plan.splits =
      std::clamp<std::int64_t>(resident / tiles, 1, std::max<std::int64_t>(1, p.k / 64 / 8));
  plan.part = {plan.splits, p.m, p.n};
  plan.ticket = {ceildiv(p.m, rows), ceildiv(p.n, columns)};
  return plan;
}

}  // namespace bitloom::kernels
