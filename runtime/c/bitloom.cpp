// The C API: thin functions over the C++ library. Nothing that is thrown (by the standard library,
// for want of memory) leaves them.
#include "runtime/c/bitloom.h"

#include <cstring>
#include <exception>
#include <new>

#include "runtime/module.h"
#include "runtime/pack.h"

namespace rt = bitloom::runtime;
namespace vm = bitloom::vm;

struct bitloom_error {
  std::string code, message, hint;
};
struct bitloom_device {
  rt::Device device;
};
struct bitloom_stream {
  rt::Stream stream;
};
struct bitloom_tensor {
  rt::Tensor tensor;
  std::string tag;
};
struct bitloom_module {
  rt::Module module;
};
struct bitloom_kernel {
  rt::Kernel kernel;
};

namespace {

// For when there is no memory to say so; never freed.
bitloom_error* out_of_memory() {
  static bitloom_error error{"BL0903", "there is not enough memory", ""};
  return &error;
}

bitloom_error* give(const vm::Diagnostic& diagnostic) {
  auto* error = new bitloom_error{diagnostic.code, diagnostic.message, ""};
  for (const vm::Note& note : diagnostic.notes) error->message += "\n" + note.text;
  for (const std::string& hint : diagnostic.hints)
    error->hint += (error->hint.empty() ? "" : "\n") + hint;
  return error;
}

bitloom_error* give(const rt::Result<void>& result) {
  return result ? nullptr : give(result.error());
}

// A result into a handle that the caller owns.
template <class Handle, class T>
bitloom_error* hand_out(rt::Result<T> result, Handle** handle) {
  if (!result) return give(result.error());
  *handle = new Handle{std::move(*result)};
  return nullptr;
}
bitloom_error* hand_out(rt::Result<rt::Tensor> result, bitloom_tensor** handle) {
  if (!result) return give(result.error());
  std::string tag = result->tag();
  *handle = new bitloom_tensor{std::move(*result), std::move(tag)};
  return nullptr;
}

template <class F>
bitloom_error* guarded(F&& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& exception) {
    try {
      return new bitloom_error{"BL0901", std::string("internal error: ") + exception.what(), ""};
    } catch (...) {
      return out_of_memory();
    }
  }
}

rt::Result<vm::ElementType> element_of(const char* type) {
  if (const auto element = vm::parse_element_type(type)) return *element;
  return rt::failure("BL0403", std::string("'") + type + "' is no element type");
}

// What the caller says its array holds against what the tensor has.
rt::Result<rt::HostArray> host_array(const rt::Tensor& tensor, std::size_t bytes) {
  auto array = rt::HostArray::zeros(tensor.element(), tensor.shape());
  if (array && array->bytes().size() != bytes) {
    return rt::failure("BL0421", "the array has " + std::to_string(bytes) +
                                     " bytes where the tensor takes " +
                                     std::to_string(array->bytes().size()));
  }
  return array;
}

}  // namespace

// ---- Errors -------------------------------------------------------------------------------------

const char* bitloom_error_code(const bitloom_error* error) {
  return error->code.c_str();
}
const char* bitloom_error_message(const bitloom_error* error) {
  return error->message.c_str();
}
const char* bitloom_error_hint(const bitloom_error* error) {
  return error->hint.c_str();
}
void bitloom_error_free(bitloom_error* error) {
  if (error != out_of_memory()) delete error;
}

// ---- Devices and streams ------------------------------------------------------------------------

bitloom_error* bitloom_device_count(int* count) {
  return guarded([&]() -> bitloom_error* {
    const auto number = rt::Device::count();
    if (!number) return give(number.error());
    *count = *number;
    return nullptr;
  });
}
bitloom_error* bitloom_device_open(int ordinal, bitloom_device** device) {
  return guarded([&] { return hand_out(rt::Device::open(ordinal), device); });
}
const char* bitloom_device_name(const bitloom_device* device) {
  return device->device.name().c_str();
}
int bitloom_device_sms(const bitloom_device* device) {
  return device->device.sms();
}
bitloom_error* bitloom_device_synchronize(const bitloom_device* device) {
  return guarded([&] { return give(device->device.synchronize()); });
}
void bitloom_device_free(bitloom_device* device) {
  delete device;
}

bitloom_error* bitloom_stream_create(const bitloom_device* device, bitloom_stream** stream) {
  return guarded([&] { return hand_out(rt::Stream::create(device->device), stream); });
}
bitloom_error* bitloom_stream_borrow(const bitloom_device* device, void* handle,
                                     bitloom_stream** stream) {
  return guarded([&]() -> bitloom_error* {
    *stream =
        new bitloom_stream{rt::Stream::borrow(device->device, static_cast<CUstream_st*>(handle))};
    return nullptr;
  });
}
bitloom_error* bitloom_stream_synchronize(const bitloom_stream* stream) {
  return guarded([&] { return give(stream->stream.synchronize()); });
}
void bitloom_stream_free(bitloom_stream* stream) {
  delete stream;
}

// ---- Tensors ------------------------------------------------------------------------------------

