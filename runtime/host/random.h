// Random arrays that are the same on every machine.
//
// Element i of an array is a function of (seed, stream, i) alone: one call of the counter-based
// generator Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011) with the key `seed` and the counter (i, stream). So the order in which elements are
// made does not matter, and arguments of one run that differ in `stream` are independent.
//
//   floats of 16, 32, 64 bits   about normal, mean 0, deviation 1: the sum of the eight 16-bit
//   parts of the 128 bits, shifted and
//                               scaled. No logarithm or cosine takes part, whose last digits differ
//                               between libraries; the sum is an exact integer and the rest one
//                               product and one rounding. Nothing lies beyond 4.9.
//   narrow types                every code of the type that stands for a finite number, all alike
//   e8m0                        powers of two from 2^-8 to 2^7
//   integers of 16 to 64 bits   -128 … 127, or 0 … 255: small, so that sums stay exact
//   bool                        0 or 1
#pragma once

#include <array>
#include <cstdint>

#include "runtime/host/array.h"

namespace bitloom::runtime {

using Philox = std::array<std::uint32_t, 4>;

// The generator itself: 128 bits from a counter and a key.
Philox philox(Philox counter, std::uint64_t key);

Result<HostArray> random_array(vm::ElementType type, Shape shape, std::uint64_t seed,
                               std::uint32_t stream = 0);

}  // namespace bitloom::runtime
