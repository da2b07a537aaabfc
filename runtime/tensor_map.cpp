#include "runtime/tensor_map.h"

#include <fmt/format.h>

#include <array>

#include "runtime/host/array.h"

namespace bitloom::runtime {
namespace {

constexpr std::size_t kMostDimensions = 5;

cuda::CUtensorMapDataType map_type(vm::ElementType element) {
  if (element == vm::kF16) return cuda::kMapFloat16;
  if (element == vm::kBF16) return cuda::kMapBFloat16;
  if (element == vm::kF32 || element == vm::kTF32) return cuda::kMapFloat32;
  if (element == vm::kF64) return cuda::kMapFloat64;
  if (element == vm::kI32) return cuda::kMapInt32;
  if (element == vm::kI64) return cuda::kMapInt64;
  switch (element.bits) {
    case 16:
      return cuda::kMapUint16;
    case 32:
      return cuda::kMapUint32;
    case 64:
      return cuda::kMapUint64;
    default:
      return cuda::kMapUint8;
  }
}

cuda::CUtensorMapSwizzle map_swizzle(int bytes) {
  switch (bytes) {
    case 32:
      return cuda::kMapSwizzle32;
    case 64:
      return cuda::kMapSwizzle64;
    case 128:
      return cuda::kMapSwizzle128;
    default:
      return cuda::kMapSwizzleNone;
  }
}

}  // namespace

Result<void> encode_tensor_map(const cuda::Driver& driver, const codegen::TensorMapSpec& spec,
                               std::string_view name, std::uint64_t address,
                               std::span<const std::int64_t> extents, cuda::CUtensorMap& map) {
  const auto refuse = [&](std::string_view why) {
    return failure("BL0806",
                   fmt::format("'{}' of extents {} cannot be read by a tensor copy: {}", name,
                               to_string(Shape(extents.begin(), extents.end())), why));
  };
  const std::size_t rank = extents.size();
  if (rank == 0 || rank > kMostDimensions) return refuse("it has not one to five dimensions");
  if (!driver.cuTensorMapEncodeTiled) {
    return failure("BL0416", "the CUDA driver is too old: it has no cuTensorMapEncodeTiled",
                   "a driver for CUDA 12 or later has it");
  }
  const std::int64_t element_bytes = spec.element.bits / 8;
  // The driver counts dimensions from the fast one; strides are in bytes, without that of the
  // first.
  std::array<std::uint64_t, kMostDimensions> dims{}, strides{};
  std::array<std::uint32_t, kMostDimensions> box{}, steps{};
  std::int64_t stride = element_bytes;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::size_t d = rank - 1 - i;
    if (extents[d] == 0) return refuse("it is empty");
    if (extents[d] > (std::int64_t{1} << 32)) return refuse("an extent is over 2^32");
    if (i > 0 && stride % 16 != 0)
      return refuse(fmt::format("its rows of {} bytes are no multiple of 16", stride));
    dims[i] = static_cast<std::uint64_t>(extents[d]);
    box[i] = static_cast<std::uint32_t>(spec.box[d]);
    steps[i] = 1;
    if (i > 0) strides[i - 1] = static_cast<std::uint64_t>(stride);
    stride *= extents[d];
  }
  // 256-byte promotion is what the tensor copies of this design were measured with.
  const cuda::CUresult result = driver.cuTensorMapEncodeTiled(
      &map, map_type(spec.element), static_cast<std::uint32_t>(rank),
      reinterpret_cast<void*>(address), dims.data(), strides.data(), box.data(), steps.data(),
      cuda::kInterleaveNone, map_swizzle(spec.swizzle_bytes), cuda::kPromotion256,
      cuda::kFillZeros);
  if (result == cuda::kSuccess) return {};
  return refuse(fmt::format("cuTensorMapEncodeTiled answers {}", cuda::error_text(driver, result)));
}

}  // namespace bitloom::runtime
