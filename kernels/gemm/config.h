// How a product is computed: which kernel, and the numbers it is specialised with.
//
//   stream M=8 NW=1 KW=4 D=2 B=2 U=128 C=1      gemm_stream.bl: weights straight to registers
//   int8 M=8 NW=1 KW=4 D=2 B=2 U=128            gemm_int8.bl: the same for quantised activations
//   wgmma T=64 F=2 R=128 D=6 P=1 B=1            gemm_wgmma.bl: warpgroup products, on Hopper
//   tile BM=64 BN=128 S=3                       gemm.bl: any shape on any GPU
//
// The words are those of the kernel's generics. A configuration is text in tuning tables and in
// results.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kernels/gemm/problem.h"
#include "vm/passes/pass.h"

namespace bitloom::kernels {

struct GemmConfig {
  std::string kernel;                  // stream, int8, wgmma or tile
  std::map<std::string, int> numbers;  // generics

  int number(const std::string& name, int otherwise = 0) const;
  bool operator==(const GemmConfig&) const = default;
};

std::string to_string(const GemmConfig& config);
// BL1121 for text that is none.
runtime::Result<GemmConfig> parse_gemm_config(const std::string& text);

// BL1121 when the configuration cannot compute the problem on the target, with the reason.
runtime::Result<void> check(const GemmConfig& config, const GemmProblem& problem,
                            const vm::Target& target);

// Everything that may be worth timing, likely ones first; all pass check().
std::vector<GemmConfig> gemm_candidates(const GemmProblem& problem, const vm::Target& target);

}  // namespace bitloom::kernels
