// An array in the memory of the host: what files hold, and what a kernel is given.
//
// It is dense and row-major, with the logical shape: whatever order a kernel wants for its weights,
// here they lie as a person would write them down. An element takes 1, 2, 4 or 8 bytes,
// little-endian. A narrow type (u3, e2m1, codebook<4>, …) takes one byte an element, which holds
// its code with the upper bits 0: it is *unpacked*. Packing is derived from the kernel that
// consumes it (runtime packs; see vm/).
//
//   auto a = HostArray::zeros(vm::kF16, {16, 64});       // a Diagnostic when the shape cannot be
//   had a->as<std::uint16_t>()[0] = 0x3C00; a->code(0);                                          //
//   0x3C00
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "runtime/result.h"
#include "vm/element_type.h"

namespace bitloom::runtime {

using Shape = std::vector<std::int64_t>;

inline constexpr std::size_t kMaxRank = 32;

std::string to_string(const Shape& shape);  // "[16, 64]"

// Bytes of one element in host memory.
std::size_t host_bytes(vm::ElementType type);

// Bytes of a dense array; fails (BL0612) when an extent is negative, there are too many, or the
// bytes cannot be counted.
Result<std::size_t> byte_count(vm::ElementType type, const Shape& shape);

class HostArray {
 public:
  HostArray() = default;
  // Fails with BL0612 for a shape that cannot be, with BL0903 for one that the machine has no
  // memory for.
  static Result<HostArray> zeros(vm::ElementType type, Shape shape);

  vm::ElementType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::size_t rank() const { return shape_.size(); }
  std::size_t size() const { return bytes_.size() / host_bytes(type_); }  // elements
  Shape strides() const;                                                  // in elements

  std::span<std::byte> bytes() { return bytes_; }
  std::span<const std::byte> bytes() const { return bytes_; }

  // The elements as a C++ type of the same size.
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }

  std::uint64_t code(std::size_t index) const {
    std::uint64_t code = 0;
    const std::size_t width = host_bytes(type_);
    std::memcpy(&code, bytes_.data() + index * width, width);
    return code;
  }
  void set_code(std::size_t index, std::uint64_t code) {
    const std::size_t width = host_bytes(type_);
    std::memcpy(bytes_.data() + index * width, &code, width);
  }

  // The same bytes under another type with elements of the same size: codes read from a file as u8
  // become u4 or e3m2. Fails (BL0417) on a code that the type does not have.
  Result<HostArray> with_type(vm::ElementType type) &&;
  // The same elements in another shape with as many.
  Result<HostArray> with_shape(Shape shape) &&;

 private:
  vm::ElementType type_ = vm::kU8;
  Shape shape_ = {0};
  std::vector<std::byte> bytes_;
};

}  // namespace bitloom::runtime
