// Scan, sort and selection over a whole device: what builders of lists need between their kernels.
//
// On a GPU they are CUB's, in one small object that is built when nvcc is present
// (has_device_index()). Without it the tensors take the way over the host, where the functions on
// spans do the same: results are equal either way, sorting is stable.
//
//   exclusive_scan(stream, counts, first);                   // first[0] = 0, first[i + 1] =
//   first[i] + counts[i] sort_descending(stream, scores, order);                  // scores
//   falling, order the places that they had select_marked(stream, marks, places); // places i of
//   marks[i] != 0, in order, and how many
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/tensor.h"

namespace bitloom::kernels {

// Whether the program has CUB's functions; it may still run on a machine without a GPU.
bool has_device_index();

// counts i32[n], sums i32[n + 1]. Sums wrap beyond 2^31 − 1. Other types and lengths: BL1105, as
// with the others.
runtime::Result<void> exclusive_scan(const runtime::Stream& stream, const runtime::Tensor& counts,
                                     const runtime::Tensor& sums);
// keys f32[n], sorted in place from the largest to the least; places i32[n]: where each one stood.
// Of equal keys the first stays first.
runtime::Result<void> sort_descending(const runtime::Stream& stream, const runtime::Tensor& keys,
                                      const runtime::Tensor& places);
// marks i32[n], places i32[n], of which the first `result` are written. Waits for the stream.
runtime::Result<std::int64_t> select_marked(const runtime::Stream& stream,
                                            const runtime::Tensor& marks,
                                            const runtime::Tensor& places);

// The same on the host.
void exclusive_scan(std::span<const std::int32_t> counts, std::span<std::int32_t> sums);
void sort_descending(std::span<float> keys, std::span<std::int32_t> places);
std::int64_t select_marked(std::span<const std::int32_t> marks, std::span<std::int32_t> places);

}  // namespace bitloom::kernels
