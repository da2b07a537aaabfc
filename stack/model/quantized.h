// How a quantised linear layer stands in a checkpoint: in the place of NAME.weight [n, k] are
//
//   NAME.codes   U8 [bytes]       codes of [k, n], a dense bit string, little-endian
//   NAME.scale   F16 [k / G, n]   one a column and group of G rows of k
//   NAME.zero    U8 [k / G, n]    zero points, of unsigned types
//   NAME.table   F16 [2^b]        of codebooks: the numbers that codes stand for, before the scale
//   NAME.left    F16 [R, k]       low-rank correction, transposed as weights are: y += (x · A) · B
//   with NAME.right   F16 [n, R]       left = Aᵀ, right = Bᵀ
//
//   weight[k, n] = (code − zero) · scale        or table[code] · scale
//
// The metadata of the file say which layers those are, under the key "bitloom.quantization":
//
//   {"version": 1, "tensors": {"model.layers.0.mlp.up_proj.weight": {"type": "u4", "group": 128,
//   "zero": true,
//    "table": false, "rank": 0, "method": "rtn"}}}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/host/array.h"
#include "runtime/result.h"

namespace bitloom::stack {

inline constexpr const char* kQuantizationKey = "bitloom.quantization";

struct QuantizedTensor {
  vm::ElementType type = vm::kU8;
  std::int64_t group = 0;  // rows of k that share a scale
  bool zero = false, table = false;
  std::int64_t rank = 0;  // of the low-rank correction; 0: none
  std::string method = "rtn";
};

using QuantizedTensors = std::map<std::string, QuantizedTensor, std::less<>>;

// "model.layers.0.mlp.up_proj.weight" -> "model.layers.0.mlp.up_proj.codes"
std::string part_name(std::string_view weight, std::string_view part);

// The value of the metadata's key, and back. BL0638 for what is malformed; `name` is the file.
runtime::Result<QuantizedTensors> parse_quantization(std::string_view json,
                                                     const std::string& name);
std::string print_quantization(const QuantizedTensors& tensors);

// Whether groups of G fit k and the kernels (kernels/llama/quantized_linear.bl).
bool group_fits(std::int64_t group, std::int64_t k);

}  // namespace bitloom::stack
