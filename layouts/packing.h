// How numbers of any width lie in memory and in registers.
//
// Three levels, each in a header of its own:
//
//   bit_string.h   a dense little-endian bit string
//   encoding.h     which bit of which word of a run holds which bit of which element: dense, nibble
//                  orders, codes in spare bits, bit planes
//   packed_atom.h  the order of a whole weight tensor in global memory: blocks of 64 x 64 codes, in
//                  the order in which the lanes of a matrix instruction read them, 16 bytes at a
//                  time
//
// The packer on the host, the interpreter and the lowering of conversions all use these definitions
// and no others.
#pragma once

#include "layouts/bit_string.h"
#include "layouts/encoding.h"
#include "layouts/packed_atom.h"
