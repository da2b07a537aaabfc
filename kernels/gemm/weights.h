// Low-bit weights in the memory of a GPU, packed once for every m and for every configuration.
//
//   Result<GemmWeights> w = GemmWeights::pack(problem, {codes, scale}, stream);
//   Result<GemmSource> again = w->unpack(stream);              // the same numbers, exactly
//
// Codes lie in the atoms that both matrix units read (layouts/packed_atom.h): bits · k · n / 8
// bytes after n and k are rounded up to
// 64. Scales and zero points lie twice: as they were given, and in the order of the lanes
// (order_columns of gemm_stream.bl). No choice of tiles, stages or splits changes a byte: tuning
// never repacks.
#pragma once

#include <optional>

#include "kernels/gemm/problem.h"
#include "runtime/host/array.h"
#include "runtime/tensor.h"

namespace bitloom::kernels {

struct GemmSource {
  runtime::HostArray codes;  // [k, n], one code an element: the weight type, or u8
  runtime::HostArray scale;  // [k / group, n]
  std::optional<runtime::HostArray> zero = {};  // [k / group, n]
};

class GemmWeights {
 public:
  // BL1120 for a problem that check() refuses, BL1122 for arrays that are not those of the problem.
  // m does not matter.
  static runtime::Result<GemmWeights> pack(const GemmProblem& problem, const GemmSource& source,
                                           const runtime::Stream& stream);
  // Codes that lie packed already.
  static runtime::Result<GemmWeights> from_packed(const GemmProblem& problem, runtime::Tensor codes,
                                                  const runtime::HostArray& scale,
                                                  const std::optional<runtime::HostArray>& zero,
                                                  const runtime::Stream& stream);
  runtime::Result<GemmSource> unpack(const runtime::Stream& stream) const;

  const runtime::Tensor& codes() const { return codes_; }
  const runtime::Tensor& scale() const { return scale_; }
  const runtime::Tensor& scale_of_lanes() const { return scale_of_lanes_; }
  const std::optional<runtime::Tensor>& zero() const { return zero_; }
  const std::optional<runtime::Tensor>& zero_of_lanes() const { return zero_of_lanes_; }
  const GemmProblem& problem() const { return problem_; }

 private:
  GemmWeights(GemmProblem problem, runtime::Tensor codes, runtime::Tensor scale,
              runtime::Tensor scale_of_lanes)
      : problem_(problem),
        codes_(std::move(codes)),
        scale_(std::move(scale)),
        scale_of_lanes_(std::move(scale_of_lanes)) {}
  GemmProblem problem_;
  runtime::Tensor codes_, scale_, scale_of_lanes_;
  std::optional<runtime::Tensor> zero_, zero_of_lanes_;
};

// What order_columns of gemm_stream.bl does: [g, n] -> [g, ⌈n / 64⌉, 64], columns 8 j + r of each
// 64 at place 8 r + j.
runtime::Result<runtime::HostArray> order_columns(const runtime::HostArray& numbers);

}  // namespace bitloom::kernels
