#include "runtime/host/packing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace bitloom::runtime {
namespace {

// A packed tensor lies in atoms over (n, k); the logical array is [k, n].
std::vector<std::uint8_t> transposed(std::span<const std::byte> from, std::int64_t rows,
                                     std::int64_t columns) {
  constexpr std::int64_t kBlock = 64;  // both sides of a block stay in cache
  std::vector<std::uint8_t> to(static_cast<std::size_t>(rows * columns));
  for (std::int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    for (std::int64_t c0 = 0; c0 < columns; c0 += kBlock) {
      for (std::int64_t r = r0; r < std::min(rows, r0 + kBlock); ++r) {
        for (std::int64_t c = c0; c < std::min(columns, c0 + kBlock); ++c) {
          to[static_cast<std::size_t>(c * rows + r)] =
              static_cast<std::uint8_t>(from[static_cast<std::size_t>(r * columns + c)]);
        }
      }
    }
  }
  return to;
}

}  // namespace

Result<std::size_t> packed_bytes(const layouts::PackedAtom& atom, vm::ElementType element,
                                 const Shape& shape) {
  if (shape.size() != 2) {
    return failure("BL0404", fmt::format("packed weights are a matrix [k, n], and {} is given",
                                         to_string(shape)));
  }
  if (atom.bits() != element.bits) {
    return failure("BL0807", fmt::format("the tag {} is of {}-bit codes, and {} has {}", atom.tag(),
                                         atom.bits(), vm::to_string(element), element.bits));
  }
  if (const auto counted = byte_count(element, shape); !counted) return counted;
  return static_cast<std::size_t>(layouts::PackedTensorLayout(atom, shape[1], shape[0]).bytes());
}

std::vector<std::uint8_t> pack_codes(const layouts::PackedAtom& atom, const HostArray& codes) {
  const std::int64_t k = codes.shape()[0], n = codes.shape()[1];
  return layouts::PackedTensorLayout(atom, n, k).pack(transposed(codes.bytes(), k, n));
}

Result<HostArray> unpack_codes(const layouts::PackedAtom& atom, vm::ElementType element,
                               const Shape& shape, std::span<const std::uint8_t> bytes) {
  Result<HostArray> array = HostArray::zeros(element, shape);
  if (!array) return array;
  const std::int64_t k = shape[0], n = shape[1];
  const std::vector<std::uint8_t> codes = layouts::PackedTensorLayout(atom, n, k).unpack(bytes);
  const std::vector<std::uint8_t> in_order = transposed(std::as_bytes(std::span(codes)), n, k);
  std::memcpy(array->bytes().data(), in_order.data(), in_order.size());
  return array;
}

}  // namespace bitloom::runtime
