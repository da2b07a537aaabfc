#include "runtime/tensor.h"

#include <fmt/format.h>

#include "runtime/device_state.h"
#include "runtime/host/dense_bits.h"
#include "runtime/host/packing.h"

namespace bitloom::runtime {
namespace {

Shape row_major(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

// Strides along extents of 1 (and of empty tensors) say nothing.
bool same_order(const Shape& shape, const Shape& a, const Shape& b) {
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) return true;
  }
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] != 1 && a[d] != b[d]) return false;
  }
  return true;
}

std::optional<vm::ElementType> element_of(const dlpack::DataType& type) {
  if (type.lanes != 1) return std::nullopt;
  switch (type.code) {
    case dlpack::kInt:
      if (type.bits == 8 || type.bits == 16 || type.bits == 32 || type.bits == 64)
        return vm::signed_type(type.bits);
      return std::nullopt;
    case dlpack::kUInt:
      if (type.bits == 8 || type.bits == 16 || type.bits == 32 || type.bits == 64)
        return vm::unsigned_type(type.bits);
      return std::nullopt;
    case dlpack::kFloat:
      if (type.bits == 16) return vm::kF16;
      if (type.bits == 32) return vm::kF32;
      if (type.bits == 64) return vm::kF64;
      return std::nullopt;
    case dlpack::kBfloat:
      if (type.bits == 16) return vm::kBF16;
      return std::nullopt;
    case dlpack::kBool:
      break;
  }
  return std::nullopt;
}

std::optional<dlpack::DataType> dlpack_type(vm::ElementType element) {
  if (element == vm::kBF16) return dlpack::DataType{dlpack::kBfloat, 16, 1};
  for (const vm::ElementType real : {vm::kF16, vm::kF32, vm::kF64}) {
    if (element == real) return dlpack::DataType{dlpack::kFloat, real.bits, 1};
  }
  if (!element.is_integer() || element.bits < 8) return std::nullopt;
  const bool is_signed = element.type_class == vm::TypeClass::Signed;
  return dlpack::DataType{is_signed ? dlpack::kInt : dlpack::kUInt, element.bits, 1};
}

}  // namespace

Result<Tensor> Tensor::allocate(const Device& device, vm::ElementType element, Shape shape) {
  const Result<std::size_t> bytes = dense_bytes(element, shape);
  if (!bytes) return tl::make_unexpected(bytes.error());
  Result<Buffer> buffer = Buffer::allocate(device, *bytes);
  if (!buffer) return tl::make_unexpected(buffer.error());
  return wrap(std::move(*buffer), element, std::move(shape));
}

Result<Tensor> Tensor::allocate_packed(const Device& device, vm::ElementType element, Shape shape,
                                       layouts::PackedAtom atom) {
  const Result<std::size_t> bytes = packed_bytes(atom, element, shape);
  if (!bytes) return tl::make_unexpected(bytes.error());
  Result<Buffer> buffer = Buffer::allocate(device, *bytes);
  if (!buffer) return tl::make_unexpected(buffer.error());
  Tensor tensor(std::move(*buffer), element, std::move(shape));
  tensor.packed_ = std::move(atom);
  return tensor;
}

Result<Tensor> Tensor::zeros(const Stream& stream, vm::ElementType element, Shape shape) {
  Result<Tensor> tensor = allocate(stream.device(), element, std::move(shape));
  if (!tensor) return tensor;
  if (auto done = tensor->buffer_.fill(std::byte{0}, stream); !done)
    return tl::make_unexpected(done.error());
  return tensor;
}

Result<Tensor> Tensor::from_host(const HostArray& array, const Stream& stream) {
  Result<Tensor> tensor = allocate(stream.device(), array.type(), array.shape());
  if (!tensor) return tensor;
  if (auto done = tensor->upload(array, stream); !done) return tl::make_unexpected(done.error());
  return tensor;
}

