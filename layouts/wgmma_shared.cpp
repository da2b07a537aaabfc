#include "layouts/wgmma_shared.h"

#include <fmt/format.h>

namespace bitloom::layouts {

namespace {

constexpr std::int64_t kAtomRows = 8;

std::int64_t row_bytes(const Swizzle& swizzle) {
  return std::int64_t{16} << swizzle.bits;
}

// Descriptor fields count 16 bytes and have 14 bits.
std::uint64_t field(std::int64_t bytes) {
  return (static_cast<std::uint64_t>(bytes) & 0x3FFFF) >> 4;
}

}  // namespace

std::int64_t WgmmaOperand::start_bytes(std::int64_t mn, std::int64_t k) const {
  const Index index = major == Major::K ? Index{mn, k} : Index{k, mn};
  return layout.offset_elements(index) * layout.element_bits() / 8;
}

int WgmmaOperand::swizzle_mode() const {
  return layout.swizzle().is_none() ? 0 : 4 - layout.swizzle().bits;
}

std::uint64_t WgmmaOperand::descriptor(std::uint32_t start_address) const {
  return field(start_address) | field(leading_bytes) << 16 | field(stride_bytes) << 32 |
         static_cast<std::uint64_t>(swizzle_mode()) << 62;
}

LayoutResult<WgmmaOperand> wgmma_operand(Major major, std::int64_t mn, std::int64_t k,
                                         int element_bits, Swizzle swizzle) {
  const auto fail = [](std::string message) {
    return tl::make_unexpected(LayoutError{std::move(message)});
  };
  if (!swizzle.is_none() && (swizzle.base != 4 || swizzle.shift != 3 || swizzle.bits > 3))
    return fail(
        fmt::format("wgmma knows the swizzles 32, 64 and 128, not {}", swizzle.to_string()));
  if (element_bits != 8 && element_bits != 16 && element_bits != 32)
    return fail(fmt::format("wgmma reads elements of 8, 16 or 32 bits, not {}", element_bits));
  if (major == Major::MN && element_bits != 16)
    return fail(
        fmt::format("wgmma reads {}-bit elements only along k; transpose the tile", element_bits));
  const std::int64_t rows = major == Major::K ? mn : k;
  const std::int64_t columns = major == Major::K ? k : mn;
  const std::int64_t width = row_bytes(swizzle);
  if (rows % kAtomRows != 0)
    return fail(
        fmt::format("{} = {} is not a multiple of 8", major == Major::K ? "m or n" : "k", rows));
  if (columns * element_bits % (width * 8) != 0)
    return fail(fmt::format("{} = {} elements of {} bits are not whole rows of {} bytes",
                            major == Major::K ? "k" : "m or n", columns, element_bits, width));
  auto layout = SharedLayout::boxed({rows, columns}, element_bits, width, swizzle);
  if (!layout) return tl::make_unexpected(layout.error());
  const std::int64_t atom = kAtomRows * width, box = rows * width;
  WgmmaOperand operand{.major = major, .layout = std::move(*layout)};
  // Without swizzle and along M or N, the distance of the two groups of eight k is called leading,
  // not stride.
  const bool exchanged = major == Major::MN && swizzle.is_none();
  operand.stride_bytes = exchanged ? box : atom;
  operand.leading_bytes = exchanged ? atom : box;
  return operand;
}

}  // namespace bitloom::layouts
