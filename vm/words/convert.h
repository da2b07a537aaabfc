// Lowers conversions between element types to word programs.
//
// A thread holds packed codes of one type in its words and gets the same numbers, in order, as
// dense codes of another. What every code becomes is defined in vm/numerics.h; this is how to
// compute it with a GPU's bit and half2 operations, two or four elements at a time:
//
//   integers to f16    a mask and the bits 0x6400 make the f16 number 1024 + q 2^p out of a code
//                      at mantissa bit p; one fma takes 1024 and the bias away. The same mask
//                      operation flips a sign bit.
//   integers to bf16   the same with 128 + q, up to 7 bits; 8 bits in two parts
//   integers to f32    the same with 2^23 + q
//   integers to bytes  codes are brought to the bottom of their byte, four at once
//   eXmY to f16, bf16  sign and magnitude move to their places in the wider format; a product with
//                      a power of two mends the exponent and the subnormals
//   f32 to eXmY        adding and taking away 1.5 · 2^(exponent + 23 - mantissa) rounds to the
//                      mantissa of the target
//
// Codes may lie anywhere in the thread's words. How they are brought together (shifts, funnel
// shifts, byte permutations) is found by trying: vm/words/convert/gather.h. Sources: Kim et al.,
// "Who says elephants can't run" (2022) for integers; FP6-LLM (2024) for eXmY; the rounding by
// addition is Dekker's. tests/vm/words/convert_test.cpp proves every code of every narrow type in
// every place.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "vm/element_type.h"
#include "vm/numerics.h"
#include "vm/words/word_program.h"

namespace bitloom::layouts {
class Encoding;
}

namespace bitloom::vm {

struct ConversionRequest {
  ElementType source, destination;
  int count = 0;  // elements a thread

  // Bit j of element i is bit source_bits[i * source.bits + j] of the thread's words, counted from
  // bit 0 of word 0. Empty: i * source.bits + j.
  std::vector<std::uint32_t> source_bits;
  std::uint64_t xor_constant = 0;  // codes are stored as code ^ xor_constant
  int source_words = 0;            // how many words the thread holds; 0: as many as the bits need

  int sm = 80;
  // The source holds neither NaN nor infinity, as quantised weights do: the operations that keep
  // them are left out.
  bool finite = false;

  // The result may be the number times 2^-scale, where that saves work (to f16: from unsigned
  // integers, which stay inside the subnormals, and from eXmY; to bytes: from unsigned integers,
  // which stay where they are in a byte). Elements of one group
  // (scale_groups[i]; empty: all different) get one scale.
  bool unnormalised = false;
  std::vector<std::uint32_t> scale_groups;
  // Element i has 2^row_exponents[i] besides, which its scale does not tell: the user takes it away
  // elsewhere. Empty: all 0.
  std::vector<int> row_exponents;

  Rounding rounding = Rounding::NearestEven;  // TowardZero: floats to integers only
  Overflow overflow = Overflow::ByType;       // Wrap: integers to integers only
};

struct Conversion {
  // Inputs: the source's words. Outputs: the destination's, dense; bits behind the last element are
  // 0.
  WordProgram program;
  // element i is decode(result i) * 2^scales[i]; all 0 unless unnormalised.
  std::vector<int> scales;
};

// An error is a sentence that says which conversion cannot be lowered and why.
tl::expected<Conversion, std::string> lower_conversion(const ConversionRequest& request);

// Gives a request the places and the constant of an encoding, for `count` elements in whole runs or
// a part of one.
void set_encoding(ConversionRequest& request, const layouts::Encoding& encoding);

}  // namespace bitloom::vm
