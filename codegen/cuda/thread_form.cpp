#include "codegen/cuda/thread_form.h"

#include <fmt/format.h>

#include <bit>

namespace bitloom::codegen {
namespace {

void cut(std::int64_t divisor, std::int64_t extent, std::vector<ThreadDigit>& out) {
  std::vector<ThreadDigit> fast_first;
  for (std::int64_t prime = 2; extent > 1; ++prime) {
    while (extent % prime == 0) {
      fast_first.push_back({divisor, prime});
      divisor *= prime;
      extent /= prime;
    }
  }
  out.insert(out.end(), fast_first.rbegin(), fast_first.rend());
}

bool power_of_two(std::int64_t x) {
  return x > 0 && std::has_single_bit(static_cast<std::uint64_t>(x));
}
int log2(std::int64_t x) {
  return std::countr_zero(static_cast<std::uint64_t>(x));
}

// thread / divisor % extent
std::string digit_text(const ThreadDigit& digit, const std::string& thread, std::int64_t threads) {
  const bool last = digit.divisor * digit.extent >= threads;
  std::string text = thread;
  if (digit.divisor > 1) {
    text = power_of_two(digit.divisor) ? fmt::format("{} >> {}", text, log2(digit.divisor))
                                       : fmt::format("{} / {}u", text, digit.divisor);
  }
  if (last) return digit.divisor > 1 ? "(" + text + ")" : text;
  return power_of_two(digit.extent) ? fmt::format("({} & {}u)", text, digit.extent - 1)
         : digit.divisor > 1        ? fmt::format("({} % {}u)", text, digit.extent)
                                    : fmt::format("({} % {}u)", thread, digit.extent);
}

// Neighbouring digits that count on become one.
void merge(ThreadForm& form) {
  std::vector<ThreadForm::Term> merged;
  for (const ThreadForm::Term& term : form.terms) {
    if (term.coefficient == 0) continue;
    if (!merged.empty()) {
      ThreadForm::Term& slow = merged.back();
      const bool adjacent = slow.digit.divisor == term.digit.divisor * term.digit.extent;
      const bool counts_on = slow.coefficient == term.coefficient * term.digit.extent;
      // By XOR only digits that stay within their bits may be joined.
      const bool joinable = !form.by_xor || power_of_two(term.coefficient);
      if (adjacent && counts_on && joinable) {
        slow = {{term.digit.divisor, term.digit.extent * slow.digit.extent}, term.coefficient};
        continue;
      }
    }
    merged.push_back(term);
  }
  form.terms = std::move(merged);
}

std::optional<ThreadForm> fit_with(const std::vector<ThreadDigit>& digits, std::int64_t threads,
                                   const ThreadFunction& f, bool by_xor) {
  ThreadForm form;
  form.by_xor = by_xor;
  form.constant = f(0);
  for (const ThreadDigit& digit : digits) {
    if (by_xor && digit.extent != 2) {
      // A digit of three or more values that changes nothing is none.
      bool matters = false;
      for (std::int64_t v = 1; v < digit.extent; ++v)
        matters |= f(v * digit.divisor) != form.constant;
      if (matters) return std::nullopt;
      continue;
    }
    const std::int64_t moved = f(digit.divisor);
    form.terms.push_back({digit, by_xor ? moved ^ form.constant : moved - form.constant});
  }
  for (std::int64_t t = 0; t < threads; ++t) {
    if (form.at(t) != f(t)) return std::nullopt;
  }
  merge(form);
  return form;
}

}  // namespace

std::vector<ThreadDigit> digits_of(const layouts::RegisterLayout& layout) {
  std::vector<ThreadDigit> digits;
  std::int64_t divisor = layout.threads();
  for (const layouts::Digit& digit : layout.thread_digits()) {
    divisor /= digit.extent;
    cut(divisor, digit.extent, digits);
  }
  return digits;
}

std::vector<ThreadDigit> digits_of(std::int64_t threads) {
  std::vector<ThreadDigit> digits;
  // Lanes first: 96 threads are three warps of 32.
  const std::int64_t lanes = std::int64_t{1}
                             << std::countr_zero(static_cast<std::uint64_t>(threads));
  cut(lanes, threads / lanes, digits);
  cut(1, lanes, digits);
  return digits;
}

std::int64_t ThreadForm::at(std::int64_t thread) const {
  std::int64_t value = constant;
  for (const Term& term : terms) {
    const std::int64_t part = term.coefficient * term.digit.of(thread);
    value = by_xor ? value ^ part : value + part;
  }
  return value;
}

std::int64_t ThreadForm::bits() const {
  std::int64_t all = 0;
  for (const Term& term : terms) {
    for (std::int64_t v = 1; v < term.digit.extent; ++v) all |= term.coefficient * v;
  }
  return all;
}

std::string ThreadForm::text(const std::string& thread, std::int64_t threads) const {
  if (terms.empty()) return "0";
  std::string text;
  for (const Term& term : terms) {
    std::string digit = digit_text(term.digit, thread, threads);
    const std::int64_t size = term.coefficient < 0 ? -term.coefficient : term.coefficient;
    if (size != 1) digit = fmt::format("{} * {}", digit, size);
    if (text.empty()) {
      text = term.coefficient < 0 ? "-" + digit : digit;
    } else if (by_xor) {
      text += " ^ " + digit;
    } else {
      text += (term.coefficient < 0 ? " - " : " + ") + digit;
    }
  }
  return terms.size() == 1 && terms[0].coefficient == 1 ? text : "(" + text + ")";
}

std::optional<ThreadForm> fit(const std::vector<ThreadDigit>& digits, std::int64_t threads,
                              const ThreadFunction& f) {
  return fit_with(digits, threads, f, false);
}

std::optional<ThreadForm> fit_xor(const std::vector<ThreadDigit>& digits, std::int64_t threads,
                                  const ThreadFunction& f) {
  return fit_with(digits, threads, f, true);
}

}  // namespace bitloom::codegen