Result<void> Tensor::upload(const HostArray& array, const Stream& stream) const {
  if (array.type() != element_ || array.shape() != shape_) {
    return failure("BL0405", fmt::format("an array {}{} is to be copied into a tensor {}{}",
                                         vm::to_string(array.type()), to_string(array.shape()),
                                         vm::to_string(element_), to_string(shape_)));
  }
  if (packed_) {
    const std::vector<std::uint8_t> bytes = pack_codes(*packed_, array);
    return buffer_.upload(std::as_bytes(std::span(bytes)), stream);
  }
  if (!dense_) {
    return failure("BL0806",
                   fmt::format("a tensor of shape {} and strides {} is not dense",
                               to_string(shape_), to_string(strides_)),
                   "copy into a dense one first");
  }
  if (element_.bits >= 8) return buffer_.upload(array.bytes(), stream);
  return buffer_.upload(to_dense_bits(array), stream);
}

Result<Tensor> Tensor::wrap(Buffer buffer, vm::ElementType element, Shape shape, Shape strides) {
  const Result<std::size_t> bytes = dense_bytes(element, shape);
  if (!bytes) return tl::make_unexpected(bytes.error());
  if (!strides.empty() && strides.size() != shape.size()) {
    return failure("BL0404", fmt::format("{} strides are given for the {} dimensions of {}",
                                         strides.size(), shape.size(), to_string(shape)));
  }
  Tensor tensor(std::move(buffer), element, std::move(shape));
  const Shape dense = row_major(tensor.shape_);
  tensor.dense_ = strides.empty() || same_order(tensor.shape_, strides, dense);
  tensor.strides_ = strides.empty() ? dense : std::move(strides);
  if (tensor.dense_ && tensor.buffer_.bytes() < *bytes) {
    return failure("BL0421", fmt::format("{}{} takes {} bytes, where the buffer has {}",
                                         vm::to_string(element), to_string(tensor.shape_), *bytes,
                                         tensor.buffer_.bytes()));
  }
  return tensor;
}

Result<HostArray> Tensor::to_host(const Stream& stream) const {
  if (!dense_) {
    return failure("BL0806",
                   fmt::format("a tensor of shape {} and strides {} is not dense",
                               to_string(shape_), to_string(strides_)),
                   "copy it into a dense one first");
  }
  if (packed_) {
    std::vector<std::uint8_t> bytes(buffer_.bytes());
    if (auto done = buffer_.download(std::as_writable_bytes(std::span(bytes)), stream); !done)
      return tl::make_unexpected(done.error());
    return unpack_codes(*packed_, element_, shape_, bytes);
  }
  Result<HostArray> array = HostArray::zeros(element_, shape_);
  if (!array) return array;
  if (element_.bits >= 8) {
    if (auto done = buffer_.download(array->bytes(), stream); !done)
      return tl::make_unexpected(done.error());
    return array;
  }
  std::vector<std::byte> bits(*dense_bytes(element_, shape_));
  if (auto done = buffer_.download(bits, stream); !done) return tl::make_unexpected(done.error());
  from_dense_bits(bits, *array);
  return array;
}

Result<Tensor> Tensor::to(const Stream& stream) const {
  if (!dense_) {
    return failure("BL0806", fmt::format("a tensor of shape {} and strides {} is not dense",
                                         to_string(shape_), to_string(strides_)));
  }
  Result<Buffer> buffer = Buffer::allocate(stream.device(), buffer_.bytes());
  if (!buffer) return tl::make_unexpected(buffer.error());
  if (auto done = buffer_.copy_to(*buffer, stream); !done) return tl::make_unexpected(done.error());
  Tensor copy = *this;
  copy.buffer_ = std::move(*buffer);
  return copy;
}

