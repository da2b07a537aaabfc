#include "tests/vm/words/conversion_check.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

#include "vm/words/run.h"

namespace bitloom::vm {
namespace {

// Words of a run: word w of thread t at [w * threads + t].
class Words {
 public:
  Words(std::size_t words, std::size_t threads) : threads_(threads), words_(words * threads) {}
  std::uint32_t* data() { return words_.data(); }
  std::vector<std::uint32_t>& all() { return words_; }

  bool bit(std::size_t thread, std::size_t place) const {
    return (words_[place / 32 * threads_ + thread] >> (place % 32)) & 1;
  }
  void set_bit(std::size_t thread, std::size_t place, bool value) {
    std::uint32_t& word = words_[place / 32 * threads_ + thread];
    word = (word & ~(1u << (place % 32))) | static_cast<std::uint32_t>(value) << (place % 32);
  }

 private:
  std::size_t threads_;
  std::vector<std::uint32_t> words_;
};

std::size_t source_place(const ConversionRequest& request, std::size_t bit) {
  return request.source_bits.empty() ? bit : request.source_bits[bit];
}

Words pack(const ConversionRequest& request, const WordProgram& program, const Codes& codes,
           std::size_t threads) {
  Words in(program.inputs, threads);
  std::minstd_rand random(5);
  for (auto& word : in.all()) word = static_cast<std::uint32_t>(random() * 2654435761u);
  const std::size_t bits = request.source.bits;
  if (bits == 32 && request.source_bits.empty()) {
    for (std::size_t t = 0; t < threads; ++t)
      for (std::size_t e = 0; e < static_cast<std::size_t>(request.count); ++e)
        in.all()[e * threads + t] =
            static_cast<std::uint32_t>(codes(t, static_cast<int>(e)) ^ request.xor_constant);
    return in;
  }
  for (std::size_t t = 0; t < threads; ++t)
    for (std::size_t e = 0; e < static_cast<std::size_t>(request.count); ++e) {
      const std::uint64_t stored = codes(t, static_cast<int>(e)) ^ request.xor_constant;
      for (std::size_t j = 0; j < bits; ++j)
        in.set_bit(t, source_place(request, e * bits + j), (stored >> j) & 1);
    }
  return in;
}

std::uint64_t dense_code(const Words& words, std::size_t thread, std::size_t element,
                         std::size_t bits) {
  std::uint64_t code = 0;
  for (std::size_t j = 0; j < bits; ++j)
    code |= std::uint64_t{words.bit(thread, element * bits + j)} << j;
  return code;
}

bool agrees(const ConversionRequest& request, std::uint64_t result, std::uint64_t code, int scale) {
  if (scale == 0)
    return result ==
           convert(request.destination, request.source, code, request.rounding, request.overflow);
  return std::ldexp(decode(request.destination, result), scale) == decode(request.source, code);
}

}  // namespace

std::string describe(const ConversionRequest& request) {
  return fmt::format("{} x {} to {}, sm_{}{}{}{}", request.count, to_string(request.source),
                     to_string(request.destination), request.sm,
                     request.source_bits.empty() ? ", dense" : ", placed",
                     request.finite ? ", finite" : "",
                     request.unnormalised ? ", unnormalised" : "");
}

std::string difference(const ConversionRequest& request, const Codes& codes, std::size_t threads) {
  const auto lowered = lower_conversion(request);
  if (!lowered) return lowered.error();
  const WordProgram& program = lowered->program;
  if (const auto good = verify(program); !good) return good.error();
  Words in = pack(request, program, codes, threads);
  Words out(program.outputs.size(), threads);
  run(program, in.data(), out.data(), threads);
  const std::size_t bits = request.destination.bits,
                    count = static_cast<std::size_t>(request.count);
  if (program.outputs.size() != (count * bits + 31) / 32)
    return fmt::format("{}: {} words", describe(request), program.outputs.size());
  for (std::size_t t = 0; t < threads; ++t) {
    for (std::size_t e = 0; e < count; ++e) {
      const std::uint64_t code = codes(t, static_cast<int>(e)),
                          result = dense_code(out, t, e, bits);
      if (request.finite && !std::isfinite(decode(request.source, code))) continue;
      if (!agrees(request, result, code, lowered->scales[e]))
        return fmt::format(
            "{}: element {} with code {:#x} gives {:#x}, not {:#x} (scale {})\n{}",
            describe(request), e, code, result,
            convert(request.destination, request.source, code, request.rounding, request.overflow),
            lowered->scales[e], to_string(program));
    }
    for (std::size_t place = count * bits; place < 32 * program.outputs.size(); ++place)
      if (out.bit(t, place))
        return fmt::format("{}: bit {} behind the last element is set", describe(request), place);
  }
  return {};
}

std::string difference_for_every_code(const ConversionRequest& request) {
  if (request.source.bits > 16) return "not a type whose codes can all be tried";
  const std::uint64_t mask = request.source.is_bool() ? 1 : code_mask(request.source);
  return difference(
      request,
      [mask](std::size_t t, int e) { return (t + 37 * static_cast<std::size_t>(e)) & mask; },
      mask + 1);
}

double ops_per_element(const ConversionRequest& request) {
  const auto lowered = lower_conversion(request);
  return lowered ? static_cast<double>(cost(lowered->program)) / request.count : -1;
}

}  // namespace bitloom::vm
