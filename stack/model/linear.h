// A linear layer of a model in the memory of an engine, plain or quantised: y = x · W (+ residual).
#pragma once

#include <optional>

#include "stack/engine/executor.h"
#include "stack/model/checkpoint.h"

namespace bitloom::stack {

// In which numbers activations and products are: f32 throughout, or bf16 into the tensor core with
// f32 sums. What is added up over layers is f32 in both.
enum class Compute { F32, BF16 };

inline vm::ElementType element_of(Compute compute) {
  return compute == Compute::F32 ? vm::kF32 : vm::kBF16;
}

class Linear {
 public:
  static runtime::Result<Linear> load(Executor& executor, const Checkpoint& checkpoint,
                                      const std::string& weight, Compute compute = Compute::F32);

  // x [m, k], y [m, n], and residual, which may be y itself, of the type of y.
  runtime::Result<void> apply(Executor& executor, const Array& x, const Array& y,
                              const std::optional<Array>& residual = std::nullopt);

  const std::string& name() const { return name_; }
  std::int64_t inputs() const { return k_; }
  std::int64_t outputs() const { return n_; }

 private:
  runtime::Result<void> load_quantized(Executor& executor, const Checkpoint& checkpoint,
                                       Compute compute);
  runtime::Result<void> multiply_quantized(Executor& executor, const Array& x, const Array& y,
                                           const std::optional<Array>& residual);

  std::string name_;
  std::int64_t n_ = 0, k_ = 0;
  Array weight_;  // [n, k]
  std::optional<QuantizedTensor> quantized_;
  Array codes_, scale_;  // packed [k, n], f16 [k / G, n]
  std::optional<Array> zero_, table_, left_, right_;
  Array low_;                         // x · A of as many rows as there ever were
  std::shared_ptr<Product> product_;  // for few rows of bf16, where the engine has it
  Array wide_;                        // its result where y is f32
};

}  // namespace bitloom::stack