LaunchArgument Tensor::argument() const {
  LaunchArgument argument;
  argument.kind = LaunchArgument::Kind::Tensor;
  argument.address = reinterpret_cast<std::uint64_t>(buffer_.address());
  argument.bytes = buffer_.bytes();
  argument.extents = shape_;
  argument.element = element_;
  argument.packed = packed_ ? &*packed_ : nullptr;
  argument.dense = dense_;
  argument.device = buffer_.device().state().get();
  return argument;
}

// ---- DLPack -------------------------------------------------------------------------------------

Result<Tensor> Tensor::from_dlpack(dlpack::ManagedTensor* managed) {
  const std::shared_ptr<void> owner(managed, [](void* given) {
    auto* tensor = static_cast<dlpack::ManagedTensor*>(given);
    if (tensor && tensor->deleter) tensor->deleter(tensor);
  });
  if (!managed) return failure("BL0809", "there is no DLPack tensor");
  const dlpack::Tensor& tensor = managed->tensor;
  const auto element = element_of(tensor.type);
  if (!element) {
    return failure(
        "BL0809",
        fmt::format("a DLPack tensor has elements of code {}, {} bits and {} lanes",
                    static_cast<int>(tensor.type.code), tensor.type.bits, tensor.type.lanes),
        "integers of 8 to 64 bits, f16, bf16, f32 and f64 can be taken over");
  }
  if (tensor.device.type != dlpack::kCuda && tensor.device.type != dlpack::kCudaManaged) {
    return failure("BL0809",
                   fmt::format("a DLPack tensor lies on a device of type {}, which is no CUDA GPU",
                               static_cast<int>(tensor.device.type)),
                   "copy it to the GPU first");
  }
  if (tensor.rank < 0 || static_cast<std::size_t>(tensor.rank) > kMaxRank)
    return failure("BL0809", fmt::format("a DLPack tensor has {} dimensions", tensor.rank));
  const Result<Device> device = Device::open(tensor.device.ordinal);
  if (!device) return tl::make_unexpected(device.error());
  const auto rank = static_cast<std::size_t>(tensor.rank);
  Shape shape(tensor.shape, tensor.shape + rank), strides;
  if (tensor.strides) strides.assign(tensor.strides, tensor.strides + rank);
  // What it spans, by its own word: from the first element to the last.
  std::int64_t last = 1;
  bool empty = false;
  const Shape& steps = strides.empty() ? row_major(shape) : strides;
  for (std::size_t d = 0; d < rank; ++d) {
    empty = empty || shape[d] == 0;
    if (steps[d] < 0) return failure("BL0809", "a DLPack tensor has a negative stride");
    last += (shape[d] - 1) * steps[d];
  }
  const std::size_t bytes = empty ? 0 : static_cast<std::size_t>(last * element->bits / 8);
  auto* address = static_cast<std::byte*>(tensor.data) + tensor.byte_offset;
  return wrap(Buffer::borrow(*device, address, bytes, owner), *element, std::move(shape),
              std::move(strides));
}

Result<dlpack::ManagedTensor*> Tensor::to_dlpack() const {
  const auto type = dlpack_type(element_);
  if (packed_ || !type) {
    return failure("BL0809",
                   fmt::format("DLPack has no type for {}{}", packed_ ? "packed " : "",
                               vm::to_string(element_)),
                   "to_host() gives its codes");
  }
  // Keeps the tensor, and what the structure points to.
  struct Holder {
    dlpack::ManagedTensor managed;
    Tensor tensor;
  };
  auto* holder = new Holder{{}, *this};
  holder->managed.tensor = {
      address(), {dlpack::kCuda, device().ordinal()}, static_cast<std::int32_t>(shape_.size()),
      *type,     holder->tensor.shape_.data(),        holder->tensor.strides_.data(),
      0};
  holder->managed.manager = holder;
  holder->managed.deleter = [](dlpack::ManagedTensor* self) {
    delete static_cast<Holder*>(self->manager);
  };
  return &holder->managed;
}

}  // namespace bitloom::runtime
