// What device_index.cu gives device_index.cpp: CUB's functions behind plain types, so that one of
// the two needs nvcc and the other does not. Each takes CUB's scratch memory: called with scratch =
// null, it says in `bytes` how much it wants. 0, or the CUDA error.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
int bitloom_cub_inclusive_scan(void* scratch, std::size_t* bytes, const std::int32_t* in,
                               std::int32_t* out, std::int64_t n, void* stream);
int bitloom_cub_sort_descending(void* scratch, std::size_t* bytes, const float* keys, float* sorted,
                                const std::int32_t* places, std::int32_t* sorted_places,
                                std::int64_t n, void* stream);
int bitloom_cub_select(void* scratch, std::size_t* bytes, const std::int32_t* marks,
                       std::int32_t* places, std::int64_t* count, std::int64_t n, void* stream);
int bitloom_cub_count_up(std::int32_t* places, std::int64_t n, void* stream);
}
