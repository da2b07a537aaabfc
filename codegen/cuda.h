// Prints a fully lowered function (vm/ir.h) as the CUDA C++ text of one kernel.
//
//   vm::lower_all(function, context);
//   if (auto cuda = codegen::print_cuda(function, {.target = context.target}, diagnostics))
//     compile(cuda->text);      // NVRTC, -arch=sm_…, no include path
//
// The text is the whole translation unit: a prelude of one-instruction wrappers around inline PTX,
// as far as the kernel uses them, then one `extern "C" __global__` function.
//
//   a register tile        a variable `u32` a word (codegen/cuda/registers.h) of the dense bit
//   string
//                          that the interpreter holds, element i at bit i * bits
//   a scalar               a variable (int, u32, s64, u64, bool); floats are kept as their codes
//   which thread holds     sums of digits of the thread's number, shifts and masks; never a table
//   arithmetic on floats   wrappers with the rounding in their name: nothing is contracted
//   memory                 64-bit offsets in global memory, 32-bit addresses in shared memory, the
//                          width of an access as the attribute `vector` says, a predicate an access
//
// `#line` directives give every line the place in the kernel's own text that it comes from, so that
// messages of the compiler and profilers speak of that.
//
// Equal functions give equal texts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codegen/memory_access.h"
#include "vm/diagnostics.h"
#include "vm/ir.h"
#include "vm/passes/pass.h"

namespace bitloom::codegen {

// A tensor map that the kernel takes by value: the host encodes it for the tensor of a parameter.
// Dimensions are in the order of the text, slow to fast; strides are row-major.
struct TensorMapSpec {
  vm::ValueId parameter = vm::kNoValue;
  vm::ElementType element;
  vm::Shape box;  // elements along each dimension of the tensor, 1 where the window is a point
  int swizzle_bytes = 0;  // 0, 32, 64, 128
};

// The symbol of extents and grids that stands for the multiprocessors of the GPU.
inline constexpr std::string_view kMultiprocessors = "device.sms";

// One parameter of the CUDA function, in order.
struct CudaParameter {
  enum class Kind : std::uint8_t {
    Pointer,  // 8 bytes: the device address of a tensor, at a multiple of 16
    Scalar,   // `bytes` bytes: a scalar parameter
    Size,     // 8 bytes, signed: a size; or kMultiprocessors, where an extent of a tensor names it
    TensorMap,  // 128 bytes at a multiple of 64
  };
  Kind kind = Kind::Pointer;
  std::string name;                  // as in the kernel's text; of a map, that of its tensor
  vm::ValueId value = vm::kNoValue;  // of the Function
  int bytes = 8;
  std::optional<TensorMapSpec> map = {};  // TensorMap only
};

struct CudaText {
  std::string text;
  std::string kernel;  // the name of the function in the module
  std::vector<CudaParameter> parameters;
  std::int64_t shared_bytes = 0;  // dynamic; what plan_shared_memory gave, and scratch behind it
  int threads = 0;                // of a block
  int cluster = 1;
};

struct CudaOptions {
  vm::Target target = {};
  // The names of the files that spans refer to, for #line; without a name there are no directives.
  std::vector<std::string> files = {};
  // Where to write what memory accesses cost; nothing is worked out without a `to`.
  RecordOptions record = {};
};

// nullopt when something was reported: more shared memory than the target has, or an instruction in
// a form that has no text (BL0905).
std::optional<CudaText> print_cuda(const vm::Function& lowered, const CudaOptions& options,
                                   vm::Diagnostics& diagnostics);

}  // namespace bitloom::codegen
