// NumPy's .npy files: one array each.
//
//   93 'N' 'U' 'M' 'P' 'Y'  major minor  length of the header (2 bytes in version 1, 4 in 2 and 3)
//   {'descr': '<f2', 'fortran_order': False, 'shape': (16, 64), }  spaces  '\n'
//   the elements
//
// Read: versions 1 to 3; bool, integers of 8 to 64 bits, floats of 16, 32 and 64 bits, in both byte
// orders and both orders of dimensions. The header is a fixed little grammar and nothing of it is
// evaluated; every length is compared with the size of the file before memory is taken. A bool is 0
// or 1 whatever nonzero byte stood in the file.
//
// Written: version 1, little-endian, row-major. Narrow types become uint8 codes, tf32 becomes
// float32 (which it is, bit for bit); bf16 has no name in NumPy and is refused (BL0613).
//
// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <span>
#include <string>

#include "runtime/host/array.h"

namespace bitloom::runtime {

Result<HostArray> read_npy(const std::string& path);
// The same from the bytes of a file; `name` stands in messages.
Result<HostArray> parse_npy(std::span<const std::byte> file, const std::string& name);

Result<void> write_npy(const std::string& path, const HostArray& array);

}  // namespace bitloom::runtime
