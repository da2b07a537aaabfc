// Tensor maps: what a tensor copy (TMA) knows of the tensor it reads or writes.
#pragma once

#include <span>

#include "codegen/cuda.h"
#include "runtime/cuda/driver.h"
#include "runtime/result.h"

namespace bitloom::runtime {

// For a dense row-major tensor. BL0806 where the tensor is not as a tensor copy needs it: one to
// five dimensions, none of them empty, rows of a multiple of 16 bytes.
Result<void> encode_tensor_map(const cuda::Driver& driver, const codegen::TensorMapSpec& spec,
                               std::string_view name, std::uint64_t address,
                               std::span<const std::int64_t> extents, cuda::CUtensorMap& map);

}  // namespace bitloom::runtime
