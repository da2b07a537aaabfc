// Where a model runs: the one seam between the transformer and its engines.
//
//   auto executor = make_interpreter({});                    // or make_gpu(device)
//   Result<Array> x = (*executor)->upload(host);
//   (*executor)->launch({"llama/swiglu.bl", "swiglu", {{"T", "f32"}}}, {gate, up, y});
//
// An operator is a shipped kernel for given types. It is read, specialised and lowered (on a GPU:
// compiled and loaded) when it is first launched, and found again by its specification afterwards.
// Launches happen in order; `read` waits for those before it.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "runtime/device.h"
#include "runtime/host/array.h"
#include "runtime/result.h"
#include "stack/engine/array.h"

namespace bitloom::stack {

struct Operator {
  std::string file;    // below the folder of shipped kernels
  std::string kernel;  // in that file
  std::map<std::string, std::string> generics = {};
  std::set<std::string> present = {};  // optional parameters that are given

  auto operator<=>(const Operator&) const = default;
};

// In the order of the kernel's parameters; nullopt for an optional one that is absent.
using Operand = std::variant<std::nullopt_t, Array, std::int64_t, double>;

// A product with quantised weights by a kernel that is made for speed.
class Product {
 public:
  Product() = default;
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  virtual ~Product() = default;
  virtual std::int64_t most_rows() const = 0;
  // x [m, k] and y [m, n], both bf16, with m of at most most_rows().
  virtual runtime::Result<void> launch(const Array& x, const Array& y) = 0;
};

struct ProductWeights {
  Array codes;                                // packed [k, n]
  const runtime::HostArray* scale = nullptr;  // f16 [k / group, n]
  const runtime::HostArray* zero = nullptr;   // u8 [k / group, n], of unsigned types
  std::int64_t group = 0;
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  virtual bool on_gpu() const = 0;
  // All bytes zero.
  virtual runtime::Result<Array> allocate(vm::ElementType element, runtime::Shape shape) = 0;
  // Codes in the logical shape [k, n], in the order that kernels take packed weights in.
  virtual runtime::Result<Array> pack(const runtime::HostArray& codes) = 0;
  // `array` has the type and shape of what it is written from.
  virtual runtime::Result<void> write(const Array& array, const runtime::HostArray& from) = 0;
  // Packed ones come as codes in the logical shape.
  virtual runtime::Result<runtime::HostArray> read(const Array& array) = 0;
  virtual runtime::Result<void> launch(const Operator& op, std::span<const Operand> operands) = 0;
  // Null where the engine has no such kernel for the type or the shape: then the plain ones do.
  virtual runtime::Result<std::shared_ptr<Product>> product(const ProductWeights& weights);

  runtime::Result<Array> upload(const runtime::HostArray& from);
  runtime::Result<void> launch(const Operator& op, std::initializer_list<Operand> operands) {
    return launch(op, std::span(operands.begin(), operands.size()));
  }
};

struct ExecutorOptions {
  std::string kernels = {};  // the folder of shipped kernels; empty: kernels::kernels_folder()
  std::string stdlib = {};   // empty: as runtime::ModuleOptions
  bool checks = false;       // hazard checks of the interpreter
  const std::atomic<bool>* stop = nullptr;  // of the interpreter
};

std::unique_ptr<Executor> make_interpreter(const ExecutorOptions& options);
runtime::Result<std::unique_ptr<Executor>> make_gpu(const runtime::Device& device,
                                                    const ExecutorOptions& options);

}  // namespace bitloom::stack
