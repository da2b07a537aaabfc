// Weights for measurements: as many codes as a product wants, in the memory of a GPU, and the
// numbers of any column on the host.
//
// Codes are drawn once for 256 atoms of 64 x 64 codes; every atom of a tensor is one of them,
// chosen by a hash of its place. The bytes are as incompressible as the caches and the memory care
// to see, and a tensor of a billion codes is there at once.
#pragma once

#include "kernels/gemm/weights.h"

namespace bitloom::kernels {

class RandomWeights {
 public:
  // Finite codes of problem.weight; scales near 1 / (largest code · √k), so that outputs are about
  // 1; zero points in the middle.
  RandomWeights(const GemmProblem& problem, std::uint64_t seed);

  runtime::Result<GemmWeights> on(const runtime::Stream& stream) const;
  // W[:, column], k numbers: (code − zero) · scale.
  std::vector<double> column(std::int64_t column) const;

 private:
  std::size_t atom(std::int64_t n, std::int64_t k) const;
  GemmProblem problem_;
  std::uint64_t seed_;
  runtime::HostArray pool_;  // codes [64 · 16, 64 · 16]
  runtime::HostArray scale_, zero_;
};

// Activations x[m, k] of the problem: Gaussian, or `heavy`, with 4 channels a hundred times as
// large as the others.
runtime::Result<runtime::HostArray> random_activations(const GemmProblem& problem, bool heavy);

}  // namespace bitloom::kernels
