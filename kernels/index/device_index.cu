// Index work over a whole device by CUB; compiled by nvcc, when there is one.
#include <thrust/iterator/counting_iterator.h>

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_select.cuh>
#include <cuda/std/functional>

#include "kernels/index/cub_calls.h"

namespace {

struct IsMarked {
  const std::int32_t* marks;
  __device__ bool operator()(std::int32_t place) const { return marks[place] != 0; }
};

__global__ void count_up(std::int32_t* places, std::int64_t n) {
  const std::int64_t i = blockIdx.x * std::int64_t{256} + threadIdx.x;
  if (i < n) places[i] = static_cast<std::int32_t>(i);
}

cudaStream_t stream_of(void* stream) {
  return static_cast<cudaStream_t>(stream);
}

}  // namespace

int bitloom_cub_inclusive_scan(void* scratch, std::size_t* bytes, const std::int32_t* in,
                               std::int32_t* out, std::int64_t n, void* stream) {
  return cub::DeviceScan::InclusiveSum(scratch, *bytes, in, out, n, stream_of(stream));
}

int bitloom_cub_sort_descending(void* scratch, std::size_t* bytes, const float* keys, float* sorted,
                                const std::int32_t* places, std::int32_t* sorted_places,
                                std::int64_t n, void* stream) {
  return cub::DeviceRadixSort::SortPairsDescending(scratch, *bytes, keys, sorted, places,
                                                   sorted_places, n, 0, 32, stream_of(stream));
}

int bitloom_cub_select(void* scratch, std::size_t* bytes, const std::int32_t* marks,
                       std::int32_t* places, std::int64_t* count, std::int64_t n, void* stream) {
  return cub::DeviceSelect::If(scratch, *bytes, thrust::counting_iterator<std::int32_t>(0), places,
                               count, n, IsMarked{marks}, stream_of(stream));
}

int bitloom_cub_count_up(std::int32_t* places, std::int64_t n, void* stream) {
  if (n == 0) return 0;
  count_up<<<static_cast<unsigned>((n + 255) / 256), 256, 0, stream_of(stream)>>>(places, n);
  return cudaGetLastError();
}
