#include "runtime/host/array.h"

#include <fmt/ranges.h>

#include <bit>
#include <limits>
#include <new>

namespace bitloom::runtime {

static_assert(std::endian::native == std::endian::little, "codes lie in memory little-endian");

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::size_t host_bytes(vm::ElementType type) {
  return type.bits <= 8 ? 1 : type.bits / 8u;
}

Result<std::size_t> byte_count(vm::ElementType type, const Shape& shape) {
  if (shape.size() > kMaxRank)
    return failure("BL0612", fmt::format("an array has at most {} dimensions, this one has {}",
                                         kMaxRank, shape.size()));
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0)
      return failure("BL0612", fmt::format("the shape {} has a negative extent", to_string(shape)));
    empty = empty || extent == 0;
  }
  if (empty) return 0;
  std::uint64_t bytes = host_bytes(type);
  for (const std::int64_t extent : shape) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (bytes > kMost / static_cast<std::uint64_t>(extent))
      return failure("BL0612", fmt::format("the bytes of an array of shape {} cannot be counted "
                                           "in 63 bits",
                                           to_string(shape)));
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return static_cast<std::size_t>(bytes);
}

Result<HostArray> HostArray::zeros(vm::ElementType type, Shape shape) {
  const auto bytes = byte_count(type, shape);
  if (!bytes) return tl::make_unexpected(bytes.error());
  HostArray array;
  array.type_ = type;
  array.shape_ = std::move(shape);
  try {
    array.bytes_.resize(*bytes);
  } catch (const std::exception&) {  // bad_alloc, or length_error above what a vector can hold
    return failure("BL0903", fmt::format("there is no memory for an array of {} {}: {} bytes",
                                         vm::to_string(type), to_string(array.shape_), *bytes));
  }
  return array;
}

Shape HostArray::strides() const {
  Shape strides(rank(), 1);
  for (std::size_t d = rank(); d-- > 1;) strides[d - 1] = strides[d] * shape_[d];
  return strides;
}

Result<HostArray> HostArray::with_type(vm::ElementType type) && {
  if (host_bytes(type) != host_bytes(type_))
    return failure("BL0403",
                   fmt::format("an array of {} does not hold codes of {}: {} and {} bytes "
                               "an element",
                               vm::to_string(type_), vm::to_string(type), host_bytes(type_),
                               host_bytes(type)));
  if (type.bits < 8) {
    const auto limit = static_cast<std::uint8_t>(1u << type.bits);
    const auto codes = as<std::uint8_t>();
    for (std::size_t i = 0; i < codes.size(); ++i)
      if (codes[i] >= limit)
        return failure("BL0417", fmt::format("element {} is {}, but the codes of {} end at {}", i,
                                             codes[i], vm::to_string(type), limit - 1));
  }
  type_ = type;
  return std::move(*this);
}

Result<HostArray> HostArray::with_shape(Shape shape) && {
  const auto bytes = byte_count(type_, shape);
  if (!bytes) return tl::make_unexpected(bytes.error());
  if (*bytes != bytes_.size())
    return failure("BL0404", fmt::format("an array of shape {} cannot take the shape {}",
                                         to_string(shape_), to_string(shape)));
  shape_ = std::move(shape);
  return std::move(*this);
}

}  // namespace bitloom::runtime
