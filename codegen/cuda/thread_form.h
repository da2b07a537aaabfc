// Functions of the thread's number as sums of its digits.
//
// Everything that depends on the thread (a coordinate, an address) follows from the digits of a
// register layout. A digit is thread / divisor % extent; a function that moves by a fixed amount
// whenever a digit counts is
//
//   f(thread) = constant + sum of coefficient * (thread / divisor % extent)
//
// and prints as a few shifts and masks. `fit` finds that form, or says that there is none. With a
// swizzle the digits' amounts are combined by XOR instead; `fit_xor` is the same for that.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "layouts/register_layout.h"

namespace bitloom::codegen {

struct ThreadDigit {
  std::int64_t divisor = 1, extent = 2;
  std::int64_t of(std::int64_t thread) const { return thread / divisor % extent; }
};

// The digits of a layout's threads, cut into primes so that any function that respects the layout's
// digits respects them too. Slow to fast.
std::vector<ThreadDigit> digits_of(const layouts::RegisterLayout& layout);
// Those of plain thread numbers.
std::vector<ThreadDigit> digits_of(std::int64_t threads);

struct ThreadForm {
  struct Term {
    ThreadDigit digit;
    std::int64_t coefficient = 0;
  };
  std::int64_t constant = 0;
  std::vector<Term> terms;  // slow to fast, neighbours merged; no coefficient is 0
  bool by_xor = false;

  std::int64_t at(std::int64_t thread) const;
  bool is_constant() const { return terms.empty(); }
  // Every bit that some term may set (not the constant). Only for coefficients >= 0.
  std::int64_t bits() const;
  // As C++ over the variable `thread` of `threads` threads, without the constant; "0" when
  // constant.
  std::string text(const std::string& thread, std::int64_t threads) const;
};

using ThreadFunction = std::function<std::int64_t(std::int64_t)>;

std::optional<ThreadForm> fit(const std::vector<ThreadDigit>& digits, std::int64_t threads,
                              const ThreadFunction& f);
std::optional<ThreadForm> fit_xor(const std::vector<ThreadDigit>& digits, std::int64_t threads,
                                  const ThreadFunction& f);

}  // namespace bitloom::codegen
