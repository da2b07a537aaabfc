#include "runtime/host/random.h"

#include <cmath>
#include <vector>

#include "vm/numerics.h"

namespace bitloom::runtime {
namespace {

// The eight 16-bit parts are uniform over 0 … 65535: their sum has the mean 8 * 32767.5 and the
// variance 8 * (2^32 - 1) / 12.
double about_normal(const Philox& bits) {
  std::uint32_t sum = 0;
  for (const std::uint32_t word : bits) sum += (word & 0xFFFF) + (word >> 16);
  constexpr double kScale = 9.344061825059267e-06;  // sqrt(12 / (8 * (2^32 - 1))) / 2
  return (2.0 * sum - 8 * 65535.0) * kScale;
}

// Uniform over 0 … count - 1; the bias is below count / 2^32.
std::uint32_t below(std::uint32_t count, std::uint32_t word) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(word) * count >> 32);
}

// The codes to choose from, where there are few.
std::vector<std::uint64_t> codes_of(vm::ElementType type) {
  std::vector<std::uint64_t> codes;
  if (type == vm::kE8M0) {
    for (std::uint64_t code = 127 - 8; code <= 127 + 7; ++code) codes.push_back(code);
  } else if (type.is_bool()) {
    codes = {0, 1};
  } else if (type.is_narrow()) {
    for (std::uint64_t code = 0; code <= vm::code_mask(type); ++code)
      if (std::isfinite(vm::decode(type, code))) codes.push_back(code);
  } else if (type.is_integer()) {
    for (int i = 0; i < 256; ++i) codes.push_back(vm::encode(type, type.is_signed() ? i - 128 : i));
  }
  return codes;
}

}  // namespace

Philox philox(Philox counter, std::uint64_t key) {
  auto low = static_cast<std::uint32_t>(key), high = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ low, static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ high, static_cast<std::uint32_t>(a)};
    low += 0x9E3779B9;
    high += 0xBB67AE85;
  }
  return counter;
}

Result<HostArray> random_array(vm::ElementType type, Shape shape, std::uint64_t seed,
                               std::uint32_t stream) {
  auto array = HostArray::zeros(type, std::move(shape));
  if (!array) return array;
  const std::vector<std::uint64_t> codes = codes_of(type);
  const auto count = static_cast<std::uint32_t>(codes.size());
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::uint64_t wide = i;
    const Philox bits = philox(
        {static_cast<std::uint32_t>(wide), static_cast<std::uint32_t>(wide >> 32), stream, 0},
        seed);
    array->set_code(
        i, count != 0 ? codes[below(count, bits[0])] : vm::encode(type, about_normal(bits)));
  }
  return array;
}

}  // namespace bitloom::runtime
