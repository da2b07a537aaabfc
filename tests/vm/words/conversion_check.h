// Runs a lowered conversion on chosen codes and compares every result with vm/numerics.h.
#pragma once

#include <functional>
#include <string>

#include "vm/words/convert.h"

namespace bitloom::vm {

// The code of `element` in `thread`.
using Codes = std::function<std::uint64_t(std::size_t thread, int element)>;

// Packs the codes of `threads` threads as the request says, with other bits of the words set at
// random, runs the lowered program, and compares. Empty when all is well, else the first difference
// as a sentence.
std::string difference(const ConversionRequest& request, const Codes& codes, std::size_t threads);

// The same with every code of a narrow source in every element: thread t holds code t + 37 e in
// element e.
std::string difference_for_every_code(const ConversionRequest& request);

// Operations an element.
double ops_per_element(const ConversionRequest& request);

std::string describe(const ConversionRequest& request);

}  // namespace bitloom::vm
