// The baseline: y[m, n] = x[m, k] · W[n, k]ᵀ in f16 through cublasLt, summed in f32, looked up at
// run time as the driver is.
//
// Called as a fair figure wants it: weights K-major (TN), a workspace of 64 MB, the fastest of the
// first eight heuristics, each timed.
#pragma once

#include <memory>

#include "runtime/tensor.h"

namespace bitloom::kernels {

class CublasLt {
 public:
  // BL1124 when the library is not there; nothing else depends on it.
  static runtime::Result<CublasLt> load(const runtime::Stream& stream);

  // The algorithm for a shape; `weights` are copies of W that are larger than the L2 cache
  // together.
  class Product {
   public:
    // y must not be read before the stream gets there. Safe under graph capture.
    runtime::Result<void> launch(const runtime::Tensor& x, const runtime::Tensor& w,
                                 const runtime::Tensor& y) const;

   private:
    friend class CublasLt;
    struct State;
    explicit Product(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
  };
  runtime::Result<Product> product(std::int64_t m, std::int64_t n, std::int64_t k,
                                   const runtime::Tensor& x,
                                   const std::vector<runtime::Tensor>& weights,
                                   const runtime::Tensor& y) const;

 private:
  struct Library;
  explicit CublasLt(std::shared_ptr<Library> library) : library_(std::move(library)) {}
  std::shared_ptr<Library> library_;
};

}  // namespace bitloom::kernels
