// What a launch of a kernel has to work out, made ready once: sizes from the extents of tensors,
// conditions, the grid, and the values of the CUDA function's parameters.
//
//   Result<LaunchPlan> plan = LaunchPlan::make(function, image);
//   BoundLaunch bound;
//   plan->bind(arguments, {.sms = 132}, bound)        // BL04xx for what does not fit
//   … cuLaunchKernelEx(config, handle, bound.pointers.data(), nullptr)
//
// A bind allocates nothing and looks nothing up by name; it is what a launch costs beside the
// driver. A plan never changes, so threads share it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cache/compiled_kernel.h"
#include "runtime/cuda/types.h"
#include "runtime/launch_argument.h"
#include "runtime/result.h"
#include "runtime/size_program.h"
#include "vm/ir.h"

namespace bitloom::cuda {
struct Driver;
}

namespace bitloom::runtime {

struct LaunchRecord;

// The values of one launch. Lives on the stack of the one who launches.
struct BoundLaunch {
  static constexpr std::size_t kParameters = 64, kMaps = 8, kSizes = 32;
  std::array<unsigned, 3> grid = {1, 1, 1};
  std::array<std::uint64_t, kParameters> words;  // what is not a tensor map
  std::array<void*, kParameters> pointers;       // to words and maps
  std::array<cuda::CUtensorMap, kMaps> maps;

  bool is_empty() const { return grid[0] == 0 || grid[1] == 0 || grid[2] == 0; }
  std::uint64_t blocks() const { return std::uint64_t{grid[0]} * grid[1] * grid[2]; }
};

struct BindOptions {
  int sms = 0;                                                       // the value of device.sms
  const cuda::Driver* driver = nullptr;                              // encodes tensor maps
  std::span<const std::pair<std::string, std::int64_t>> sizes = {};  // said outright
  const void* device = nullptr;  // the DeviceState that tensors must lie on
};

class LaunchPlan {
 public:
  // `function` may be lowered or not: only its signature is read.
  static Result<LaunchPlan> make(const vm::Function& function, const CompiledKernel& image);

  // `arguments` are in the order of the kernel's parameters.
  Result<void> bind(std::span<const LaunchArgument> arguments, const BindOptions& options,
                    BoundLaunch& bound) const;

  const std::string& name() const { return name_; }  // "gemm<W=u4, G=128>"
  std::size_t parameter_count() const { return parameters_.size(); }
  std::size_t word_count() const { return values_.size(); }
  int threads() const { return threads_; }
  int cluster() const { return cluster_; }
  unsigned shared_bytes() const { return shared_bytes_; }
  bool resident() const { return resident_; }    // the whole grid at once
  bool dependent() const { return dependent_; }  // waits itself for the launch before it

  // "gemm<W=u4>(a: f16[m, k] at 0x7f…, m = 16, …), 4 x 1 x 1 blocks"
  std::string describe(const LaunchRecord& record) const;

 private:
  struct Extent {
    layouts::SizeExpr expression;
    SizeProgram program;
    int slot = -1;  // of an extent that is a plain size
  };
  struct Parameter {
    std::string name;
    vm::Type type;
    std::string type_text;
    vm::Span span;
    bool present = true;
    std::vector<Extent> extents;
    std::int64_t atom_rows = 0, atom_columns = 0, atom_bytes = 0;
  };
  struct Condition {
    vm::Constraint constraint;
    SizeProgram program;
  };
  struct Axis {
    layouts::SizeExpr expression;
    SizeProgram program;
  };
  // One parameter of the CUDA function.
  struct ParameterValue {
    codegen::CudaParameter::Kind kind;
    int source;  // index of a parameter, or slot of a size
    std::optional<codegen::TensorMapSpec> map;
  };
  struct Sizes;

  Result<void> read(const vm::Function& function, const CompiledKernel& image);
  Result<SizeProgram> compile(const layouts::SizeExpr& expression) const;
  Result<void> infer(std::span<const LaunchArgument> arguments, const BindOptions& options,
                     Sizes& sizes) const;
  Result<void> check_argument(const Parameter& parameter, const LaunchArgument& argument,
                              const Sizes& sizes, const void* device) const;
  Result<void> check_extents(const Parameter& parameter, const LaunchArgument& argument,
                             const Sizes& sizes) const;
  Result<void> check_conditions(const Sizes& sizes) const;
  Result<void> set_grid(const Sizes& sizes, BoundLaunch& bound) const;
  Result<std::uint64_t> scalar(const Parameter& parameter, const LaunchArgument& argument) const;
  std::string reason(const layouts::SizeExpr& expression, const Sizes& sizes) const;
  std::string values_in(const layouts::SizeExpr& expression, const Sizes& sizes) const;

  std::string name_;
  vm::Span span_;
  std::vector<std::string> slots_;  // names of sizes; the first is device.sms
  std::vector<int> absent_;         // slots of sizes that only absent parameters name
  std::vector<Parameter> parameters_;
  std::vector<Condition> conditions_;
  std::vector<Axis> grid_;
  std::vector<ParameterValue> values_;
  int threads_ = 0, cluster_ = 1;
  unsigned shared_bytes_ = 0;
  bool resident_ = false, dependent_ = false;
};

}  // namespace bitloom::runtime