bitloom_error* bitloom_tensor_allocate(const bitloom_device* device, const char* type, size_t rank,
                                       const int64_t* shape, bitloom_tensor** tensor) {
  return guarded([&] {
    const auto element = element_of(type);
    if (!element) return give(element.error());
    return hand_out(rt::Tensor::allocate(device->device, *element, {shape, shape + rank}), tensor);
  });
}
bitloom_error* bitloom_tensor_wrap(const bitloom_device* device, void* address, size_t bytes,
                                   const char* type, size_t rank, const int64_t* shape,
                                   const int64_t* strides, bitloom_tensor** tensor) {
  return guarded([&] {
    const auto element = element_of(type);
    if (!element) return give(element.error());
    rt::Shape steps;
    if (strides) steps.assign(strides, strides + rank);
    return hand_out(rt::Tensor::wrap(rt::Buffer::borrow(device->device, address, bytes), *element,
                                     {shape, shape + rank}, std::move(steps)),
                    tensor);
  });
}
bitloom_error* bitloom_tensor_from_dlpack(void* managed, bitloom_tensor** tensor) {
  return guarded([&] {
    return hand_out(rt::Tensor::from_dlpack(static_cast<bitloom::dlpack::ManagedTensor*>(managed)),
                    tensor);
  });
}
bitloom_error* bitloom_tensor_to_dlpack(const bitloom_tensor* tensor, void** managed) {
  return guarded([&]() -> bitloom_error* {
    const auto result = tensor->tensor.to_dlpack();
    if (!result) return give(result.error());
    *managed = *result;
    return nullptr;
  });
}
bitloom_error* bitloom_tensor_upload(bitloom_tensor* tensor, const bitloom_stream* stream,
                                     const void* data, size_t bytes) {
  return guarded([&] {
    auto array = host_array(tensor->tensor, bytes);
    if (!array) return give(array.error());
    std::memcpy(array->bytes().data(), data, bytes);
    return give(tensor->tensor.upload(*array, stream->stream));
  });
}
bitloom_error* bitloom_tensor_download(const bitloom_tensor* tensor, const bitloom_stream* stream,
                                       void* data, size_t bytes) {
  return guarded([&]() -> bitloom_error* {
    if (const auto fits = host_array(tensor->tensor, bytes); !fits) return give(fits.error());
    const auto array = tensor->tensor.to_host(stream->stream);
    if (!array) return give(array.error());
    std::memcpy(data, array->bytes().data(), bytes);
    return nullptr;
  });
}
void* bitloom_tensor_address(const bitloom_tensor* tensor) {
  return tensor->tensor.address();
}
size_t bitloom_tensor_bytes(const bitloom_tensor* tensor) {
  return tensor->tensor.bytes();
}
const char* bitloom_tensor_tag(const bitloom_tensor* tensor) {
  return tensor->tag.c_str();
}
void bitloom_tensor_free(bitloom_tensor* tensor) {
  delete tensor;
}

// ---- Kernels ------------------------------------------------------------------------------------

bitloom_error* bitloom_module_load(const char* path, const char* stdlib, bitloom_module** module) {
  return guarded([&] {
    return hand_out(rt::Module::from_file(path, {.stdlib = stdlib ? stdlib : ""}), module);
  });
}
bitloom_error* bitloom_module_load_text(const char* name, const char* text, const char* stdlib,
                                        bitloom_module** module) {
  return guarded([&] {
    return hand_out(rt::Module::from_text(name, text, {.stdlib = stdlib ? stdlib : ""}), module);
  });
}
void bitloom_module_free(bitloom_module* module) {
  delete module;
}

bitloom_error* bitloom_kernel_specialize(const bitloom_module* module, const char* name,
                                         const bitloom_generic* generics, size_t generic_count,
                                         const char* const* present, size_t present_count,
                                         bitloom_kernel** kernel) {
  return guarded([&] {
    rt::KernelOptions options;
    for (size_t i = 0; i < generic_count; ++i)
      options.generics[generics[i].name] = generics[i].value;
    for (size_t i = 0; i < present_count; ++i) options.present.insert(present[i]);
    return hand_out(module->module.specialize(name, options), kernel);
  });
}
bitloom_error* bitloom_kernel_prepare(const bitloom_kernel* kernel, const bitloom_device* device) {
  return guarded([&] { return give(kernel->kernel.prepare(device->device)); });
}
void bitloom_kernel_free(bitloom_kernel* kernel) {
  delete kernel;
}

bitloom_error* bitloom_pack(const bitloom_kernel* kernel, const char* parameter,
                            const bitloom_stream* stream, const uint8_t* codes, int64_t k,
                            int64_t n, bitloom_tensor** tensor) {
  return guarded([&] {
    auto array = rt::HostArray::zeros(vm::kU8, {k, n});
    if (!array) return give(array.error());
    std::memcpy(array->bytes().data(), codes, array->bytes().size());
    return hand_out(rt::pack(kernel->kernel, parameter, *array, stream->stream), tensor);
  });
}
bitloom_error* bitloom_unpack(const bitloom_tensor* tensor, const bitloom_stream* stream,
                              uint8_t* codes, size_t bytes) {
  return bitloom_tensor_download(tensor, stream, codes, bytes);
}

bitloom_error* bitloom_kernel_launch(const bitloom_kernel* kernel, const bitloom_stream* stream,
                                     const bitloom_argument* arguments, size_t argument_count,
                                     const bitloom_size* sizes, size_t size_count) {
  return guarded([&] {
    std::vector<rt::LaunchArgument> list;
    list.reserve(argument_count);
    for (size_t i = 0; i < argument_count; ++i) {
      switch (arguments[i].kind) {
        case BITLOOM_ABSENT:
          list.push_back({});
          break;
        case BITLOOM_TENSOR:
          list.push_back(arguments[i].tensor->tensor.argument());
          break;
        case BITLOOM_INTEGER:
          list.push_back(rt::to_argument(arguments[i].integer));
          break;
        case BITLOOM_REAL:
          list.push_back(rt::to_argument(arguments[i].real));
          break;
      }
    }
    std::vector<std::pair<std::string, std::int64_t>> said;
    for (size_t i = 0; i < size_count; ++i) said.emplace_back(sizes[i].name, sizes[i].value);
    return give(kernel->kernel.launch_with(stream->stream, list, {said, 0}));
  });
}
