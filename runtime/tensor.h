// A tensor in the memory of a GPU: shape, strides, element type, and for packed weights the tag of
// their order.
//
//   Result<Tensor> x = Tensor::from_host(array, stream);
//   Result<Tensor> y = Tensor::allocate(device, vm::kF32, {rows, n});
//   kernel.launch(stream, *x, *y);
//   Result<HostArray> back = y->to_host(stream);
//
// Elements of 8 bits and more take a whole number of bytes; narrower ones are a dense bit string,
// little-endian. A packed tensor has the logical shape [k, n] and lies in atoms
// (layouts/packed_atom.h); runtime/pack.h makes it.
//
// A Tensor is a handle: copies are the same memory. Kernels take dense row-major tensors; strides
// are there to say that one is not (a view of another library).
#pragma once

#include <optional>
#include <string>

#include "layouts/packed_atom.h"
#include "runtime/buffer.h"
#include "runtime/dlpack.h"
#include "runtime/host/array.h"
#include "runtime/launch_argument.h"

namespace bitloom::runtime {

class Tensor {
 public:
  // Nothing is written.
  static Result<Tensor> allocate(const Device& device, vm::ElementType element, Shape shape);
  static Result<Tensor> allocate_packed(const Device& device, vm::ElementType element, Shape shape,
                                        layouts::PackedAtom atom);
  static Result<Tensor> zeros(const Stream& stream, vm::ElementType element, Shape shape);
  // Waits until the copy is done.
  static Result<Tensor> from_host(const HostArray& array, const Stream& stream);
  // A tensor in memory that is there already. Empty strides: dense and row-major.
  static Result<Tensor> wrap(Buffer buffer, vm::ElementType element, Shape shape,
                             Shape strides = {});
  // Takes `managed` over, also when it fails. BL0809 for what Bitloom cannot hold.
  static Result<Tensor> from_dlpack(dlpack::ManagedTensor* managed);
  // The receiver calls the deleter; the memory lives until then. Not of packed or narrow tensors.
  Result<dlpack::ManagedTensor*> to_dlpack() const;

  const Device& device() const { return buffer_.device(); }
  const Buffer& buffer() const { return buffer_; }
  void* address() const { return buffer_.address(); }
  std::size_t bytes() const { return buffer_.bytes(); }
  vm::ElementType element() const { return element_; }
  const Shape& shape() const { return shape_; }
  const Shape& strides() const { return strides_; }  // in elements; of packed ones empty
  bool is_dense() const { return dense_; }
  const std::optional<layouts::PackedAtom>& packed() const { return packed_; }
  std::string tag() const { return packed_ ? packed_->tag() : std::string(); }

  // Both wait. The array has the tensor's type and shape; of packed tensors see runtime/pack.h.
  Result<void> upload(const HostArray& array, const Stream& stream) const;
  // The elements, in the logical shape; waits. Packed ones come as unpack() gives them.
  Result<HostArray> to_host(const Stream& stream) const;

  // A dense copy on the GPU of the stream, which may be another; waits. What writes this tensor
  // must have ended.
  Result<Tensor> to(const Stream& stream) const;

  LaunchArgument argument() const;

 private:
  Tensor(Buffer buffer, vm::ElementType element, Shape shape)
      : buffer_(std::move(buffer)), element_(element), shape_(std::move(shape)) {}
  Buffer buffer_;
  vm::ElementType element_;
  Shape shape_, strides_;
  std::optional<layouts::PackedAtom> packed_;
  bool dense_ = true;
};

}  // namespace bitloom::runtime
