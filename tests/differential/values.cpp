#include "tests/differential/values.h"

#include <random>

#include "vm/numerics.h"

namespace bitloom::test {
namespace {

std::uint64_t any_code(vm::ElementType element, std::mt19937_64& random) {
  const std::uint64_t mask = vm::code_mask(element);
  if (element == vm::kTF32) return random() & mask & ~std::uint64_t{0x1fff};
  if (random() % 3 != 0) return random() & mask;
  if (!element.is_float()) {
    const std::uint64_t ends[] = {0, 1, mask, mask >> 1, (mask >> 1) + 1, 2, mask - 1};
    return ends[random() % std::size(ends)];
  }
  const vm::FloatFormat format = vm::float_format(element);
  const std::uint64_t sign = random() % 2 ? format.sign_bit() : 0;
  const std::uint64_t ends[] = {0,
                                1,
                                (std::uint64_t{1} << format.mantissa) - 1,
                                std::uint64_t{1} << format.mantissa,
                                format.max_magnitude,
                                format.infinity.value_or(format.max_magnitude),
                                format.nan.value_or(0)};
  return (ends[random() % std::size(ends)] | sign) << format.padding;
}

std::uint64_t draw(vm::ElementType element, Fill fill, std::mt19937_64& random) {
  switch (fill) {
    case Fill::Zero:
      return 0;
    case Fill::Small: {
      const auto number = static_cast<double>(random() % 9) - 4;
      return vm::encode(element, element.is_signed() ? number : std::abs(number));
    }
    case Fill::Plain: {
      if (!element.is_float()) return random() & vm::code_mask(element);
      std::normal_distribution<double> normal(0, 8);
      return vm::encode(element, normal(random));
    }
    case Fill::Any:
      return any_code(element, random);
  }
  return 0;
}

}  // namespace

std::vector<std::byte> fill_codes(vm::ElementType element, std::int64_t count, Fill fill,
                                  std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto bits = static_cast<std::size_t>(count) * element.bits;
  std::vector<std::byte> bytes((bits + 7) / 8 + 8);  // whole words may be read behind the end
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::uint64_t code = draw(element, fill, random);
    for (std::size_t b = 0; b < element.bits; ++b) {
      const std::size_t at = i * element.bits + b;
      if (code >> b & 1) bytes[at / 8] |= std::byte{1} << at % 8;
    }
  }
  return bytes;
}

std::uint64_t code_at(const std::vector<std::byte>& bytes, vm::ElementType element, std::size_t i) {
  std::uint64_t code = 0;
  for (std::size_t b = 0; b < element.bits; ++b) {
    const std::size_t at = i * element.bits + b;
    code |= static_cast<std::uint64_t>(bytes[at / 8] >> at % 8 & std::byte{1}) << b;
  }
  return code;
}

}  // namespace bitloom::test
