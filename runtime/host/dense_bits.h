// Narrow types as a GPU holds them: a dense bit string, little-endian, without padding between
// elements. An array of the host holds one code a byte.
#pragma once

#include <span>
#include <vector>

#include "runtime/host/array.h"

namespace bitloom::runtime {

// Bytes of a dense tensor of any type; fails as byte_count does.
Result<std::size_t> dense_bytes(vm::ElementType type, const Shape& shape);

std::vector<std::byte> to_dense_bits(const HostArray& codes);
// `bits` has dense_bytes of the array.
void from_dense_bits(std::span<const std::byte> bits, HostArray& codes);

}  // namespace bitloom::runtime
