// Which kernel of lut_gemv.bl multiplies by a tensor of codebook indices, and how it is cut over
// the GPU.
//
//   Result<LutPlan> plan = plan_lut_gemv({.bits = 4, .m = 1, .k = 4096, .n = 14336}, device.sms());
//   module.specialize(plan->kernel, {.generics = plan->generics});
//   kernel.launch(stream, x, code, table, part, ticket, y);  // part: f32 of plan->part, ticket:
//   zeros of plan->ticket
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/host/array.h"
#include "runtime/result.h"

namespace bitloom::kernels {

// One table of numbers for the whole tensor [1, 2^bits], one for every `group` rows of k [k /
// group, 2^bits], or one a column [n, 2^bits].
enum class LutTables : std::uint8_t { Tensor, Groups, Columns };

struct LutProblem {
  int bits = 4;  // 1, 2, 3, 4 or 8
  std::int64_t m = 1, k = 0, n = 0;
  LutTables tables = LutTables::Tensor;
  std::int64_t group = 0;  // of LutTables::Groups: rows, a multiple of 64 that divides k
  // Tables of partial sums of activations instead of tables of weights: bits <= 4, not for
  // LutTables::Columns.
  bool sums = false;
  std::string activations = "f16";  // or bf16
};

struct LutPlan {
  std::string kernel;
  std::map<std::string, std::string> generics;
  std::int64_t splits = 1;      // parts of k
  runtime::Shape part, ticket;  // workspaces: f32, and u32 that is zero at launch
};

// BL1103 for a problem that no kernel of the family takes.
runtime::Result<LutPlan> plan_lut_gemv(const LutProblem& problem, int sms);

}  // namespace bitloom::kernels
